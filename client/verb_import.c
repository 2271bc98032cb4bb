/* import: a file of commands, NDJSON or CSV, as one batch. */
#include "client/command.h"
#include "client/import_report.h"
#include "client/problem.h"
#include "client/session.h"
#include <string.h>

static enum exit_code compare_read(const struct args *a, enum csv_compare *ret)
{
	bool overwrites = args_has(a, OPTION_FORCE);

	if (overwrites && args_has(a, OPTION_OPENING))
		return exit_usage("--force and --opening contradict each other");
	*ret = overwrites ? CSV_OVERWRITE : args_has(a, OPTION_OPENING) ? CSV_OPENING : CSV_AS_SEEN;
	return EXIT_DONE;
}

static enum exit_code import_request(struct session *s, const struct import_source *f,
				     struct api_request *r, const char **ret_key)
{
	const char *key = s->args.values[OPTION_KEY];

	if (key != NULL && args_has(&s->args, OPTION_NO_KEY))
		return exit_usage("--key and --no-key contradict each other");
	api_request_add_query(r, "results", s->is_json ? "all" : "failed");
	if (args_has(&s->args, OPTION_ATOMIC))
		api_request_add_query(r, "atomic", "true");
	if (key == NULL && !args_has(&s->args, OPTION_NO_KEY)) {
		key = f->key;
		api_request_add_header(r, "Idempotency-Key", key);
	}
	*ret_key = key;
	return api_request_add_options(r, &s->args);
}

static enum exit_code import_send(struct session *s, const struct import_source *f,
				  struct api_request *r, const char *key)
{
	struct import_report m = { .source = f,
				   .is_json = s->is_json,
				   .progress = progress_begin(f->line_bytes) };
	const struct transfer t = { .upload = f->lines,
				    .upload_bytes = f->line_bytes,
				    .content_type = "application/x-ndjson",
				    .receive = import_report_take,
				    .progress = import_report_progress,
				    .context = &m };
	struct response response;
	enum exit_code code;

	text_init(&m.partial);
	if (key != NULL)
		fprintf(stderr, "key %s\n", key);
	code = api_transfer(s->api, r, &t, &response);
	progress_end(&m.progress);
	if (code == EXIT_UNREACHABLE)
		fputs(key != NULL
			      ? "  Run it again: it goes on where it stopped.\n"
			      : "  Which lines were applied is not known: rowlock history shows "
				"what was.\n",
		      stderr);
	if (code == EXIT_DONE) {
		code = response.status >= 400 ? problem_print(&response, s->is_json)
					      : import_report_end(&m, key);
		response_fini(&response);
	}
	json_decref(m.total);
	text_fini(&m.partial);
	return code;
}

/* A sheet of which nobody changed anything. */
static bool has_nothing_to_send(const struct session *s, const struct import_source *f)
{
	if (!f->is_csv || f->csv.line_count > 0)
		return false;
	if (s->is_json)
		puts("{\"lines\":0,\"applied\":0,\"failed\":0,\"replayed\":0}");
	else
		printf("nothing to do: %lld row%s as exported\n", (long long)f->csv.unchanged_count,
		       f->csv.unchanged_count == 1 ? " is" : "s are");
	return true;
}

static enum exit_code source_send(struct session *s, const struct import_source *f)
{
	struct api_request r;
	const char *key = NULL;

	api_request_init(&r, "POST", "/v1/batch");
	enum exit_code code = import_request(s, f, &r, &key);
	if (code == EXIT_DONE && !has_nothing_to_send(s, f))
		code = import_send(s, f, &r, key);
	api_request_fini(&r);
	return code;
}

enum exit_code verb_import(struct session *s)
{
	struct import_source f = { 0 };
	enum csv_compare compare = CSV_AS_SEEN;
	enum exit_code code = compare_read(&s->args, &compare);

	if (code == EXIT_DONE)
		code = import_source_open(&f, session_operand(s, 0), compare);
	if (code == EXIT_DONE)
		code = import_source_read(&f, s->args.values[OPTION_FORMAT], compare);
	if (code == EXIT_DONE)
		code = source_send(s, &f);
	import_source_close(&f);
	return code;
}
