/*
 * import_report - what the answer to a batch says, as people read it: which lines failed, how many
 * were applied, now or by an earlier import, and what to do about the others.
 *
 *     struct import_report m = { .source = &f, .progress = progress_begin(f.line_bytes) };
 *     ...import_report_take(&m, bytes, count) with each piece of the answer...
 *     code = import_report_end(&m, key);
 *
 * Threads: none inside. Memory: that of the longest line.
 */
#pragma once
#include "client/import_source.h"
#include "client/json.h"
#include "client/progress.h"

struct import_report {
	const struct import_source *source;
	bool is_json;
	struct progress progress;
	struct text partial;
	json_t *total; /* the last line; NULL: it has not come */
	int64_t failed_count;
	int64_t failed_before_count; /* of those, the ones that their keys remembered */
	int64_t stale_count;         /* of those, the ones that found another version or quantity */
	int64_t reused_count;        /* ... in whose place another command was applied before */
	int64_t unknown_count;       /* ... whose item or location does not exist */
	int64_t locked_count;        /* ... that found their row leased, or busy */
	bool is_strange;             /* this is not the answer to a batch */
};

/* A piece of the answer; lines that failed are printed at once. A `transfer.receive`. */
bool import_report_take(void *report, const char *bytes, size_t byte_count);

/* A `transfer.progress`. */
void import_report_progress(void *report, int64_t sent, int64_t received, int64_t total);

/*
 * The answer is complete: prints the sum and advice. FAILED when it was none to a batch, or says
 * that it stopped; CONFLICT when lines failed. `key`: it was sent under; NULL: none.
 */
enum exit_code import_report_end(const struct import_report *m, const char *key);
