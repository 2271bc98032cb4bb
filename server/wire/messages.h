/*
 * messages - request bodies as commands. Strict: what is unknown, doubled, missing, of another type
 * or out of range is refused, and the refusal names the field by JSON Pointer (RFC 6901).
 *
 *     struct message_error e;
 *     if (!message_read_adjust(message_of(body, bytes), arena, &command, &e))
 *             ...e.outcome (400 or 422), e.pointer, e.detail...
 *
 * Texts are copied into the arena. An empty body reads as {}. Threads: none inside.
 */
#pragma once
#include "base/arena.h"
#include "core/command.h"
#include "core/outcome.h"

/* A request's body, or a line of a batch. */
struct message {
	const char *text;
	size_t byte_count;
	struct json_t *root;   /* parsed already, by json_parse(); NULL: not yet */
	const char *elsewhere; /* names of members that somebody else reads, separated by blanks;
				  "*": all that the table has not */
};

static inline struct message message_of(const char *text, size_t byte_count)
{
	return (struct message){ .text = text, .byte_count = byte_count, .elsewhere = "" };
}

struct message_error {
	enum outcome outcome;
	char pointer[128]; /* "" when no field is to blame */
	char detail[256];
};

/*
 * {"delta", "reason", "reference", "up_to", "expected", "expected_version"}. Fills quantity,
 * is_up_to, condition, reason and reference.
 */
bool message_read_adjust(struct message m, struct arena *a, struct command *c,
			 struct message_error *e);

/*
 * {"on_hand", "reason", "reference", "expected", "expected_version"}. *ret_has_compare: the body
 * says what is expected, or opts out of it with "expected":null.
 */
bool message_read_set(struct message m, struct arena *a, struct command *c, bool *ret_has_compare,
		      struct message_error *e);

/* {"counted", "as_of_seq", "reason", "reference"}. Fills quantity and past.as_of_seq. */
bool message_read_count(struct message m, struct arena *a, struct command *c,
			struct message_error *e);

/* {"sku", "from", "to", "quantity", "reason", "reference"}. Allocates the two rows. */
bool message_read_transfer(struct message m, struct arena *a, struct command *c,
			   struct message_error *e);

/* {"name", "unit", "backorder_limit", "reorder_point", "attributes", "archived"}. */
bool message_read_item(struct message m, struct arena *a, struct command *c,
		       struct message_error *e);

/*
 * Might these be the attributes of an item? DONE, OUT_OF_MEMORY, or what a request with them is
 * refused with. Uses the arena.
 */
enum outcome message_judge_attributes(const char *attributes, struct arena *a);

/* {"name", "archived"}. */
bool message_read_location(struct message m, struct arena *a, struct command *c,
			   struct message_error *e);

/*
 * The same fields, each of which may be left out: `patched` has those that are there. null is their
 * default, but a name cannot be null.
 */
bool message_read_item_patch(struct message m, struct arena *a, struct command *c,
			     struct message_error *e);
bool message_read_location_patch(struct message m, struct arena *a, struct command *c,
				 struct message_error *e);

/* {"rows":[{"sku","location"}], "ttl_s", "purpose"}. Allocates the rows. */
bool message_read_lease(struct message m, struct arena *a, struct command *c,
			struct message_error *e);

/*
 * {"lines":[{"sku","location","quantity"}], "ttl_s", "owner", "reference", "supersedes"}. Allocates
 * rows and quantities; lines of the same row are one, with their sum.
 */
bool message_read_reservation(struct message m, struct arena *a, struct command *c,
			      struct message_error *e);

/* {"lines"}, as above, or nothing: all of it. */
bool message_read_reservation_commit(struct message m, struct arena *a, struct command *c,
				     struct message_error *e);

/* {"ttl_s"} */
bool message_read_reservation_extend(struct message m, struct arena *a, struct command *c,
				     struct message_error *e);

/* {"ttl_s"}; rows and purpose may be there, as in the body that took it, and are not looked at. */
bool message_read_renewal(struct message m, struct arena *a, struct command *c,
			  struct message_error *e);

/* What a run of the laboratory is asked to be; what the body does not say stays as it was. */
struct lab_message {
	const char *scenario; /* a list, "a,b"; NULL: all of them, as with the next one */
	const char *strategy;
	int64_t clients, seconds, think_us, seed;
};

/* {"scenario", "strategy", "clients", "seconds", "think_us", "seed"}, all of them optional. */
bool message_read_lab(struct message m, struct arena *a, struct lab_message *l,
		      struct message_error *e);

/* {} or nothing: for calls that take no body. */
bool message_read_nothing(struct message m, struct message_error *e);
