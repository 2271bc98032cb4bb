#include "client/shape.h"
#include "base/check.h"
#include <string.h>

static bool is_of_kind(const json_t *value, char kind)
{
	switch (kind) {
	case 's':
		return json_is_string(value);
	case 'i':
		return json_is_integer(value);
	case 'b':
		return json_is_boolean(value);
	case 'o':
		return json_is_object(value);
	case 'a':
		return json_is_array(value);
	case 't':
		return value != NULL;
	default:
		check_failed(__FILE__, __LINE__, "a shape has only kinds that there are");
	}
}

bool shape_fits(const json_t *value, const char *shape)
{
	if (!json_is_object(value))
		return false;
	while (*shape != '\0') {
		size_t bytes = strcspn(shape, " ");
		char name[32];

		CHECK(bytes > 2);
		CHECK(bytes - 2 < sizeof(name));
		memcpy(name, shape + 2, bytes - 2);
		name[bytes - 2] = '\0';
		if (!is_of_kind(json_object_get(value, name), shape[0]))
			return false;
		shape += bytes + (shape[bytes] == ' ');
	}
	return true;
}

bool shape_fits_all(const json_t *array, const char *shape)
{
	size_t i;
	json_t *value;

	if (!json_is_array(array))
		return false;
	json_array_foreach (array, i, value)
		if (!shape_fits(value, shape))
			return false;
	return true;
}
