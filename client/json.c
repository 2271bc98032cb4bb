#include "client/json.h"
#include "client/memory.h"
#include <stdlib.h>

const char *json_member_text(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s == NULL ? "" : s;
}

int64_t json_member_int(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

void json_show(struct text *t, const json_t *value)
{
	if (value == NULL || json_is_null(value))
		return;
	if (json_is_string(value)) {
		text_add(t, json_string_value(value));
		return;
	}
	char *line = json_line(value);
	text_add(t, line);
	free(line);
}

void json_put(json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, memory_or_exit(value)) != 0)
		exit_out_of_memory();
}

static char *line_with_digits(const json_t *value, size_t digits)
{
	return memory_or_exit(
		json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits)));
}

/* 17 digits hold every double, but turn 0.1 into 0.10000000000000001; 15 keep what people type. */
char *json_line(const json_t *value)
{
	char *line = line_with_digits(value, 15);
	JSON_CLEANUP json_t *again = json_loads(line, JSON_DECODE_ANY, NULL);

	if (json_equal(again, value))
		return line;
	free(line);
	return line_with_digits(value, 17);
}
