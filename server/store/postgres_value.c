/* postgres_value - PostgreSQL's binary form: big-endian integers, arrays with a head. */
#include "store/postgres_value.h"
#include "base/check.h"
#include "base/fault.h"
#include <endian.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Dimensions, flags, type, length, lower bound: what array_recv() reads ahead of the elements. */
enum { ARRAY_HEAD_BYTES = 20, ELEMENT_HEAD_BYTES = 4 };

static void put32(unsigned char *at, uint32_t n)
{
	CHECK(at != NULL);
	n = htobe32(n);
	memcpy(at, &n, sizeof(n));
}

static void put64(unsigned char *at, int64_t n)
{
	uint64_t u = htobe64((uint64_t)n);

	CHECK(at != NULL);
	memcpy(at, &u, sizeof(u));
}

static int64_t get_int(const char *at, int bytes)
{
	uint64_t n = 0;

	CHECK(bytes <= 8);
	for (int i = 0; i < bytes; i++)
		n = n << 8 | (unsigned char)at[i];
	if (bytes < 8 && (n & UINT64_C(1) << (bytes * 8 - 1)) != 0)
		n |= ~UINT64_C(0) << (bytes * 8);
	return (int64_t)n;
}

/* ---------------------------------------------------------------- what is given */

struct postgres_value value_null(void)
{
	return (struct postgres_value){ .length = POSTGRES_VALUE_NULL, .is_binary = 1 };
}

struct postgres_value value_int(int64_t n)
{
	struct postgres_value v = { .length = 8, .is_binary = 1, .type = POSTGRES_INT8 };

	put64(v.few, n);
	return v;
}

struct postgres_value value_int_or_null(int64_t n)
{
	struct postgres_value v = value_int(n);

	if (n == POSTGRES_NULL_INT)
		v.length = POSTGRES_VALUE_NULL;
	return v;
}

struct postgres_value value_bool(bool b)
{
	return (struct postgres_value){
		.length = 1, .is_binary = 1, .type = POSTGRES_BOOL, .few = { b }
	};
}

struct postgres_value value_text(const char *text)
{
	struct postgres_value v = { .data = text, .is_binary = 1, .type = POSTGRES_TEXT };

	v.length = text == NULL ? POSTGRES_VALUE_NULL : (int)strlen(text);
	return v;
}

struct postgres_value value_bytes(const void *bytes, size_t byte_count)
{
	CHECK(byte_count <= INT32_MAX);
	CHECK(bytes != NULL);
	return (struct postgres_value){
		.data = bytes, .length = (int)byte_count, .is_binary = 1, .type = POSTGRES_BYTES
	};
}

/* Room for the elements' bytes behind the head, which is written; NULL: memory is short. */
static unsigned char *begin_array(struct arena *a, struct postgres_value *ret, size_t count,
				  size_t element_bytes, bool has_nulls, unsigned element_type)
{
	/* An empty array has no dimension, and so no length and no bound either. */
	size_t head = count > 0 ? ARRAY_HEAD_BYTES : ARRAY_HEAD_BYTES - 8;
	size_t bytes = head + count * ELEMENT_HEAD_BYTES + element_bytes;
	unsigned char *at = bytes <= INT32_MAX ? arena_alloc(a, bytes) : NULL;

	CHECK(count <= INT32_MAX);
	ret->is_binary = 1;
	ret->length = at != NULL ? (int)bytes : POSTGRES_VALUE_SHORT;
	ret->data = (const char *)at;
	if (at == NULL)
		return NULL;
	put32(at, count > 0);
	put32(at + 4, has_nulls);
	put32(at + 8, element_type);
	if (count == 0)
		return at + head;
	put32(at + 12, (uint32_t)count);
	put32(at + 16, 1);
	return at + head;
}

static unsigned char *put_null(unsigned char *at)
{
	CHECK(at != NULL);
	put32(at, UINT32_MAX);
	return at + ELEMENT_HEAD_BYTES;
}

struct postgres_value value_int_array(struct arena *a, const int64_t ints[], size_t count)
{
	struct postgres_value v = { .type = POSTGRES_INT8_ARRAY };
	size_t null_count = 0;
	unsigned char *at;

	for (size_t i = 0; i < count; i++)
		null_count += ints[i] == POSTGRES_NULL_INT;
	CHECK(null_count <= count);
	at = begin_array(a, &v, count, (count - null_count) * 8, null_count > 0, POSTGRES_INT8);
	for (size_t i = 0; at != NULL && i < count; i++) {
		if (ints[i] == POSTGRES_NULL_INT) {
			at = put_null(at);
			continue;
		}
		put32(at, 8);
		put64(at + ELEMENT_HEAD_BYTES, ints[i]);
		at += ELEMENT_HEAD_BYTES + 8;
	}
	return v;
}

struct postgres_value value_text_array(struct arena *a, const char *const texts[], size_t count)
{
	struct postgres_value v = { .type = POSTGRES_TEXT_ARRAY };
	bool has_nulls = false;
	size_t bytes = 0;
	unsigned char *at;

	for (size_t i = 0; i < count; i++) {
		bytes += texts[i] != NULL ? strlen(texts[i]) : 0;
		has_nulls = has_nulls || texts[i] == NULL;
	}
	at = begin_array(a, &v, count, bytes, has_nulls, POSTGRES_TEXT);
	CHECK(IMPLIES(at == NULL, v.length == POSTGRES_VALUE_SHORT));
	for (size_t i = 0; at != NULL && i < count; i++) {
		if (texts[i] == NULL) {
			at = put_null(at);
			continue;
		}
		bytes = strlen(texts[i]);
		put32(at, (uint32_t)bytes);
		memcpy(at + ELEMENT_HEAD_BYTES, texts[i], bytes);
		at += ELEMENT_HEAD_BYTES + bytes;
	}
	return v;
}

struct postgres_value value_bool_array(struct arena *a, const bool bools[], size_t count)
{
	struct postgres_value v = { .type = POSTGRES_BOOL_ARRAY };
	unsigned char *at = begin_array(a, &v, count, count, false, POSTGRES_BOOL);

	CHECK(IMPLIES(at == NULL, v.length == POSTGRES_VALUE_SHORT));
	for (size_t i = 0; at != NULL && i < count; i++) {
		put32(at, 1);
		at[ELEMENT_HEAD_BYTES] = bools[i];
		at += ELEMENT_HEAD_BYTES + 1;
	}
	return v;
}

/* ---------------------------------------------------------------- what is answered */

bool postgres_is_null(const PGresult *result, int row, int column)
{
	CHECK(row < PQntuples(result));
	CHECK(column < PQnfields(result));
	return PQgetisnull(result, row, column) != 0;
}

int64_t postgres_int_or(const PGresult *result, int row, int column, int64_t if_null)
{
	int bytes = PQgetlength(result, row, column);
	Oid type = PQftype(result, column);

	if (postgres_is_null(result, row, column))
		return if_null;
	if (type != POSTGRES_BOOL && type != POSTGRES_INT2 && type != POSTGRES_INT4 &&
	    type != POSTGRES_INT8)
		return 0;
	CHECK(PQfformat(result, column) == 1);
	return get_int(PQgetvalue(result, row, column), bytes);
}

int64_t postgres_int(const PGresult *result, int row, int column)
{
	CHECK(result != NULL);
	return postgres_int_or(result, row, column, 0);
}

bool postgres_bool(const PGresult *result, int row, int column)
{
	return postgres_int(result, row, column) != 0;
}

const char *postgres_peek_text(const PGresult *result, int row, int column)
{
	CHECK(result != NULL);
	return postgres_is_null(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

int postgres_text(const PGresult *result, int row, int column, struct arena *a, const char **ret)
{
	const char *text = postgres_peek_text(result, row, column);
	char *copy;

	if (text == NULL) {
		*ret = NULL;
		return 0;
	}
	copy = arena_copy(a, text, (size_t)PQgetlength(result, row, column));
	if (copy == NULL)
		return FAULT(-ENOMEM);
	*ret = copy;
	return 0;
}

void postgres_code(const PGresult *result, int row, int column, struct code *ret)
{
	const char *text = postgres_peek_text(result, row, column);

	CHECK(ret != NULL);
	memset(ret, 0, sizeof(*ret));
	if (text != NULL && (size_t)PQgetlength(result, row, column) <= CODE_BYTES_MAX)
		memcpy(ret->text, text, (size_t)PQgetlength(result, row, column));
}

const void *postgres_bytes(const PGresult *result, int row, int column, size_t *ret_count)
{
	CHECK(ret_count != NULL);
	*ret_count = (size_t)PQgetlength(result, row, column);
	return postgres_is_null(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

void postgres_clear(PGresult **result)
{
	PQclear(*result);
	*result = NULL;
}

int postgres_changed(const PGresult *result)
{
	long count = strtol(PQcmdTuples((PGresult *)result), NULL, 10);

	CHECK(count >= 0);
	return count > INT_MAX ? INT_MAX : (int)count;
}
