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
 * remembers them for claims_of_part(): its rows do not change any more.
 */
int claims_of_line(uint64_t seed, struct work *line);

/* Makes the claim of a work from its command. False: memory is short. */
bool claims_of_work(uint64_t seed, struct work *w);

/* The same for a part of a batch: what all of its lines claim, in rising order. */
bool claims_of_part(uint64_t seed, struct work *part);
