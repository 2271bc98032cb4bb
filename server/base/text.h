/*
 * text - a growing piece of text.
 *
 *     struct text t;
 *     text_init(&t);
 *     text_add(&t, "version ");
 *     text_add_int(&t, 12);
 *     if (t.failed) ...                 // memory was short: the text is cut, say so instead
 *     free(text_take(&t));              // or text_fini(&t)
 *
 * Always NUL-terminated. A failed allocation is remembered instead of being returned each time, so
 * that writers stay readable; whoever sends the text looks once. Threads: one at a time.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *data; /* NULL while nothing was added */
	size_t byte_count;
	size_t capacity;
	bool failed;
};

void text_init(struct text *t);
void text_fini(struct text *t);

/* Makes room for `bytes` more, so that many small adds allocate once. */
void text_reserve(struct text *t, size_t bytes);

void text_add_bytes(struct text *t, const void *bytes, size_t byte_count);
void text_add(struct text *t, const char *s);
void text_add_char(struct text *t, char c);
void text_add_int(struct text *t, int64_t n);
void text_add_format(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Hands the malloc'ed text over and starts anew; NULL when it failed. "" when it is empty. */
char *text_take(struct text *t);

/*
 * A number as an operator types it: decimal digits and nothing else, "0" to "4294967295". False: it
 * is none, since it is empty, signed, has a blank, or is larger.
 */
bool text_read_uint32(const char *text, uint32_t *ret);

/* Writes n in decimal and returns the bytes written: 1 to 20, no NUL. */
size_t text_format_int(char buffer[20], int64_t n);
