/*
 * movement - one change of one stock row, whatever made it: a line of the ledger. Its kinds are
 * those of schema/movements.def.
 *
 * `seq` is the store-wide commit order, consecutive. `prev_seq` is the row's movement before this
 * one, so that the history of a row is a walk and the ledger needs no second index.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum movement_kind {
#define MOVEMENT(name, word, states, promises) MOVEMENT_##name,
#include "schema/movements.def"
#undef MOVEMENT
	MOVEMENT_KINDS,
};

/* The set of those that say what lies on the shelf (set, count, edit). */
enum {
	MOVEMENTS_STATING_LEVEL = 0
#define MOVEMENT(name, word, states, promises) | (states) << MOVEMENT_##name
#include "schema/movements.def"
#undef MOVEMENT
};

struct movement {
	int64_t seq;
	int64_t stock_id;
	enum movement_kind kind;
	int64_t on_hand_delta;
	int64_t reserved_delta;
	int64_t on_hand; /* after it, as are reserved and version */
	int64_t reserved;
	int64_t version;
	int64_t prev_seq;       /* 0: the row's first */
	int64_t at_ms;          /* UTC */
	bool is_oversubscribed; /* reservations exceed what is on the shelf since this movement */
	bool is_low_stock;      /* available is at or below the item's reorder point */
	const char *reason;     /* owned by whoever made or loaded the movement, as are all texts */
	const char *reference;  /* NULL: none, as with the two below */
	const char *reservation;
	const char *request_id;
	const char *actor; /* who made it; NULL: not known, it was not written down then */
	const char *note;  /* NULL: none */
};

/* "adjust", "set", "count", ... Never NULL. */
const char *movement_kind_text(enum movement_kind kind);

/* Does it say what lies on the shelf, rather than what came or went? MOVEMENT_KINDS does not. */
static inline bool movement_states_level(enum movement_kind kind)
{
	return (MOVEMENTS_STATING_LEVEL >> kind & 1) != 0;
}

/* Is the kind in the set, of 1 << MOVEMENT_*? Where nothing else is said, 0 is any. */
static inline bool movement_kinds_have(unsigned kinds, enum movement_kind kind)
{
	return kinds == 0 || (kinds >> kind & 1) != 0;
}

/* The kind with this text, or MOVEMENT_KINDS. */
enum movement_kind movement_kind_by_text(const char *text);
