/*
 * import_source - a file of commands on its way into a batch: what is sent, and under which key.
 *
 *     code = import_source_open(&f, "levels.csv", CSV_AS_SEEN);    // "-" is the standard input
 *     if (code == EXIT_DONE)
 *             code = import_source_read(&f, NULL, CSV_AS_SEEN);
 *     ...send f.lines, f.line_bytes of them...
 *     import_source_close(&f);                                     // also after a failure
 *
 * All of it complains by itself. Threads: none inside.
 */
#pragma once
#include "client/csv_lines.h"
#include <stdbool.h>

struct import_source {
	const char *name;
	FILE *file;  /* as it is */
	FILE *lines; /* as NDJSON; may be the same */
	int64_t line_bytes;
	bool is_csv;
	enum csv_compare compare;
	struct csv_result csv;
	char key[24]; /* made of its content */
};

enum exit_code import_source_open(struct import_source *f, const char *name,
				  enum csv_compare compare);

/* Makes its lines. By `format` ("ndjson", "csv"), or, where it is NULL, by what the name says. */
enum exit_code import_source_read(struct import_source *f, const char *format,
				  enum csv_compare compare);

void import_source_close(struct import_source *f);
