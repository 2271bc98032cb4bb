#include "base/text.h"
#include "base/check.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_FIRST_BYTES = 256 };

void text_init(struct text *t)
{
	*t = (struct text){ 0 };
}

void text_fini(struct text *t)
{
	free(t->data);
	text_init(t);
}

void text_reserve(struct text *t, size_t bytes)
{
	size_t need = t->byte_count + bytes + 1;
	size_t capacity = t->capacity > 0 ? t->capacity : TEXT_FIRST_BYTES;

	if (t->failed || need <= t->capacity)
		return;
	while (capacity < need)
		capacity *= 2;

	char *data = realloc(t->data, capacity);

	if (data == NULL) {
		t->failed = true;
		return;
	}
	t->data = data;
	t->capacity = capacity;
	t->data[t->byte_count] = '\0';
}

void text_add_bytes(struct text *t, const void *bytes, size_t byte_count)
{
	text_reserve(t, byte_count);
	if (t->failed)
		return;
	memcpy(t->data + t->byte_count, bytes, byte_count);
	t->byte_count += byte_count;
	t->data[t->byte_count] = '\0';
}

void text_add(struct text *t, const char *s)
{
	text_add_bytes(t, s, strlen(s));
}

void text_add_char(struct text *t, char c)
{
	text_add_bytes(t, &c, 1);
}

void text_add_int(struct text *t, int64_t n)
{
	char buffer[20];

	text_add_bytes(t, buffer, text_format_int(buffer, n));
}

void text_add_format(struct text *t, const char *format, ...)
{
	va_list arguments, again;

	va_start(arguments, format);
	va_copy(again, arguments);

	int bytes = vsnprintf(NULL, 0, format, arguments);

	CHECK(bytes >= 0);
	text_reserve(t, (size_t)bytes);
	if (!t->failed) {
		vsnprintf(t->data + t->byte_count, (size_t)bytes + 1, format, again);
		t->byte_count += (size_t)bytes;
	}
	va_end(again);
	va_end(arguments);
}

char *text_take(struct text *t)
{
	text_reserve(t, 0);

	char *data = t->failed ? NULL : t->data;

	if (t->failed)
		free(t->data);
	text_init(t);
	return data;
}

size_t text_format_int(char buffer[20], int64_t n)
{
	char digits[20];
	size_t count = 0, bytes = 0;
	uint64_t left = n < 0 ? UINT64_C(0) - (uint64_t)n : (uint64_t)n;

	do {
		digits[count++] = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (n < 0)
		buffer[bytes++] = '-';
	while (count > 0)
		buffer[bytes++] = digits[--count];
	return bytes;
}
