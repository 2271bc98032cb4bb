/*
 * request_text - the small languages inside of a request: path segments, query parameters, and the
 * headers that commands depend on.
 *
 * All of them are read strictly, each from one text, into structs. Threads: none inside.
 */
#pragma once
#include "base/arena.h"
#include "core/command.h"
#include "core/outcome.h"

/* ---------------------------------------------------------------- path and query */

enum { PATH_SEGMENTS_MAX = 5 }; /* no call has more */

/* A path split at its slashes, each segment decoded once. "/" has none. */
struct path {
	int count;
	const char *segments[PATH_SEGMENTS_MAX];
};

/*
 * DONE; NOT_FOUND: an empty segment, "." or "..", too many, no leading slash; INVALID_PATH: a bad
 * escape, %00, or %2F (which would be a slash inside of a segment); OUT_OF_MEMORY.
 */
enum outcome path_read(struct path *p, struct arena *a, const char *raw);

/* One name=value of a query; value "" when there is none. */
struct parameter {
	const char *name;
	const char *value;
};

struct query {
	int count;
	struct parameter *parameters;
};

/*
 * Splits and decodes, '+' as a blank. raw may be NULL. DONE; INVALID_PARAMETER: a bad escape, %00,
 * or no UTF-8; URI_TOO_LONG: more than PARAMETERS_MAX; OUT_OF_MEMORY.
 */
enum outcome query_read(struct query *q, struct arena *a, const char *raw);

/* The value, or NULL. */
const char *query_value(const struct query *q, const char *name);

/* One after the other, of a name that may come several times: *at begins as 0. NULL: no more. */
const char *query_next_value(const struct query *q, const char *name, int *at);

/* Decimal digits only (an optional '-' first); no blanks, no plus, no overflow. */
bool integer_read(const char *text, int64_t *ret);

/* ---------------------------------------------------------------- headers */

enum read_header {
	HEADER_ABSENT,
	HEADER_READ,
	HEADER_WRONG,
	HEADER_NO_MEMORY, /* of those that are copied into an arena */
};

/* If-Match: "12", or *, into the condition; a weak or foreign tag never matches. May be a list. */
enum read_header if_match_read(const char *value, struct condition *c, bool *ret_is_any,
			       const char **ret_detail);

/* If-None-Match of a write: only * is known there. */
enum read_header if_none_match_read(const char *value, bool *ret_is_any);

/*
 * If-None-Match of a read: does it name this version (also weakly), or *? What cannot be read does
 * not.
 */
bool if_none_match_holds(const char *value, int64_t version);

/* Idempotency-Key, quoted or bare; the same key. */
enum read_header key_read(const char *value, struct arena *a, const char **ret_key);

/* Lease: l_77;fence=31, l_78;fence=32 */
enum read_header lease_header_read(const char *value, struct arena *a, struct command *c);

/* Prefer: ..., wait=5, ...: seconds. False: it says nothing (readable) about waiting: ignored. */
bool prefer_wait_read(const char *value, int64_t *ret_s);

/* Prefer: ..., respond-async, ...: need not be answered before it is done. */
bool prefer_async_read(const char *value);

/* Is this 1 to ID_BYTES_MAX of A-Z a-z 0-9 . _ : - ? */
bool id_is_valid(const char *id);
