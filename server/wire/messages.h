/*
 * messages - request bodies as commands. Strict: what is unknown, doubled, missing, of another type
 * or out of range is refused, and the refusal names the field by JSON Pointer (RFC 6901).
 *
 *     struct message_error e;
 *     if (!message_read_adjust(body, bytes, arena, &command, &e))
 *             ...e.outcome (400 or 422), e.pointer, e.detail...
 *
 * Texts are copied into the arena. An empty body reads as {}. Threads: none inside.
 */
#pragma once
#include "base/arena.h"
#include "core/command.h"
#include "core/outcome.h"

struct message_error {
	enum outcome outcome;
	char pointer[128]; /* "" when no field is to blame */
	char detail[256];
};

/*
 * {"delta", "reason", "reference", "up_to", "expected", "expected_version"}. Fills quantity,
 * is_up_to, condition, reason and reference.
 */
bool message_read_adjust(const char *body, size_t byte_count, struct arena *a, struct command *c,
			 struct message_error *e);

/*
 * {"on_hand", "reason", "reference", "expected", "expected_version"}. *ret_has_compare: the body
 * says what is expected, or opts out of it with "expected":null.
 */
bool message_read_set(const char *body, size_t byte_count, struct arena *a, struct command *c,
		      bool *ret_has_compare, struct message_error *e);

/* {"counted", "as_of_seq", "reason", "reference"}. Fills quantity and past.as_of_seq. */
bool message_read_count(const char *body, size_t byte_count, struct arena *a, struct command *c,
			struct message_error *e);

/* {"sku", "from", "to", "quantity", "reason", "reference"}. Allocates the two rows. */
bool message_read_transfer(const char *body, size_t byte_count, struct arena *a, struct command *c,
			   struct message_error *e);

/* {"name", "unit", "backorder_limit", "reorder_point", "attributes", "archived"}. */
bool message_read_item(const char *body, size_t byte_count, struct arena *a, struct command *c,
		       struct message_error *e);

/* {"name", "archived"}. */
bool message_read_location(const char *body, size_t byte_count, struct arena *a, struct command *c,
			   struct message_error *e);

/* {"rows":[{"sku","location"}], "ttl_s", "purpose"}. Allocates the rows. */
bool message_read_lease(const char *body, size_t byte_count, struct arena *a, struct command *c,
			struct message_error *e);

/*
 * {"lines":[{"sku","location","quantity"}], "ttl_s", "owner", "reference", "supersedes"}. Allocates
 * rows and quantities; lines of the same row are one, with their sum.
 */
bool message_read_reservation(const char *body, size_t byte_count, struct arena *a,
			      struct command *c, struct message_error *e);

/* {"lines"}, as above, or nothing: all of it. */
bool message_read_reservation_commit(const char *body, size_t byte_count, struct arena *a,
				     struct command *c, struct message_error *e);

/* {"ttl_s"} */
bool message_read_reservation_extend(const char *body, size_t byte_count, struct arena *a,
				     struct command *c, struct message_error *e);

/* {"ttl_s"}; rows and purpose may be there, as in the body that took it, and are not looked at. */
bool message_read_renewal(const char *body, size_t byte_count, struct arena *a, struct command *c,
			  struct message_error *e);

/* {} or nothing: for calls that take no body. */
bool message_read_nothing(const char *body, size_t byte_count, struct message_error *e);
