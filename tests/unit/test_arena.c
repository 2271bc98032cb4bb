#include "base/arena.h"
#include "unit.h"

static void pieces_are_aligned_and_apart(void **state)
{
	static const size_t sizes[] = { 1, 0, 16, 17, 1000, 3, ARENA_BLOCK_BYTES, 5, 100000, 1 };
	char *pieces[LENGTH_OF(sizes)];
	struct arena a;

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < LENGTH_OF(sizes); i++) {
		pieces[i] = arena_alloc(&a, sizes[i]);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % 16, 0);
		memset(pieces[i], (int)i, sizes[i]);
	}
	for (size_t i = 0; i < LENGTH_OF(sizes); i++)
		for (size_t b = 0; b < sizes[i]; b++)
			assert_int_equal(pieces[i][b], i);
	arena_fini(&a);
}

static void the_first_pieces_lie_in_the_struct(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_non_null(arena_alloc(&a, ARENA_FIRST_BYTES));
	assert_null(a.blocks);
	assert_non_null(arena_alloc(&a, 1));
	assert_non_null(a.blocks);
	arena_fini(&a);
	assert_null(a.blocks);
	assert_ptr_equal(arena_alloc(&a, 1), a.first);
}

static void copies_end_in_nul(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_string_equal(arena_copy(&a, "abcdef", 3), "abc");
	assert_string_equal(arena_copy(&a, "", 0), "");
	arena_fini(&a);
}

static bool is_memory_short;

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);

void *__wrap_malloc(size_t bytes)
{
	return is_memory_short ? NULL : __real_malloc(bytes);
}

static void what_cannot_be_had_is_null(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 20));
	is_memory_short = true;
	assert_null(arena_alloc(&a, ARENA_FIRST_BYTES + 1));
	assert_null(arena_copy(&a, "0123456789", ARENA_FIRST_BYTES));
	assert_non_null(arena_alloc(&a, ARENA_FIRST_BYTES)); /* still there */
	assert_null(arena_alloc(&a, 1));
	is_memory_short = false;
	assert_non_null(arena_alloc(&a, 1));
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_aligned_and_apart),
		cmocka_unit_test(the_first_pieces_lie_in_the_struct),
		cmocka_unit_test(copies_end_in_nul),
		cmocka_unit_test(what_cannot_be_had_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
