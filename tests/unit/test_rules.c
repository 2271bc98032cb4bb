#include "core/rules.h"
#include "unit.h"

enum {
	UP_TO = 1 << 0,
	NO_ITEM = 1 << 1,
	NO_LOCATION = 1 << 2,
	ITEM_OUT = 1 << 3,     /* the item is archived */
	LOCATION_OUT = 1 << 4, /* the location is */
	NO_TARGET = 1 << 5,    /* of a transfer: rows[1] has no such location */
	TARGET_OUT = 1 << 6,   /* ... or it is archived */
	NEW = 1 << 7,          /* the row was never stocked */
};

/* A command and the two rows it may meet. Rows are at version 5 (from) and never stocked (to). */
struct scene {
	struct item item;
	struct location from, to;
	struct stock stocks[2];
	struct stock before[2];
	struct rules_row rows[2];
	struct row_ref refs[2];
	struct command command;
	struct rules_clock clock;
	struct answer answer;
};

static void scene_set(struct scene *s, enum command_kind kind, int64_t quantity, int flags)
{
	*s = (struct scene){
		.item = { .id = flags & NO_ITEM ? 0 : 1, .is_archived = flags & ITEM_OUT },
		.from = { .id = flags & NO_LOCATION ? 0 : 2, .is_archived = flags & LOCATION_OUT },
		.to = { .id = flags & NO_TARGET ? 0 : 3, .is_archived = flags & TARGET_OUT },
		.command = { .kind = kind,
			     .quantity = quantity,
			     .is_up_to = flags & UP_TO,
			     .row_count = kind == COMMAND_TRANSFER ? 2 : 1,
			     .reason = "because",
			     .reference = "order-9",
			     .request_id = "req-1",
			     .actor = &actor_local,
			     .note = "by the door" },
		.clock = { .seq = 100, .now_ms = 777 },
	};
	s->command.rows = s->refs;
	if (!(flags & NEW))
		s->stocks[0] =
			(struct stock){ .id = 4, .version = 5, .seq = 90, .updated_at_ms = 700 };
	s->rows[0] = (struct rules_row){ &s->item, &s->from, &s->stocks[0], 0 };
	s->rows[1] = (struct rules_row){ &s->item, &s->to, &s->stocks[1], 0 };
}

static void scene_play(struct scene *s)
{
	memcpy(s->before, s->stocks, sizeof(s->before));
	memset(&s->answer, 0xDB, sizeof(s->answer));
	rules_decide(&s->command, s->rows, &s->clock, &s->answer);
}

static void expect_nothing_done(const char *what, const struct scene *s)
{
	ROW_EXPECT(what, memcmp(s->before, s->stocks, sizeof(s->before)) == 0);
	ROW_EXPECT(what, s->answer.movement_count == 0);
	ROW_EXPECT(what, s->answer.status == outcome_row(s->answer.outcome)->http_status);
}

/* ------------------------------------------------------------------ what each command does */

#define DONE  OUTCOME_DONE
#define SHORT OUTCOME_INSUFFICIENT_STOCK
#define OVER  OUTCOME_QUANTITY_OVERFLOW

/* clang-format off */
static const struct row {
	const char       *what;
	enum command_kind kind;
	int64_t           quantity;
	int               flags;
	int64_t           backorder, on_hand, reserved;         /* the item, and the row it meets */
	enum outcome      outcome;
	int64_t           on_hand_after, target_after;
} rows[] = {
	/* what                               kind           units        flags  backorder  on hand reserved outcome  after  target */
	{ "units come in",                    COMMAND_ADJUST,     5,          0,    0,        7,    0,  DONE,    12,    0 },
	{ "units go out",                     COMMAND_ADJUST,    -3,          0,    0,        7,    0,  DONE,     4,    0 },
	{ "the last unit goes out",           COMMAND_ADJUST,    -7,          0,    0,        7,    0,  DONE,     0,    0 },
	{ "one more than there is",           COMMAND_ADJUST,    -8,          0,    0,        7,    0,  SHORT,    7,    0 },
	{ "nothing is left",                  COMMAND_ADJUST,    -1,          0,    0,        0,    0,  SHORT,    0,    0 },
	{ "reserved units stay",              COMMAND_ADJUST,    -3,          0,    0,        7,    5,  SHORT,    7,    0 },
	{ "all that are not reserved go",     COMMAND_ADJUST,    -2,          0,    0,        7,    5,  DONE,     5,    0 },
	{ "down to the backorder limit",      COMMAND_ADJUST,    -9,          0,    2,        7,    0,  DONE,    -2,    0 },
	{ "not below the backorder limit",    COMMAND_ADJUST,   -10,          0,    2,        7,    0,  SHORT,    7,    0 },
	{ "the limit is on what is available", COMMAND_ADJUST,   -5,          0,    2,        7,    4,  DONE,     2,    0 },
	{ "reserved units count against it",  COMMAND_ADJUST,    -6,          0,    2,        7,    4,  SHORT,    7,    0 },
	{ "a backorder is filled",            COMMAND_ADJUST,     3,          0,    2,       -2,    0,  DONE,     1,    0 },
	{ "more is welcome, however short",   COMMAND_ADJUST,     1,          0,    0,       -5,    9,  DONE,    -4,    0 },
	{ "less is not, though it was short", COMMAND_ADJUST,    -1,          0,    0,        3,    9,  SHORT,    3,    0 },
	{ "into a row never stocked",         COMMAND_ADJUST,     4,        NEW,    0,        0,    0,  DONE,     4,    0 },
	{ "out of a row never stocked",       COMMAND_ADJUST,    -4,        NEW,    0,        0,    0,  SHORT,    0,    0 },
	{ "on backorder, never stocked",      COMMAND_ADJUST,    -4,        NEW,    4,        0,    0,  DONE,    -4,    0 },

	{ "up to: all of it is there",        COMMAND_ADJUST,    -3,      UP_TO,    0,        7,    0,  DONE,     4,    0 },
	{ "up to: exactly what there is",     COMMAND_ADJUST,    -7,      UP_TO,    0,        7,    0,  DONE,     0,    0 },
	{ "up to: less than was asked for",   COMMAND_ADJUST,    -9,      UP_TO,    0,        7,    0,  DONE,     0,    0 },
	{ "up to: reserved units stay",       COMMAND_ADJUST,    -9,      UP_TO,    0,        7,    5,  DONE,     5,    0 },
	{ "up to: no backorder for it",       COMMAND_ADJUST,    -9,      UP_TO,    5,        7,    0,  DONE,     0,    0 },
	{ "up to: nothing is there",          COMMAND_ADJUST,    -9,      UP_TO,    0,        0,    0,  SHORT,    0,    0 },
	{ "up to: nothing, backorder or not", COMMAND_ADJUST,    -9,      UP_TO,    5,       -1,    0,  SHORT,   -1,    0 },
	{ "up to: means nothing coming in",   COMMAND_ADJUST,     9,      UP_TO,    0,        0,    0,  DONE,     9,    0 },

	{ "up to the highest level",          COMMAND_ADJUST,     1,          0,    0, LEVEL_MAX - 1, 0, DONE, LEVEL_MAX, 0 },
	{ "not past it",                      COMMAND_ADJUST,     1,          0,    0, LEVEL_MAX,     0, OVER, LEVEL_MAX, 0 },
	{ "the largest quantities",           COMMAND_ADJUST, QUANTITY_MAX,   0,    0, LEVEL_MAX,     0, OVER, LEVEL_MAX, 0 },
	{ "the lowest level",                 COMMAND_ADJUST, -1, 0, 2 * LEVEL_MAX, -LEVEL_MAX + 1,   0, DONE, -LEVEL_MAX, 0 },
	{ "not below it",                     COMMAND_ADJUST, -1, 0, 2 * LEVEL_MAX, -LEVEL_MAX,       0, OVER, -LEVEL_MAX, 0 },

	{ "a count is stated",                COMMAND_SET,       40,          0,    0,        7,    0,  DONE,    40,    0 },
	{ "a lower one",                      COMMAND_SET,        0,          0,    0,        7,    0,  DONE,     0,    0 },
	{ "the same one",                     COMMAND_SET,        7,          0,    0,        7,    0,  DONE,     7,    0 },
	{ "below what is reserved",           COMMAND_SET,        2,          0,    0,        7,    5,  DONE,     2,    0 },
	{ "of a row never stocked",           COMMAND_SET,        0,        NEW,    0,        0,    0,  DONE,     0,    0 },
	{ "out of a backorder",               COMMAND_SET,        0,          0,    2,       -2,    0,  DONE,     0,    0 },
	{ "down from the highest level",      COMMAND_SET, QUANTITY_MAX,      0,    0, LEVEL_MAX,     0, DONE, QUANTITY_MAX, 0 },

	{ "units move",                       COMMAND_TRANSFER,   3,          0,    0,        7,    0,  DONE,     4,    3 },
	{ "all of them",                      COMMAND_TRANSFER,   7,          0,    0,        7,    0,  DONE,     0,    7 },
	{ "more than there are",              COMMAND_TRANSFER,   8,          0,    0,        7,    0,  SHORT,    7,    0 },
	{ "reserved units stay",              COMMAND_TRANSFER,   3,          0,    0,        7,    5,  SHORT,    7,    0 },
	{ "transfers may use a backorder",    COMMAND_TRANSFER,   9,          0,    2,        7,    0,  DONE,    -2,    9 },
	{ "but no more than that",            COMMAND_TRANSFER,  10,          0,    2,        7,    0,  SHORT,    7,    0 },
	{ "up to is for adjust alone",        COMMAND_TRANSFER,   9,      UP_TO,    0,        7,    0,  SHORT,    7,    0 },

	{ "a locked read changes nothing",    COMMAND_READ,       0,          0,    0,        7,    5,  DONE,     7,    0 },
	{ "nor of a row never stocked",       COMMAND_READ,       0,        NEW,    0,        0,    0,  DONE,     0,    0 },
	{ "nor up to anything",               COMMAND_READ,       0,      UP_TO,    0,        0,    0,  DONE,     0,    0 },
	{ "nor of what is archived", COMMAND_READ, 0, ITEM_OUT | LOCATION_OUT,      0,        7,    0,  DONE,     7,    0 },

	{ "no such item",       COMMAND_ADJUST,   1, NO_ITEM,                 0, 7, 0, OUTCOME_UNKNOWN_ITEM,      7, 0 },
	{ "no such location",   COMMAND_ADJUST,   1, NO_LOCATION,             0, 7, 0, OUTCOME_UNKNOWN_LOCATION,  7, 0 },
	{ "neither",            COMMAND_SET,      1, NO_ITEM | NO_LOCATION,   0, 7, 0, OUTCOME_UNKNOWN_ITEM,      7, 0 },
	{ "no item to read",    COMMAND_READ,     0, NO_ITEM,                 0, 7, 0, OUTCOME_UNKNOWN_ITEM,      7, 0 },
	{ "nowhere to read",    COMMAND_READ,     0, NO_LOCATION,             0, 7, 0, OUTCOME_UNKNOWN_LOCATION,  7, 0 },
	{ "from nowhere",       COMMAND_TRANSFER, 1, NO_LOCATION,             0, 7, 0, OUTCOME_UNKNOWN_LOCATION,  7, 0 },
	{ "to nowhere",         COMMAND_TRANSFER, 1, NO_TARGET,               0, 7, 0, OUTCOME_UNKNOWN_LOCATION,  7, 0 },
	{ "move no item",       COMMAND_TRANSFER, 1, NO_ITEM,                 0, 7, 0, OUTCOME_UNKNOWN_ITEM,      7, 0 },

	{ "an archived item takes no more",     COMMAND_ADJUST,    1, ITEM_OUT,     0, 7, 0, OUTCOME_ITEM_ARCHIVED,     7, 0 },
	{ "but is sold out",                    COMMAND_ADJUST,   -7, ITEM_OUT,     0, 7, 0, DONE,                      0, 0 },
	{ "nor does an archived location",      COMMAND_ADJUST,    1, LOCATION_OUT, 0, 7, 0, OUTCOME_LOCATION_ARCHIVED, 7, 0 },
	{ "but it is emptied",                  COMMAND_ADJUST,   -7, LOCATION_OUT, 0, 7, 0, DONE,                      0, 0 },
	{ "a set that raises it is refused",    COMMAND_SET,       8, ITEM_OUT,     0, 7, 0, OUTCOME_ITEM_ARCHIVED,     7, 0 },
	{ "here, too",                          COMMAND_SET,       8, LOCATION_OUT, 0, 7, 0, OUTCOME_LOCATION_ARCHIVED, 7, 0 },
	{ "one that does not is not",           COMMAND_SET,       7, ITEM_OUT,     0, 7, 0, DONE,                      7, 0 },
	{ "moving increases the other row",     COMMAND_TRANSFER,  1, ITEM_OUT,     0, 7, 0, OUTCOME_ITEM_ARCHIVED,     7, 0 },
	{ "into an archived location",          COMMAND_TRANSFER,  1, TARGET_OUT,   0, 7, 0, OUTCOME_LOCATION_ARCHIVED, 7, 0 },
	{ "out of one",                         COMMAND_TRANSFER,  1, LOCATION_OUT, 0, 7, 0, DONE,                      6, 1 },
};
/* clang-format on */

static const int status_done[COMMAND_KINDS] = {
	[COMMAND_ADJUST] = 201, [COMMAND_SET] = 200, [COMMAND_TRANSFER] = 201, [COMMAND_READ] = 200
};

static void expect_row(const struct row *r, const struct scene *s)
{
	int row_count = s->command.row_count;

	ROW_EXPECT(r->what, s->answer.outcome == r->outcome);
	ROW_EXPECT(r->what, s->stocks[0].on_hand == r->on_hand_after);
	ROW_EXPECT(r->what, s->stocks[1].on_hand == r->target_after);
	ROW_EXPECT(r->what, s->stocks[0].reserved == r->reserved);
	if (r->outcome != OUTCOME_DONE) {
		expect_nothing_done(r->what, s);
		ROW_EXPECT(r->what, s->answer.stock_count == 0);
		return;
	}
	ROW_EXPECT(r->what, s->answer.status == status_done[r->kind]);
	ROW_EXPECT(r->what, s->answer.movement_count == (r->kind == COMMAND_READ ? 0 : row_count));
	ROW_EXPECT(r->what, s->answer.stock_count == row_count);
	for (int i = 0; i < row_count; i++) {
		ROW_EXPECT(r->what,
			   memcmp(&s->answer.stocks[i], &s->stocks[i], sizeof(s->stocks[i])) == 0);
		ROW_EXPECT(r->what, s->stocks[i].version ==
					    s->before[i].version + (r->kind != COMMAND_READ));
	}
}

static void commands_do_what_the_table_says(void **state)
{
	static struct scene s;

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		const struct row *r = &rows[i];

		scene_set(&s, r->kind, r->quantity, r->flags);
		s.item.backorder_limit = r->backorder;
		s.stocks[0].on_hand = r->on_hand;
		s.stocks[0].reserved = r->reserved;
		scene_play(&s);
		expect_row(r, &s);
	}
}

/* ------------------------------------------------------------------ conditions */

#define FAILED OUTCOME_PRECONDITION_FAILED
#define STALE  OUTCOME_STALE_QUANTITY

/* clang-format off */
static const struct compare {
	const char      *what;
	struct condition want;
	int              flags;      /* the row is at version 5 with 7 on hand, or NEW */
	enum outcome     outcome;
} compares[] = {
	{ "no condition",                   { 0 },                                        0,   DONE   },
	{ "the version it is at",           { .has_version = true, .version = 5 },        0,   DONE   },
	{ "an older one",                   { .has_version = true, .version = 4 },        0,   FAILED },
	{ "a newer one",                    { .has_version = true, .version = 6 },        0,   FAILED },
	{ "a new row is at version 0",      { .has_version = true, .version = 0 },        NEW, DONE   },
	{ "not at 1",                       { .has_version = true, .version = 1 },        NEW, FAILED },
	{ "version 0 of a row that is old", { .has_version = true, .version = 0 },        0,   FAILED },
	{ "the version counts if asked for", { .has_version = false, .version = 4 },      0,   DONE   },
	{ "any version",                    { .must_exist = true },                       0,   DONE   },
	{ "any, where there is none",       { .must_exist = true },                       NEW, FAILED },
	{ "the quantity it holds",          { .has_on_hand = true, .on_hand = 7 },        0,   DONE   },
	{ "another one",                    { .has_on_hand = true, .on_hand = 8 },        0,   STALE  },
	{ "a new row holds none",           { .has_on_hand = true, .on_hand = 0 },        NEW, DONE   },
	{ "not one",                        { .has_on_hand = true, .on_hand = 1 },        NEW, STALE  },
	{ "on_hand counts if asked for",    { .has_on_hand = false, .on_hand = 8 },       0,   DONE   },
	{ "right version, other quantity",  { .has_version = true, .version = 5, .has_on_hand = true, .on_hand = 8 }, 0, STALE },
	{ "the version is looked at first", { .has_version = true, .version = 4, .has_on_hand = true, .on_hand = 8 }, 0, FAILED },
};
/* clang-format on */

static void expect_compare(const struct compare *r, const struct scene *s)
{
	ROW_EXPECT(r->what, s->answer.outcome == r->outcome);
	ROW_EXPECT(r->what, s->answer.stock_count == 1);
	ROW_EXPECT(r->what, s->answer.stocks[0].on_hand == s->stocks[0].on_hand);
	ROW_EXPECT(r->what, s->answer.stocks[0].version == s->stocks[0].version);
	if (r->outcome != OUTCOME_DONE)
		expect_nothing_done(r->what, s);
}

static void conditions_are_compared_with_the_row(void **state)
{
	static const enum command_kind kinds[] = { COMMAND_ADJUST, COMMAND_SET };
	static struct scene s;

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(compares); i++)
		for (size_t k = 0; k < LENGTH_OF(kinds); k++) {
			scene_set(&s, kinds[k], 1, compares[i].flags);
			s.stocks[0].on_hand = compares[i].flags & NEW ? 0 : 7;
			s.command.condition = compares[i].want;
			scene_play(&s);
			expect_compare(&compares[i], &s);
		}
}

static void reads_and_transfers_have_no_condition(void **state)
{
	static const enum command_kind kinds[] = { COMMAND_READ, COMMAND_TRANSFER };
	static struct scene s;

	(void)state;
	for (size_t k = 0; k < LENGTH_OF(kinds); k++) {
		scene_set(&s, kinds[k], 1, 0);
		s.stocks[0].on_hand = 7;
		s.command.condition = (struct condition){ .has_version = true,
							  .has_on_hand = true,
							  .must_exist = true };
		scene_play(&s);
		assert_int_equal(s.answer.outcome, OUTCOME_DONE);
	}
}

/* ------------------------------------------------------------------ the order of the checks */

/* Wrong in every way at first; each step mends what the one before was refused for. */
static void the_first_check_that_fails_decides(void **state)
{
	static struct scene s;

	(void)state;
	scene_set(&s, COMMAND_ADJUST, 1, NO_ITEM | NO_LOCATION | ITEM_OUT | LOCATION_OUT);
	s.stocks[0].on_hand = LEVEL_MAX;
	s.command.condition = (struct condition){
		.has_version = true, .version = 4, .has_on_hand = true, .on_hand = 8
	};
	scene_play(&s);
	assert_int_equal(s.answer.outcome, OUTCOME_UNKNOWN_ITEM);
	s.item.id = 1;
	scene_play(&s);
	assert_int_equal(s.answer.outcome, OUTCOME_UNKNOWN_LOCATION);
	s.from.id = 2;
	scene_play(&s);
	assert_int_equal(s.answer.outcome, OUTCOME_PRECONDITION_FAILED);
	s.command.condition.version = 5;
	scene_play(&s);
	assert_int_equal(s.answer.outcome, OUTCOME_STALE_QUANTITY);
	s.command.condition.on_hand = LEVEL_MAX;
	scene_play(&s);
	assert_int_equal(s.answer.outcome, OUTCOME_ITEM_ARCHIVED);
	s.item.is_archived = false;
	scene_play(&s);
	assert_int_equal(s.answer.outcome, OUTCOME_LOCATION_ARCHIVED);
	s.from.is_archived = false;
	scene_play(&s);
	assert_int_equal(s.answer.outcome, OUTCOME_QUANTITY_OVERFLOW);
	s.stocks[0].on_hand--;
	s.command.condition.on_hand--;
	scene_play(&s);
	assert_int_equal(s.answer.outcome, OUTCOME_DONE);
}

/* The same for a transfer, whose rows fail in different ways. */
static void of_both_rows_of_a_transfer(void **state)
{
	static struct scene s;

	(void)state;
	scene_set(&s, COMMAND_TRANSFER, 9, TARGET_OUT);
	s.stocks[0].on_hand = 7;
	s.stocks[1] = (struct stock){ .id = 5, .on_hand = LEVEL_MAX, .version = 1, .seq = 80 };
	scene_play(&s);
	assert_int_equal(s.answer.outcome, OUTCOME_LOCATION_ARCHIVED);
	s.to.is_archived = false;
	scene_play(&s);
	assert_int_equal(s.answer.outcome, OUTCOME_INSUFFICIENT_STOCK);
	s.stocks[0].on_hand = 9;
	scene_play(&s);
	assert_int_equal(s.answer.outcome, OUTCOME_QUANTITY_OVERFLOW);
	expect_nothing_done("neither row", &s);
	s.stocks[1].on_hand -= 9;
	scene_play(&s);
	assert_int_equal(s.answer.outcome, OUTCOME_DONE);
	assert_int_equal(s.stocks[1].on_hand, LEVEL_MAX);
}

/* ------------------------------------------------------------------ what the answer says */

static void a_shortage_says_what_there_was(void **state)
{
	static struct scene s;

	(void)state;
	scene_set(&s, COMMAND_ADJUST, -8, 0);
	s.stocks[0].on_hand = 7;
	s.stocks[0].reserved = 2;
	scene_play(&s);
	assert_int_equal(s.answer.row_index, 0);
	assert_int_equal(s.answer.shortage.requested, 8);
	assert_int_equal(s.answer.shortage.available, 5);
	assert_int_equal(s.answer.shortage.shortfall, 3);
	s.item.backorder_limit = 2;
	scene_play(&s);
	assert_int_equal(s.answer.shortage.available, 5);
	assert_int_equal(s.answer.shortage.shortfall, 1);
	s.stocks[0].reserved = 8;
	s.command.is_up_to = true; /* which may owe nothing */
	scene_play(&s);
	assert_int_equal(s.answer.shortage.available, -1);
	assert_int_equal(s.answer.shortage.shortfall, 9);

	scene_set(&s, COMMAND_TRANSFER, 8, 0);
	s.stocks[0].on_hand = 7;
	scene_play(&s);
	assert_int_equal(s.answer.row_index, 0);
	assert_int_equal(s.answer.shortage.requested, 8);
	assert_int_equal(s.answer.shortage.available, 7);
	assert_int_equal(s.answer.shortage.shortfall, 1);
}

static void a_transfer_says_which_location_is_unknown(void **state)
{
	static struct scene s;

	(void)state;
	scene_set(&s, COMMAND_TRANSFER, 1, NO_LOCATION | NO_TARGET);
	scene_play(&s);
	assert_int_equal(s.answer.row_index, 0);
	scene_set(&s, COMMAND_TRANSFER, 1, NO_TARGET);
	scene_play(&s);
	assert_int_equal(s.answer.outcome, OUTCOME_UNKNOWN_LOCATION);
	assert_int_equal(s.answer.row_index, 1);
	scene_set(&s, COMMAND_TRANSFER, 1, 0);
	scene_play(&s);
	assert_int_equal(s.answer.row_index, 0);
}

static void a_movement_says_everything(void **state)
{
	static struct scene s;
	const struct movement *m = &s.answer.movements[0];

	(void)state;
	scene_set(&s, COMMAND_ADJUST, -9, UP_TO);
	s.stocks[0].on_hand = 7;
	s.stocks[0].reserved = 3;
	scene_play(&s);
	assert_int_equal(m->seq, 101);
	assert_int_equal(m->stock_id, 4);
	assert_int_equal(m->kind, MOVEMENT_ADJUST);
	assert_int_equal(m->on_hand_delta, -4);
	assert_int_equal(m->reserved_delta, 0);
	assert_int_equal(m->on_hand, 3);
	assert_int_equal(m->reserved, 3);
	assert_int_equal(m->version, 6);
	assert_int_equal(m->prev_seq, 90);
	assert_int_equal(m->at_ms, 777);
	assert_string_equal(m->reason, "because");
	assert_string_equal(m->reference, "order-9");
	assert_null(m->reservation);
	assert_string_equal(m->request_id, "req-1");
	assert_string_equal(m->actor, "local");
	assert_string_equal(m->note, "by the door");
	assert_int_equal(s.stocks[0].seq, 101);
	assert_int_equal(s.stocks[0].updated_at_ms, 777);
	assert_int_equal(s.stocks[0].id, 4);
}

static void a_transfer_makes_two_movements_in_a_row(void **state)
{
	static struct scene s;
	const struct movement *m = s.answer.movements;

	(void)state;
	scene_set(&s, COMMAND_TRANSFER, 3, 0);
	s.stocks[0].on_hand = 7;
	scene_play(&s);
	assert_int_equal(m[0].kind, MOVEMENT_TRANSFER);
	assert_int_equal(m[0].seq, 101);
	assert_int_equal(m[0].on_hand_delta, -3);
	assert_int_equal(m[0].on_hand, 4);
	assert_int_equal(m[0].prev_seq, 90);
	assert_int_equal(m[1].kind, MOVEMENT_TRANSFER);
	assert_int_equal(m[1].seq, 102);
	assert_int_equal(m[1].on_hand_delta, 3);
	assert_int_equal(m[1].on_hand, 3);
	assert_int_equal(m[1].version, 1);
	assert_int_equal(m[1].prev_seq, 0);
	assert_int_equal(m[1].stock_id, 0);
	assert_int_equal(s.stocks[0].seq, 101);
	assert_int_equal(s.stocks[1].seq, 102);
}

static void a_set_to_the_same_value_is_a_movement(void **state)
{
	static struct scene s;

	(void)state;
	scene_set(&s, COMMAND_SET, 7, 0);
	s.stocks[0].on_hand = 7;
	scene_play(&s);
	assert_int_equal(s.answer.movement_count, 1);
	assert_int_equal(s.answer.movements[0].kind, MOVEMENT_SET);
	assert_int_equal(s.answer.movements[0].on_hand_delta, 0);
	assert_int_equal(s.stocks[0].version, 6);
}

/* ------------------------------------------------------------------ warnings on movements */

/* clang-format off */
static const struct warning {
	const char       *what;
	enum command_kind kind;
	int64_t           quantity;
	int64_t           on_hand, reserved;
	bool              has_reorder_point;
	int64_t           reorder_point;
	bool              is_oversubscribed, is_low_stock;
} warnings[] = {
	{ "enough of everything",                 COMMAND_ADJUST, -1, 20, 5, true,  10, false, false },
	{ "down to the reorder point",            COMMAND_ADJUST, -5, 20, 5, true,  10, false, true  },
	{ "below it",                             COMMAND_ADJUST, -6, 20, 5, true,  10, false, true  },
	{ "it counts what is available",          COMMAND_ADJUST, -1, 20, 9, true,  10, false, true  },
	{ "without a reorder point",              COMMAND_ADJUST, -9, 10, 0, false, 10, false, false },
	{ "a reorder point of 0",                 COMMAND_ADJUST, -9,  9, 0, true,   0, false, true  },
	{ "more came, but not enough",            COMMAND_ADJUST,  3,  2, 0, true,  10, false, true  },
	{ "a set leaves all reservations room",   COMMAND_SET,     5, 20, 5, false,  0, false, false },
	{ "a set below the reservations",         COMMAND_SET,     4, 20, 5, false,  0, true,  false },
	{ "both at once",                         COMMAND_SET,     4, 20, 5, true,  10, true,  true  },
	{ "a set that raises it, yet not enough", COMMAND_SET,     4,  1, 5, false,  0, true,  false },
	{ "only what was stated oversubscribes",  COMMAND_ADJUST,  1,  1, 5, false,  0, false, false },
	{ "a transfer runs the source low",       COMMAND_TRANSFER, 6, 20, 5, true, 10, false, true  },
};
/* clang-format on */

static void movements_warn(void **state)
{
	static struct scene s;

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(warnings); i++) {
		const struct warning *r = &warnings[i];

		scene_set(&s, r->kind, r->quantity, 0);
		s.stocks[0].on_hand = r->on_hand;
		s.stocks[0].reserved = r->reserved;
		s.item.has_reorder_point = r->has_reorder_point;
		s.item.reorder_point = r->reorder_point;
		scene_play(&s);
		ROW_EXPECT(r->what, s.answer.outcome == OUTCOME_DONE);
		ROW_EXPECT(r->what,
			   s.answer.movements[0].is_oversubscribed == r->is_oversubscribed);
		ROW_EXPECT(r->what, s.answer.movements[0].is_low_stock == r->is_low_stock);
	}
}

/* ------------------------------------------------------------------ items and locations */

/* clang-format off */
static const struct precondition {
	const char      *what;
	struct condition want;
	bool             is_create_only;
	int64_t          version;        /* 0: there is none */
	enum outcome     outcome;
} preconditions[] = {
	{ "none, of nothing",            { 0 },                                 false, 0, DONE   },
	{ "none, of something",          { 0 },                                 false, 3, DONE   },
	{ "create only",                 { 0 },                                 true,  0, DONE   },
	{ "create only, but it exists",  { 0 },                                 true,  3, FAILED },
	{ "the version it is at",        { .has_version = true, .version = 3 }, false, 3, DONE   },
	{ "another version",             { .has_version = true, .version = 2 }, false, 3, FAILED },
	{ "a version of nothing",        { .has_version = true, .version = 3 }, false, 0, FAILED },
	{ "any version",                 { .must_exist = true },                false, 3, DONE   },
	{ "any version of nothing",      { .must_exist = true },                false, 0, FAILED },
};
/* clang-format on */

/* clang-format off */
static const struct count_row {
	const char  *what;
	int64_t      counted, then, now; /* on the shelf */
	int64_t      stated_before, stated_behind; /* a movement since then that stated the level */
	enum outcome outcome;
	int64_t      after;
} counts[] = {
	{ "as the books say, nothing sold",       10, 10, 10, 0, 0, DONE, 10 },
	{ "as the books say, three sold",         10, 10,  7, 0, 0, DONE,  7 },
	{ "two are missing",                       8, 10, 10, 0, 0, DONE,  8 },
	{ "two are missing, three sold",           8, 10,  7, 0, 0, DONE,  5 },
	{ "two too many, five received",          12, 10, 15, 0, 0, DONE, 17 },
	{ "none there, three sold all the same",   0, 10,  7, 0, 0, DONE, -3 },
	{ "it was set since",                      8, 10,  7, 5, 0, OUTCOME_COUNT_OUTDATED, 7 },
	{ "it was set while the count waited",     8, 10,  7, 0, 9, OUTCOME_COUNT_OUTDATED, 7 },
	{ "beyond the highest level",             QUANTITY_MAX, 0, LEVEL_MAX, 0, 0, OUTCOME_QUANTITY_OVERFLOW, LEVEL_MAX },
};
/* clang-format on */

static void a_count_is_applied_to_now(void **state)
{
	static struct scene s;

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(counts); i++) {
		const struct count_row *r = &counts[i];

		scene_set(&s, COMMAND_COUNT, r->counted, 0);
		s.stocks[0].on_hand = r->now;
		s.command.past = (struct past_level){ .as_of_seq = 3,
						      .on_hand = r->then,
						      .stated_seq = r->stated_before };
		s.rows[0].stated_seq = r->stated_behind;
		scene_play(&s);
		ROW_EXPECT(r->what, s.answer.outcome == r->outcome);
		ROW_EXPECT(r->what, s.stocks[0].on_hand == r->after);
		ROW_EXPECT(r->what, s.answer.movement_count == (r->outcome == DONE));
		if (r->outcome != DONE)
			continue;
		ROW_EXPECT(r->what, s.answer.status == 200);
		ROW_EXPECT(r->what, s.answer.movements[0].kind == MOVEMENT_COUNT_OF_STOCK);
		ROW_EXPECT(r->what, s.answer.movements[0].on_hand_delta == r->counted - r->then);
	}
}

/* clang-format off */
static const struct reserve_row {
	const char  *what;
	int64_t      asked, on_hand, reserved, backorder_limit;
	unsigned     flags;
	enum outcome outcome;
	int64_t      shortfall;
} reserves[] = {
	{ "all that is available",        6, 10, 4, 0,           0, DONE, 0 },
	{ "one more",                     7, 10, 4, 0,           0, OUTCOME_INSUFFICIENT_STOCK, 1 },
	{ "one more, by backorder",       7, 10, 4, 1,           0, DONE, 0 },
	{ "two more, by backorder of one", 8, 10, 4, 1,          0, OUTCOME_INSUFFICIENT_STOCK, 1 },
	{ "after a loss",                 1,  2, 4, 0,           0, OUTCOME_INSUFFICIENT_STOCK, 3 },
	{ "of an archived item",          1, 10, 0, 0,    ITEM_OUT, OUTCOME_ITEM_ARCHIVED, 0 },
	{ "at an archived location",      1, 10, 0, 0, LOCATION_OUT, OUTCOME_LOCATION_ARCHIVED, 0 },
	{ "of no item",                   1, 10, 0, 0,     NO_ITEM, OUTCOME_UNKNOWN_ITEM, 0 },
	{ "at no location",               1, 10, 0, 0, NO_LOCATION, OUTCOME_UNKNOWN_LOCATION, 0 },
};
/* clang-format on */

static void what_is_available_can_be_reserved(void **state)
{
	static struct scene s;

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(reserves); i++) {
		const struct reserve_row *r = &reserves[i];
		struct short_line lines[1];
		enum outcome o;

		scene_set(&s, COMMAND_READ, 0, r->flags);
		s.item.backorder_limit = r->backorder_limit;
		s.stocks[0].on_hand = r->on_hand;
		s.stocks[0].reserved = r->reserved;
		o = rules_may_reserve(s.rows, &r->asked, 1, lines, &s.answer);
		ROW_EXPECT(r->what, o == r->outcome);
		if (o != OUTCOME_INSUFFICIENT_STOCK)
			continue;
		ROW_EXPECT(r->what, s.answer.short_count == 1);
		ROW_EXPECT(r->what, lines[0].shortage.requested == r->asked);
		ROW_EXPECT(r->what, lines[0].shortage.available == r->on_hand - r->reserved);
		ROW_EXPECT(r->what, lines[0].shortage.shortfall == r->shortfall);
	}
}

static void what_is_on_the_shelf_can_be_committed(void **state)
{
	static struct scene s;
	struct short_line lines[1];
	int64_t three = 3;

	(void)state;
	scene_set(&s, COMMAND_READ, 0, 0);
	s.stocks[0].on_hand = 3;
	s.stocks[0].reserved = 9; /* what others have reserved is not in its way */
	assert_int_equal(rules_may_commit(s.rows, &three, 1, lines, &s.answer), DONE);
	s.stocks[0].on_hand = 2;
	assert_int_equal(rules_may_commit(s.rows, &three, 1, lines, &s.answer),
			 OUTCOME_INSUFFICIENT_ON_HAND);
	assert_int_equal(lines[0].shortage.shortfall, 1);
	s.item.backorder_limit = 1;
	assert_int_equal(rules_may_commit(s.rows, &three, 1, lines, &s.answer), DONE);
}

static void a_booking_changes_the_row_and_says_so(void **state)
{
	static struct scene s;
	struct booking b = { .kind = MOVEMENT_COMMIT,
			     .on_hand_delta = -2,
			     .reserved_delta = -5,
			     .reservation = "r_1",
			     .request_id = "req-1" };
	struct movement m;

	(void)state;
	scene_set(&s, COMMAND_READ, 0, 0);
	s.stocks[0].on_hand = 7;
	s.stocks[0].reserved = 6;
	rules_book(&s.rows[0], &b, 101, 777, &m);
	assert_int_equal(s.stocks[0].on_hand, 5);
	assert_int_equal(s.stocks[0].reserved, 1);
	assert_int_equal(s.stocks[0].version, 6);
	assert_int_equal(s.stocks[0].seq, 101);
	assert_int_equal(m.seq, 101);
	assert_int_equal(m.prev_seq, 90);
	assert_int_equal(m.on_hand, 5);
	assert_int_equal(m.reserved, 1);
	assert_int_equal(m.on_hand_delta, -2);
	assert_int_equal(m.reserved_delta, -5);
	assert_string_equal(m.reservation, "r_1");
	assert_string_equal(m.reason, "commit");
	assert_false(m.is_oversubscribed);
}

static void preconditions_hold_or_fail(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(preconditions); i++) {
		const struct precondition *r = &preconditions[i];
		struct command c = { .kind = COMMAND_ITEM_PUT,
				     .condition = r->want,
				     .is_create_only = r->is_create_only };

		ROW_EXPECT(r->what, rules_precondition(&c, r->version) == r->outcome);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_do_what_the_table_says),
		cmocka_unit_test(conditions_are_compared_with_the_row),
		cmocka_unit_test(reads_and_transfers_have_no_condition),
		cmocka_unit_test(the_first_check_that_fails_decides),
		cmocka_unit_test(of_both_rows_of_a_transfer),
		cmocka_unit_test(a_shortage_says_what_there_was),
		cmocka_unit_test(a_transfer_says_which_location_is_unknown),
		cmocka_unit_test(a_movement_says_everything),
		cmocka_unit_test(a_transfer_makes_two_movements_in_a_row),
		cmocka_unit_test(a_set_to_the_same_value_is_a_movement),
		cmocka_unit_test(movements_warn),
		cmocka_unit_test(a_count_is_applied_to_now),
		cmocka_unit_test(what_is_available_can_be_reserved),
		cmocka_unit_test(what_is_on_the_shelf_can_be_committed),
		cmocka_unit_test(a_booking_changes_the_row_and_says_so),
		cmocka_unit_test(preconditions_hold_or_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
