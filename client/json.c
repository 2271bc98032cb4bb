#include "client/json.h"
#include "client/exit.h"
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

char *json_line(const json_t *value)
{
	return memory_or_exit(json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY));
}
