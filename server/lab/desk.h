/*
 * desk - one client's way into the service's own engine: sends a command and waits for its answer.
 *
 *     const struct answer *a = desk_ask(d, &(struct desk_request){
 *             .kind = COMMAND_ADJUST, .row = 3, .quantity = -1 });
 *     if (a->outcome == OUTCOME_DONE) ...a->stocks[0].on_hand...
 *
 * It is what an HTTP loop does for many requests, for one. Rows are numbers, as at a till.
 *
 * Threads: each desk belongs to one racer. An answer is valid until the desk asks again.
 */
#pragma once
#include "engine/service.h"
#include "lab/race.h"

/* Makes the service's database with such rows, and starts an engine over it. 0 or a fault. */
int desk_service_open(struct race *race);
void desk_service_close(struct race *race); /* harmless when there is none */

/* At this engine. 0 or a fault. */
int desk_open(struct race *race, struct service *service, struct desk **ret);
void desk_close(struct desk *d); /* NULL is fine */

/* What is 0 is left out. */
struct desk_request {
	enum command_kind kind;
	int row;
	int to_row; /* of a transfer */
	int64_t quantity;
	int64_t order;                 /* its number is the movement's reference; 0: none */
	bool has_key;                  /* the order's number is its idempotency key, too */
	int64_t ttl_ms;                /* of a lease */
	int64_t fence;                 /* as the holder of lease l_FENCE */
	const struct past_level *past; /* of a count */
};

/* NULL: the engine failed, and race_fail() was told. */
const struct answer *desk_ask(struct desk *d, const struct desk_request *q);

/* Was the answer given before, or is it shared with another request of the same key? */
bool desk_was_known(const struct desk *d);

/*
 * The row in a snapshot of now, with the seq that the snapshot shows. False: it failed, as above.
 */
bool desk_look(struct desk *d, int row, struct stock *ret, int64_t *ret_seq);

/* How the row stood at past->as_of_seq. False: it failed, as above. */
bool desk_look_back(struct desk *d, int row, struct past_level *past);

/* The verdict on a command that stock alone can refuse; a may be NULL. */
enum verdict desk_verdict(struct racer *r, const struct answer *a);
