#include "base/map.h"
#include "unit.h"

enum { NODES = 300 };

static struct map_node nodes[NODES];

/* One bucket holds everything; many hold little; the answers are the same. */
static void nodes_are_found_by_key(void **state)
{
	static const size_t bucket_counts[] = { 1, 4, 1024 };
	struct map_node *buckets[1024];
	struct map m;

	(void)state;
	for (size_t b = 0; b < LENGTH_OF(bucket_counts); b++) {
		map_init(&m, buckets, bucket_counts[b]);
		for (size_t i = 0; i < NODES; i++)
			map_insert(&m, &nodes[i], i * UINT64_C(0x100000001));
		assert_int_equal(m.count, NODES);
		for (size_t i = 0; i < NODES; i += 2)
			map_remove(&m, &nodes[i]);
		assert_int_equal(m.count, NODES / 2);
		for (size_t i = 0; i < NODES; i++) {
			struct map_node *n = map_find(&m, i * UINT64_C(0x100000001));

			assert_ptr_equal(n, i % 2 == 0 ? NULL : &nodes[i]);
		}
	}
}

static void equal_keys_are_found_one_after_the_other(void **state)
{
	struct map_node *buckets[2];
	struct map m;
	bool is_found[6] = { false };

	(void)state;
	map_init(&m, buckets, LENGTH_OF(buckets));
	for (uint64_t i = 0; i < LENGTH_OF(is_found); i++)
		map_insert(&m, &nodes[i], i % 2);
	for (struct map_node *n = map_find(&m, 1); n != NULL; n = map_find_next(n)) {
		assert_false(is_found[n - nodes]);
		is_found[n - nodes] = true;
	}
	for (size_t i = 0; i < LENGTH_OF(is_found); i++)
		assert_int_equal(is_found[i], i % 2 == 1);
	assert_null(map_find(&m, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_are_found_by_key),
		cmocka_unit_test(equal_keys_are_found_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
