/*
 * fuzz - random runs against a naive oracle, each known by its seed.
 *
 *     static void run(struct fuzz *f) { while (fuzz_step(f)) switch (fuzz_below(f, 3)) ... }
 *     int main(int argc, char **argv) { return fuzz_main(argc, argv, 200, 2000, run); }
 *
 * Without arguments a bounded number of seeds is run; `program SEED [STEPS]` replays one. A failure
 * names its seed and step, ends the process with 1, and comes again when that seed is run.
 */
#pragma once
#include "base/check.h"
#include <stdint.h>

struct fuzz {
	uint64_t seed;
	uint64_t random;
	long step; /* from 1 */
	long step_count;
};

/* Ends the process when the condition does not hold. */
#define EXPECT(f, condition) \
	((condition) ? (void)0 : fuzz_failed((f), __FILE__, __LINE__, #condition))

__attribute__((noreturn)) void fuzz_failed(const struct fuzz *f, const char *file, int line,
					   const char *condition);

/* The next step: false when the run is over. */
bool fuzz_step(struct fuzz *f);

/* 0 to bound - 1, evenly enough. */
uint64_t fuzz_below(struct fuzz *f, uint64_t bound);

int fuzz_main(int argc, char **argv, long seed_count, long step_count, void (*run)(struct fuzz *f));
