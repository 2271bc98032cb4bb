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

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool code_is_valid(const char *text, size_t bytes)
{
	if (bytes < 1 || bytes > CODE_BYTES_MAX || !is_letter_or_digit(text[0]))
		return false;
	for (size_t i = 1; i < bytes; i++) {
		char c = text[i];

		if (!is_letter_or_digit(c) && c != '.' && c != '_' && c != ':' && c != '-')
			return false;
	}
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
