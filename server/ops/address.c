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

/* The text has `bytes`, and fits. */
static bool tcp_read(const char *text, size_t bytes, struct address *ret)
{
	const char *colon = memrchr(text, ':', bytes);
	const char *host = text;
	size_t port_bytes, host_bytes;

	if (colon == NULL)
		return false;
	host_bytes = (size_t)(colon - text);
	port_bytes = bytes - host_bytes - 1;
	if (!port_is_valid(colon + 1, port_bytes))
		return false;
	if (host_bytes >= 2 && text[0] == '[' && colon[-1] == ']') {
		host++;
		host_bytes -= 2;
	} else if (memchr(text, ':', host_bytes) != NULL) {
		return false; /* an IPv6 address without brackets */
	}
	if (host_bytes >= sizeof(ret->host))
		return false;
	memcpy(ret->host, host, host_bytes);
	memcpy(ret->port, colon + 1, port_bytes);
	return true;
}

/* A file's whole name; an abstract one has neither mode nor group, and is everybody's. */
static bool unix_read(const char *path, size_t bytes, struct address *ret)
{
	if (bytes < 2 || bytes >= sizeof(ret->path) || path[0] != '/' || path[bytes - 1] == '/')
		return false;
	for (size_t i = 0; i < bytes; i++)
		if ((unsigned char)path[i] <= ' ' || path[i] == 0x7f)
			return false;
	ret->kind = ADDRESS_UNIX;
	ret->mode = UNIX_MODE_DEFAULT;
	memcpy(ret->path, path, bytes);
	return true;
}

static bool address_read(const char *text, size_t bytes, struct address *ret)
{
	static const char scheme[] = "unix:";
	size_t scheme_bytes = sizeof(scheme) - 1;

	*ret = (struct address){ 0 };
	if (bytes >= sizeof(ret->text))
		return false;
	memcpy(ret->text, text, bytes);
	if (bytes >= scheme_bytes && memcmp(text, scheme, scheme_bytes) == 0)
		return unix_read(text + scheme_bytes, bytes - scheme_bytes, ret);
	return tcp_read(text, bytes, ret);
}

static bool mode_read(const char *text, size_t bytes, unsigned *ret)
{
	unsigned mode = 0;

	if (bytes < 3 || bytes > 4 || (bytes == 4 && text[0] != '0'))
		return false;
	for (size_t i = 0; i < bytes; i++) {
		if (text[i] < '0' || text[i] > '7')
			return false;
		mode = mode * 8 + (unsigned)(text[i] - '0');
	}
	*ret = mode;
	return true;
}

static bool group_read(const char *text, size_t bytes, char ret[ADDRESS_GROUP_BYTES])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";

	if (bytes < 1 || bytes >= ADDRESS_GROUP_BYTES || strspn(text, letters) < bytes)
		return false;
	memcpy(ret, text, bytes);
	ret[bytes] = '\0';
	return true;
}

/* "mode=0660" and "group=NAME" are of the unix socket before them. */
static bool option_read(const char *text, size_t bytes, struct address *of, bool *ret_is_fit)
{
	static const char mode[] = "mode=", group[] = "group=";
	size_t mode_bytes = sizeof(mode) - 1, group_bytes = sizeof(group) - 1;
	bool is_mode = bytes >= mode_bytes && memcmp(text, mode, mode_bytes) == 0;
	bool is_group = bytes >= group_bytes && memcmp(text, group, group_bytes) == 0;

	if (!is_mode && !is_group)
		return false;
	*ret_is_fit = of != NULL && of->kind == ADDRESS_UNIX;
	if (*ret_is_fit && is_mode)
		*ret_is_fit = mode_read(text + mode_bytes, bytes - mode_bytes, &of->mode);
	else if (*ret_is_fit)
		*ret_is_fit = group_read(text + group_bytes, bytes - group_bytes, of->group);
	return true;
}

int addresses_read(const char *list, struct address ret[ADDRESSES_MAX])
{
	int count = 0;
	bool is_fit = true;

	for (const char *end; is_fit; list = end + 1) {
		const char *item = list + strspn(list, " ");
		size_t bytes;

		end = item + strcspn(item, ",");
		bytes = (size_t)(end - item);
		while (bytes > 0 && item[bytes - 1] == ' ')
			bytes--;
		if (!option_read(item, bytes, count > 0 ? &ret[count - 1] : NULL, &is_fit))
			is_fit = count < ADDRESSES_MAX && address_read(item, bytes, &ret[count++]);
		if (*end == '\0')
			break;
	}
	return is_fit ? count : -1;
}

bool addresses_are_valid(const char *list)
{
	struct address unused[ADDRESSES_MAX];

	return addresses_read(list, unused) > 0;
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
