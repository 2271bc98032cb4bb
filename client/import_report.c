#include "client/import_report.h"
#include "client/display.h"
#include "client/shape.h"
#include "client/memory.h"
#include <string.h>

/* "line 6 (order 991): 409 insufficient-stock: A-1 at WH1: ..." */
static void failure_print(const json_t *result)
{
	const char *id = json_member_text(result, "id");

	fprintf(stderr, "line %lld", (long long)json_member_int(result, "line"));
	if (id[0] != '\0') {
		fputs(" (", stderr);
		display_print(stderr, id);
		fputs(")", stderr);
	}
	fprintf(stderr, ": %lld ", (long long)json_member_int(result, "status"));
	display_print(stderr, json_member_text(result, "code"));
	if (json_member_text(result, "detail")[0] != '\0') {
		fputs(": ", stderr);
		display_print(stderr, json_member_text(result, "detail"));
	}
	if (json_member_text(result, "pointer")[0] != '\0') {
		fputs(" (", stderr);
		display_print(stderr, json_member_text(result, "pointer"));
		fputs(")", stderr);
	}
	fputc('\n', stderr);
}

static void failure_take(struct import_report *m, const json_t *result)
{
	const char *code = json_member_text(result, "code");

	m->failed_count++;
	m->failed_before_count += json_is_true(json_object_get(result, "replayed"));
	m->stale_count +=
		strcmp(code, "precondition-failed") == 0 || strcmp(code, "stale-quantity") == 0;
	m->reused_count += strcmp(code, "idempotency-key-reused") == 0;
	m->unknown_count +=
		strcmp(code, "unknown-item") == 0 || strcmp(code, "unknown-location") == 0;
	m->locked_count += json_member_int(result, "status") == 423;
	if (!m->is_json)
		failure_print(result);
}

/* All that was sent, unless it says where it stopped. */
static bool total_adds_up(const struct import_report *m, const json_t *total)
{
	int64_t lines = json_member_int(total, "lines");

	return json_member_int(total, "applied") + json_member_int(total, "failed") == lines &&
	       (!m->source->is_csv || lines == m->source->csv.line_count ||
		json_object_get(total, "stopped_at") != NULL);
}

/* A result names its line and says how it went; the sum comes last, and says how many. */
static void result_take(struct import_report *m, const char *line, size_t byte_count)
{
	json_t *result = json_loadb(line, byte_count, 0, NULL);
	bool is_total = shape_fits(result, "i:lines i:applied i:failed i:replayed");

	progress_end(&m->progress);
	m->is_strange =
		m->is_strange || m->total != NULL ||
		(is_total ? !total_adds_up(m, result) : !shape_fits(result, "i:line i:status"));
	if (!m->is_strange && m->is_json)
		printf("%.*s\n", (int)byte_count, line);
	if (!m->is_strange && is_total)
		m->total = json_incref(result);
	else if (!m->is_strange && json_member_int(result, "status") >= 400)
		failure_take(m, result);
	json_decref(result);
}

bool import_report_take(void *context, const char *bytes, size_t byte_count)
{
	struct import_report *m = context;

	while (byte_count > 0 && !m->is_strange) {
		const char *end = memchr(bytes, '\n', byte_count);
		size_t count = end != NULL ? (size_t)(end - bytes) : byte_count;

		text_add_bytes(&m->partial, bytes, count);
		if (m->partial.failed)
			exit_out_of_memory();
		if (end == NULL)
			return true;
		result_take(m, m->partial.data != NULL ? m->partial.data : "",
			    m->partial.byte_count);
		m->partial.byte_count = 0;
		bytes += count + 1;
		byte_count -= count + 1;
	}
	return true;
}

void import_report_progress(void *context, int64_t sent, int64_t received, int64_t total)
{
	struct import_report *m = context;

	(void)received, (void)total;
	progress_show(&m->progress, sent);
}

static void unchanged_print(const struct import_report *m)
{
	int64_t count = m->source->csv.unchanged_count;

	if (count > 0)
		printf("%lld row%s as exported: left alone\n", (long long)count,
		       count == 1 ? " is" : "s are");
}

/* What was applied by an earlier import is not said to be applied now. */
static void counts_print(const struct import_report *m, int64_t before_count)
{
	long long lines = json_member_int(m->total, "lines");
	long long applied = json_member_int(m->total, "applied");

	printf("%lld line%s: ", lines, lines == 1 ? "" : "s");
	if (before_count > 0)
		printf("%lld applied now, %lld already applied before (replayed), ",
		       applied - (long long)before_count, (long long)before_count);
	else
		printf("%lld applied, ", applied);
	printf("%lld failed", (long long)json_member_int(m->total, "failed"));
	if (m->failed_before_count > 0)
		printf(", %lld of them before", (long long)m->failed_before_count);
	putchar('\n');
	unchanged_print(m);
}

/* A first stock meets rows that are there; a sheet that comes back meets rows that went on. */
static void stale_advice_print(const struct import_report *m)
{
	if (m->stale_count == 0)
		return;
	if (m->source->compare == CSV_OPENING)
		fprintf(stderr,
			"  %lld of these rows were stocked before, and stay as they are: to change "
			"them,\n"
			"  export a sheet, and make the changes there.\n",
			(long long)m->stale_count);
	else
		fprintf(stderr,
			"  %lld of these rows changed since the sheet was made, and stay "
			"as they are:\n  export again, and make the changes there.\n",
			(long long)m->stale_count);
}

/* What must be done elsewhere before these lines can be applied. */
static void obstacle_advice_print(const struct import_report *m)
{
	if (m->unknown_count > 0)
		fputs("  To make items, import a sheet sku,name; to make locations, one "
		      "location,name.\n",
		      stderr);
	if (m->locked_count > 0)
		fputs("  Where a lease or a queue was in the way: import it again later, or as the "
		      "lease's holder (--lease).\n",
		      stderr);
	/* The same key again would say the same again. */
	if (m->reused_count > 0)
		fputs("  Where the key was used, another line was applied before, or lines have "
		      "moved: put those\n  back as they were, and book what they should have been "
		      "as a file of its own.\n",
		      stderr);
}

/* What to do about it. */
static void advice_print(const struct import_report *m, const char *key, int64_t before_count)
{
	int64_t applied = json_member_int(m->total, "applied");

	stale_advice_print(m);
	obstacle_advice_print(m);
	if (key == NULL)
		return;
	if (m->failed_count > m->stale_count + m->reused_count + m->locked_count && applied > 0)
		fprintf(stderr,
			"  To correct them: leave every line where it is, and import the file "
			"under the same key,\n  so that what was applied is not applied twice:\n"
			"    rowlock import %s --key %s\n",
			m->source->name, key);
	if (m->failed_count == 0 && applied > 0 && applied == before_count)
		fputs("  Nothing was done: this was imported before. To carry it out once more: "
		      "--no-key.\n",
		      stderr);
}

static void stop_print(const json_t *t, const char *key)
{
	exit_failed("stopped at line %lld: %lld %s: %s",
		    (long long)json_member_int(t, "stopped_at"),
		    (long long)json_member_int(t, "status"), json_member_text(t, "code"),
		    json_member_text(t, "detail"));
	if (strcmp(json_member_text(t, "outcome"), "unknown") == 0)
		fputs("  Whether that line and some behind it were applied is not known.\n",
		      stderr);
	if (key != NULL)
		fprintf(stderr, "  Run it again: it goes on there (its key is %s).\n", key);
}

enum exit_code import_report_end(const struct import_report *m, const char *key)
{
	const json_t *t = m->total;

	if (m->is_strange)
		return exit_failed("the answer is none to a batch: is the server rowlockd? Whether "
				   "lines were applied is not known");
	if (t == NULL)
		return exit_failed("the answer ended before its last line: whether all lines were "
				   "applied is not known");

	int64_t before_count = json_member_int(t, "replayed") - m->failed_before_count;

	if (!m->is_json) {
		counts_print(m, before_count);
		advice_print(m, key, before_count);
	}
	if (json_object_get(t, "stopped_at") == NULL)
		return json_member_int(t, "failed") > 0 ? EXIT_CONFLICT : EXIT_DONE;
	stop_print(t, key);
	return EXIT_FAILED;
}
