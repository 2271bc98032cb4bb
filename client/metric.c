#include "client/metric.h"
#include <stdlib.h>
#include <string.h>

bool metric_find(const char *metrics, const char *name, const char *suffix, double *ret_value)
{
	size_t name_bytes = strlen(name);
	size_t suffix_bytes = strlen(suffix);

	for (const char *line = metrics; line != NULL && *line != '\0';) {
		if (strncmp(line, name, name_bytes) == 0 &&
		    strncmp(line + name_bytes, suffix, suffix_bytes) == 0 &&
		    line[name_bytes + suffix_bytes] == ' ') {
			*ret_value = strtod(line + name_bytes + suffix_bytes, NULL);
			return true;
		}
		line = strchr(line, '\n');
		if (line != NULL)
			line++;
	}
	return false;
}
