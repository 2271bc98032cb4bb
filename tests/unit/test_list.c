#include "base/list.h"
#include "unit.h"

struct thing {
	char name;
	struct list link;
};

static struct thing things[] = { { 'a', { 0 } }, { 'b', { 0 } }, { 'c', { 0 } }, { 'd', { 0 } } };

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(things); i++)
		list_init(&things[i].link);
	return 0;
}

/* Forwards, then backwards: both chains must agree. */
static void expect_list(const struct list *head, const char *names)
{
	size_t n = 0, length = strlen(names);

	LIST_EACH (it, head) {
		assert_true(n < length);
		assert_int_equal(CONTAINER_OF(it, struct thing, link)->name, names[n++]);
	}
	assert_int_equal(n, length);
	for (const struct list *it = head->prev; it != head; it = it->prev)
		assert_int_equal(CONTAINER_OF(it, struct thing, link)->name, names[--n]);
	assert_int_equal(n, 0);
	assert_int_equal(list_is_empty(head), length == 0);
}

static void what_goes_in_at_the_back_comes_out_at_the_front(void **state)
{
	struct list head;

	(void)state;
	list_init(&head);
	expect_list(&head, "");
	assert_null(list_pop_front(&head));
	list_push_back(&head, &things[0].link);
	list_push_back(&head, &things[1].link);
	list_insert_before(&things[1].link, &things[2].link);
	expect_list(&head, "acb");
	assert_ptr_equal(list_pop_front(&head), &things[0].link);
	assert_false(list_is_linked(&things[0].link));
	expect_list(&head, "cb");
}

static void removing_is_harmless_twice(void **state)
{
	struct list head;

	(void)state;
	list_init(&head);
	list_push_back(&head, &things[0].link);
	list_push_back(&head, &things[1].link);
	assert_true(list_is_linked(&things[0].link));
	list_remove(&things[0].link);
	list_remove(&things[0].link);
	expect_list(&head, "b");
	list_push_back(&head, &things[0].link);
	expect_list(&head, "ba");
}

static void splicing_keeps_the_order(void **state)
{
	struct list to, from;

	(void)state;
	list_init(&to);
	list_init(&from);
	list_splice_back(&to, &from);
	expect_list(&to, "");
	list_push_back(&from, &things[0].link);
	list_push_back(&from, &things[1].link);
	list_splice_back(&to, &from);
	expect_list(&from, "");
	expect_list(&to, "ab");
	list_push_back(&from, &things[2].link);
	list_push_back(&from, &things[3].link);
	list_splice_back(&to, &from);
	expect_list(&to, "abcd");
	list_splice_back(&to, &from);
	expect_list(&to, "abcd");
}

static void a_walk_may_remove_where_it_stands(void **state)
{
	struct list head;

	(void)state;
	list_init(&head);
	for (size_t i = 0; i < LENGTH_OF(things); i++)
		list_push_back(&head, &things[i].link);
	LIST_EACH_SAFE (it, &head)
		if (CONTAINER_OF(it, struct thing, link)->name != 'c')
			list_remove(it);
	expect_list(&head, "c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_goes_in_at_the_back_comes_out_at_the_front, set_up),
		cmocka_unit_test_setup(removing_is_harmless_twice, set_up),
		cmocka_unit_test_setup(splicing_keeps_the_order, set_up),
		cmocka_unit_test_setup(a_walk_may_remove_where_it_stands, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
