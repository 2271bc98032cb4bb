/*
 * delivery - answers on their way home, once a group is durable or somebody is refused.
 *
 * Everybody in it leaves the locks first, so that nobody who hears of it can be faster than his
 * rows are free; then the parcels go, one burst and one wake-up for each loop; then the engine lets
 * the works go.
 *
 * Threads: the writer's.
 */
#pragma once
#include "engine/lane.h"

/* The works are answered, alone or in a group of so many: work.work_link; empties `works`. */
void delivery_finish(struct lane *l, struct list *works, int group_count);

/* Works that were taken out of the queues undecided, and are answered. */
void delivery_refuse(struct refused *r);

/* All that wait or are ready are refused with `o`. */
void delivery_refuse_undecided(struct lane *l, enum outcome o);
