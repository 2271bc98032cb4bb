/*
 * csv_lines - a spreadsheet's rows as the lines of a batch. The client's home of libcsv.
 *
 *     sku,location,delta                {"op":"adjust","sku":"A-1","location":"WH1","delta":-3}
 *     A-1,WH1,-3
 *
 * The first row names the columns: the fields of a line. Without a column `op` the columns say what
 * is meant: delta an adjust, on_hand a set, counted a count, from a transfer, a name with a sku an
 * item, a name with a location a location. Columns that such a command has not are left out, and so
 * are empty cells. The line of each row has the number that the row has in the file.
 */
#pragma once
#include "client/exit.h"
#include <stdio.h>

/* Reads all of `csv`, writes NDJSON. Complains, calling the file `name`. */
enum exit_code csv_to_lines(FILE *csv, const char *name, FILE *lines);
