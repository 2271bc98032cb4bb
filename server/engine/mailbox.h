/*
 * mailbox - what other threads have finished for one loop thread.
 *
 *     mailbox_post(&box, &finished);          // writer or reader thread: one wake-up for all of
 * them mailbox_take(&box, &mine);              // the loop, when event_fd is readable
 *
 * A request has at most one parcel under way. Posting a burst costs one lock and at most one write
 * to the eventfd, none when the loop was woken already and has not looked yet.
 */
#pragma once
#include "base/list.h"
#include "engine/guard.h"

struct mailbox {
	struct guard guard;
	struct list parcels; /* parcel.link; guarded by guard */
	bool is_rung;        /* event_fd was written since the last take; guarded by guard */
	int event_fd;        /* readable when there is something to take */

	/* The writer's own, so that a group wakes each loop once; only the writer thread looks. */
	struct list outgoing;
	struct list outgoing_link;
};

struct parcel {
	struct list link;     /* in mailbox.parcels, once it is finished */
	struct mailbox *home; /* where it goes; set before it is handed out */
	/* What its loop does with it; NULL: its owner is an exchange, which goes on. */
	void (*arrive)(struct parcel *p);
};

/* Returns 0 or a fault (no file descriptor left). */
int mailbox_init(struct mailbox *m);
void mailbox_fini(struct mailbox *m);

/* Moves everything in `parcels` into the box, in order, and rings. Any thread. */
void mailbox_post(struct mailbox *m, struct list *parcels);

/* Rings without a parcel: its owner should look around. Any thread. */
void mailbox_ring(struct mailbox *m);

/* Moves everything in the box to the end of `parcels`. The owner only. */
void mailbox_take(struct mailbox *m, struct list *parcels);
