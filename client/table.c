#include "client/table.h"
#include "base/check.h"
#include "base/text.h"
#include "client/display.h"
#include "client/memory.h"
#include <stdlib.h>
#include <string.h>

/* The last column gets no blanks behind it. */
static void cell_print(const struct table *t, size_t column, const struct cell *cell, FILE *out)
{
	int padding = t->widths[column] - cell->width;
	bool is_last = column + 1 == t->column_count;

	if (t->columns[column].is_number)
		fprintf(out, "%*s%s", padding, "", cell->text);
	else
		fprintf(out, "%s%*s", cell->text, is_last ? 0 : padding, "");
	fputs(is_last ? "\n" : "  ", out);
}

static void headings_print(struct table *t, FILE *out)
{
	for (size_t i = 0; i < t->column_count; i++) {
		char *heading = memory_or_exit(strdup(t->columns[i].heading));

		cell_print(t, i, &(struct cell){ heading, (int)strlen(heading) }, out);
		free(heading);
	}
	t->has_headings = true;
}

static void cells_forget(struct table *t)
{
	for (size_t i = 0; i < t->cell_count; i++)
		free(t->cells[i].text);
	t->cell_count = 0;
}

static void cells_grow(struct table *t)
{
	size_t capacity = t->cell_capacity == 0 ? 64 : t->cell_capacity * 2;

	t->cells = memory_or_exit(reallocarray(t->cells, capacity, sizeof(*t->cells)));
	t->cell_capacity = capacity;
}

void table_init(struct table *t, const struct column *columns, size_t column_count)
{
	CHECK(column_count > 0);
	CHECK(column_count <= TABLE_COLUMNS_MAX);

	*t = (struct table){ .columns = columns, .column_count = column_count };
	for (size_t i = 0; i < column_count; i++)
		t->widths[i] = (int)strlen(columns[i].heading);
}

void table_fini(struct table *t)
{
	cells_forget(t);
	free(t->cells);
	t->cells = NULL;
}

void table_add(struct table *t, const char *text)
{
	int *width = &t->widths[t->cell_count % t->column_count];
	struct cell cell;
	struct text shown;

	text_init(&shown);
	cell.width = display_add(&shown, text);
	cell.text = memory_or_exit(text_take(&shown));
	if (cell.width > *width)
		*width = cell.width;
	if (t->cell_count == t->cell_capacity)
		cells_grow(t);
	t->cells[t->cell_count++] = cell;
}

void table_print(struct table *t, FILE *out)
{
	CHECK(t->cell_count % t->column_count == 0);

	if (!t->has_headings)
		headings_print(t, out);
	for (size_t i = 0; i < t->cell_count; i++)
		cell_print(t, i % t->column_count, &t->cells[i], out);
	cells_forget(t);
}
