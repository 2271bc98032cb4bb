/*
 * race_run - lets the racers of a race loose, watches them, and sums up what came of it.
 *
 *     race->course = scenario->course;
 *     race->way = strategy->way;
 *     race->path = "/tmp/dir/race.db";
 *     r = race_run(race, 3000, &watch, 0, &result);
 *
 * The only part of the laboratory that knows how tills, desks and row locks are opened; they
 * themselves know the race (race.h), and nothing of who runs it.
 *
 * Threads: the caller waits; a thread for each client runs inside.
 */
#pragma once
#include "lab/race.h"

/* Runs it for so long in a new database at race->path. 0, -ECANCELED or a fault. */
int race_run(struct race *race, int64_t race_ms, struct lab_watch *watch, int pick_index,
	     struct lab_result *ret);
