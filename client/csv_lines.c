#include "client/csv_lines.h"
#include "base/check.h"
#include "client/args.h"
#include "client/json.h"
#include <csv.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 64 };

enum cell_type { CELL_TEXT, CELL_NUMBER, CELL_SWITCH, CELL_JSON };

struct column {
	const char *name;
	enum cell_type type;
	const char *ops; /* the commands that have it, each between blanks */
};

/* clang-format off */
static const struct column known_columns[] = {
	{ "op",               CELL_TEXT,   " adjust set count transfer reserve commit release extend item location " },
	{ "id",               CELL_TEXT,   " adjust set count transfer reserve commit release extend item location " },
	{ "sku",              CELL_TEXT,   " adjust set count transfer item " },
	{ "location",         CELL_TEXT,   " adjust set count location " },
	{ "delta",            CELL_NUMBER, " adjust " },
	{ "up_to",            CELL_SWITCH, " adjust " },
	{ "on_hand",          CELL_NUMBER, " set " },
	{ "expected",         CELL_NUMBER, " adjust set " },
	{ "expected_version", CELL_NUMBER, " adjust set " },
	{ "counted",          CELL_NUMBER, " count " },
	{ "as_of_seq",        CELL_NUMBER, " count " },
	{ "from",             CELL_TEXT,   " transfer " },
	{ "to",               CELL_TEXT,   " transfer " },
	{ "quantity",         CELL_NUMBER, " transfer " },
	{ "reason",           CELL_TEXT,   " adjust set count transfer " },
	{ "reference",        CELL_TEXT,   " adjust set count transfer reserve " },
	{ "name",             CELL_TEXT,   " item location " },
	{ "unit",             CELL_TEXT,   " item " },
	{ "backorder_limit",  CELL_NUMBER, " item " },
	{ "reorder_point",    CELL_NUMBER, " item " },
	{ "attributes",       CELL_JSON,   " item " },
	{ "archived",         CELL_SWITCH, " item location " },
	{ "reservation",      CELL_TEXT,   " reserve commit release extend " },
	{ "owner",            CELL_TEXT,   " reserve " },
	{ "supersedes",       CELL_TEXT,   " reserve " },
	{ "ttl_s",            CELL_NUMBER, " reserve extend " },
	{ "lines",            CELL_JSON,   " reserve commit " },
	/* What an export shows, and no command states. */
	{ "reserved",         CELL_NUMBER, "" },
	{ "available",        CELL_NUMBER, "" },
	{ "version",          CELL_NUMBER, "" },
	{ "seq",              CELL_NUMBER, "" },
	{ "created_at",       CELL_TEXT,   "" },
	{ "updated_at",       CELL_TEXT,   "" },
	{ "exported_on_hand", CELL_NUMBER, "" },
};
/* clang-format on */

struct reading {
	const char *name;
	FILE *lines;
	enum exit_code code;
	const struct column *columns[COLUMNS_MAX]; /* of the file, left to right */
	int column_count;                          /* 0: the first row is still to come */
	char *cells[COLUMNS_MAX];                  /* of this row */
	int cell_count;
	int64_t line_read;    /* physical lines that libcsv has seen */
	int64_t line_written; /* lines of the batch so far */
	int64_t row_begin;    /* the physical line at which this row begins */
	bool is_inside;       /* of a row that goes on in the next line */
};

static const struct column *column_find(const char *name)
{
	for (size_t i = 0; i < LENGTH_OF(known_columns); i++)
		if (strcmp(known_columns[i].name, name) == 0)
			return &known_columns[i];
	return NULL;
}

static bool has_column(const struct reading *r, const char *name)
{
	for (int i = 0; i < r->column_count; i++)
		if (strcmp(r->columns[i]->name, name) == 0)
			return true;
	return false;
}

/* What rows without an op mean; NULL: nobody can say. */
static const char *implied_op(const struct reading *r)
{
	static const struct {
		const char *column, *op;
	} signs[] = { { "delta", "adjust" },
		      { "counted", "count" },
		      { "from", "transfer" },
		      { "on_hand", "set" } };

	for (size_t i = 0; i < LENGTH_OF(signs); i++)
		if (has_column(r, signs[i].column))
			return signs[i].op;
	if (has_column(r, "name") && has_column(r, "sku") != has_column(r, "location"))
		return has_column(r, "sku") ? "item" : "location";
	return NULL;
}

static void fail(struct reading *r, const char *what, const char *text)
{
	if (r->code == EXIT_DONE)
		r->code = exit_usage("%s: line %lld: %s '%s'", r->name, (long long)r->line_read,
				     what, text);
}

static void read_heading(struct reading *r)
{
	for (int i = 0; i < r->cell_count && r->code == EXIT_DONE; i++) {
		r->columns[i] = column_find(r->cells[i]);
		if (r->columns[i] == NULL)
			fail(r, "there is no column", r->cells[i]);
	}
	if (r->code != EXIT_DONE)
		return;
	r->column_count = r->cell_count;
	if (!has_column(r, "op") && implied_op(r) == NULL)
		fail(r, "the columns do not say what to do: add a column", "op");
}

/* What is no number goes as a text, so that the server's refusal names the field. */
static json_t *cell_value(const struct column *c, const char *cell)
{
	int64_t number;
	json_t *value = NULL;

	if (c->type == CELL_NUMBER && strcmp(cell, "null") == 0)
		return json_null();
	if (c->type == CELL_NUMBER && number_read(cell, &number))
		return json_integer(number);
	if (c->type == CELL_SWITCH && (strcmp(cell, "true") == 0 || strcmp(cell, "false") == 0))
		return json_boolean(cell[0] == 't');
	if (c->type == CELL_JSON)
		value = json_loads(cell, JSON_DECODE_ANY, NULL);
	return value != NULL ? value : json_string(cell);
}

static bool op_has_column(const char *op, const struct column *c)
{
	char word[40];

	snprintf(word, sizeof(word), " %.30s ", op);
	return strstr(c->ops, word) != NULL;
}

static const char *op_of_row(const struct reading *r)
{
	for (int i = 0; i < r->cell_count && i < r->column_count; i++)
		if (strcmp(r->columns[i]->name, "op") == 0 && r->cells[i][0] != '\0')
			return r->cells[i];
	return implied_op(r);
}

/* Blank lines keep the numbers those of the file. */
static void write_line(struct reading *r, json_t *line)
{
	char *text = json_line(line);

	for (; r->line_written + 1 < r->row_begin; r->line_written++)
		fputc('\n', r->lines);
	fprintf(r->lines, "%s\n", text);
	r->line_written++;
	free(text);
}

static void read_row(struct reading *r)
{
	const char *op = op_of_row(r);
	json_t *line;

	if (op == NULL) {
		fail(r, "the row has no", "op");
		return;
	}
	line = memory_or_exit(json_object());
	json_put(line, "op", json_string(op));
	for (int i = 0; i < r->cell_count; i++) {
		const struct column *c = r->columns[i];
		json_t *value;

		if (r->cells[i][0] == '\0' || !op_has_column(op, c))
			continue;
		value = cell_value(c, r->cells[i]);
		if (value == NULL)
			fail(r, "this is not UTF-8:", c->name);
		else
			json_put(line, c->name, value);
	}
	/* A sheet of levels says what there is, whatever was there. */
	if (strcmp(op, "set") == 0 && !has_column(r, "expected") &&
	    !has_column(r, "expected_version"))
		json_put(line, "expected", json_null());
	if (r->code == EXIT_DONE)
		write_line(r, line);
	json_decref(line);
}

/* ---------------------------------------------------------------- what libcsv calls */

static void on_cell(void *cell, size_t byte_count, void *reading)
{
	struct reading *r = reading;
	int most = r->column_count > 0 ? r->column_count : COLUMNS_MAX;

	if (r->cell_count == most) {
		fail(r, "the row has more cells than there are columns, from", cell);
		return;
	}
	if (memchr(cell, '\0', byte_count) != NULL)
		fail(r, "there is a NUL behind", cell);
	r->cells[r->cell_count++] = memory_or_exit(strdup(cell));
}

static void on_row(int terminator, void *reading)
{
	struct reading *r = reading;

	(void)terminator;
	if (r->code == EXIT_DONE && r->column_count == 0)
		read_heading(r);
	else if (r->code == EXIT_DONE)
		read_row(r);
	while (r->cell_count > 0)
		free(r->cells[--r->cell_count]);
	r->is_inside = false;
}

static void read_all(FILE *csv, struct csv_parser *p, struct reading *r)
{
	char *line = NULL;
	size_t capacity = 0;
	ssize_t bytes;

	while (r->code == EXIT_DONE && (bytes = getline(&line, &capacity, csv)) > 0) {
		r->line_read++;
		if (!r->is_inside)
			r->row_begin = r->line_read;
		r->is_inside = r->is_inside || strspn(line, "\r\n") != (size_t)bytes;
		if (csv_parse(p, line, (size_t)bytes, on_cell, on_row, r) != (size_t)bytes)
			fail(r, "this cannot be read:", csv_strerror(csv_error(p)));
	}
	free(line);
	if (r->code == EXIT_DONE && csv_fini(p, on_cell, on_row, r) != 0)
		fail(r, "this cannot be read:", csv_strerror(csv_error(p)));
	while (r->cell_count > 0)
		free(r->cells[--r->cell_count]);
}

enum exit_code csv_to_lines(FILE *csv, const char *name, FILE *lines)
{
	struct reading r = { .name = name, .lines = lines, .row_begin = 1 };
	struct csv_parser p;

	if (csv_init(&p, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) != 0)
		exit_out_of_memory();
	read_all(csv, &p, &r);
	csv_free(&p);
	if (r.code == EXIT_DONE && ferror(csv))
		return exit_failed("%s cannot be read", name);
	if (r.code == EXIT_DONE && ferror(lines))
		return exit_failed("there is no room for a temporary copy of %s", name);
	return r.code;
}
