/* changes: the ledger in the order in which it happens, and what happens next. */
#include "base/check.h"
#include "client/command.h"
#include "client/problem.h"
#include "client/session.h"
#include "client/shape.h"
#include "client/show.h"
#include "client/memory.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WAIT_S = 20 }; /* well below --timeout; the next question follows at once */

static const struct timespec retry_pause = { .tv_sec = 1 };

/* Where a reader is. */
struct cursor {
	char after[24];
	char epoch[40]; /* of the store that said so; "": it has not said anything yet */
};

static bool is_feed(const struct response *a)
{
	return shape_fits(a->json, "a:data i:next") &&
	       shape_fits_all(json_object_get(a->json, "data"), show_movements.shape);
}

/* Prints the movements of an answer and moves on behind them. */
static enum exit_code changes_print(struct session *s, struct table *t, const struct response *a,
				    struct cursor *at)
{
	const json_t *rows = json_object_get(a->json, "data");
	const json_t *next = json_object_get(a->json, "next");
	size_t i;
	json_t *row;

	if (!is_feed(a))
		return exit_failed("the answer is no change feed: is the server rowlockd?");
	snprintf(at->after, sizeof(at->after), "%lld", (long long)json_integer_value(next));
	snprintf(at->epoch, sizeof(at->epoch), "%s", response_header(a, RESPONSE_EPOCH));
	json_array_foreach (rows, i, row) {
		if (s->is_json) {
			char *line = json_line(row);

			puts(line);
			free(line);
		} else {
			show_movements.add_row(t, row, &show_movements);
		}
	}
	if (!s->is_json && (i > 0 || !t->has_headings))
		table_print(t, stdout);
	return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* The question with its filters, behind where the reader is. */
static void changes_request(struct api_request *r, const struct api_request *filters,
			    const struct cursor *at, bool must_wait)
{
	char wait[8];

	api_request_init(r, "GET", memory_or_exit(filters->path.data));
	api_request_add_query(r, "after", at->after);
	if (at->epoch[0] != '\0')
		api_request_add_query(r, "epoch", at->epoch);
	snprintf(wait, sizeof(wait), "%d", WAIT_S);
	if (must_wait)
		api_request_add_query(r, "wait", wait);
}

/* The server may stop and start meanwhile: the feed goes on where it was. */
static enum exit_code changes_follow(struct session *s, const struct api_request *filters,
				     struct table *t, struct cursor *at)
{
	bool has_begun = false;

	for (;;) {
		struct api_request r;
		struct response response = { 0 };

		changes_request(&r, filters, at, has_begun);
		enum exit_code code = api_send(s->api, &r, &response);
		api_request_fini(&r);
		if (code == EXIT_DONE && response.status == 200) {
			code = changes_print(s, t, &response, at);
			has_begun = true;
		} else if (code == EXIT_DONE) {
			code = problem_print(&response, s->is_json);
			if (response.status == 503 && has_begun)
				code = EXIT_UNREACHABLE;
		}
		response_fini(&response);
		if (code == EXIT_UNREACHABLE && has_begun)
			nanosleep(&retry_pause, NULL);
		else if (code != EXIT_DONE)
			return code;
	}
}

static enum exit_code changes_once(struct session *s, const struct api_request *filters,
				   struct table *t, struct cursor *at)
{
	const char *limit = s->args.values[OPTION_LIMIT];
	struct api_request r;
	struct response response;

	changes_request(&r, filters, at, false);
	if (limit != NULL)
		api_request_add_query(&r, "limit", limit);
	enum exit_code code = session_ask(s, &r, &response);
	api_request_fini(&r);
	if (code != EXIT_DONE)
		return code;
	if (s->is_json && is_feed(&response))
		show_body(&response);
	else
		code = changes_print(s, t, &response, at);
	response_fini(&response);
	if (code == EXIT_DONE && !s->is_json)
		fprintf(stderr, "Go on with --after %s, or --follow.\n", at->after);
	return code;
}

enum exit_code verb_changes(struct session *s)
{
	static const char *const names[] = { "sku", "location" };
	bool must_follow = args_has(&s->args, OPTION_FOLLOW);
	struct api_request filters;
	struct table t;
	struct cursor at = { "", "" };

	if (must_follow && args_has(&s->args, OPTION_LIMIT))
		return exit_usage("--limit is for one look: --follow has no end");
	snprintf(at.after, sizeof(at.after), "%s", must_follow ? "latest" : "0");
	if (args_has(&s->args, OPTION_AFTER))
		snprintf(at.after, sizeof(at.after), "%s", s->args.values[OPTION_AFTER]);

	CHECK(s->args.operand_count <= (int)LENGTH_OF(names));
	api_request_init(&filters, "GET", "/v1/changes");
	for (int i = 0; i < s->args.operand_count; i++)
		api_request_add_query(&filters, names[i], session_operand(s, i));
	enum exit_code code = api_request_add_options(&filters, &s->args);
	show_table(&t, &show_movements);
	if (code == EXIT_DONE)
		code = must_follow ? changes_follow(s, &filters, &t, &at)
				   : changes_once(s, &filters, &t, &at);
	table_fini(&t);
	api_request_fini(&filters);
	return code;
}
