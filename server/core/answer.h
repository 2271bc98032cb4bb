/*
 * answer - what became of a command, in numbers and names; wire/ turns it into JSON.
 *
 * For a command that was carried out: its movements and the rows after them. For a refusal: the
 * numbers that explain it. Texts live as long as the command that was answered.
 */
#pragma once
#include "core/command.h"
#include "core/outcome.h"
#include "core/reservation.h"

/* A lease as it stands. */
struct lease_view {
	const char *id;
	int64_t fence;
	const char *purpose;
	int64_t expires_at_ms; /* UTC */
	int64_t expires_in_ms;
	int row_count;
	const struct row_ref *rows;
};

/* Why a refusal for stock or a stale compare was given: the row that was short. */
struct shortage {
	int64_t requested;
	int64_t available;
	int64_t shortfall; /* what is missing, after what the item's backorder_limit allows */
};

/* The same for each row of a reservation that is short. */
struct short_line {
	struct code sku;
	struct code location;
	struct shortage shortage;
};

struct answer {
	enum outcome outcome;
	int status;       /* HTTP status */
	bool is_unknown;  /* of a fault: whether it took effect is not known */
	bool is_replayed; /* an idempotency key had been used: this is the first answer again */

	int movement_count; /* 0 to COMMAND_MOVEMENTS_MAX */
	struct movement movements[COMMAND_MOVEMENTS_MAX];
	int row_index;   /* in command.rows: the one that a refusal is about; 0 otherwise */
	int stock_count; /* rows after it; also for a locked read, 412 and 409 stale-quantity */
	struct stock stocks[COMMAND_MOVEMENTS_MAX]; /* parallel to command.rows */

	struct shortage shortage; /* with INSUFFICIENT_STOCK */
	const char *detail;       /* a sentence that says more; NULL: the outcome's title will do */
	struct item item;         /* with item commands; id 0: there is none */
	struct location location; /* with location commands */
	struct reservation reservation; /* with reservation commands; id 0: there is none */
	int short_count;                /* with INSUFFICIENT_STOCK or _ON_HAND of a reservation */
	const struct short_line *short_lines;
	struct lease_view lease; /* with lease commands, and the lease in the way (ROW_LEASED) */
	const char *body;        /* of a replay: the first answer's body; NULL: build it */
	/* Of a replayed refusal: what a batch's line says of it, JSON; or NULL. */
	const char *members;

	int64_t line; /* of a refused atomic batch: the line it is about; 0: none */

	/* The newest seq that the answer rests on: Stock-Seq; 0 in refusals before any decision. */
	int64_t seq;
};

/* Can clients be shown it? */
bool lease_view_is_sound(const struct lease_view *l);

/*
 * Is it an answer that this command may get: a status of its row, with all that its row says that a
 * success shows; or a refusal? What was stored (body) is not looked into. Of what we made we CHECK
 * it before it is rendered; of what a store has remembered, false is -EBADMSG.
 */
bool answer_is_sound(const struct command *c, const struct answer *a);
