#include "exchange/header.h"
#include <stddef.h>
#include <strings.h>

/* Two letters tell nearly all names apart, at less than a call costs. */
static bool is_named(const struct header *h, const char *name)
{
	return ((h->name[0] ^ name[0]) & 0x1f) == 0 && ((h->name[1] ^ name[1]) & 0x1f) == 0 &&
	       strcasecmp(h->name, name) == 0;
}

const char *header_find(const struct header headers[], int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (is_named(&headers[i], name))
			return headers[i].value;
	return NULL;
}

int header_times(const struct header headers[], int count, const char *name)
{
	int times = 0;

	for (int i = 0; i < count; i++)
		times += is_named(&headers[i], name);
	return times;
}

static bool is_of_proxy(const char *name)
{
	switch (name[0] | 0x20) {
	case 'f':
		return strcasecmp(name, "Forwarded") == 0;
	case 'v':
		return strcasecmp(name, "Via") == 0;
	case 'x':
		return strncasecmp(name, "X-Forwarded-", 12) == 0;
	}
	return false;
}

bool headers_are_forwarded(const struct header headers[], int count)
{
	for (int i = 0; i < count; i++)
		if (is_of_proxy(headers[i].name))
			return true;
	return false;
}
