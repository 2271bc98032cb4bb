#include "http/accept.h"
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* How closely a range of the header names a type. */
enum closeness { NOT_AT_ALL, AS_ANY, BY_KIND, BY_NAME };

static enum closeness range_closeness(const char *range, size_t byte_count, const char *type)
{
	size_t kind_bytes = strcspn(type, "/") + 1;

	if (byte_count == strlen(type) && strncasecmp(range, type, byte_count) == 0)
		return BY_NAME;
	if (byte_count == kind_bytes + 1 && range[kind_bytes] == '*' &&
	    strncasecmp(range, type, kind_bytes) == 0)
		return BY_KIND;
	return byte_count == 3 && strncmp(range, "*/*", 3) == 0 ? AS_ANY : NOT_AT_ALL;
}

/* "1", "0.5", "0.125": at most three digits behind the point, as they may be written. */
static int quality_read(const char *at)
{
	int quality = 0;

	if (*at == '1')
		return ACCEPT_QUALITY_MAX;
	if (*at++ != '0' || *at++ != '.')
		return 0;
	for (int unit = ACCEPT_QUALITY_MAX / 10; unit > 0 && *at >= '0' && *at <= '9'; unit /= 10)
		quality += (*at++ - '0') * unit;
	return quality;
}

/* The q among the parameters that stand from `at` to the next comma. */
static int range_quality(const char *at)
{
	while (*at == ';') {
		at += 1 + strspn(at + 1, " \t");
		if ((at[0] == 'q' || at[0] == 'Q') && at[1] == '=')
			return quality_read(at + 2);
		at += strcspn(at, ";,");
	}
	return ACCEPT_QUALITY_MAX;
}

/* The closest range, and what it says. */
static enum closeness closest_range(const char *accept, const char *type, int *ret_quality)
{
	enum closeness closest = NOT_AT_ALL;

	*ret_quality = 0;
	for (const char *at = accept; *at != '\0'; at += strcspn(at, ",")) {
		at += strspn(at, ", \t");

		size_t byte_count = strcspn(at, ";, \t");
		enum closeness c = range_closeness(at, byte_count, type);

		at += byte_count;
		at += strspn(at, " \t");
		if (c == NOT_AT_ALL || c < closest)
			continue;

		int quality = range_quality(at);

		if (c > closest || quality > *ret_quality)
			*ret_quality = quality;
		closest = c;
	}
	return closest;
}

int accept_quality(const char *accept, const char *type)
{
	int quality;

	if (accept == NULL)
		return ACCEPT_QUALITY_MAX;
	closest_range(accept, type, &quality);
	return quality;
}

bool accept_is_named(const char *accept, const char *type)
{
	int quality;

	return accept != NULL && closest_range(accept, type, &quality) == BY_NAME && quality > 0;
}
