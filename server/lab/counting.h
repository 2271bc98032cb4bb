/*
 * counting - somebody counts a shelf while others sell from it: what the three ways share.
 *
 * The shelf is what was there at first less what was sold; nobody steals. The books follow the
 * sales, and the counts. The counter knows what his own counts did to the books (racer.drift),
 * and so what really lies there when he begins.
 */
#pragma once
#include "lab/desk.h"

enum { COUNTING_THINKS = 10 }; /* counting takes so many times as long as a sale's thinking */

/*
 * Looks at the shelf and counts, which takes its time. *ret_counted is what lay there when it
 * began, *ret_seq the seq of that moment. False: the race has failed.
 */
bool counting_count(struct racer *r, int row, int64_t *ret_counted, int64_t *ret_seq);

/*
 * Keeps the books: what the answer to a set or count made of the drift. Units that the books have
 * afterwards and the shelf has not are sales that were overwritten.
 */
enum verdict counting_close(struct racer *r, const struct answer *a);

/* A pause before the next count: people sell most of the time. */
void counting_pause(struct racer *r);

/* Sales by row-group, which all three sell by. */
enum verdict counting_sell(struct racer *r, const struct wish *w);
