#include "ops/disguise.h"
#include <ctype.h>
#include <string.h>

static const char stars[] = "***";

/* What a token's parts are made of. */
static size_t word_bytes(const char *text, const char *more)
{
	size_t bytes = 0;

	while (isalnum((unsigned char)text[bytes]) ||
	       (text[bytes] != '\0' && strchr(more, text[bytes]) != NULL))
		bytes++;
	return bytes;
}

/* Puts stars for the bytes, of which there are at least as many; returns what stands behind. */
static char *cover(char *text, size_t bytes)
{
	memcpy(text, stars, sizeof(stars) - 1);
	memmove(text + sizeof(stars) - 1, text + bytes, strlen(text + bytes) + 1);
	return text + sizeof(stars) - 1;
}

static void tokens_hide(char *text)
{
	while ((text = strstr(text, "rl_")) != NULL) {
		char *public = text + strlen("rl_");
		char *secret = public + word_bytes(public, "");
		size_t bytes = *secret == '_' ? word_bytes(secret + 1, "-_") : 0;

		text = public;
		if (secret > public && bytes >= sizeof(stars) - 1)
			text = cover(secret + 1, bytes);
	}
}

static void logins_hide(char *text)
{
	while ((text = strstr(text, "://")) != NULL) {
		char *login = text + strlen("://");
		size_t bytes = strcspn(login, "@/ \"'");

		text = login;
		if (login[bytes] == '@' && bytes >= sizeof(stars) - 1)
			text = cover(login, bytes);
	}
}

void disguise(char *text)
{
	tokens_hide(text);
	logins_hide(text);
}
