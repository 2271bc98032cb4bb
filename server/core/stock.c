#include "core/stock.h"
#include <string.h>

_Static_assert(LEVEL_MAX <= INT64_MAX / 4, "levels are added without a look");
_Static_assert(CODE_BYTES_MAX >= 1, "a code has a first character");

bool stock_is_sound(const struct stock *s)
{
	bool is_bounded = s->on_hand >= -LEVEL_MAX && s->on_hand <= LEVEL_MAX && s->reserved >= 0 &&
			  s->reserved <= LEVEL_MAX;

	if (s->version == 0) /* never stocked; it has an id if somebody typed it in empty */
		return s->id >= 0 && s->on_hand == 0 && s->reserved == 0 && s->seq == 0;
	return is_bounded && s->id >= 0 && s->version > 0 && s->version <= VERSION_MAX &&
	       s->seq > 0 && s->seq <= VERSION_MAX;
}

/* What may stand in a code: 1, and as its first character, too: 2. */
static const unsigned char code_characters[256] = {
	['A' ... 'Z'] = 2, ['a' ... 'z'] = 2, ['0' ... '9'] = 2, ['.'] = 1,
	['_'] = 1,         [':'] = 1,         ['-'] = 1,
};

bool code_is_valid(const char *text, size_t bytes)
{
	const unsigned char *c = (const unsigned char *)text;

	if (bytes < 1 || bytes > CODE_BYTES_MAX || code_characters[c[0]] != 2)
		return false;
	for (size_t i = 1; i < bytes; i++)
		if (code_characters[c[i]] == 0)
			return false;
	return true;
}

bool code_set(struct code *c, const char *text, size_t bytes)
{
	if (!code_is_valid(text, bytes))
		return false;
	memcpy(c->text, text, bytes);
	c->text[bytes] = '\0';
	return true;
}
