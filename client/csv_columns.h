/*
 * csv_columns - what the columns of a sheet mean: the first row names the fields of a line.
 *
 *     sku,location,on_hand                     each row a `set`, of a sheet that says no op
 *
 *     c = csv_column_find(" On_Hand");         case and blanks around do not count
 *     csv_column_is_of(c, "set")               true: the column is a field of such a line
 *
 * Columns that an export shows and no line states (csv_column_is_shown) may stay in the sheet. Any
 * other column that a row's op has not would be lost in silence: csv_lines.c refuses it.
 *
 * Threads: none inside. Cost: a walk through a table of 35 rows.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum cell_type {
	CELL_TEXT,
	CELL_NUMBER,
	CELL_NUMBER_OR_NULL,
	CELL_SWITCH, /* true or false, in any case */
	CELL_JSON,
};

struct csv_column {
	const char *name;
	enum cell_type type;
	const char *ops;    /* the commands that have it, each between blanks */
	const char *needed; /* those that need it, in the same way */
};

/* NULL: there is no such column. A heading that is empty has one, for which no row has a cell. */
const struct csv_column *csv_column_find(const char *heading);

bool csv_op_is_known(const char *op);
bool csv_column_is_of(const struct csv_column *c, const char *op);

/* Is it there for people only, in a sheet of levels? */
bool csv_column_is_shown(const struct csv_column *c, const char *op);

/* The n-th column that a row of this op needs, from 0; NULL: there are no more. */
const struct csv_column *csv_column_needed(const char *op, int n);
