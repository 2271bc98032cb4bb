/*
 * audit_age - rows of the audit that are older than is kept go, a few with each group.
 *
 *     audit_age_keep(a, keep_ms);             // any thread; 0: for ever
 *     audit_age_ask(a, now_ms, &effects);     // a group: what it may delete beside its own
 *     audit_age_told(a, now_ms, &effects);    // it is written
 *
 * A store that nobody writes to does not grow, and needs no look of its own: once a minute a group
 * looks at the oldest rows, and as long as all of those were old each does. It deletes at least
 * twice what it writes, so that the audit shrinks under any load, and is held up by it for less
 * than a millisecond. Ids are never given out again.
 *
 * Threads: the writer's, but for audit_age_keep().
 */
#pragma once
#include "store/group.h"
#include <stdatomic.h>

enum { AUDIT_OLD_PER_GROUP = 200, AUDIT_LOOK_MS = 60000 };

struct audit_age {
	atomic_int_fast64_t keep_ms;
	int64_t look_ms; /* store time: not before this */
};

void audit_age_init(struct audit_age *a, int64_t keep_ms);
void audit_age_keep(struct audit_age *a, int64_t keep_ms);

void audit_age_ask(const struct audit_age *a, int64_t now_ms, struct effects *e);
void audit_age_told(struct audit_age *a, int64_t now_ms, const struct effects *e);
