/* Which commands and answers are whole, by the rows of schema/commands.def. */
#include "core/answer.h"
#include "unit.h"

static struct row_ref rows[] = { { .sku = { "A-1" }, .location = { "WH1" } },
				 { .sku = { "A-1" }, .location = { "WH2" } } };
static int64_t quantities[] = { 1, 1 };

/* One of each kind that has all that it needs. */
static struct command whole(enum command_kind kind)
{
	const struct command_traits *t = command_traits(kind);
	struct command c = { .kind = kind,
			     .request_id = "r-1",
			     .lease_id = "l_1",
			     .purpose = "",
			     .reason = "sale",
			     .reservation_id = "r_1",
			     .quantities = quantities };

	if ((t->touches & TOUCHES_ROWS) != 0) {
		c.rows = rows;
		c.row_count = t->answers == ANSWERS_MOVEMENTS ? 2 : 1;
	}
	c.item.sku = rows[0].sku;
	c.location.code = rows[0].location;
	return c;
}

static struct answer done(const struct command *c)
{
	struct answer a = { .outcome = OUTCOME_DONE, .status = 200 };

	while (!command_may_answer(c->kind, a.status))
		a.status++;
	if (command_shows_movements(c->kind))
		a.movement_count = c->row_count;
	a.stock_count = c->row_count;
	a.item = (struct item){ .version = 1, .name = "x" };
	a.location = (struct location){ .version = 1, .name = "x" };
	a.lease = (struct lease_view){ .id = "l_1", .fence = 1, .purpose = "" };
	a.reservation.name = "r_1";
	return a;
}

static void what_has_all_is_sound(void **state)
{
	(void)state;
	for (enum command_kind kind = 0; kind < COMMAND_KINDS; kind++) {
		struct command c = whole(kind);
		struct answer a = done(&c);

		ROW_EXPECT(command_traits(kind)->word, command_is_sound(&c));
		ROW_EXPECT(command_traits(kind)->word, answer_is_sound(&c, &a));
	}
}

static void what_a_command_lacks_is_seen(void **state)
{
	(void)state;
	for (enum command_kind kind = 0; kind < COMMAND_KINDS; kind++) {
		const struct command_traits *t = command_traits(kind);
		struct command c = whole(kind);

		c.request_id = NULL;
		ROW_EXPECT(t->word, !command_is_sound(&c));
		c = whole(kind);
		c.quantity = QUANTITY_MAX + 1;
		ROW_EXPECT(t->word, !command_is_sound(&c));
		c = whole(kind);
		c.row_count = 0;
		ROW_EXPECT(t->word, command_is_sound(&c) == ((t->touches & TOUCHES_ROWS) == 0));
		c = whole(kind);
		c.reason = NULL;
		ROW_EXPECT(t->word, command_is_sound(&c) == !command_shows_movements(kind));
		c = whole(kind);
		c.key = "k";
		ROW_EXPECT(t->word, command_is_sound(&c) == t->is_recorded);
		c = whole(kind);
		c.lease_id = "";
		ROW_EXPECT(t->word,
			   command_is_sound(&c) == (t->path != NAMES_LEASE || t->makes_id));
		c = whole(kind);
		c.reservation_id = NULL;
		ROW_EXPECT(t->word,
			   command_is_sound(&c) == (t->path != NAMES_RESERVATION || t->makes_id));
		c = whole(kind);
		c.item.sku.text[0] = '\0';
		ROW_EXPECT(t->word, command_is_sound(&c) == (t->path != NAMES_ITEM));
		c = whole(kind);
		c.location.code.text[0] = '\0';
		ROW_EXPECT(t->word, command_is_sound(&c) == (t->path != NAMES_LOCATION));
	}
	assert_false(command_is_sound(&(struct command){ .kind = COMMAND_KINDS }));
}

static void what_an_answer_lacks_is_seen(void **state)
{
	(void)state;
	for (enum command_kind kind = 0; kind < COMMAND_KINDS; kind++) {
		const struct command_traits *t = command_traits(kind);
		struct command c = whole(kind);
		struct answer a = done(&c);

		a.status = 299;
		ROW_EXPECT(t->word, !answer_is_sound(&c, &a));
		a = done(&c);
		a.movement_count = a.stock_count = 0;
		a.item.name = a.location.name = a.lease.id = a.reservation.name = NULL;
		ROW_EXPECT(t->word, answer_is_sound(&c, &a) == (t->answers == ANSWERS_NOTHING));
		a.body = "{}";
		ROW_EXPECT(t->word, answer_is_sound(&c, &a)); /* what was stored says it */
		a = (struct answer){ .outcome = OUTCOME_NOT_FOUND, .status = 200 };
		ROW_EXPECT(t->word, !answer_is_sound(&c, &a));
		a.status = 404;
		ROW_EXPECT(t->word, answer_is_sound(&c, &a));
		a.short_count = 1;
		ROW_EXPECT(t->word, !answer_is_sound(&c, &a));
		a = done(&c);
		a.movement_count = COMMAND_MOVEMENTS_MAX + 1;
		ROW_EXPECT(t->word, !answer_is_sound(&c, &a));
		a = done(&c);
		a.outcome = OUTCOME_COUNT;
		ROW_EXPECT(t->word, !answer_is_sound(&c, &a));
	}
}

static void a_lease_without_a_fence_is_none(void **state)
{
	struct lease_view l = { .id = "l_1", .fence = 1, .purpose = "" };

	(void)state;
	assert_true(lease_view_is_sound(&l));
	l.fence = 0;
	assert_false(lease_view_is_sound(&l));
	l.fence = 1;
	l.row_count = 1;
	assert_false(lease_view_is_sound(&l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_all_is_sound),
		cmocka_unit_test(what_a_command_lacks_is_seen),
		cmocka_unit_test(what_an_answer_lacks_is_seen),
		cmocka_unit_test(a_lease_without_a_fence_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
