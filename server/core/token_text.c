#include "core/token_text.h"
#include "base/check.h"
#include <string.h>

static bool is_secret_character(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

static size_t secret_bytes(const char *text, size_t bytes)
{
	size_t count = 0;

	while (count < bytes && is_secret_character(text[count]))
		count++;
	return count;
}

const char *token_text_find(const char *text, size_t bytes)
{
	const char *end = text + bytes;

	CHECK(text != NULL);
	for (; (size_t)(end - text) >= TOKEN_BYTES; text++) {
		const char *secret;

		/* Its underscore: of its three letters the one that texts have least of. */
		text = memchr(text + 2, '_', (size_t)(end - text) - TOKEN_BYTES + 1);
		if (text == NULL)
			return NULL;
		text -= 2;
		secret = text + TOKEN_BYTES - TOKEN_SECRET_BYTES;
		if (memcmp(text, "rl_", 3) == 0 && secret[-1] == '_' &&
		    token_public_is_valid(text + 3, TOKEN_PUBLIC_BYTES) &&
		    secret_bytes(secret, TOKEN_SECRET_BYTES) == TOKEN_SECRET_BYTES)
			return secret;
	}
	return NULL;
}

void token_text_cover(char *text, size_t bytes)
{
	size_t at = 0;
	const char *secret;

	CHECK(text != NULL);
	while ((secret = token_text_find(text + at, bytes - at)) != NULL) {
		size_t begin = (size_t)(secret - text);

		at = begin + secret_bytes(secret, bytes - begin);
		memset(text + begin, '*', at - begin);
	}
}
