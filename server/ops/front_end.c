#include "ops/front_end.h"
#include "base/clock.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HOST_BYTES = 50 }; /* with a port or a process's id it is short enough */

static bool is_letter(char c)
{
	return c != '\0' &&
	       strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", c) != NULL;
}

static bool is_of_name(char c)
{
	return is_letter(c) || (c != '\0' && strchr("._:-", c) != NULL);
}

bool front_end_name_is_valid(const char *text)
{
	size_t bytes = strlen(text);

	for (size_t i = 0; i < bytes; i++)
		if (!is_of_name(text[i]))
			return false;
	return bytes < FRONT_END_NAME_BYTES && is_letter(text[0]);
}

bool front_end_address_is_valid(const char *text)
{
	size_t bytes = strlen(text);

	for (size_t i = 0; i < bytes; i++)
		if (!isgraph((unsigned char)text[i]))
			return false;
	return bytes > 0 && bytes < FRONT_END_ADDRESS_BYTES;
}

/* What of the machine's name is none of ours is left out. */
static void host_name(char ret[HOST_BYTES])
{
	char text[256] = "";
	size_t n = 0;

	(void)gethostname(text, sizeof(text) - 1);
	for (size_t i = 0; text[i] != '\0' && n < HOST_BYTES - 1; i++)
		if (n > 0 ? is_of_name(text[i]) : is_letter(text[i]))
			ret[n++] = text[i];
	ret[n] = '\0';
	if (n == 0)
		snprintf(ret, HOST_BYTES, "localhost");
}

void front_end_make_name(int port, char ret[FRONT_END_NAME_BYTES])
{
	char host[HOST_BYTES];

	host_name(host);
	if (port > 0)
		snprintf(ret, FRONT_END_NAME_BYTES, "%s:%d", host, port);
	else
		snprintf(ret, FRONT_END_NAME_BYTES, "%s-%d", host, (int)getpid());
}

void front_end_make_address(int port, char ret[FRONT_END_ADDRESS_BYTES])
{
	char host[HOST_BYTES];

	host_name(host);
	snprintf(ret, FRONT_END_ADDRESS_BYTES, "http://%s:%d", host, port);
}

static struct front_end self;

void front_end_be(const char *name, const char *address)
{
	snprintf(self.name, sizeof(self.name), "%s", name);
	snprintf(self.address, sizeof(self.address), "%s", address);
	self.started_at_ms = clock_utc_ms();
}

const struct front_end *front_end_self(void)
{
	return &self;
}
