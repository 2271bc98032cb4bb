/*
 * command - what a client wants done, parsed and checked as far as that goes without the store.
 *
 * One struct for every kind: `rows` are the stock rows it names, in the request's order; the other
 * fields count only where the kind's comment names them. Texts live as long as the command does.
 */
#pragma once
#include "core/catalogue.h"
#include "core/movement.h"

/* Stored with idempotency keys, inside of their fingerprints: new ones come last. */
enum command_kind {
	COMMAND_ADJUST,          /* rows[0], quantity = delta (not 0), is_up_to, condition */
	COMMAND_SET,             /* rows[0], quantity = the new on_hand (>= 0), condition */
	COMMAND_TRANSFER,        /* rows[0] from, rows[1] to, quantity >= 1 */
	COMMAND_READ,            /* rows[0]: a locked read; changes nothing */
	COMMAND_ITEM_PUT,        /* item, condition, is_create_only */
	COMMAND_ITEM_DELETE,     /* item.sku, condition */
	COMMAND_LOCATION_PUT,    /* location, condition, is_create_only */
	COMMAND_LOCATION_DELETE, /* location.code, condition */
	COMMAND_LEASE_TAKE,      /* rows, lease_id ("" makes one), ttl_ms, purpose */
	COMMAND_LEASE_RENEW,     /* lease_id, fences[0], ttl_ms */
	COMMAND_LEASE_RELEASE,   /* lease_id, fences[0] when fence_count is 1 */
	COMMAND_COUNT,           /* rows[0], quantity = what was counted (>= 0), past */
	COMMAND_RESERVE, /* rows, quantities, reservation_id (NULL makes one), owner, ttl_ms,
			    supersedes, more_rows */
	COMMAND_RESERVATION_COMMIT,  /* reservation_id, more_rows; rows and quantities: a part of it
				      */
	COMMAND_RESERVATION_RELEASE, /* reservation_id */
	COMMAND_RESERVATION_EXTEND,  /* reservation_id, ttl_ms */
	COMMAND_ITEM_PATCH,          /* item.sku, patched, creates, those of item, condition */
	COMMAND_LOCATION_PATCH,      /* location.code, patched, creates, ..., condition */
	COMMAND_KINDS,
};

/* What must be true of the row, item or location for the command to be carried out. */
struct condition {
	bool has_version; /* If-Match: "N", or expected_version: 412 otherwise */
	bool has_on_hand; /* expected: 409 stale-quantity otherwise */
	bool must_exist;  /* If-Match: * : 412 when the item, location or row is absent */
	int64_t version;
	int64_t on_hand;
};

/* The row as it was when somebody began to count it; read from the ledger before the count queues.
 */
struct past_level {
	int64_t as_of_seq;
	int64_t on_hand;    /* then */
	int64_t stated_seq; /* the newest movement since that stated a level (set, count, edit); 0:
			       none */
	int64_t seen_seq;   /* the row's last movement that was looked at; 0: it had none */
};

struct command {
	enum command_kind kind;
	int row_count;
	struct row_ref *rows;
	int64_t quantity;    /* within ±QUANTITY_MAX */
	int64_t *quantities; /* of a reservation, parallel to rows, each >= 1 */
	int more_row_count; /* rows that are claimed beside those: of the reservation it resolves */
	struct row_ref *more_rows;
	bool is_up_to;       /* take at most what is available */
	bool is_create_only; /* If-None-Match: * */
	struct condition condition;
	struct past_level past;

	const char *reason;     /* never NULL for kinds that make movements */
	const char *reference;  /* NULL: none */
	const char *request_id; /* never NULL */

	struct item item;
	struct location location;
	unsigned patched; /* MEMBER_* that a patch names; item.attributes is then a patch itself */
	bool creates;     /* a patch of what is not there makes it; it has a name then */

	const char *reservation_id;
	const char *owner;      /* NULL: none */
	const char *supersedes; /* the id of a reservation; NULL: none */

	const char *lease_id;
	const char *purpose; /* never NULL for leases */
	int64_t ttl_ms;

	int fence_count; /* leases the client says it holds (the Lease header) */
	int64_t fences[CLAIM_FENCES_MAX];
	const char *fence_ids[CLAIM_FENCES_MAX];

	const char *key;      /* Idempotency-Key; NULL: none */
	uint64_t fingerprint; /* with a key: of everything that makes it "the same request" */
};

static inline bool command_is_of_reservation(enum command_kind kind)
{
	return kind >= COMMAND_RESERVE && kind <= COMMAND_RESERVATION_EXTEND;
}

static inline bool command_is_of_item(enum command_kind kind)
{
	return kind == COMMAND_ITEM_PUT || kind == COMMAND_ITEM_PATCH ||
	       kind == COMMAND_ITEM_DELETE;
}

/* Does it go through the rules that change stock? */
static inline bool command_makes_movements(enum command_kind kind)
{
	return kind == COMMAND_ADJUST || kind == COMMAND_SET || kind == COMMAND_COUNT ||
	       kind == COMMAND_TRANSFER;
}
