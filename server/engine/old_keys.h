/*
 * old_keys - forgotten idempotency keys are deleted from the store, a slice at a time.
 *
 * Threads: the writer's.
 */
#pragma once
#include "engine/lane.h"

/* Deletes at most `count` of them, within a group. 0 or a fault. */
int old_keys_delete(struct lane *l, int count);

/* Once in a while: forgets those whose time has come, and says whether there are any to delete. */
void old_keys_look(struct lane *l);
