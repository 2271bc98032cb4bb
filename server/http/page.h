/*
 * page - what all lists have in common: ?limit, ?after, {"data":[...],"next":...} and Link.
 *
 * A cursor is a letter for its list and the place behind which the next page begins ("m990017",
 * "iMUG-1"): nothing for clients to take apart, and of no use in another list.
 *
 * The functions that read answer 400 and return false when the parameter cannot be read.
 */
#pragma once
#include "http/reply.h"

bool page_read_limit(struct exchange *x, int *ret); /* PAGE_ROWS_DEFAULT when it is not there */
bool page_read_limit_or(struct exchange *x, int when_absent, int *ret);

/* What stands behind the letter; NULL when there is no ?after. */
bool page_read_cursor(struct exchange *x, char letter, const char **ret);

/* The same for lists that go by a number; 0 when there is no ?after. */
bool page_read_cursor_number(struct exchange *x, char letter, int64_t *ret);

/* A sku or location to filter by: NULL when it is not there. One that nobody made has no rows. */
bool page_read_name(struct exchange *x, const char *name, const char **ret);

/*
 * ?kind of movements, several of them, each in a parameter of its own or between commas: a set, of
 * 1 << MOVEMENT_*; 0 when there is none.
 */
bool page_read_kinds(struct exchange *x, unsigned *ret);

/* ?reason of movements, its capitals made small as in a request; NULL when it is not there. */
bool page_read_reason(struct exchange *x, const char **ret);

/* A cursor in the arena; NULL: memory is short. */
const char *page_cursor(struct exchange *x, char letter, const char *place);
const char *page_cursor_number(struct exchange *x, char letter, int64_t place);

/* Link: this call's query with the next cursor (RFC 8288). */
void page_link(struct exchange *x, const char *next);

/*
 * Answers with the rows (JSON, separated by commas). next: a cursor where has_next; NULL then says
 * that memory was short, and is answered so: a page that seems to be the last would hide the rest.
 */
void page_reply(struct exchange *x, const struct text *rows, bool has_next, const char *next,
		int64_t seq);
