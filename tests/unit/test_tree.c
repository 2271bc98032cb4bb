#include "base/tree.h"
#include "unit.h"
#include <stdlib.h>

enum { NODES = 4096 };

static struct tree_node nodes[NODES];

static int depth_of(const struct tree_node *n)
{
	int left, right;

	if (n == NULL)
		return 0;
	left = depth_of(n->left);
	right = depth_of(n->right);
	return 1 + (left > right ? left : right);
}

/* A number that goes through all of 0 to NODES - 1 in no order. */
static int64_t scattered(int i)
{
	return (int64_t)(i * 1597 + 7) % NODES;
}

static void keys_are_found_in_order(void **state)
{
	struct tree t;
	int64_t key = -1;
	int count = 0;

	(void)state;
	tree_init(&t);
	assert_true(tree_is_empty(&t));
	assert_null(tree_first(&t));
	for (int i = 0; i < NODES; i++)
		tree_insert(&t, &nodes[i], scattered(i) * 2);
	for (struct tree_node *n = tree_first(&t); n != NULL; n = tree_after(&t, n->key)) {
		assert_int_equal(n->key, key < 0 ? 0 : key + 2);
		key = n->key;
		count++;
	}
	assert_int_equal(count, NODES);
	assert_int_equal(tree_after(&t, 6)->key, 8);
	assert_int_equal(tree_after(&t, 7)->key, 8); /* a key that is not there */
	assert_null(tree_after(&t, 2 * (NODES - 1)));
}

/* Against an array that says which are in. */
static void what_was_removed_is_not_found(void **state)
{
	static bool is_in[NODES];
	uint64_t random = 1;
	struct tree t;

	(void)state;
	tree_init(&t);
	for (int step = 0; step < 20000; step++) {
		random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);

		int i = (int)((random >> 33) % 64), next = i + 1;

		if (is_in[i])
			tree_remove(&t, &nodes[i]);
		else
			tree_insert(&t, &nodes[i], i);
		is_in[i] = !is_in[i];
		while (next < 64 && !is_in[next])
			next++;
		assert_ptr_equal(tree_after(&t, i), next < 64 ? &nodes[next] : NULL);
	}
}

/* 4,096 keys in the best tree are 12 deep, in one like this some 32, in a list 4,096. */
static void it_stays_flat(void **state)
{
	static const char *const orders[] = { "rising", "falling", "equal" };
	struct tree t;

	(void)state;
	for (size_t order = 0; order < LENGTH_OF(orders); order++) {
		tree_init(&t);
		for (int i = 0; i < NODES; i++)
			tree_insert(&t, &nodes[i], order == 0 ? i : order == 1 ? -i : 7);
		if (depth_of(t.root) > 64)
			fail_msg("%s: %d deep", orders[order], depth_of(t.root));
		for (int i = 0; i < NODES; i++)
			tree_remove(&t, &nodes[scattered(i)]);
		assert_true(tree_is_empty(&t));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_found_in_order),
		cmocka_unit_test(what_was_removed_is_not_found),
		cmocka_unit_test(it_stays_flat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
