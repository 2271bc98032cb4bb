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

bool text_read_uint32(const char *text, uint32_t *ret)
{
	uint64_t number = 0;

	if (text[0] == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		number = number * 10 + (uint64_t)(*text - '0');
		if (number > UINT32_MAX)
			return false;
	}
	*ret = (uint32_t)number;
	return true;
}

/* 00 to 99, so that one division makes two digits. */
static const char pairs[] = "0001020304050607080910111213141516171819202122232425262728293031323334"
			    "3536373839404142434445464748495051525354555657585960616263646566676869"
			    "707172737475767778798081828384858687888990919293949596979899";

static const uint64_t powers_of_ten[] = {
	UINT64_C(1),
	UINT64_C(10),
	UINT64_C(100),
	UINT64_C(1000),
	UINT64_C(10000),
	UINT64_C(100000),
	UINT64_C(1000000),
	UINT64_C(10000000),
	UINT64_C(100000000),
	UINT64_C(1000000000),
	UINT64_C(10000000000),
	UINT64_C(100000000000),
	UINT64_C(1000000000000),
	UINT64_C(10000000000000),
	UINT64_C(100000000000000),
	UINT64_C(1000000000000000),
	UINT64_C(10000000000000000),
	UINT64_C(100000000000000000),
	UINT64_C(1000000000000000000),
	UINT64_C(10000000000000000000),
};

/*
 * The last digits are written first, so how many there are must be known. 1233 / 4096 is the
 * logarithm of 2, nearly; one comparison puts right what is missing (Sean Anderson, "Bit Twiddling
 * Hacks", integer log base 10).
 */
static size_t digit_count(uint64_t n)
{
	size_t guess;

	n |= 1; /* 0 has a digit, too; no other number gets one more by it */
	guess = (64 - (size_t)__builtin_clzll(n)) * 1233 >> 12;
	return guess + (n >= powers_of_ten[guess]);
}

size_t text_format_int(char buffer[20], int64_t n)
{
	uint64_t left = n < 0 ? UINT64_C(0) - (uint64_t)n : (uint64_t)n;
	size_t bytes = digit_count(left) + (n < 0);
	char *at = buffer + bytes;

	for (; left >= 100; left /= 100)
		memcpy(at -= 2, pairs + left % 100 * 2, 2);
	if (left >= 10)
		memcpy(at - 2, pairs + left * 2, 2);
	else
		at[-1] = (char)('0' + left);
	if (n < 0)
		buffer[0] = '-';
	return bytes;
}
