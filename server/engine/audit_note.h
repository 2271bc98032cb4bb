/*
 * audit_note - who did what a group does without a movement: a row of the audit for each.
 *
 * The catalogue and leases. Made of the effects, not by each decision: so nothing that is written
 * is left out, and a group of movements alone costs four comparisons. A lease that is renewed has
 * no row: its holder does that every few seconds, it changes nothing for anybody else, and it would
 * be most of the audit. One that ended by its time has one, of the service's own.
 *
 * Threads: the writer's.
 */
#pragma once
#include "base/arena.h"
#include "store/group.h"

/* Behind number(): a lease has its name. Texts are the effects' or in the arena. 0 or -ENOMEM. */
int audit_note_effects(struct effects *e, int64_t now_ms, struct arena *a);
