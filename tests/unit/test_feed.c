#include "engine/feed.h"
#include "unit.h"

/* ---------------------------------------------------------------- a ledger and its feed */

/* A group of movements first .. first + count - 1, whose texts say their seq. */
static void add_movements(struct feed *f, int64_t first, int64_t count)
{
	for (int64_t seq = first; seq < first + count; seq++) {
		char reference[32];
		struct code sku = { "A-1" }, location = { "WH1" };
		struct movement m = { .seq = seq, .reason = "sale", .reference = reference };

		snprintf(reference, sizeof(reference), "order-%lld", (long long)seq);
		feed_add(f, &sku, &location, &m);
		memset(reference, '?', sizeof(reference) - 1);
	}
}

static void publish(struct feed *f, int64_t first, int64_t count)
{
	feed_begin(f, 0);
	add_movements(f, first, count);
	feed_publish(f, first + count - 1);
}

/* Reads behind `after` as far as the ring goes; CHECKs that nothing is left out or comes twice. */
static enum feed_take read_on(struct feed *f, int64_t *after)
{
	struct feed_stretch *b;
	enum feed_take found;

	while ((found = feed_take(f, *after, &b)) == FEED_TAKEN) {
		assert_true(b->movements[0].movement.seq <= *after + 1);
		for (size_t i = 0; i < b->count; i++) {
			const struct movement *m = &b->movements[i].movement;
			char reference[32];

			snprintf(reference, sizeof(reference), "order-%lld", (long long)m->seq);
			assert_string_equal(m->reference, reference);
			assert_string_equal(m->reason, "sale");
			assert_null(m->reservation);
			assert_string_equal(b->movements[i].sku.text, "A-1");
			if (m->seq > *after)
				assert_int_equal(m->seq, ++*after);
		}
		assert_int_equal(feed_stretch_last(b), *after);
		feed_stretch_release(b);
	}
	return found;
}

struct fixture {
	struct feed feed;
	struct mailbox box;
	struct feed_listener listener;
};

static int open_feed(void **state)
{
	static struct fixture fixture;

	feed_init(&fixture.feed);
	assert_int_equal(mailbox_init(&fixture.box), 0);
	fixture.listener = (struct feed_listener){ .home = &fixture.box, .is_for_movements = true };
	feed_listen(&fixture.feed, &fixture.listener);
	*state = &fixture;
	return 0;
}

static int close_feed(void **state)
{
	struct fixture *x = *state;

	feed_unlisten(&x->feed, &x->listener);
	mailbox_fini(&x->box);
	feed_fini(&x->feed);
	return 0;
}

/* ---------------------------------------------------------------- the ring */

/* clang-format off */
static const struct step {
	const char     *what;
	int64_t         first, count; /* a group that is published; count 0: none */
	int64_t         after;        /* then somebody reads behind this seq */
	enum feed_take  found;        /* and the ring ends like this */
	int64_t         reached;
} steps[] = {
	{ "an empty ledger has nothing behind 0",            0,   0,   0, FEED_AT_HEAD,   0 },
	{ "the first group",                                 1,   3,   0, FEED_AT_HEAD,   3 },
	{ "a reader may stand inside of a group",            0,   0,   2, FEED_AT_HEAD,   3 },
	{ "or at its end",                                   0,   0,   3, FEED_AT_HEAD,   3 },
	{ "or ahead of what was published",                  0,   0,   9, FEED_AT_HEAD,   9 },
	{ "groups follow each other",                        4,   1,   0, FEED_AT_HEAD,   4 },
	{ "of any size",                                     5, 100,   3, FEED_AT_HEAD, 104 },
	{ "a gap: what others wrote is not in the ring",   110,   5, 104, FEED_BEHIND,  104 },
	{ "nor is what was there before it",                 0,   0,   3, FEED_BEHIND,    3 },
	{ "nor the group that showed the gap",               0,   0, 110, FEED_BEHIND,  110 },
	{ "its end is the head",                             0,   0, 114, FEED_AT_HEAD, 114 },
	{ "behind it the ring begins again",               115,   2, 114, FEED_AT_HEAD, 116 },
	{ "but not before",                                  0,   0, 113, FEED_BEHIND,  113 },
};
/* clang-format on */

static void the_ring_is_the_ledger_without_gap_or_repeat(void **state)
{
	struct fixture *x = *state;

	for (size_t i = 0; i < LENGTH_OF(steps); i++) {
		const struct step *s = &steps[i];
		int64_t reached = s->after;

		if (s->count > 0)
			publish(&x->feed, s->first, s->count);
		ROW_EXPECT(s->what, read_on(&x->feed, &reached) == s->found);
		ROW_EXPECT(s->what, reached == s->reached);
	}
}

static void it_keeps_the_newest(void **state)
{
	struct fixture *x = *state;
	int64_t head = 0, reached;

	while (head < 3 * FEED_MOVEMENTS_MAX) {
		publish(&x->feed, head + 1, 100);
		head += 100;
		assert_true(x->feed.movement_count <= FEED_MOVEMENTS_MAX);
	}
	reached = head - FEED_MOVEMENTS_MAX + 100;
	assert_int_equal(read_on(&x->feed, &reached), FEED_AT_HEAD);
	assert_int_equal(reached, head);
	reached = head - FEED_MOVEMENTS_MAX - 1;
	assert_int_equal(read_on(&x->feed, &reached), FEED_BEHIND);
}

static void many_small_groups_are_bounded_too(void **state)
{
	struct fixture *x = *state;
	int64_t reached = FEED_STRETCHES_MAX;

	for (int64_t seq = 1; seq <= 2 * FEED_STRETCHES_MAX; seq++)
		publish(&x->feed, seq, 1);
	assert_int_equal(x->feed.count, FEED_STRETCHES_MAX);
	assert_int_equal(read_on(&x->feed, &reached), FEED_AT_HEAD);
	reached = FEED_STRETCHES_MAX - 1;
	assert_int_equal(read_on(&x->feed, &reached), FEED_BEHIND);
}

static void one_huge_group_is_kept_whole(void **state)
{
	struct fixture *x = *state;
	int64_t reached = 1;

	publish(&x->feed, 1, 1);
	publish(&x->feed, 2, FEED_MOVEMENTS_MAX + 5);
	assert_int_equal(read_on(&x->feed, &reached), FEED_AT_HEAD);
	assert_int_equal(reached, FEED_MOVEMENTS_MAX + 6);
}

static void what_a_reader_holds_outlives_the_ring(void **state)
{
	struct fixture *x = *state;
	struct feed_stretch *held;

	publish(&x->feed, 1, 1);
	assert_int_equal(feed_take(&x->feed, 0, &held), FEED_TAKEN);
	publish(&x->feed, 2, FEED_MOVEMENTS_MAX);
	assert_int_equal(x->feed.count, 1);
	assert_string_equal(held->movements[0].movement.reference, "order-1");
	feed_stretch_release(held);
}

static void a_group_that_failed_was_never_there(void **state)
{
	struct fixture *x = *state;
	int64_t reached = 0;

	feed_begin(&x->feed, 0);
	add_movements(&x->feed, 1, 5);
	feed_discard(&x->feed);
	publish(&x->feed, 1, 2);
	assert_int_equal(read_on(&x->feed, &reached), FEED_AT_HEAD);
	assert_int_equal(reached, 2);
}

static void a_movement_that_was_not_added_makes_a_gap(void **state)
{
	struct fixture *x = *state;
	int64_t reached = 0;

	feed_begin(&x->feed, 0);
	add_movements(&x->feed, 1, 2);
	add_movements(&x->feed, 4, 1);
	feed_publish(&x->feed, 4);
	assert_int_equal(read_on(&x->feed, &reached), FEED_BEHIND);
}

static void movements_out_of_order_make_a_gap(void **state)
{
	struct fixture *x = *state;
	int64_t reached = 0;

	feed_begin(&x->feed, 0);
	add_movements(&x->feed, 2, 1);
	add_movements(&x->feed, 1, 1);
	add_movements(&x->feed, 3, 1);
	feed_publish(&x->feed, 3);
	assert_int_equal(read_on(&x->feed, &reached), FEED_BEHIND);
}

/* ---------------------------------------------------------------- who listens */

static void nothing_is_collected_for_nobody(void **state)
{
	struct fixture *x = *state;
	int64_t reached = 0;

	publish(&x->feed, 1, 1);
	feed_unlisten(&x->feed, &x->listener);
	assert_true(feed_begin(&x->feed, 0)); /* it lingers */
	feed_discard(&x->feed);
	assert_false(feed_begin(&x->feed, INT64_MAX));
	add_movements(&x->feed, 2, 1);
	feed_publish(&x->feed, 2);
	assert_int_equal(read_on(&x->feed, &reached), FEED_BEHIND);
	reached = 2;
	assert_int_equal(read_on(&x->feed, &reached), FEED_AT_HEAD);
	feed_listen(&x->feed, &x->listener);
	publish(&x->feed, 3, 1);
	assert_int_equal(read_on(&x->feed, &reached), FEED_AT_HEAD);
	assert_int_equal(reached, 3);
}

static bool was_rung(struct mailbox *box)
{
	struct list parcels;
	bool is_rung = box->is_rung;

	list_init(&parcels);
	mailbox_take(box, &parcels);
	assert_true(list_is_empty(&parcels));
	return is_rung;
}

static void a_listener_is_rung_for_news_and_for_nothing_else(void **state)
{
	struct fixture *x = *state;

	feed_ring(&x->feed);
	assert_false(was_rung(&x->box));
	publish(&x->feed, 1, 3);
	publish(&x->feed, 4, 3);
	assert_false(was_rung(&x->box));
	feed_ring(&x->feed);
	assert_true(was_rung(&x->box));
	feed_ring(&x->feed);
	assert_false(was_rung(&x->box));
	feed_begin(&x->feed, 0);
	feed_publish(&x->feed, 6); /* a group without movements */
	feed_ring(&x->feed);
	assert_false(was_rung(&x->box));
}

/* Whoever only waits for a seq costs the writer no copies. */
static void one_that_is_for_no_movements_is_rung_and_nothing_is_collected(void **state)
{
	struct feed_listener other = { 0 };
	struct fixture *x = *state;
	struct mailbox box;
	int64_t reached = 0;

	assert_int_equal(mailbox_init(&box), 0);
	other.home = &box;
	feed_unlisten(&x->feed, &x->listener);
	feed_listen(&x->feed, &other);
	assert_true(feed_begin(&x->feed, INT64_MAX));
	add_movements(&x->feed, 1, 3);
	assert_null(x->feed.open);
	feed_publish(&x->feed, 3);
	feed_ring(&x->feed);
	assert_true(was_rung(&box));
	assert_false(was_rung(&x->box));
	assert_int_equal(read_on(&x->feed, &reached), FEED_BEHIND);
	feed_unlisten(&x->feed, &other);
	assert_false(feed_begin(&x->feed, INT64_MAX)); /* nor does it linger for one */
	x->feed.wanted_until_ns = 0;
	feed_listen(&x->feed, &other);
	feed_unlisten(&x->feed, &other);
	assert_int_equal(x->feed.wanted_until_ns, 0);
	feed_listen(&x->feed, &x->listener);
	mailbox_fini(&box);
}

int main(void)
{
#define WITH_FEED(test) cmocka_unit_test_setup_teardown(test, open_feed, close_feed)
	const struct CMUnitTest tests[] = {
		WITH_FEED(the_ring_is_the_ledger_without_gap_or_repeat),
		WITH_FEED(it_keeps_the_newest),
		WITH_FEED(many_small_groups_are_bounded_too),
		WITH_FEED(one_huge_group_is_kept_whole),
		WITH_FEED(what_a_reader_holds_outlives_the_ring),
		WITH_FEED(a_group_that_failed_was_never_there),
		WITH_FEED(a_movement_that_was_not_added_makes_a_gap),
		WITH_FEED(movements_out_of_order_make_a_gap),
		WITH_FEED(nothing_is_collected_for_nobody),
		WITH_FEED(a_listener_is_rung_for_news_and_for_nothing_else),
		WITH_FEED(one_that_is_for_no_movements_is_rung_and_nothing_is_collected),
	};
#undef WITH_FEED

	return cmocka_run_group_tests(tests, NULL, NULL);
}
