#include "client/pages.h"
#include "client/shape.h"
#include "client/memory.h"
#include "core/limits.h"
#include <stdlib.h>

/* A list on its way to stdout. */
struct pages {
	struct session *session;
	const struct listing *listing;
	struct table table;
	int64_t rows_left;
	bool has_begun; /* printed the beginning of --json */
	bool has_rows;  /* printed some already */
	json_t *next;   /* the cursor behind the last page; NULL: there is no more */
};

static void page_print_json(struct pages *p, const json_t *rows)
{
	size_t i;
	json_t *row;

	if (!p->has_begun)
		fputs("{\"data\":[", stdout);
	p->has_begun = true;
	json_array_foreach (rows, i, row) {
		char *line = json_line(row);

		printf("%s%s", p->has_rows ? "," : "", line);
		free(line);
		p->has_rows = true;
	}
}

static void page_print(struct pages *p, const json_t *rows)
{
	size_t i;
	json_t *row;

	if (p->session->is_json) {
		page_print_json(p, rows);
		return;
	}
	json_array_foreach (rows, i, row)
		p->listing->add_row(&p->table, row, p->listing);
	table_print(&p->table, stdout);
}

static enum exit_code not_a_list(void)
{
	return exit_failed("the answer is not a list: is the server rowlockd?");
}

/* A cursor that leads to itself would have no end. */
static bool is_page(const struct pages *p, const json_t *page)
{
	const json_t *next = json_object_get(page, "next");

	return shape_fits(page, "a:data t:next") &&
	       shape_fits_all(json_object_get(page, "data"), p->listing->shape) &&
	       (json_is_null(next) || json_is_string(next) || json_is_integer(next)) &&
	       (p->next == NULL || !json_equal(next, p->next));
}

static enum exit_code page_take(struct pages *p, const json_t *page)
{
	const json_t *rows = json_object_get(page, "data");
	json_t *next = json_object_get(page, "next");

	if (!is_page(p, page))
		return not_a_list();
	page_print(p, rows);
	p->rows_left -= (int64_t)json_array_size(rows);
	json_decref(p->next);
	p->next = json_is_null(next) ? NULL : json_incref(next);
	return EXIT_DONE;
}

/* Asks for the page at the cursor and prints it. */
static enum exit_code page_ask(struct pages *p, const struct api_request *list)
{
	int64_t row_count = p->rows_left < PAGE_ROWS_MAX ? p->rows_left : PAGE_ROWS_MAX;
	struct api_request r;
	struct response response;
	char limit[24];

	api_request_init(&r, "GET", memory_or_exit(list->path.data));
	snprintf(limit, sizeof(limit), "%lld", (long long)row_count);
	api_request_add_query(&r, "limit", limit);
	if (p->next != NULL) {
		struct text cursor;

		text_init(&cursor);
		json_show(&cursor, p->next);
		api_request_add_query(&r, "after", memory_or_exit(cursor.data));
		text_fini(&cursor);
	}
	enum exit_code code = session_ask(p->session, &r, &response);
	api_request_fini(&r);
	if (code != EXIT_DONE)
		return code;

	code = page_take(p, response.json);
	response_fini(&response);
	return code;
}

static void list_end(struct pages *p)
{
	if (p->session->is_json) {
		char *next = p->next == NULL ? NULL : json_line(p->next);

		printf("],\"next\":%s}\n", next == NULL ? "null" : next);
		free(next);
	} else if (p->next != NULL) {
		fflush(stdout);
		fputs("There are more: --all shows every row, --limit N shows N.\n", stderr);
	}
}

enum exit_code pages_print_behind(struct session *s, struct api_request *r, const char *after,
				  const struct listing *listing)
{
	struct pages p = { .session = s, .listing = listing };
	enum exit_code code = api_request_add_options(r, &s->args);

	if (code != EXIT_DONE)
		return code;
	p.rows_left = args_number(&s->args, OPTION_LIMIT, PAGE_ROWS_DEFAULT);
	if (args_has(&s->args, OPTION_ALL)) {
		if (args_has(&s->args, OPTION_LIMIT))
			return exit_usage("--all and --limit contradict each other");
		p.rows_left = INT64_MAX;
	}

	if (after != NULL)
		p.next = memory_or_exit(json_string(after));
	show_table(&p.table, listing);
	do {
		code = page_ask(&p, r);
	} while (code == EXIT_DONE && p.next != NULL && p.rows_left > 0);
	if (code == EXIT_DONE)
		list_end(&p);
	json_decref(p.next);
	table_fini(&p.table);
	return code;
}

enum exit_code pages_print(struct session *s, struct api_request *r, const struct listing *listing)
{
	return pages_print_behind(s, r, NULL, listing);
}

enum exit_code pages_get(struct session *s, const char *path, const struct listing *listing)
{
	struct api_request r;

	api_request_init(&r, "GET", path);
	enum exit_code code = pages_print(s, &r, listing);
	api_request_fini(&r);
	return code;
}

enum exit_code pages_print_whole(struct session *s, struct api_request *r,
				 const struct listing *listing)
{
	struct pages p = { .session = s, .listing = listing };
	struct response response;
	enum exit_code code = session_ask_for(s, r, "a:data t:next", &response);

	if (code != EXIT_DONE)
		return code;
	show_table(&p.table, listing);
	if (!is_page(&p, response.json))
		code = not_a_list();
	else if (s->is_json)
		show_body(&response);
	else
		code = page_take(&p, response.json);
	if (p.next != NULL)
		fputs("There are more: these are the first.\n", stderr);
	json_decref(p.next);
	table_fini(&p.table);
	response_fini(&response);
	return code;
}
