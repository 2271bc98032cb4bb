/*
 * table - rows of text in aligned columns.
 *
 *     static const struct column columns[] = {
 *             { "SKU",     "sku",     false },
 *             { "ON_HAND", "on_hand", true  },
 *     };
 *     table_init(&t, columns, LENGTH_OF(columns));
 *     table_add(&t, "A-1");
 *     table_add(&t, "40");
 *     table_print(&t, stdout);
 *     table_fini(&t);
 *
 * Cells are added row by row, one per column. Printing empties the table but keeps the widths, so
 * that a long list is printed page by page: headings come once, and columns only ever grow.
 *
 * Cells are copied and cleaned for the terminal (display.h). Memory: the rows not yet printed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 16 };

struct column {
	const char *heading;
	const char *field; /* the JSON field to show, for show.c; NULL: the cell is computed */
	bool is_number;    /* aligned to the right */
};

struct cell {
	char *text;
	int width;
};

struct table {
	const struct column *columns;
	size_t column_count;
	int widths[TABLE_COLUMNS_MAX];
	bool has_headings; /* printed already */
	struct cell *cells;
	size_t cell_count;
	size_t cell_capacity;
};

void table_init(struct table *t, const struct column *columns, size_t column_count);
void table_fini(struct table *t);

/* The next cell of the row; a full row ends by itself. */
void table_add(struct table *t, const char *text);

/* Prints the rows gathered since the last call. Every row is complete. */
void table_print(struct table *t, FILE *out);
