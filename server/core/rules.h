/*
 * rules - what each command does to stock rows: it yields new rows and movements, or refuses.
 *
 *     struct rules_row rows[2] = { { &item, &location, &stock } };
 *     rules_decide(&command, rows, &clock, &answer);
 *     if (answer.outcome == OUTCOME_DONE)  ...rows[i].stock and answer.movements are the effect...
 *
 * Nothing is changed on a refusal. Only a command that lowers `available` can be refused for stock;
 * a set and a count state what is on the shelf and always pass. Order of checks: item and location
 * exist, If-Match and expected, archived, stock, bounds.
 *
 * Pure: no clock, no store, no memory. Cost: a few hundred instructions.
 */
#pragma once
#include "core/answer.h"

struct rules_row {
	const struct item *item;         /* id 0: unknown */
	const struct location *location; /* id 0: unknown */
	struct stock *stock;             /* the row as earlier commands left it; changed on DONE */
	/* Of a count: a movement behind past.seen_seq that stated a level; 0: none. */
	int64_t stated_seq;
};

/* Where the ledger stands. */
struct rules_clock {
	int64_t seq;    /* the last one given out; movements take the following ones */
	int64_t now_ms; /* store time */
};

/*
 * Decides ADJUST, SET, COUNT, TRANSFER and READ. rows is parallel to command->rows. Fills outcome,
 * status, movements, stocks, shortage and row_index of ret_answer; the caller moves its seq on by
 * movement_count. Movements carry stock_id 0 where the row is new: the store knows it later.
 */
void rules_decide(const struct command *c, struct rules_row rows[], const struct rules_clock *clock,
		  struct answer *ret_answer);

/* ------------------------------------------------------------------ reservations */

/* One change of one row on behalf of a reservation. */
struct booking {
	enum movement_kind kind;
	int64_t on_hand_delta;
	int64_t reserved_delta;
	const char *reservation; /* its name; texts as in struct movement */
	const char *reference;
	const char *request_id;
	const char *actor;
	const char *note;
};

/* Changes the row and writes the movement that says so; seq is its seq. */
void rules_book(const struct rules_row *row, const struct booking *b, int64_t seq, int64_t now_ms,
		struct movement *ret_movement);

/*
 * May so many of each row be promised? Refuses unknown and archived ones (ret->row_index), and
 * lists every row that is short in `lines`, which has room for all: INSUFFICIENT_STOCK.
 */
enum outcome rules_may_reserve(const struct rules_row rows[], const int64_t quantities[], int count,
			       struct short_line lines[], struct answer *ret);

/* Are so many of each row on the shelf? INSUFFICIENT_ON_HAND otherwise, as above. */
enum outcome rules_may_commit(const struct rules_row rows[], const int64_t quantities[], int count,
			      struct short_line lines[], struct answer *ret);

/* Do the conditions of an item or location command hold? version 0: it does not exist. */
enum outcome rules_precondition(const struct command *c, int64_t version);
