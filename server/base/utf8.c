#include "base/utf8.h"
#include <stdint.h>
#include <string.h>

/* What the first byte says: how many follow, and what the second one may be. */
struct lead {
	size_t byte_count; /* 0: no character begins so */
	unsigned char second_least;
	unsigned char second_most;
};

/* Table 3-7 of the Unicode standard: the second byte is what keeps out the forms that are not. */
static struct lead lead_of(unsigned char c)
{
	if (c < 0xc2)
		return (struct lead){ c < 0x80 ? 1 : 0, 0, 0 };
	if (c < 0xe0)
		return (struct lead){ 2, 0x80, 0xbf };
	if (c < 0xf0)
		return (struct lead){ 3, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf };
	if (c < 0xf5)
		return (struct lead){ 4, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf };
	return (struct lead){ 0, 0, 0 };
}

size_t utf8_character_bytes(const char *s, size_t byte_count)
{
	const unsigned char *c = (const unsigned char *)s;
	struct lead lead = byte_count > 0 ? lead_of(c[0]) : (struct lead){ 0, 0, 0 };

	if (lead.byte_count < 2)
		return lead.byte_count;
	if (byte_count < lead.byte_count || c[1] < lead.second_least || c[1] > lead.second_most)
		return 0;
	for (size_t i = 2; i < lead.byte_count; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	return lead.byte_count;
}

/* How many of the first bytes are ASCII without a NUL, as far as eight at a time tell. */
static size_t plain_bytes(const char *s, size_t byte_count)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
	size_t i = 0;
	uint64_t eight;

	for (; byte_count - i >= sizeof(eight); i += sizeof(eight)) {
		memcpy(&eight, s + i, sizeof(eight));
		/*
		 * Without high bits, taking one from each byte sets that of a zero, and no other's.
		 */
		if (((eight | (eight - ones)) & highs) != 0)
			break;
	}
	return i;
}

bool utf8_is_sound(const char *s, size_t byte_count)
{
	size_t bytes;

	for (size_t i = plain_bytes(s, byte_count); i < byte_count; i += bytes) {
		bytes = s[i] != '\0' ? utf8_character_bytes(s + i, byte_count - i) : 0;
		if (bytes == 0)
			return false;
	}
	return true;
}

size_t utf8_mend(char *out, const char *s, size_t byte_count)
{
	size_t written = 0;

	for (size_t i = 0; i < byte_count;) {
		size_t bytes = s[i] != '\0' ? utf8_character_bytes(s + i, byte_count - i) : 0;

		if (bytes > 0)
			memcpy(out + written, s + i, bytes);
		else
			memcpy(out + written, UTF8_REPLACEMENT, UTF8_REPLACEMENT_BYTES);
		written += bytes > 0 ? bytes : UTF8_REPLACEMENT_BYTES;
		i += bytes > 0 ? bytes : 1;
	}
	out[written] = '\0';
	return written;
}

size_t utf8_prefix_bytes(const char *s, size_t characters)
{
	size_t i = 0;

	while (s[i] != '\0' && ((s[i] & 0xc0) == 0x80 || characters-- > 0))
		i++;
	return i;
}
