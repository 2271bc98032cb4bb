/*
 * audit_inbox - rows of the audit of what no group does: a backup, an export, a verification.
 *
 *     audit_inbox_put(i, &entry);           // any thread
 *     audit_inbox_take(i, &effects);        // a group: all that wait
 *     audit_inbox_forget(i);                // it is kept: those that it took
 *
 * They wait for the next group, or for the writer's next look around, within a second: whoever puts
 * one in waits for nothing, and no sale waits for one. What a group that is not kept has taken is
 * taken by the next one. A crash loses those that wait; a full inbox (the disk has been full or
 * held for long) loses new ones, which is an error in the log and rowlock_audit_lost_total.
 *
 * Threads: any puts; the writer takes and forgets. Entries are copied.
 */
#pragma once
#include "base/list.h"
#include "engine/guard.h"
#include "store/group.h"

enum { AUDIT_INBOX_MAX = 1024 };

struct audit_inbox {
	struct guard guard;
	struct list waiting; /* guarded; the oldest first */
	atomic_int count;    /* changed under the guard */
	int taken;           /* the writer's: the first so many are in its group */
};

void audit_inbox_init(struct audit_inbox *i);
void audit_inbox_fini(struct audit_inbox *i);

void audit_inbox_put(struct audit_inbox *i, const struct audit_entry *entry);

static inline bool audit_inbox_has_some(struct audit_inbox *i)
{
	return atomic_load_explicit(&i->count, memory_order_relaxed) > 0;
}

/* 0 or -ENOMEM. Their texts last until they are forgotten. */
int audit_inbox_take(struct audit_inbox *i, struct effects *e);
void audit_inbox_forget(struct audit_inbox *i);
