#include "wire/json_read.h"
#include "base/check.h"
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool message_refuse(struct message_error *e, enum outcome o, const char *pointer, const char *format,
		    ...)
{
	va_list arguments;

	e->outcome = o;
	snprintf(e->pointer, sizeof(e->pointer), "%s", pointer);
	va_start(arguments, format);
	vsnprintf(e->detail, sizeof(e->detail), format, arguments);
	va_end(arguments);
	return false;
}

/* ---------------------------------------------------------------- what jansson refuses */

/* The name of the member whose value ends at `position`, for errors that jansson does not name. */
static bool member_before(const char *body, size_t position, char *ret, size_t bytes)
{
	const char *colon = body + position;

	while (colon > body && *colon != ':')
		colon--;

	const char *end = colon;

	while (end > body && *end != '"')
		end--;

	const char *start = end;

	while (start > body && start[-1] != '"')
		start--;
	if (end <= body || start <= body || (size_t)(end - start) + 2 > bytes)
		return false;
	ret[0] = '/';
	memcpy(ret + 1, start, (size_t)(end - start));
	ret[1 + (end - start)] = '\0';
	return true;
}

static void printable(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
			*s = '?';
}

static bool refuse_syntax(const char *body, size_t byte_count, json_error_t *error,
			  struct message_error *e)
{
	char pointer[sizeof(e->pointer)] = "";
	size_t position = (size_t)error->position;

	printable(error->text);
	switch (json_error_code(error)) {
	case json_error_numeric_overflow:
		if (position <= byte_count)
			member_before(body, position < byte_count ? position : byte_count - 1, pointer,
				      sizeof(pointer));
		return message_refuse(e, OUTCOME_INVALID_FIELD, pointer,
				      "The number does not fit: whole numbers within ±10^12.");
	case json_error_duplicate_key: {
		const char *name = strchr(error->text, '"');

		if (name != NULL) {
			snprintf(pointer, sizeof(pointer), "/%.100s", name + 1);
			pointer[strcspn(pointer, "\"")] = '\0';
		}
		return message_refuse(e, OUTCOME_INVALID_FIELD, pointer, "The field is there twice.");
	}
	default:
		return message_refuse(e, OUTCOME_MALFORMED_JSON, "", "Line %d, column %d: %.160s.",
				      error->line, error->column, error->text);
	}
}

static bool is_too_deep(const json_t *value, int depth)
{
	const char *name;
	json_t *member;
	size_t i;

	if (depth > JSON_DEPTH_MAX)
		return true;
	if (json_is_object(value)) {
		json_object_foreach((json_t *)value, name, member)
			if (is_too_deep(member, depth + 1))
				return true;
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, member)
			if (is_too_deep(member, depth + 1))
				return true;
	}
	return false;
}

/* ---------------------------------------------------------------- fields */

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

static bool has_control_characters(const char *s, size_t byte_count)
{
	for (size_t i = 0; i < byte_count; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return true;
	return false;
}

static bool is_reason(const char *s, size_t byte_count)
{
	for (size_t i = 0; i < byte_count; i++)
		if (s[i] != '_' && (s[i] < 'a' || s[i] > 'z'))
			return false;
	return byte_count >= 1 && byte_count <= REASON_BYTES_MAX;
}

static bool read_string(const struct field *f, const char *pointer, const json_t *value,
			struct arena *a, struct field_value *v, struct message_error *e)
{
	if (!json_is_string(value))
		return refuse_type(e, pointer, "a string", value);

	const char *s = json_string_value(value);
	size_t byte_count = json_string_length(value);

	switch (f->type) {
	case FIELD_CODE:
		if (!code_is_valid(s, byte_count))
			return message_refuse(e, OUTCOME_INVALID_FIELD, pointer,
					      "1 to %d of A-Z a-z 0-9 . _ : -, first a letter or "
					      "digit.",
					      CODE_BYTES_MAX);
		break;
	case FIELD_REASON:
		if (!is_reason(s, byte_count))
			return message_refuse(e, OUTCOME_INVALID_FIELD, pointer,
					      "1 to %d of a-z and _.", REASON_BYTES_MAX);
		break;
	default:
		if (byte_count > (size_t)f->most || (f->is_required && byte_count == 0))
			return message_refuse(e, OUTCOME_INVALID_FIELD, pointer,
					      "%d to %lld bytes of UTF-8.", f->is_required ? 1 : 0,
					      (long long)f->most);
		if (has_control_characters(s, byte_count))
			return message_refuse(e, OUTCOME_INVALID_FIELD, pointer,
					      "Control characters are refused.");
		break;
	}
	v->text = arena_copy(a, s, byte_count);
	return v->text != NULL || message_refuse(e, OUTCOME_OUT_OF_MEMORY, "", "Memory is short.");
}

static bool read_integer(const struct field *f, const char *pointer, const json_t *value,
			 struct field_value *v, struct message_error *e)
{
	if (!json_is_integer(value))
		return refuse_type(e, pointer, "a whole number", value);
	v->number = json_integer_value(value);
	if (v->number < f->least || v->number > f->most)
		return message_refuse(e, OUTCOME_INVALID_FIELD, pointer, "Between %lld and %lld.",
				      (long long)f->least, (long long)f->most);
	return true;
}

static bool read_object(const struct field *f, const char *pointer, const json_t *value,
			struct arena *a, struct field_value *v, struct message_error *e)
{
	if (!json_is_object(value))
		return refuse_type(e, pointer, "an object", value);

	char *compact = json_dumps(value, JSON_COMPACT);

	if (compact != NULL && strlen(compact) <= (size_t)f->most)
		v->text = arena_copy(a, compact, strlen(compact));
	else if (compact != NULL) {
		free(compact);
		return message_refuse(e, OUTCOME_INVALID_FIELD, pointer, "At most %lld bytes.",
				      (long long)f->most);
	}
	free(compact);
	return v->text != NULL || message_refuse(e, OUTCOME_OUT_OF_MEMORY, "", "Memory is short.");
}

/* One {"sku","location"} of a list of rows. */
static bool read_row(const json_t *value, size_t index, struct arena *a, struct row_ref *ret,
		     struct message_error *e)
{
	static const struct field fields[] = { { .name = "sku", .type = FIELD_CODE },
					       { .name = "location", .type = FIELD_CODE } };
	struct code *const codes[] = { &ret->sku, &ret->location };
	char pointer[sizeof(e->pointer)];
	const char *name;
	json_t *member;

	snprintf(pointer, sizeof(pointer), "/rows/%zu", index);
	if (!json_is_object(value))
		return refuse_type(e, pointer, "an object", value);
	json_object_foreach((json_t *)value, name, member) {
		if (strcmp(name, "sku") == 0 || strcmp(name, "location") == 0)
			continue;
		snprintf(pointer, sizeof(pointer), "/rows/%zu/%.64s", index, name);
		return message_refuse(e, OUTCOME_UNKNOWN_FIELD, pointer, "A row has sku and location.");
	}
	for (size_t i = 0; i < LENGTH_OF(fields); i++) {
		struct field_value v = { 0 };

		member = json_object_get(value, fields[i].name);
		snprintf(pointer, sizeof(pointer), "/rows/%zu/%s", index, fields[i].name);
		if (member == NULL)
			return message_refuse(e, OUTCOME_MISSING_FIELD, pointer, "It is needed.");
		if (!read_string(&fields[i], pointer, member, a, &v, e))
			return false;
		CHECK(code_set(codes[i], v.text, strlen(v.text)));
	}
	return true;
}

static bool read_rows(const char *pointer, const json_t *value, struct arena *a,
		      struct field_value *v, struct message_error *e)
{
	if (!json_is_array(value))
		return refuse_type(e, pointer, "an array", value);

	size_t count = json_array_size(value);

	if (count < 1 || count > COMMAND_ROWS_MAX)
		return message_refuse(e, OUTCOME_MEANINGLESS, pointer, "1 to %d rows.",
				      COMMAND_ROWS_MAX);
	v->rows = arena_alloc(a, sizeof(v->rows[0]) * count);
	if (v->rows == NULL)
		return message_refuse(e, OUTCOME_OUT_OF_MEMORY, "", "Memory is short.");
	v->row_count = (int)count;
	for (size_t i = 0; i < count; i++)
		if (!read_row(json_array_get(value, i), i, a, &v->rows[i], e))
			return false;
	return true;
}

static bool read_field(const struct field *f, const json_t *value, struct arena *a,
		       struct field_value *v, struct message_error *e)
{
	char pointer[sizeof(e->pointer)];

	snprintf(pointer, sizeof(pointer), "/%s", f->name);
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
		return read_object(f, pointer, value, a, v, e);
	case FIELD_ROWS:
		return read_rows(pointer, value, a, v, e);
	case FIELD_IGNORED:
		return true;
	}
	return false;
}

/* ---------------------------------------------------------------- objects */

static int field_by_name(const struct field fields[], int field_count, const char *name)
{
	for (int i = 0; i < field_count; i++)
		if (strcmp(fields[i].name, name) == 0)
			return i;
	return -1;
}

/* A JSON Pointer to a member, its '~' and '/' escaped. */
static void pointer_to(char *out, size_t bytes, const char *name)
{
	size_t at = 0;

	out[at++] = '/';
	for (; *name != '\0' && at + 3 < bytes; name++) {
		if (*name == '~' || *name == '/') {
			out[at++] = '~';
			out[at++] = *name == '~' ? '0' : '1';
		} else {
			out[at++] = *name;
		}
	}
	/* Cut between characters, not inside of one. */
	while (*name != '\0' && at > 1 && ((unsigned char)out[at - 1] & 0xc0) == 0x80)
		at--;
	if (*name != '\0' && at > 1 && (unsigned char)out[at - 1] >= 0xc0)
		at--;
	out[at] = '\0';
}

static bool read_object_fields(json_t *root, const struct field fields[],
			       struct field_value values[], int field_count, struct arena *a,
			       struct message_error *e)
{
	char pointer[sizeof(e->pointer)];
	const char *name;
	json_t *value;

	json_object_foreach(root, name, value) {
		int i = field_by_name(fields, field_count, name);

		if (i < 0) {
			pointer_to(pointer, sizeof(pointer), name);
			return message_refuse(e, OUTCOME_UNKNOWN_FIELD, pointer,
					      "This call does not know the field.");
		}
		if (!read_field(&fields[i], value, a, &values[i], e))
			return false;
	}
	for (int i = 0; i < field_count; i++) {
		if (!fields[i].is_required || values[i].is_present)
			continue;
		pointer_to(pointer, sizeof(pointer), fields[i].name);
		return message_refuse(e, OUTCOME_MISSING_FIELD, pointer, "The field is needed.");
	}
	return true;
}

bool json_read(const char *body, size_t byte_count, const struct field fields[],
	       struct field_value ret_values[], int field_count, struct arena *a,
	       struct message_error *e)
{
	json_error_t error;
	bool is_fine;

	for (int i = 0; i < field_count; i++)
		ret_values[i] = (struct field_value){ 0 };
	if (byte_count == 0) {
		body = "{}";
		byte_count = 2;
	}

	json_t *root = json_loadb(body, byte_count, JSON_REJECT_DUPLICATES, &error);

	if (root == NULL)
		return refuse_syntax(body, byte_count, &error, e);
	if (!json_is_object(root))
		is_fine = message_refuse(e, OUTCOME_MALFORMED_JSON, "",
					 "The body must be an object, not %s.", type_text(root));
	else if (is_too_deep(root, 1))
		is_fine = message_refuse(e, OUTCOME_MALFORMED_JSON, "",
					 "It is nested deeper than %d.", JSON_DEPTH_MAX);
	else
		is_fine = read_object_fields(root, fields, ret_values, field_count, a, e);
	json_decref(root);
	return is_fine;
}
