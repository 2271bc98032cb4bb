/*
 * front_ends - two of the service's engines over one store that both write.
 *
 *     r = front_ends_open(race);            // race->services[0] and [1]
 *     ...desks of either...
 *     front_ends_close(race);
 *     r = front_ends_level(race, &level);   // what the store holds
 *     front_ends_forget(race);
 *
 * The store is the one in memory (store/memory.h), which has several writers as PostgreSQL has
 * and needs no server. Nothing of it is durable, and nothing is flushed. Each engine has threads of
 * its own and knows of the other one only what it sees in the store, like two processes.
 *
 * The course has one row. Memory: about a kilobyte for each sale, until it is forgotten; the course
 * bounds how many there are.
 *
 * Threads: one, with no desk open but while the race goes on.
 */
#pragma once
#include "lab/race.h"

/* 0 or a fault; then what was opened is closed by the two below. */
int front_ends_open(struct race *race);

/* The store stays. Harmless where there are none. */
void front_ends_close(struct race *race);
void front_ends_forget(struct race *race);

/* The level of the row, as the store has it. 0 or a fault. */
int front_ends_level(struct race *race, int64_t *ret);
