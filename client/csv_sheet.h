/*
 * csv_sheet - a sheet as its first row makes it: which columns it has, and what its rows mean.
 *
 *     struct csv_sheet s = { .name = "levels.csv", .compare = CSV_AS_SEEN, .line = 1 };
 *     csv_sheet_read_heading(&s, cells, cell_count);
 *     if (csv_sheet_is_fine(&s))
 *             ...csv_sheet_op(&s): "set"; csv_sheet_index(&s, "on_hand"): 2...
 *
 * A heading is complained about that is no column, comes twice, says two things at once (delta
 * beside on_hand), would be lost, lacks what its rows need, or says levels and nothing about
 * before. Threads: none inside.
 */
#pragma once
#include "client/exit.h"
#include <stdbool.h>
#include <stdint.h>

enum { CSV_COLUMNS_MAX = 64, CSV_COMPLAINTS_MAX = 10, CSV_SHOWN_BYTES_MAX = 400 };

/* What a level in the sheet is compared with, so that what was sold since does not come back. */
enum csv_compare {
	CSV_AS_SEEN,   /* with what the sheet says about before */
	CSV_OVERWRITE, /* --force: whatever there is */
	CSV_OPENING,   /* --opening: rows that were never stocked */
};

struct csv_column;

struct csv_sheet {
	const char *name; /* of the file, for complaints */
	enum csv_compare compare;
	int64_t line; /* that is being read, for complaints */
	int complaint_count;
	const struct csv_column *columns[CSV_COLUMNS_MAX]; /* left to right */
	int column_count;                                  /* 0: no heading was read */
};

static inline bool csv_sheet_is_fine(const struct csv_sheet *s)
{
	return s->complaint_count == 0;
}

/* "levels.csv: line 3: <what> '<text>'", for the first CSV_COMPLAINTS_MAX. A long text is cut. */
void csv_sheet_complain(struct csv_sheet *s, const char *what, const char *text);

void csv_sheet_read_heading(struct csv_sheet *s, char *const cells[], int cell_count);

/* Which column it is, from 0; -1: the sheet has none of this name. */
int csv_sheet_index(const struct csv_sheet *s, const char *name);
bool csv_sheet_has(const struct csv_sheet *s, const char *name);

/* What rows without an op of their own do; NULL: nobody can say. */
const char *csv_sheet_op(const struct csv_sheet *s);
