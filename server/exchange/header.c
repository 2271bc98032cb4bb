#include "exchange/header.h"
#include <stddef.h>
#include <strings.h>

const char *header_find(const struct header headers[], int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcasecmp(headers[i].name, name) == 0)
			return headers[i].value;
	return NULL;
}

int header_times(const struct header headers[], int count, const char *name)
{
	int times = 0;

	for (int i = 0; i < count; i++)
		times += strcasecmp(headers[i].name, name) == 0;
	return times;
}
