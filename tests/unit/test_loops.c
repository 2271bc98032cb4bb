#include "edge/edge.h"
#include "unit.h"

static const struct row {
	const char *what;
	int core_count;
	int loops;
} rows[] = {
	{ "nobody knows", 0, 1 },
	{ "one core, which both share", 1, 1 },
	{ "two: one is the writer's", 2, 1 },
	{ "three", 3, 2 },
	{ "four", 4, 3 },
	{ "nine", 9, LOOPS_MAX },
	{ "ten", 10, LOOPS_MAX },
	{ "a large machine", 1024, LOOPS_MAX },
};

static void the_writer_keeps_a_core(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++)
		ROW_EXPECT(rows[i].what, edge_loops_for(rows[i].core_count) == rows[i].loops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_writer_keeps_a_core),
	};

	return cmocka_run_group_tests_name("loops", tests, NULL, NULL);
}
