#include "client/csv_sheet.h"
#include "base/check.h"
#include "base/text.h"
#include "client/csv_columns.h"
#include "client/memory.h"
#include <stdio.h>
#include <string.h>

void csv_sheet_complain(struct csv_sheet *s, const char *what, const char *text)
{
	if (s->complaint_count++ < CSV_COMPLAINTS_MAX)
		exit_usage("%s: line %lld: %s '%.*s'", s->name, (long long)s->line, what,
			   CSV_SHOWN_BYTES_MAX, text);
}

int csv_sheet_index(const struct csv_sheet *s, const char *name)
{
	for (int i = 0; i < s->column_count; i++)
		if (strcmp(s->columns[i]->name, name) == 0)
			return i;
	return -1;
}

bool csv_sheet_has(const struct csv_sheet *s, const char *name)
{
	return csv_sheet_index(s, name) >= 0;
}

/* Each says what a row of levels does. */
static const struct {
	const char *column, *op;
} signs[] = {
	{ "delta", "adjust" }, { "counted", "count" }, { "from", "transfer" }, { "on_hand", "set" }
};

static bool has_column_of(const struct csv_sheet *s, const char *op)
{
	static const char *const said[] = {
		"name", "unit", "backorder_limit", "reorder_point", "attributes", "archived", NULL
	};

	for (int i = 0; said[i] != NULL; i++)
		if (csv_sheet_has(s, said[i]) && csv_column_is_of(csv_column_find(said[i]), op))
			return true;
	return false;
}

/* What rows without an op mean; NULL: nobody can say. */
const char *csv_sheet_op(const struct csv_sheet *s)
{
	bool has_sku = csv_sheet_has(s, "sku");
	const char *patch = has_sku ? "patch_item" : "patch_location";

	for (size_t i = 0; i < LENGTH_OF(signs); i++)
		if (csv_sheet_has(s, signs[i].column))
			return signs[i].op;
	return has_sku != csv_sheet_has(s, "location") && has_column_of(s, patch) ? patch : NULL;
}

/* Two columns that say what to do would be one that is ignored. */
static void check_signs(struct csv_sheet *s)
{
	const char *first = NULL;

	for (size_t i = 0; i < LENGTH_OF(signs); i++) {
		if (!csv_sheet_has(s, signs[i].column))
			continue;
		if (first != NULL)
			exit_usage("%s: line 1: the columns '%s' and '%s' say two different "
				   "things: keep one of them, or add a column 'op'",
				   s->name, first, signs[i].column);
		s->complaint_count += first != NULL;
		first = signs[i].column;
	}
}

/* A level says how many there are; not whether what was sold meanwhile is in it. */
static void check_compare(struct csv_sheet *s, const char *op)
{
	if (strcmp(op, "set") != 0 || s->compare != CSV_AS_SEEN || csv_sheet_has(s, "version") ||
	    csv_sheet_has(s, "expected") || csv_sheet_has(s, "expected_version"))
		return;
	s->complaint_count++;
	exit_usage("%s: on_hand says how many there are, and nothing says what there was when the "
		   "sheet was made: what was sold since would come back",
		   s->name);
	fputs("  Say what it is:\n"
	      "    a delivery, or what went     name the column delta instead of on_hand\n"
	      "    a sheet to edit and return   make it with: rowlock export levels.csv\n"
	      "    a first stock                --opening: only rows that were never stocked\n"
	      "    counted, and nothing moved   --force: overwrite whatever is there\n",
	      stderr);
}

/* Would the rows lose what this column says? */
static void check_lost(struct csv_sheet *s, const char *op)
{
	for (int i = 0; i < s->column_count; i++) {
		const struct csv_column *c = s->columns[i];

		if (c->name[0] == '\0' || csv_column_is_of(c, op) || csv_column_is_shown(c, op))
			continue;
		s->complaint_count++;
		exit_usage("%s: line 1: rows that %s have no '%s': take the column away, or add a "
			   "column 'op'",
			   s->name, op, c->name);
	}
}

static void check_needed(struct csv_sheet *s, const char *op)
{
	const struct csv_column *needed;

	for (int n = 0; (needed = csv_column_needed(op, n)) != NULL; n++) {
		if (csv_sheet_has(s, needed->name))
			continue;
		s->complaint_count++;
		exit_usage("%s: line 1: rows that %s need a column '%s'", s->name, op,
			   needed->name);
	}
}

static void judge_heading(struct csv_sheet *s)
{
	const char *op;

	if (csv_sheet_has(s, "op"))
		return;
	check_signs(s);
	op = csv_sheet_op(s);
	if (op == NULL)
		csv_sheet_complain(s, "the columns do not say what to do: add a column", "op");
	if (!csv_sheet_is_fine(s))
		return;
	check_needed(s, op);
	check_lost(s, op);
	if (csv_sheet_is_fine(s))
		check_compare(s, op);
}

/* The headings that are no columns, as one list. */
static void fail_headings(struct csv_sheet *s, struct text *unknown)
{
	if (unknown->byte_count > 0) {
		csv_sheet_complain(s, "there is no column", memory_or_exit(unknown->data));
		fputs("  rowlock import --help says which columns there are; give those that you "
		      "mean these names,\n  and take the others out.\n",
		      stderr);
	}
	text_fini(unknown);
}

void csv_sheet_read_heading(struct csv_sheet *s, char *const cells[], int cell_count)
{
	struct text unknown;

	text_init(&unknown);
	for (int i = 0; i < cell_count; i++) {
		const struct csv_column *c = csv_column_find(cells[i]);

		if (c == NULL)
			text_add_format(&unknown, "%s%s", unknown.byte_count > 0 ? "', '" : "",
					cells[i]);
		else if (c->name[0] != '\0' && csv_sheet_has(s, c->name))
			csv_sheet_complain(s, "there are two columns", c->name);
		s->columns[i] = c != NULL ? c : csv_column_find("");
		s->column_count = i + 1;
	}
	fail_headings(s, &unknown);
	if (csv_sheet_is_fine(s))
		judge_heading(s);
}
