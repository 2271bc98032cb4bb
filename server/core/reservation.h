/*
 * reservation - units promised to somebody until a time.
 *
 *     ACTIVE ──> COMMITTED     they left the building (all, or some; the rest was released)
 *        ├────> RELEASED       given back
 *        ├────> EXPIRED        its time passed
 *        └────> SUPERSEDED     another one took its place
 *
 * Resolved once. Its lines never change; each names another row. Who asks a row for its numbers
 * is told what is exact at that moment: what is overdue is booked before anything is decided.
 */
#pragma once
#include "core/stock.h"

enum reservation_state {
	RESERVATION_ACTIVE,
	RESERVATION_COMMITTED,
	RESERVATION_RELEASED,
	RESERVATION_EXPIRED,
	RESERVATION_SUPERSEDED,
	RESERVATION_STATES,
};

struct reservation_line {
	struct code sku;
	struct code location;
	int64_t item_id;
	int64_t location_id;
	int64_t quantity;  /* 1 to QUANTITY_MAX */
	int64_t committed; /* of those, once it is resolved */
};

struct reservation {
	int64_t id;       /* in the store; 0: there is none */
	const char *name; /* what clients call it; texts belong to whoever made or loaded it */
	const char *owner;
	const char *reference; /* NULL: none, as with owner */
	enum reservation_state state;
	int64_t created_at_ms; /* UTC */
	int64_t expires_at_ms;
	int64_t resolved_at_ms; /* 0: it is active */
	int line_count;         /* 1 to COMMAND_ROWS_MAX */
	bool lacks_lines;       /* as loaded: some are of an item or location that is not there */
	struct reservation_line *lines;
};

/* Everything that is true of one that was loaded, whatever its state. */
bool reservation_is_sound(const struct reservation *r);

/* "active", "committed", ... Never NULL. */
const char *reservation_state_text(enum reservation_state state);

/* The state with this text, or RESERVATION_STATES. */
enum reservation_state reservation_state_by_text(const char *text);
