#include "ops/trust.h"
#include "base/check.h"
#include <arpa/inet.h>
#include <string.h>

/* Roles as core/access.h has them, of which this layer knows nothing; a test compares them. */
static const char *const roles[] = { "reader", "clerk", "writer", "admin" };

/* ---------------------------------------------------------------- lists */

struct item {
	const char *text;
	size_t bytes;
};

/* The next one, without the blanks around it; false: there is none. */
static bool item_next(const char **at, struct item *ret)
{
	if (*at == NULL)
		return false;
	ret->text = *at + strspn(*at, " ");
	ret->bytes = strcspn(ret->text, ",");
	*at = ret->text[ret->bytes] == ',' ? ret->text + ret->bytes + 1 : NULL;
	while (ret->bytes > 0 && ret->text[ret->bytes - 1] == ' ')
		ret->bytes--;
	return true;
}

static const char *list_begin(const char *list)
{
	return list[strspn(list, " ")] == '\0' ? NULL : list;
}

static bool item_copy(const char *text, size_t bytes, char *ret, size_t room)
{
	if (bytes < 1 || bytes >= room)
		return false;
	memcpy(ret, text, bytes);
	ret[bytes] = '\0';
	return true;
}

/* ---------------------------------------------------------------- proxies */

static bool ip_read(const char *text, uint8_t ret[IP_BYTES])
{
	static const uint8_t ipv4_prefix[] = { [10] = 0xff, [11] = 0xff };
	uint8_t four[4];

	if (inet_pton(AF_INET6, text, ret) == 1)
		return true;
	if (inet_pton(AF_INET, text, four) != 1)
		return false;
	memcpy(ret, ipv4_prefix, sizeof(ipv4_prefix));
	memcpy(ret + sizeof(ipv4_prefix), four, sizeof(four));
	return true;
}

bool trusted_proxies_read(const char *list, struct trusted_proxies *ret)
{
	const char *at = list_begin(list);
	struct item item;

	*ret = (struct trusted_proxies){ 0 };
	while (item_next(&at, &item)) {
		char text[INET6_ADDRSTRLEN];

		if (!item_copy(item.text, item.bytes, text, sizeof(text)))
			return false;
		if (strcmp(text, "unix") == 0)
			ret->is_unix = true;
		else if (ret->count == PROXIES_MAX || !ip_read(text, ret->addresses[ret->count++]))
			return false;
	}
	return true;
}

bool trusted_proxies_are_valid(const char *list)
{
	struct trusted_proxies unused;

	return trusted_proxies_read(list, &unused);
}

/* ---------------------------------------------------------------- roles of local users */

static bool role_is_known(const char *text)
{
	for (size_t i = 0; i < LENGTH_OF(roles); i++)
		if (strcmp(roles[i], text) == 0)
			return true;
	return false;
}

static bool socket_role_read(const struct item *item, struct socket_role *ret)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	const char *equals = memchr(item->text, '=', item->bytes);
	size_t user_bytes;

	if (equals == NULL)
		return false;
	user_bytes = (size_t)(equals - item->text);
	return item_copy(item->text, user_bytes, ret->user, sizeof(ret->user)) &&
	       strspn(ret->user, letters) == user_bytes &&
	       item_copy(equals + 1, item->bytes - user_bytes - 1, ret->role, sizeof(ret->role)) &&
	       role_is_known(ret->role);
}

int socket_roles_read(const char *list, struct socket_role ret[SOCKET_ROLES_MAX])
{
	const char *at = list_begin(list);
	struct item item;
	int count = 0;

	while (item_next(&at, &item)) {
		if (count == SOCKET_ROLES_MAX || !socket_role_read(&item, &ret[count]))
			return -1;
		for (int i = 0; i < count; i++)
			if (strcmp(ret[i].user, ret[count].user) == 0)
				return -1;
		count++;
	}
	return count;
}

bool socket_roles_are_valid(const char *list)
{
	struct socket_role unused[SOCKET_ROLES_MAX];

	return socket_roles_read(list, unused) >= 0;
}
