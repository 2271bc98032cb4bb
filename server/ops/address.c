#include "ops/address.h"
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const char digits[] = "0123456789";

static bool port_is_valid(const char *port, size_t bytes)
{
	int number = 0;

	if (bytes < 1 || bytes > 5 || strspn(port, digits) < bytes)
		return false;
	for (size_t i = 0; i < bytes; i++)
		number = number * 10 + (port[i] - '0');
	return number <= UINT16_MAX;
}

bool address_read(const char *text, struct address *ret)
{
	const char *colon = strrchr(text, ':');
	const char *host = text;
	size_t bytes;

	if (colon == NULL || !port_is_valid(colon + 1, strlen(colon + 1)))
		return false;
	bytes = (size_t)(colon - text);
	if (bytes >= 2 && text[0] == '[' && colon[-1] == ']') {
		host++;
		bytes -= 2;
	} else if (memchr(text, ':', bytes) != NULL) {
		return false; /* an IPv6 address without brackets */
	}
	if (bytes >= sizeof(ret->host))
		return false;
	memcpy(ret->host, host, bytes);
	ret->host[bytes] = '\0';
	strcpy(ret->port, colon + 1);
	return true;
}

static bool host_name_is_valid(const char *name, size_t bytes)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.-_";
	bool is_six = name[0] == '[';
	size_t host =
		is_six ? 1 + strspn(name + 1, "0123456789abcdefABCDEF:.") : strspn(name, letters);

	if (is_six && name[host++] != ']')
		return false;
	if (host == 0 || host > bytes || host >= ADDRESS_HOST_BYTES)
		return false;
	return host == bytes ||
	       (name[host] == ':' && port_is_valid(name + host + 1, bytes - host - 1));
}

bool host_names_are_valid(const char *names)
{
	int count = 0;

	for (names += strspn(names, ", "); *names != '\0'; names += strspn(names, ", ")) {
		size_t bytes = strcspn(names, ", ");

		if (++count > HOST_NAMES_MAX || !host_name_is_valid(names, bytes))
			return false;
		names += bytes;
	}
	return true;
}
