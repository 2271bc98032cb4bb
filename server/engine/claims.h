/*
 * claims - what a command claims: the rows it touches, and the item, location, lease or reservation
 * it is about, each by a hash of its names.
 *
 * A name that is no row has a kind before it that no sku can be ("/lease/"), so that it never meets
 * a row.
 *
 * Threads: any. Sets row_ref.key of the command's rows.
 */
#pragma once
#include "engine/work.h"

/*
 * How many rows and names a line of a part claims: 1 to CLAIM_ROWS_MAX. What is about rows alone
 * remembers them for claim_set_add_line(): its rows do not change any more.
 */
int claims_of_line(uint64_t seed, struct work *line);

/* Makes the claim of a work from its command. False: memory is short. */
bool claims_of_work(uint64_t seed, struct work *w);

/*
 * What the lines of a part of a batch claim together, each row and name once.
 *
 *     claim_set_init(&set);
 *     while (claim_set_has_room(&set) && ...)
 *             claim_set_add_line(&set, seed, line);
 *
 * Cost: 34 KiB, of which half are cleared; a probe for each key.
 */
enum {
	CLAIM_SET_PLACES = 8192,
	CLAIM_SET_ROWS_MAX = CLAIM_PART_ROWS_MAX,
};

struct claim_set {
	int count;
	uint64_t keys[CLAIM_SET_ROWS_MAX]; /* by arrival */
	uint16_t places[CLAIM_SET_PLACES]; /* of a hash: index of a key + 1; 0: free */
};

void claim_set_init(struct claim_set *s);

/* Is there room for what another line may claim? BATCH_PART_ROWS_MAX is the bound. */
static inline bool claim_set_has_room(const struct claim_set *s)
{
	return s->count < BATCH_PART_ROWS_MAX;
}

void claim_set_add(struct claim_set *s, const uint64_t keys[], int count);
void claim_set_add_line(struct claim_set *s, uint64_t seed, struct work *line);

/* Makes the claim of a part: of all that its lines claim. False: memory is short. */
bool claims_of_part(struct work *part, const struct claim_set *s);
