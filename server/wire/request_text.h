/*
 * request_text - the small languages inside of a request: path segments, query parameters, and the
 * headers that commands depend on.
 *
 * All of them are read strictly, each from one text, into structs. Threads: none inside.
 */
#pragma once
#include "base/arena.h"
#include "core/command.h"

/* ---------------------------------------------------------------- path and query */

/*
 * Decodes one raw segment of a path, %XX once. NULL: a bad escape, %00 or %2F (a segment cannot hold
 * them), or memory was short.
 */
char *segment_decode(struct arena *a, const char *raw, size_t byte_count);

/* One name=value of a query; value "" when there is none. */
struct parameter {
	const char *name;
	const char *value;
};

struct query {
	int count;
	struct parameter parameters[PARAMETERS_MAX];
};

/* Splits and decodes (also '+'). False: a bad escape, or more than PARAMETERS_MAX. raw may be NULL. */
bool query_read(struct query *q, struct arena *a, const char *raw);

/* The value, or NULL. */
const char *query_value(const struct query *q, const char *name);

/* Decimal digits only (an optional '-' first); no blanks, no plus, no overflow. */
bool integer_read(const char *text, int64_t *ret);

/* ---------------------------------------------------------------- headers */

enum read_header { HEADER_ABSENT, HEADER_READ, HEADER_WRONG };

/* If-Match: "12", or *, into the condition; a weak or foreign tag never matches. May be a list. */
enum read_header if_match_read(const char *value, struct condition *c, bool *ret_is_any,
			       const char **ret_detail);

/* If-None-Match: only * is known here. */
enum read_header if_none_match_read(const char *value, bool *ret_is_any);

/* Idempotency-Key, quoted or bare; the same key. */
enum read_header key_read(const char *value, struct arena *a, const char **ret_key);

/* Lease: l_77;fence=31, l_78;fence=32 */
enum read_header lease_header_read(const char *value, struct arena *a, struct command *c);

/* Prefer: ..., wait=5, ...: seconds. False: it says nothing (readable) about waiting: ignored. */
bool prefer_wait_read(const char *value, int64_t *ret_s);

/* Is this 1 to ID_BYTES_MAX of A-Z a-z 0-9 . _ : - ? */
bool id_is_valid(const char *id);
