#include "core/command.h"
#include "unit.h"
#include <string.h>

static bool is_one(unsigned set)
{
	return set != 0 && (set & (set - 1)) == 0;
}

/* What no row may say, whatever its command does. */
static void rows_are_sound(void **state)
{
	(void)state;
	for (enum command_kind kind = 0; kind < COMMAND_KINDS; kind++) {
		const struct command_traits *t = command_traits(kind);

		ROW_EXPECT(t->word, t->word[0] != '\0');
		ROW_EXPECT(t->word, t->touches != TOUCHES_NOTHING);
		ROW_EXPECT(t->word, (t->respects & ~t->touches) == 0);
		ROW_EXPECT(t->word, (t->respects & ~(TOUCHES_ROWS | TOUCHES_PROMISED)) == 0);
		ROW_EXPECT(t->word, t->movements < 1u << MOVEMENT_KINDS);
		ROW_EXPECT(t->word, t->statuses != 0);
		ROW_EXPECT(t->word,
			   (t->answers == ANSWERS_NOTHING) == (t->statuses == SUCCESS_204));
		ROW_EXPECT(t->word, IMPLIES(command_shows_movements(kind), is_one(t->movements)));
		ROW_EXPECT(t->word, IMPLIES(t->movements != 0, t->is_recorded));
		ROW_EXPECT(t->word, IMPLIES(t->may_be_atomic, t->op[0] != '\0'));
		ROW_EXPECT(t->word, IMPLIES(t->makes_id, (t->statuses & SUCCESS_201) != 0));
	}
}

static void ops_are_found(void **state)
{
	(void)state;
	for (enum command_kind kind = 0; kind < COMMAND_KINDS; kind++) {
		const char *op = command_traits(kind)->op;

		assert_int_equal(command_by_op(op), op[0] != '\0' ? kind : COMMAND_KINDS);
	}
	assert_int_equal(command_by_op("adjustment"), COMMAND_KINDS);
}

static void what_a_row_says_is_read(void **state)
{
	(void)state;
	assert_int_equal(command_status(COMMAND_ADJUST), 201);
	assert_int_equal(command_status(COMMAND_SET), 200);
	assert_int_equal(command_status(COMMAND_ITEM_DELETE), 204);
	assert_true(command_may_answer(COMMAND_ITEM_PUT, 200));
	assert_true(command_may_answer(COMMAND_ITEM_PUT, 201));
	assert_false(command_may_answer(COMMAND_ITEM_PUT, 204));
	assert_false(command_may_answer(COMMAND_ITEM_PUT, 202));
	assert_int_equal(command_movement(COMMAND_COUNT), MOVEMENT_COUNT_OF_STOCK);
	assert_true(command_may_make(COMMAND_RESERVATION_COMMIT, MOVEMENT_RELEASE));
	assert_false(command_may_make(COMMAND_RESERVATION_EXTEND, MOVEMENT_RELEASE));
	assert_true(command_is_of_reservation(COMMAND_RESERVATION_EXTEND));
	assert_false(command_is_of_reservation(COMMAND_LEASE_TAKE));
	assert_true(command_is_of_item(COMMAND_ITEM_PATCH));
	assert_false(command_shows_movements(COMMAND_RESERVE));
	assert_true(command_shows_movements(COMMAND_TRANSFER));
}

/* Who may move units may not say what there is; nothing that waits its turn is public. */
static void commands_need_a_role(void **state)
{
	(void)state;
	for (enum command_kind kind = 0; kind < COMMAND_KINDS; kind++)
		ROW_EXPECT(command_traits(kind)->word,
			   command_traits(kind)->role >= ROLE_READER &&
				   command_traits(kind)->role < ROLE_ADMIN);
	assert_int_equal(command_traits(COMMAND_READ)->role, ROLE_READER);
	assert_int_equal(command_traits(COMMAND_ADJUST)->role, ROLE_CLERK);
	assert_int_equal(command_traits(COMMAND_SET)->role, ROLE_WRITER);
	assert_int_equal(ROLE_OF_ITEM_DELETE, ROLE_WRITER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_sound),
		cmocka_unit_test(ops_are_found),
		cmocka_unit_test(what_a_row_says_is_read),
		cmocka_unit_test(commands_need_a_role),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
