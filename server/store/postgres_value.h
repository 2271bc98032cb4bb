/*
 * postgres_value - what a statement is given, and what it answers, in PostgreSQL's binary form.
 *
 *     struct postgres_value v[] = { value_int(7), value_text("WH1"),
 *                                   value_int_array(arena, ids, count) };
 *     postgres_add(link, STATEMENT, LENGTH_OF(v), v);
 *
 * A value says its type, so that a statement is prepared with it: an int is a bigint also where the
 * column is an integer (an assignment casts it). Values keep pointers: what they point to must last
 * until postgres_send(). One for which memory was short is noticed there: -ENOMEM, and nothing was
 * sent.
 *
 * Threads: any, none inside. Cost: O(bytes); an array is one piece of the arena.
 */
#pragma once
#include "base/arena.h"
#include "core/stock.h"
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In an array of ints: NULL. */
#define POSTGRES_NULL_INT INT64_MIN

/* pg_type.oid of what we send and take; these numbers never change. */
enum postgres_type {
	POSTGRES_ANY = 0, /* the statement says it */
	POSTGRES_BOOL = 16,
	POSTGRES_BYTES = 17,
	POSTGRES_INT8 = 20,
	POSTGRES_INT2 = 21,
	POSTGRES_INT4 = 23,
	POSTGRES_TEXT = 25,
	POSTGRES_BOOL_ARRAY = 1000,
	POSTGRES_TEXT_ARRAY = 1009,
	POSTGRES_INT8_ARRAY = 1016,
};

/* Of a statement. */
enum { POSTGRES_PARAMS_MAX = 48 };

enum { POSTGRES_VALUE_NULL = -1, POSTGRES_VALUE_SHORT = -2 };

struct postgres_value {
	const char *data; /* NULL: the bytes are in `few` */
	int length;       /* in bytes; POSTGRES_VALUE_NULL, or _SHORT: memory was */
	int is_binary;    /* 1, or 0: as text */
	unsigned type;    /* enum postgres_type */
	unsigned char few[8];
};

struct postgres_value value_null(void);
struct postgres_value value_int(int64_t n);
/* NULL where n is POSTGRES_NULL_INT. */
struct postgres_value value_int_or_null(int64_t n);
struct postgres_value value_bool(bool b);
struct postgres_value value_text(const char *text); /* NULL: NULL */
struct postgres_value value_bytes(const void *bytes, size_t byte_count);
/* An element may be POSTGRES_NULL_INT, or a text NULL. */
struct postgres_value value_int_array(struct arena *a, const int64_t ints[], size_t count);
struct postgres_value value_text_array(struct arena *a, const char *const texts[], size_t count);
struct postgres_value value_bool_array(struct arena *a, const bool bools[], size_t count);

/*
 * Fields of a result. The column's type is one of those that are asked for; anything else is -
 * a schema that is not ours - 0 or NULL, as is NULL.
 */
bool postgres_is_null(const PGresult *result, int row, int column);
int64_t postgres_int(const PGresult *result, int row, int column); /* int2, int4, int8 or bool */
int64_t postgres_int_or(const PGresult *result, int row, int column, int64_t if_null);
bool postgres_bool(const PGresult *result, int row, int column);
/* As long as the result. NULL: NULL. */
const char *postgres_peek_text(const PGresult *result, int row, int column);
/* A copy in the arena; NULL for NULL. 0 or -ENOMEM. */
int postgres_text(const PGresult *result, int row, int column, struct arena *a, const char **ret);
/* "" where it is NULL or longer than a code may be; it need not be one that code_is_valid(). */
void postgres_code(const PGresult *result, int row, int column, struct code *ret);
/* As long as the result; *ret_count bytes. */
const void *postgres_bytes(const PGresult *result, int row, int column, size_t *ret_count);

/* For CLEANUP(): of a result; NULL is fine. */
void postgres_clear(PGresult **result);

/* How many rows the statement has made, changed or deleted; 0: it is none that does. */
int postgres_changed(const PGresult *result);
