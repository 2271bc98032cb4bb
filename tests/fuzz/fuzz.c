#include "fuzz.h"
#include <stdio.h>
#include <stdlib.h>

void fuzz_failed(const struct fuzz *f, const char *file, int line, const char *condition)
{
	fflush(stdout);
	fprintf(stderr, "%s:%d: seed %llu, step %ld: %s does not hold\n", file, line,
		(unsigned long long)f->seed, f->step, condition);
	exit(1);
}

bool fuzz_step(struct fuzz *f)
{
	return f->step++ < f->step_count;
}

/* SplitMix64 (Steele, Lea and Flood 2014): any seed is a good one. */
uint64_t fuzz_below(struct fuzz *f, uint64_t bound)
{
	uint64_t z = f->random += UINT64_C(0x9E3779B97F4A7C15);

	CHECK(bound > 0);
	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return (z ^ (z >> 31)) % bound;
}

int fuzz_main(int argc, char **argv, long seed_count, long step_count, void (*run)(struct fuzz *f))
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	long runs = argc > 1 ? 1 : seed_count;

	if (argc > 2)
		step_count = strtol(argv[2], NULL, 10);
	for (long i = 0; i < runs; i++) {
		uint64_t seed = first + (uint64_t)i;
		struct fuzz f = { .seed = seed, .random = seed, .step_count = step_count };

		run(&f);
	}
	printf("%ld runs of %ld steps from seed %llu\n", runs, step_count,
	       (unsigned long long)first);
	return 0;
}
