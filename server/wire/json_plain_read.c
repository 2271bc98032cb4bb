#include "wire/json_plain_read.h"
#include "base/check.h"
#include <string.h>

static bool is_named(const struct plain_member *m, const char *name, size_t byte_count)
{
	return m->name_bytes == byte_count && memcmp(m->name, name, byte_count) == 0;
}

static bool read_code(const struct plain_member *m, struct code *ret)
{
	return m->type == PLAIN_TEXT && code_set(ret, m->text, m->text_bytes);
}

static bool read_quantity(const struct plain_member *m, int64_t *ret)
{
	if (m->type != PLAIN_NUMBER || m->number < 1 || m->number > QUANTITY_MAX)
		return false;
	*ret = m->number;
	return true;
}

/* Names come once each, and there are as many as there must be: so all of them are there. */
static bool read_line(const struct plain_line *line, struct row_ref *row, int64_t *quantity)
{
	if (line->member_count != (quantity != NULL ? 3 : 2))
		return false;
	for (int i = 0; i < line->member_count; i++) {
		const struct plain_member *m = &line->members[i];
		bool is_fine = false;

		if (is_named(m, "sku", 3)) {
			is_fine = read_code(m, &row->sku);
		} else if (is_named(m, "location", 8)) {
			is_fine = read_code(m, &row->location);
		} else if (quantity != NULL && is_named(m, "quantity", 8)) {
			is_fine = read_quantity(m, quantity);
		}
		if (!is_fine)
			return false;
	}
	return true;
}

static bool read_lines(const struct json_plain *p, bool has_quantities, struct arena *a,
		       struct field_value *v)
{
	size_t count = (size_t)p->line_count;

	CHECK(count >= 1);
	CHECK(count <= COMMAND_ROWS_MAX);
	v->rows = arena_alloc(a, sizeof(v->rows[0]) * count);
	v->quantities = arena_alloc(a, sizeof(v->quantities[0]) * count);
	if (v->rows == NULL || v->quantities == NULL)
		return false;
	v->row_count = p->line_count;
	for (size_t i = 0; i < count; i++)
		if (!read_line(&p->lines[i], &v->rows[i],
			       has_quantities ? &v->quantities[i] : NULL))
			return false;
	return true;
}

static bool read_text(const struct field *f, const struct plain_member *m, struct arena *a,
		      struct field_value *v)
{
	if (m->type != PLAIN_TEXT || !field_takes_text(f, m->text, m->text_bytes))
		return false;
	v->text = arena_copy(a, m->text, m->text_bytes);
	return v->text != NULL;
}

static bool read_field(const struct field *f, const struct json_plain *p,
		       const struct plain_member *m, struct arena *a, struct field_value *v)
{
	v->is_present = true;
	if (f->may_be_null && m->type == PLAIN_NULL) {
		v->is_null = true;
		return true;
	}
	switch (f->type) {
	case FIELD_INTEGER:
		v->number = m->type == PLAIN_NUMBER ? m->number : 0;
		return m->type == PLAIN_NUMBER && field_takes_number(f, v->number);
	case FIELD_BOOL:
		v->is_true = m->type == PLAIN_TRUE;
		return m->type == PLAIN_TRUE || m->type == PLAIN_FALSE;
	case FIELD_CODE:
	case FIELD_REASON:
	case FIELD_TEXT:
		return read_text(f, m, a, v);
	case FIELD_ROWS:
	case FIELD_LINES:
		return m->type == PLAIN_LINES && read_lines(p, f->type == FIELD_LINES, a, v);
	case FIELD_IGNORED:
		return true;
	case FIELD_OBJECT:
		break;
	}
	return false;
}

bool json_plain_read(const struct json_plain *p, const struct field fields[],
		     struct field_value ret_values[], int field_count, const char *elsewhere,
		     bool is_line, struct arena *a)
{
	for (int i = 0; i < field_count; i++)
		ret_values[i] = (struct field_value){ 0 };
	for (int i = 0; i < p->member_count; i++) {
		const struct plain_member *m = &p->members[i];
		int f = field_by_name(fields, field_count, m->name, m->name_bytes, is_line);

		if (f < 0 && field_is_among(elsewhere, m->name, m->name_bytes))
			continue;
		if (f < 0 || !read_field(&fields[f], p, m, a, &ret_values[f]))
			return false;
	}
	for (int i = 0; i < field_count; i++)
		if (fields[i].is_required && !ret_values[i].is_present)
			return false;
	return true;
}
