/*
 * csv_lines - a spreadsheet's rows as the lines of a batch. The client's home of libcsv.
 *
 *     sku,location,delta                {"op":"adjust","sku":"A-1","location":"WH1","delta":-3}
 *     A-1,WH1,-3
 *
 * The first row names the columns: the fields of a line (csv_columns.h). Without a column `op` the
 * columns say what is meant: delta an adjust, on_hand a set, counted a count, from a transfer, what
 * an item or a location says a patch of it, which makes it where it has a name. Empty cells say
 * nothing. The line of each row has the number that the row has in the file.
 *
 * A sheet of levels is compared with what there is, so that what was sold since it was made does
 * not come back: by its columns expected or expected_version, or by the `version` that an export
 * puts there; a row without one was not in the export, and must never have been stocked. A row
 * whose on_hand is still its exported_on_hand says nothing new, and becomes no line. A sheet that
 * says nothing about before is refused, unless its sender says what he means (csv_compare).
 *
 * All of the sheet is read and judged before anything of it is sent: what no row of its op can say
 * is complained about, and nothing is done. UTF-8, with or without a BOM; cells separated by commas
 * or, where the first row has none, by semicolons or tabs.
 */
#pragma once
#include "client/csv_sheet.h"
#include <stdio.h>

struct csv_result {
	int64_t line_count;      /* that were written */
	int64_t unchanged_count; /* rows that are as they were exported */
};

/* Reads all of `csv`, writes NDJSON. Complains, calling the file `name`. */
enum exit_code csv_to_lines(FILE *csv, const char *name, enum csv_compare compare, FILE *lines,
			    struct csv_result *ret_result);
