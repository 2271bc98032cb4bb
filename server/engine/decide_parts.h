/*
 * decide_parts - the decisions by noun; decide.h is what the group calls.
 *
 * Each fills the answer of one work and adds what it does to the decider's effects. 0, or a fault:
 * -EBADMSG, a record that it needs makes no sense, and nothing was changed; or one that takes the
 * group with it. Each may be called again for the same work, in another group.
 */
#pragma once
#include "engine/decider.h"

/* ADJUST, SET, COUNT, TRANSFER and READ. */
int decide_stock(struct decider *d, struct work *w);

/* Items and locations: PUT, PATCH and DELETE. */
int decide_item_put(struct decider *d, struct work *w);
int decide_item_patch(struct decider *d, struct work *w);
int decide_item_delete(struct decider *d, struct work *w);
int decide_location_put(struct decider *d, struct work *w);
int decide_location_patch(struct decider *d, struct work *w);
int decide_location_delete(struct decider *d, struct work *w);

int decide_lease_take(struct decider *d, struct work *w);
int decide_lease_renew(struct decider *d, struct work *w);
int decide_lease_release(struct decider *d, struct work *w);
/* Its fence is there: makes the lease that work.lease will put into the book. */
int decide_lease_numbered(struct decider *d, struct lease_effect *e);

/* RESERVE and the three that resolve or extend. */
int decide_reservation(struct decider *d, struct work *w);
