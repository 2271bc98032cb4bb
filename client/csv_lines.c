#include "client/csv_lines.h"
#include "base/check.h"
#include "base/text.h"
#include "client/args.h"
#include "client/csv_columns.h"
#include "client/json.h"
#include "client/memory.h"
#include <csv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* libcsv lets a cell grow by so much at a time: its own 128 take minutes for a large one. */
enum { CELL_BLOCK_BYTES = 1 << 16 };

struct reading {
	struct csv_sheet sheet;
	FILE *lines;
	char *cells[CSV_COLUMNS_MAX]; /* of this row */
	int cell_count;
	int64_t line_read;    /* physical lines that libcsv has seen */
	int64_t line_written; /* lines of the batch so far, blank ones included */
	int64_t row_begin;    /* the physical line at which this row begins */
	bool is_inside;       /* of a row that goes on in the next line */
	struct csv_result result;
};

static bool is_fine(const struct reading *r)
{
	return csv_sheet_is_fine(&r->sheet);
}

static void fail(struct reading *r, const char *what, const char *text)
{
	r->sheet.line = r->is_inside ? r->row_begin : r->line_read;
	csv_sheet_complain(&r->sheet, what, text);
}

static void fail_cell(struct reading *r, const struct csv_column *c, const char *what,
		      const char *cell)
{
	struct text t;

	text_init(&t);
	text_add_format(&t, "%s %s", c->name, what);
	fail(r, memory_or_exit(t.data), cell);
	text_fini(&t);
}

/* The row's cell under this heading; "" where there is none. */
static const char *cell_of(const struct reading *r, const char *name)
{
	int i = csv_sheet_index(&r->sheet, name);

	return i >= 0 && i < r->cell_count ? r->cells[i] : "";
}

/* ---------------------------------------------------------------- cells */

/*
 * A whole number, also as spreadsheets and other shops write it: "5.0000". Not "1.000", which is a
 * thousand where the decimal sign is a comma.
 */
static bool whole_number_read(const char *cell, int64_t *ret)
{
	const char *dot = strchr(cell, '.');
	size_t zeros = dot != NULL ? strspn(dot + 1, "0") : 0;
	char digits[24];

	if (dot == NULL)
		return number_read(cell, ret);
	if (zeros == 0 || zeros == 3 || dot[1 + zeros] != '\0' ||
	    (size_t)(dot - cell) >= sizeof(digits))
		return false;
	snprintf(digits, sizeof(digits), "%.*s", (int)(dot - cell), cell);
	return number_read(digits, ret);
}

static json_t *number_value(struct reading *r, const struct csv_column *c, const char *cell)
{
	int64_t number;

	if (c->type == CELL_NUMBER_OR_NULL && strcasecmp(cell, "null") == 0)
		return json_null();
	if (whole_number_read(cell, &number))
		return json_integer(number);
	fail_cell(r, c, "is no whole number:", cell);
	return NULL;
}

static json_t *switch_value(struct reading *r, const struct csv_column *c, const char *cell)
{
	if (strcasecmp(cell, "true") == 0 || strcasecmp(cell, "false") == 0)
		return json_boolean(cell[0] == 't' || cell[0] == 'T');
	fail_cell(r, c, "is neither true nor false:", cell);
	return NULL;
}

/* NULL: it was complained about. */
static json_t *cell_value(struct reading *r, const struct csv_column *c, const char *cell)
{
	json_t *value;

	if (c->type == CELL_NUMBER || c->type == CELL_NUMBER_OR_NULL)
		return number_value(r, c, cell);
	if (c->type == CELL_SWITCH)
		return switch_value(r, c, cell);
	value = c->type == CELL_JSON ? json_loads(cell, JSON_DECODE_ANY, NULL) : json_string(cell);
	if (value == NULL && c->type == CELL_JSON)
		fail_cell(r, c, "is no JSON:", cell);
	else if (value == NULL)
		fail(r, "this is not UTF-8 (save the sheet as \"CSV UTF-8\"):", c->name);
	return value;
}

/* ---------------------------------------------------------------- rows */

static const char *op_of_row(const struct reading *r)
{
	const char *op = cell_of(r, "op");

	return op[0] != '\0' ? op : csv_sheet_op(&r->sheet);
}

static bool row_is_blank(const struct reading *r)
{
	for (int i = 0; i < r->cell_count; i++)
		if (r->cells[i][strspn(r->cells[i], " \t")] != '\0')
			return false;
	return true;
}

/* Blank lines keep the numbers those of the file. */
static void write_line(struct reading *r, json_t *line)
{
	char *text = json_line(line);

	for (; r->line_written + 1 < r->row_begin; r->line_written++)
		fputc('\n', r->lines);
	fprintf(r->lines, "%s\n", text);
	r->line_written++;
	r->result.line_count++;
	free(text);
}

static void add_cell(struct reading *r, json_t *line, const char *op, int index)
{
	const struct csv_column *c = r->sheet.columns[index];
	const char *cell = r->cells[index];
	json_t *value;

	if (cell[0] == '\0' || csv_column_is_shown(c, op))
		return;
	if (c->name[0] == '\0') {
		fail(r, "there is no heading over", cell);
	} else if (!csv_column_is_of(c, op)) {
		fail_cell(r, c, "is nothing that such a row has:", cell);
	} else {
		value = cell_value(r, c, cell);
		if (value != NULL)
			json_put(line, c->name, value);
	}
}

static void check_row(struct reading *r, const char *op)
{
	const struct csv_column *needed;

	for (int n = 0; (needed = csv_column_needed(op, n)) != NULL; n++)
		if (cell_of(r, needed->name)[0] == '\0')
			fail(r, "the row has no", needed->name);
}

/* A number in a column that the line has not by that name; false: there is none. */
static bool shown_number(struct reading *r, const char *name, int64_t *ret)
{
	const char *cell = cell_of(r, name);

	if (cell[0] == '\0')
		return false;
	if (whole_number_read(cell, ret))
		return true;
	fail_cell(r, csv_column_find(name), "is no whole number:", cell);
	return false;
}

/* What the sheet has seen of the row: it may only be overwritten if that is still so. */
static void add_compare(struct reading *r, json_t *line)
{
	int64_t version = 0;
	int64_t on_hand;
	bool has_version;

	if (r->sheet.compare == CSV_OVERWRITE) {
		json_object_del(line, "expected_version");
		json_put(line, "expected", json_null());
		return;
	}
	if (r->sheet.compare == CSV_AS_SEEN && (json_object_get(line, "expected") != NULL ||
						json_object_get(line, "expected_version") != NULL))
		return;
	if (r->sheet.compare == CSV_AS_SEEN && !csv_sheet_has(&r->sheet, "version")) {
		fail(r, "a set needs one of expected, expected_version and version, or", "--force");
		return;
	}
	has_version = r->sheet.compare == CSV_AS_SEEN && shown_number(r, "version", &version);
	json_put(line, "expected_version", json_integer(version));
	if (has_version && shown_number(r, "exported_on_hand", &on_hand))
		json_put(line, "expected", json_integer(on_hand));
}

/* A row that is as it was exported says nothing, whatever has become of the stock. */
static bool is_unchanged(struct reading *r, const json_t *line)
{
	int64_t exported;

	return r->sheet.compare == CSV_AS_SEEN && shown_number(r, "exported_on_hand", &exported) &&
	       json_is_integer(json_object_get(line, "on_hand")) &&
	       json_integer_value(json_object_get(line, "on_hand")) == exported;
}

/* A feed does not know which items are there. */
static void add_create(struct reading *r, json_t *line)
{
	if (!csv_sheet_has(&r->sheet, "op") && json_object_get(line, "name") != NULL)
		json_put(line, "create", json_true());
}

static void read_row(struct reading *r)
{
	const char *op = op_of_row(r);
	json_t *line;

	if (row_is_blank(r))
		return;
	if (op == NULL || !csv_op_is_known(op)) {
		fail(r, op == NULL ? "the row has no" : "there is no op", op == NULL ? "op" : op);
		return;
	}
	line = memory_or_exit(json_object());
	json_put(line, "op", json_string(op));
	for (int i = 0; i < r->cell_count; i++)
		add_cell(r, line, op, i);
	check_row(r, op);
	if (strncmp(op, "patch_", 6) == 0)
		add_create(r, line);
	if (strcmp(op, "set") == 0 && is_unchanged(r, line)) {
		r->result.unchanged_count++;
	} else {
		if (strcmp(op, "set") == 0)
			add_compare(r, line);
		if (is_fine(r))
			write_line(r, line);
	}
	json_decref(line);
}

/* ---------------------------------------------------------------- what libcsv calls */

static void on_cell(void *cell, size_t byte_count, void *reading)
{
	struct reading *r = reading;
	int most = r->sheet.column_count > 0 ? r->sheet.column_count : CSV_COLUMNS_MAX;

	if (r->cell_count == most) {
		if (byte_count > 0)
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
	r->sheet.line = r->row_begin;
	if (r->sheet.column_count == 0)
		csv_sheet_read_heading(&r->sheet, r->cells, r->cell_count);
	else
		read_row(r);
	while (r->cell_count > 0)
		free(r->cells[--r->cell_count]);
	r->is_inside = false;
}

/* Semicolons where the decimal sign is a comma, tabs where somebody pasted. */
static unsigned char separator_of(const char *first_line)
{
	if (strchr(first_line, ',') != NULL)
		return ',';
	if (strchr(first_line, ';') != NULL)
		return ';';
	return strchr(first_line, '\t') != NULL ? '\t' : ',';
}

/* How many bytes of the first line are a mark of the encoding. */
static size_t begin(struct reading *r, struct csv_parser *p, const char *line, size_t bytes)
{
	csv_set_delim(p, separator_of(line));
	if (bytes >= 2 && (memcmp(line, "\xff\xfe", 2) == 0 || memcmp(line, "\xfe\xff", 2) == 0)) {
		fail(r, "this is UTF-16: save the sheet as", "CSV UTF-8");
		return bytes;
	}
	return bytes >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* After trouble with the heading, or too much, there is no use in reading on. */
static bool may_go_on(const struct reading *r)
{
	return is_fine(r) || (r->sheet.column_count > 0 && r->line_read > 1 &&
			      r->sheet.complaint_count < CSV_COMPLAINTS_MAX);
}

static void read_all(FILE *csv, struct csv_parser *p, struct reading *r)
{
	char *line = NULL;
	size_t capacity = 0;
	ssize_t bytes;

	while (may_go_on(r) && (bytes = getline(&line, &capacity, csv)) > 0) {
		size_t skipped = r->line_read++ == 0 ? begin(r, p, line, (size_t)bytes) : 0;
		size_t left = (size_t)bytes - skipped;

		if (!r->is_inside)
			r->row_begin = r->line_read;
		r->is_inside = r->is_inside || strspn(line, "\r\n") != (size_t)bytes;
		if (csv_parse(p, line + skipped, left, on_cell, on_row, r) != left) {
			fail(r, "this cannot be read:", csv_strerror(csv_error(p)));
			break;
		}
	}
	free(line);
	if (is_fine(r) && csv_fini(p, on_cell, on_row, r) != 0)
		fail(r, "this cannot be read:", csv_strerror(csv_error(p)));
	while (r->cell_count > 0)
		free(r->cells[--r->cell_count]);
}

enum exit_code csv_to_lines(FILE *csv, const char *name, enum csv_compare compare, FILE *lines,
			    struct csv_result *ret_result)
{
	struct reading r = { .sheet = { .name = name, .compare = compare, .line = 1 },
			     .lines = lines,
			     .row_begin = 1 };
	struct csv_parser p;

	if (csv_init(&p, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) != 0)
		exit_out_of_memory();
	csv_set_blk_size(&p, CELL_BLOCK_BYTES);
	read_all(csv, &p, &r);
	csv_free(&p);
	if (ferror(csv))
		return exit_failed("%s cannot be read", name);
	if (!is_fine(&r)) {
		fputs("  Nothing was sent.\n", stderr);
		return EXIT_USAGE;
	}
	if (ferror(lines))
		return exit_failed("there is no room for a temporary copy of %s", name);
	*ret_result = r.result;
	return EXIT_DONE;
}
