#include "ops/disguise.h"
#include <ctype.h>
#include <stdbool.h>
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

/* Does a database's address end here? Its password may have any character in it. */
static bool is_of_database(const char *text, const char *colon)
{
	static const char *const schemes[] = { "postgresql", "postgres" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t bytes = strlen(schemes[i]);

		if ((size_t)(colon - text) >= bytes &&
		    memcmp(colon - bytes, schemes[i], bytes) == 0)
			return true;
	}
	return false;
}

/*
 * Of `bytes` behind the scheme, those before the '@' of the login; 0: there is none. Who forgot to
 * write a '/' or an '@' of the password otherwise has the login's '@' further on; where it comes
 * behind the path's '?' it is of a parameter.
 */
static size_t database_login_bytes(const char *login, size_t bytes)
{
	const char *at = memchr(login, '@', bytes), *slash, *question;

	if (at == NULL)
		return 0;
	slash = memchr(login, '/', (size_t)(at - login));
	question = slash != NULL ? memchr(slash, '?', (size_t)(at - slash)) : NULL;
	if (question != NULL)
		return 0;
	question = memchr(at, '?', bytes - (size_t)(at - login));
	bytes = question != NULL ? (size_t)(question - login) : bytes;
	at = memrchr(login, '@', bytes);
	return (size_t)(at - login);
}

static size_t login_bytes(const char *login)
{
	size_t bytes = strcspn(login, "@/ \"'");

	return login[bytes] == '@' ? bytes : 0;
}

static void logins_hide(char *text)
{
	const char *begin = text;

	while ((text = strstr(text, "://")) != NULL) {
		char *login = text + strlen("://");
		size_t bytes = is_of_database(begin, text)
				       ? database_login_bytes(login, strcspn(login, " \"'"))
				       : login_bytes(login);

		text = login;
		if (bytes >= sizeof(stars) - 1)
			text = cover(login, bytes);
	}
}

/* Is a parameter of this name a secret? One that is written in code may be. */
static bool is_secret(const char *name, size_t bytes)
{
	static const char *const words[] = { "password", "secret", "scram" };
	char copy[64];

	if (bytes == 0 || bytes >= sizeof(copy))
		return false;
	memcpy(copy, name, bytes);
	copy[bytes] = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(copy, words[i]) != NULL)
			return true;
	return memchr(copy, '%', bytes) != NULL;
}

static void parameters_hide(char *text)
{
	for (char *equals = text; (equals = strchr(equals, '=')) != NULL; equals++) {
		const char *name = equals;
		size_t bytes = strcspn(equals + 1, "& \"'");

		while (name > text && (isalnum((unsigned char)name[-1]) || strchr("_%", name[-1])))
			name--;
		if (!is_secret(name, (size_t)(equals - name)))
			continue;
		if (bytes >= sizeof(stars) - 1)
			cover(equals + 1, bytes);
		else
			memset(equals + 1, '*', bytes);
	}
}

void disguise(char *text)
{
	tokens_hide(text);
	logins_hide(text);
	parameters_hide(text);
}

void disguise_address(char *text)
{
	char *login = strstr(text, "://");
	size_t bytes;

	if (login != NULL && is_of_database(text, login)) {
		login += strlen("://");
		bytes = database_login_bytes(login, strlen(login));
		if (bytes >= sizeof(stars) - 1)
			cover(login, bytes);
	}
	disguise(text);
}
