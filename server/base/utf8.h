/*
 * utf8 - what is UTF-8 and what only looks like text.
 *
 * Requests are judged when they are read; a store may hold anything, since people type into it. So
 * what comes out of it, and whatever becomes an answer, is made UTF-8 here: each byte that belongs
 * to no character is shown as U+FFFD, and so is a NUL, which would end the text for most readers.
 * Overlong forms, halves of surrogate pairs and what lies beyond U+10FFFF are no characters.
 *
 * Threads: none inside. Cost: plain ASCII is looked at eight bytes at a time.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd"

enum { UTF8_REPLACEMENT_BYTES = 3 };

/*
 * The bytes of the character that s begins with, 1 to 4; 0: it begins with none. A NUL is one of 1
 * byte. Reads no further than byte_count, nor behind the first byte that does not belong to it: a
 * NUL-terminated text may be given with any byte_count.
 */
size_t utf8_character_bytes(const char *s, size_t byte_count);

/* Is all of it UTF-8, without a NUL? */
bool utf8_is_sound(const char *s, size_t byte_count);

/*
 * Makes it so: at most UTF8_REPLACEMENT_BYTES times as many bytes, and a NUL behind them. Returns
 * how many were written, without that NUL.
 */
size_t utf8_mend(char *out, const char *s, size_t byte_count);

/* How many bytes its first `characters` have, or all of it; of a sound text. */
size_t utf8_prefix_bytes(const char *s, size_t characters);
