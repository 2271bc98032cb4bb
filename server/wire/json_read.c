#include "wire/json_read.h"
#include "base/check.h"
#include "core/token_text.h"
#include "wire/json_load.h"
#include "wire/json_place.h"
#include "wire/json_plain_read.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool message_refuse(struct message_error *e, enum outcome o, const char *pointer,
		    const char *format, ...)
{
	va_list arguments;

	e->outcome = o;
	snprintf(e->pointer, sizeof(e->pointer), "%s", pointer);
	va_start(arguments, format);
	vsnprintf(e->detail, sizeof(e->detail), format, arguments);
	va_end(arguments);
	/* The names of members are the client's, who may have put a token there. */
	token_text_cover(e->pointer, strlen(e->pointer));
	token_text_cover(e->detail, strlen(e->detail));
	return false;
}

enum { FIELD_POINTER_BYTES = sizeof(((struct message_error *)0)->pointer) };

/* ---------------------------------------------------------------- what jansson refuses */

static void printable(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
			*s = '?';
}

/* Is it inside of a field whose members are the client's own, rather than quantities? */
static bool is_inside_object(const struct field fields[], int field_count, const char *pointer)
{
	for (int i = 0; i < field_count; i++) {
		size_t bytes = strlen(fields[i].name);

		if (fields[i].type == FIELD_OBJECT && pointer[0] == '/' &&
		    strncmp(pointer + 1, fields[i].name, bytes) == 0 && pointer[bytes + 1] == '/')
			return true;
	}
	return false;
}

static bool refuse_syntax(const char *body, const struct field fields[], int field_count,
			  json_error_t *error, struct message_error *e)
{
	char pointer[sizeof(e->pointer)] = "";

	printable(error->text);
	switch (json_error_code(error)) {
	case json_error_numeric_overflow:
		json_pointer_at(body, (size_t)error->position, pointer, sizeof(pointer));
		return message_refuse(e, OUTCOME_INVALID_FIELD, pointer,
				      is_inside_object(fields, field_count, pointer)
					      ? "The number needs more than 64 bits: send it as a "
						"text, in quotes."
					      : "The number does not fit: whole numbers within "
						"±10^12.");
	case json_error_duplicate_key:
		json_pointer_at(body, (size_t)error->position, pointer, sizeof(pointer));
		return message_refuse(e, OUTCOME_INVALID_FIELD, pointer,
				      "The field is there twice.");
	default:
		return message_refuse(e, OUTCOME_MALFORMED_JSON, "", "Line %d, column %d: %.160s.",
				      error->line, error->column, error->text);
	}
}

/* ---------------------------------------------------------------- fields */

/* How far the body is read, and what of it is somebody else's. */
struct body_walk {
	const char *text;
	size_t byte_count;
	size_t index;          /* among the members, in the order of the text */
	const char *elsewhere; /* the names of those that are skipped */
	bool is_line;
};

static const char *type_text(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "a whole number";
	case JSON_REAL:
		return "a number with fraction or exponent";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		break;
	}
	return "null";
}

static bool refuse_type(struct message_error *e, const char *pointer, const char *wanted,
			const json_t *value)
{
	return message_refuse(e, OUTCOME_INVALID_FIELD, pointer, "This must be %s, not %s.", wanted,
			      type_text(value));
}

static bool refuse_token(const char *pointer, struct message_error *e)
{
	return message_refuse(e, OUTCOME_INVALID_FIELD, pointer,
			      "It has a token in it, which belongs into the header "
			      "Authorization only.");
}

static bool refuse_text(const struct field *f, const char *pointer, const char *s,
			size_t byte_count, struct message_error *e)
{
	if (token_text_is_in(s, byte_count))
		return refuse_token(pointer, e);
	if (f->type == FIELD_CODE)
		return message_refuse(e, OUTCOME_INVALID_FIELD, pointer,
				      "1 to %d of A-Z a-z 0-9 . _ : -, first a letter or digit.",
				      CODE_BYTES_MAX);
	if (f->type == FIELD_REASON)
		return message_refuse(e, OUTCOME_INVALID_FIELD, pointer,
				      "1 to %d of a-z, 0-9 and _; capitals become small.",
				      REASON_BYTES_MAX);
	if (!field_has_length(f, s, byte_count))
		return message_refuse(e, OUTCOME_INVALID_FIELD, pointer, "%d to %lld characters.",
				      f->is_required ? 1 : 0, (long long)f->most);
	return message_refuse(e, OUTCOME_INVALID_FIELD, pointer, "It must not contain \\u0000.");
}

static bool read_string(const struct field *f, const char *pointer, const json_t *value,
			struct arena *a, struct field_value *v, struct message_error *e)
{
	if (!json_is_string(value))
		return refuse_type(e, pointer, "a string", value);

	const char *s = json_string_value(value);
	size_t byte_count = json_string_length(value);

	if (!field_takes_text(f, s, byte_count))
		return refuse_text(f, pointer, s, byte_count, e);
	v->text = arena_copy(a, s, byte_count);
	return v->text != NULL || message_refuse(e, OUTCOME_OUT_OF_MEMORY, "", "Memory is short.");
}

static bool read_integer(const struct field *f, const char *pointer, const json_t *value,
			 struct field_value *v, struct message_error *e)
{
	if (!json_is_integer(value))
		return refuse_type(e, pointer, "a whole number", value);
	v->number = json_integer_value(value);
	if (!field_takes_number(f, v->number))
		return message_refuse(e, OUTCOME_INVALID_FIELD, pointer, "Between %lld and %lld.",
				      (long long)f->least, (long long)f->most);
	return true;
}

/* Does a text in it hold an escaped NUL? Readers whose strings end there refuse all of it. */
static bool says_nul(const char *json)
{
	for (; *json != '\0'; json++) {
		if (*json != '\\')
			continue;
		json++; /* what it escapes, maybe another backslash */
		if (strncmp(json, "u0000", 5) == 0)
			return true;
	}
	return false;
}

/* Kept as it was typed: a number that went through a double would come back as another text. */
static bool read_object(const struct field *f, const char *pointer, const json_t *value,
			const struct body_walk *walk, struct arena *a, struct field_value *v,
			struct message_error *e)
{
	if (!json_is_object(value))
		return refuse_type(e, pointer, "an object", value);
	v->text = json_member_text(walk->text, walk->byte_count, walk->index, a);
	if (v->text == NULL)
		return message_refuse(e, OUTCOME_OUT_OF_MEMORY, "", "Memory is short.");
	if (strlen(v->text) > (size_t)f->most)
		return message_refuse(e, OUTCOME_INVALID_FIELD, pointer, "At most %lld bytes.",
				      (long long)f->most);
	if (says_nul(v->text))
		return message_refuse(e, OUTCOME_INVALID_FIELD, pointer,
				      "Its texts must not contain \\u0000.");
	return !token_text_is_in(v->text, strlen(v->text)) || refuse_token(pointer, e);
}

static bool read_code(const json_t *value, const char *array, size_t index, const char *name,
		      struct arena *a, struct code *ret, struct message_error *e)
{
	const struct field field = { .name = name, .type = FIELD_CODE };
	const json_t *member = json_object_get(value, name);
	char pointer[sizeof(e->pointer)];
	struct field_value v = { 0 };
	bool is_code;

	snprintf(pointer, sizeof(pointer), "/%s/%zu/%s", array, index, name);
	if (member == NULL)
		return message_refuse(e, OUTCOME_MISSING_FIELD, pointer, "It is needed.");
	if (!read_string(&field, pointer, member, a, &v, e))
		return false;
	is_code = code_set(ret, v.text, strlen(v.text));
	CHECK(is_code);
	return true;
}

static bool read_quantity(const json_t *value, size_t index, int64_t *ret, struct message_error *e)
{
	static const struct field field = { .name = "quantity",
					    .type = FIELD_INTEGER,
					    .least = -QUANTITY_MAX,
					    .most = QUANTITY_MAX };
	const json_t *member = json_object_get(value, "quantity");
	char pointer[sizeof(e->pointer)];
	struct field_value v = { 0 };

	snprintf(pointer, sizeof(pointer), "/lines/%zu/quantity", index);
	if (member == NULL)
		return message_refuse(e, OUTCOME_MISSING_FIELD, pointer, "It is needed.");
	if (!read_integer(&field, pointer, member, &v, e))
		return false;
	*ret = v.number;
	return v.number >= 1 || message_refuse(e, OUTCOME_MEANINGLESS, pointer, "1 or more.");
}

/* {"sku","location"}, and of a line "quantity"; nothing else. */
static bool read_row(const json_t *value, const char *array, size_t index, struct arena *a,
		     struct row_ref *row, int64_t *quantity, struct message_error *e)
{
	char pointer[sizeof(e->pointer)];
	const char *name;
	json_t *member;

	snprintf(pointer, sizeof(pointer), "/%s/%zu", array, index);
	if (!json_is_object(value))
		return refuse_type(e, pointer, "an object", value);
	json_object_foreach ((json_t *)value, name, member) {
		if (strcmp(name, "sku") == 0 || strcmp(name, "location") == 0 ||
		    (quantity != NULL && strcmp(name, "quantity") == 0))
			continue;
		json_pointer_add(pointer, sizeof(pointer), name);
		return message_refuse(e, OUTCOME_UNKNOWN_FIELD, pointer, "A %s has %s.",
				      quantity != NULL ? "line" : "row",
				      quantity != NULL ? "sku, location and quantity"
						       : "sku and location");
	}
	return read_code(value, array, index, "sku", a, &row->sku, e) &&
	       read_code(value, array, index, "location", a, &row->location, e) &&
	       (quantity == NULL || read_quantity(value, index, quantity, e));
}

static bool read_rows(const char *array, bool has_quantities, const char *pointer,
		      const json_t *value, struct arena *a, struct field_value *v,
		      struct message_error *e)
{
	if (!json_is_array(value))
		return refuse_type(e, pointer, "an array", value);

	size_t count = json_array_size(value);

	if (count < 1 || count > COMMAND_ROWS_MAX)
		return message_refuse(e, OUTCOME_MEANINGLESS, pointer, "1 to %d %s.",
				      COMMAND_ROWS_MAX, array);
	v->rows = arena_alloc(a, sizeof(v->rows[0]) * count);
	v->quantities = arena_alloc(a, sizeof(v->quantities[0]) * count);
	if (v->rows == NULL || v->quantities == NULL)
		return message_refuse(e, OUTCOME_OUT_OF_MEMORY, "", "Memory is short.");
	v->row_count = (int)count;
	for (size_t i = 0; i < count; i++)
		if (!read_row(json_array_get(value, i), array, i, a, &v->rows[i],
			      has_quantities ? &v->quantities[i] : NULL, e))
			return false;
	return true;
}

/* Made for each field that is read, for the few that are refused: names of ours need no escape. */
static void field_pointer(char ret[FIELD_POINTER_BYTES], const struct field *f)
{
	size_t bytes = strlen(f->name);

	CHECK(bytes + 2 <= FIELD_POINTER_BYTES);
	ret[0] = '/';
	memcpy(ret + 1, f->name, bytes + 1);
}

static bool read_field(const struct field *f, const json_t *value, const struct body_walk *walk,
		       struct arena *a, struct field_value *v, struct message_error *e)
{
	char pointer[sizeof(e->pointer)];

	field_pointer(pointer, f);
	v->is_present = true;
	if (f->may_be_null && json_is_null(value)) {
		v->is_null = true;
		return true;
	}
	switch (f->type) {
	case FIELD_INTEGER:
		return read_integer(f, pointer, value, v, e);
	case FIELD_BOOL:
		v->is_true = json_is_true(value);
		return json_is_boolean(value) || refuse_type(e, pointer, "true or false", value);
	case FIELD_CODE:
	case FIELD_REASON:
	case FIELD_TEXT:
		return read_string(f, pointer, value, a, v, e);
	case FIELD_OBJECT:
		return read_object(f, pointer, value, walk, a, v, e);
	case FIELD_ROWS:
		return read_rows("rows", false, pointer, value, a, v, e);
	case FIELD_LINES:
		return read_rows("lines", true, pointer, value, a, v, e);
	case FIELD_IGNORED:
		return true;
	}
	return false;
}

/* ---------------------------------------------------------------- objects */

static bool read_members(json_t *root, const struct field fields[], struct field_value values[],
			 int field_count, struct body_walk *walk, struct arena *a,
			 struct message_error *e)
{
	char pointer[sizeof(e->pointer)] = "";
	const char *name;
	json_t *value;

	json_object_foreach (root, name, value) {
		size_t bytes = strlen(name);
		int i = field_by_name(fields, field_count, name, bytes, walk->is_line);

		if (i < 0 && field_is_among(walk->elsewhere, name, bytes)) {
			walk->index++;
			continue;
		}
		if (i < 0) {
			json_pointer_add(pointer, sizeof(pointer), name);
			return message_refuse(e, OUTCOME_UNKNOWN_FIELD, pointer,
					      "This call does not know the field.");
		}
		if (!read_field(&fields[i], value, walk, a, &values[i], e))
			return false;
		walk->index++;
	}
	for (int i = 0; i < field_count; i++) {
		if (!fields[i].is_required || values[i].is_present)
			continue;
		json_pointer_add(pointer, sizeof(pointer), fields[i].name);
		return message_refuse(e, OUTCOME_MISSING_FIELD, pointer, "The field is needed.");
	}
	return true;
}

static bool parse(const char *text, size_t byte_count, const struct field fields[], int field_count,
		  json_t **ret_root, struct message_error *e)
{
	const char *nul = memchr(text, '\0', byte_count);
	json_error_t error;
	bool lacks_memory;

	if (nul != NULL) /* jansson takes one behind a number or literal for nothing at all */
		return message_refuse(e, OUTCOME_MALFORMED_JSON, "", "Byte %zu is a NUL.",
				      (size_t)(nul - text) + 1);
	if (json_is_too_deep(text, byte_count))
		return message_refuse(e, OUTCOME_MALFORMED_JSON, "", "It is nested deeper than %d.",
				      JSON_DEPTH_MAX);
	*ret_root = json_load(text, byte_count, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error,
			      &lacks_memory);
	if (lacks_memory)
		return message_refuse(e, OUTCOME_OUT_OF_MEMORY, "", "Memory is short.");
	if (*ret_root == NULL)
		return refuse_syntax(text, fields, field_count, &error, e);
	if (json_is_object(*ret_root))
		return true;
	message_refuse(e, OUTCOME_MALFORMED_JSON, "", "The body must be an object, not %s.",
		       type_text(*ret_root));
	json_decref(*ret_root);
	*ret_root = NULL;
	return false;
}

bool json_parse(struct message *m, struct json_plain *room, const struct field fields[],
		int field_count, struct message_error *e)
{
	CHECK(m->root == NULL);
	CHECK(m->plain == NULL);
	if (json_plain_parse(m->text, m->byte_count, room)) {
		m->plain = room;
		return true;
	}
	return parse(m->text, m->byte_count, fields, field_count, &m->root, e);
}

void json_forget(struct message *m)
{
	json_decref(m->root);
	m->root = NULL;
	m->plain = NULL;
}

/* As jansson reads it, which may have done so before. */
static bool read_strictly(const struct message *m, const struct field fields[],
			  struct field_value ret_values[], int field_count, struct arena *a,
			  struct message_error *e)
{
	struct body_walk walk = { .text = m->text,
				  .byte_count = m->byte_count,
				  .elsewhere = m->elsewhere,
				  .is_line = m->is_line };
	json_t *root = m->root;
	bool is_fine;

	for (int i = 0; i < field_count; i++)
		ret_values[i] = (struct field_value){ 0 };
	if (root == NULL && !parse(walk.text, walk.byte_count, fields, field_count, &root, e))
		return false;
	is_fine = read_members(root, fields, ret_values, field_count, &walk, a, e);
	if (m->root == NULL)
		json_decref(root);
	return is_fine;
}

/* Of a message that nobody has parsed. By itself, since the room for it is large. */
static __attribute__((noinline)) bool read_unparsed(const struct message *m,
						    const struct field fields[],
						    struct field_value ret_values[],
						    int field_count, struct arena *a)
{
	struct json_plain room;

	return json_plain_parse(m->text, m->byte_count, &room) &&
	       json_plain_read(&room, fields, ret_values, field_count, m->elsewhere, m->is_line, a);
}

/* As json_plain reads it. False: it is not plain, or not right. */
static bool read_plainly(const struct message *m, const struct field fields[],
			 struct field_value ret_values[], int field_count, struct arena *a)
{
	if (m->plain != NULL)
		return json_plain_read(m->plain, fields, ret_values, field_count, m->elsewhere,
				       m->is_line, a);
	return m->root == NULL && read_unparsed(m, fields, ret_values, field_count, a);
}

bool json_read(const struct message *message, const struct field fields[],
	       struct field_value ret_values[], int field_count, struct arena *a,
	       struct message_error *e)
{
	struct message m = *message;

	if (m.byte_count == 0) {
		m.text = "{}";
		m.byte_count = 2;
	}
	return read_plainly(&m, fields, ret_values, field_count, a) ||
	       read_strictly(&m, fields, ret_values, field_count, a, e);
}
