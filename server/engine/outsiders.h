/*
 * outsiders - what other programs have written: somebody with sqlite3, an import, a repair.
 *
 * The store tells at the begin of a group whether anybody else committed since the last one. Then
 * the rows that it knew are read anew, movements that came by go into the feed, store time and the
 * ids of keys pass what was typed, and the leases are read anew if one was edited.
 *
 * Threads: the writer's.
 */
#pragma once
#include "engine/lane.h"

/*
 * Takes it in, at the begin of a group whose time is now_ms; lane.seq_committed is the ledger's
 * then. has_followers: what was written goes into the feed. effects: of the group, still empty, and
 * empty again; leases that have ended are deleted on the way. 0, or a fault: the store then says to
 * the next group, too, that others wrote.
 */
int outsiders_take_in(struct lane *l, const struct group_begun *begun, int64_t now_ms,
		      bool has_followers, struct effects *effects);

/*
 * A group was kept, and others have written between what the feed had and that: all of it is read
 * for the feed. Behind the group's answers.
 */
void outsiders_fill_feed(struct lane *l);

/*
 * Was something written by hand that somebody should be told of though nothing comes in: those who
 * follow the feed, and those who wait at a lease that was deleted? Of what the other processes of a
 * store write somebody always should: whoever comes next may have been told of it there. Takes no
 * lock, and looks at most once in outsiders_look_ms().
 */
bool outsiders_have_news(struct lane *l);

/*
 * Hands are looked for less often than the other processes of a store that several write to: what
 * those did is waited for.
 */
enum { OUTSIDERS_LOOK_MS = 250, RIVALS_LOOK_MS = 20 };

/* How often it is looked. */
int outsiders_look_ms(const struct lane *l);
