/*
 * test_key_book - a key in each of its states meets each event: a table of all pairs, and every
 * story of STORY_EVENTS events that can be told with it.
 *
 * After each event the book is asked in every way there is, and says what a book of that state
 * says.
 */
#include "base/clock.h"
#include "engine/key_book.h"
#include "unit.h"

enum {
	STORY_EVENTS = 5,
	KEY_HASH = 4711,
	REQUEST = 1, /* fingerprints */
	OTHER_REQUEST = 2,
};

enum state {
	FREE,
	IN_FLIGHT,
	UNKNOWN,
	USED,
	FORGOTTEN,        /* used, and too old */
	REUSED_IN_FLIGHT, /* and then once more */
	REUSED,
	USED_UNKNOWN, /* a corrected line of a batch was lost: there is a record of the first */
	NEVER,        /* the pair cannot be */
	SAME,         /* nothing changes */
	STATES = NEVER,
};

enum event {
	QUEUE,   /* somebody brings it, asks, and queues if it is free */
	REFUSED, /* whoever has it in flight leaves, and nothing is recorded */
	KEPT,    /* its group is committed: of who has it in flight, or of a line of a batch */
	LOST,    /* nobody knows whether its group was */
	OLD,     /* a day passes */
	GROWN,   /* the map becomes a larger one */
	EVENTS,
};

/* clang-format off */
static const enum state next_state[STATES][EVENTS] = {
	/*                     queue             refused    kept    lost          old        grown */
	[FREE]             = { IN_FLIGHT,        SAME,      USED,   UNKNOWN,      SAME,      SAME },
	[IN_FLIGHT]        = { SAME,             FREE,      USED,   UNKNOWN,      SAME,      SAME },
	[UNKNOWN]          = { SAME,             SAME,      NEVER,  NEVER,        SAME,      SAME },
	[USED]             = { SAME,             SAME,      SAME,   USED_UNKNOWN, FORGOTTEN, SAME },
	[FORGOTTEN]        = { REUSED_IN_FLIGHT, SAME,      REUSED, UNKNOWN,      SAME,      SAME },
	[REUSED_IN_FLIGHT] = { SAME,             FORGOTTEN, REUSED, UNKNOWN,      SAME,      SAME },
	[REUSED]           = { SAME,             SAME,      SAME,   USED_UNKNOWN, FORGOTTEN, SAME },
	[USED_UNKNOWN]     = { SAME,             SAME,      NEVER,  NEVER,        UNKNOWN,   SAME },
};

/* What the same request is told, and another one; is there a record to compare? is it unknown? */
static const struct said {
	enum key_state same, other;
	bool has_record;
	enum key_state same_unknown, other_unknown;
} said_in[STATES] = {
	[FREE]             = { KEY_FREE,      KEY_FREE,    false, KEY_FREE,    KEY_FREE },
	[IN_FLIGHT]        = { KEY_IN_FLIGHT, KEY_REUSED,  false, KEY_FREE,    KEY_FREE },
	[UNKNOWN]          = { KEY_UNKNOWN,   KEY_REUSED,  false, KEY_UNKNOWN, KEY_REUSED },
	[USED]             = { KEY_LOOK_UP,   KEY_LOOK_UP, true,  KEY_FREE,    KEY_FREE },
	[FORGOTTEN]        = { KEY_FREE,      KEY_FREE,    false, KEY_FREE,    KEY_FREE },
	[REUSED_IN_FLIGHT] = { KEY_IN_FLIGHT, KEY_REUSED,  false, KEY_FREE,    KEY_FREE },
	[REUSED]           = { KEY_LOOK_UP,   KEY_LOOK_UP, true,  KEY_FREE,    KEY_FREE },
	[USED_UNKNOWN]     = { KEY_UNKNOWN,   KEY_REUSED,  true,  KEY_UNKNOWN, KEY_REUSED },
};
/* clang-format on */

static const char *const state_names[STATES] = {
	"free",      "in flight",        "unknown", "used",
	"forgotten", "reused in flight", "reused",  "used, and unknown",
};
static const char *const event_names[EVENTS] = {
	"queue", "refused", "kept", "lost", "old", "grown"
};

/* ---------------------------------------------------------------- the world */

static struct key_book book;
static struct guard guard;
static struct work *in_flight; /* who has it; NULL: nobody */
static int64_t newest_id;
static int64_t now_ms;
static enum state now_in;

static struct work *new_work(uint64_t fingerprint)
{
	struct work *w = work_create();

	assert_non_null(w);
	w->command.key = "order-991";
	w->command.actor = &actor_local;
	w->command.fingerprint = fingerprint;
	w->key_hash = KEY_HASH;
	return w;
}

static void begin(void)
{
	guard_init(&guard, RANK_LOCKS);
	assert_int_equal(key_book_init(&book, &guard), 0);
	in_flight = NULL;
	newest_id = 0;
	now_ms = INT64_C(1700000000000);
	now_in = FREE;
}

/* Whoever had it in flight is let go. */
static void leave(void)
{
	if (in_flight == NULL)
		return;
	guard_lock(&guard);
	key_book_leave_locked(&book, in_flight);
	guard_unlock(&guard);
	in_flight = work_release(in_flight);
}

static void end(void)
{
	leave();
	key_book_fini(&book);
	guard_fini(&guard);
}

static enum key_state ask(uint64_t fingerprint, struct key_search *search)
{
	struct work *w = new_work(fingerprint), *first = NULL;

	guard_lock(&guard);
	enum key_state state = key_book_ask_locked(&book, w, search, &first);
	guard_unlock(&guard);
	if (state == KEY_IN_FLIGHT)
		assert_ptr_equal(first, in_flight);
	work_release(w);
	return state;
}

static enum key_state ask_unknown(uint64_t fingerprint)
{
	struct work *w = new_work(fingerprint);
	enum key_state state = key_book_ask_unknown(&book, w);

	work_release(w);
	return state;
}

/* ---------------------------------------------------------------- events */

static void queue(void)
{
	struct key_search search = { 0 };

	if (ask(REQUEST, &search) != KEY_FREE)
		return;
	in_flight = new_work(REQUEST);
	guard_lock(&guard);
	key_book_enter_locked(&book, in_flight);
	guard_unlock(&guard);
}

static void keep(void)
{
	assert_int_equal(key_book_make_room(&book, 1), 0);
	newest_id = key_book_give_id(&book);
	key_book_add(&book, KEY_HASH, newest_id, now_ms);
	leave();
}

static void lose(void)
{
	struct work *w = in_flight != NULL ? in_flight : new_work(REQUEST);
	struct list group;

	list_init(&group);
	list_push_back(&group, &w->work_link);
	key_book_keep_unknown(&book, &group);
	list_remove(&w->work_link);
	in_flight = w;
	leave();
}

static void grow_old(void)
{
	now_ms += (KEY_AGE_H_MAX * 3600 + 120) * MS_PER_S;
	for (int minute = 0; minute < STORY_EVENTS; minute++)
		key_book_forget(&book, now_ms);
}

static void grow(void)
{
	size_t slots = book.used.slot_count;

	assert_int_equal(key_book_make_room(&book, (int)slots), 0);
	assert_true(book.used.slot_count > slots);
}

static void happen(enum event event)
{
	switch (event) {
	case QUEUE:
		queue();
		break;
	case REFUSED:
		leave();
		break;
	case KEPT:
		keep();
		break;
	case LOST:
		lose();
		break;
	case OLD:
		grow_old();
		break;
	case GROWN:
		grow();
		break;
	case EVENTS:
		fail();
	}
}

/* ---------------------------------------------------------------- what it says */

static bool says(const struct said *said)
{
	struct key_search mine = { 0 }, others = { 0 }, searched = { 0 };
	bool is_right = ask(REQUEST, &mine) == said->same;

	is_right = is_right && ask(OTHER_REQUEST, &others) == said->other;
	is_right = is_right && key_book_look_up(&book, KEY_HASH, &searched) == said->has_record;
	is_right = is_right && (!said->has_record || searched.id == newest_id);
	is_right = is_right && ask_unknown(REQUEST) == said->same_unknown;
	return is_right && ask_unknown(OTHER_REQUEST) == said->other_unknown;
}

/* Tells a story from its number: one event a digit. False: it cannot be told. */
static bool tell(long number, bool seen[STATES][EVENTS])
{
	bool can_be = true;

	begin();
	for (int i = 0; i < STORY_EVENTS && can_be; i++, number /= EVENTS) {
		enum event event = (enum event)(number % EVENTS);
		enum state from = now_in, to = next_state[from][event];

		seen[from][event] = true;
		can_be = to != NEVER;
		if (!can_be)
			break;
		now_in = to == SAME ? from : to;
		happen(event);
		if (!says(&said_in[now_in]))
			fail_msg("%s, then %s: it is not %s", state_names[from], event_names[event],
				 state_names[now_in]);
	}
	end();
	return can_be;
}

static void every_state_meets_every_event(void **unused)
{
	bool seen[STATES][EVENTS] = { 0 };
	long stories = 1, told = 0;

	(void)unused;
	for (int i = 0; i < STORY_EVENTS; i++)
		stories *= EVENTS;
	for (long number = 0; number < stories; number++)
		told += tell(number, seen);
	assert_true(told > stories / 2);
	for (int state = 0; state < STATES; state++)
		for (int event = 0; event < EVENTS; event++)
			if (!seen[state][event])
				fail_msg("%s never met %s", state_names[state], event_names[event]);
}

/* ---------------------------------------------------------------- beside that */

static void another_key_with_its_hash_is_compared_and_passed(void **unused)
{
	struct key_search search = { 0 };
	struct work *other;

	(void)unused;
	begin();
	other = new_work(REQUEST);
	other->command.key = "order-992";
	guard_lock(&guard);
	key_book_enter_locked(&book, other);
	guard_unlock(&guard);
	assert_int_equal(ask(REQUEST, &search), KEY_FREE);
	in_flight = other;
	keep();
	assert_int_equal(ask(REQUEST, &search), KEY_LOOK_UP);
	assert_int_equal(search.id, newest_id);
	assert_int_equal(ask(REQUEST, &search),
			 KEY_FREE); /* asked again: the record was another's */
	keep();
	assert_int_equal(ask(REQUEST, &search), KEY_LOOK_UP); /* there is a newer one */
	assert_int_equal(search.id, newest_id);
	assert_int_equal(ask(REQUEST, &search), KEY_LOOK_UP);
	assert_int_equal(search.id, newest_id - 1);
	assert_int_equal(ask(REQUEST, &search), KEY_FREE);
	end();
}

static void lines_of_a_lost_part_are_unknown(void **unused)
{
	struct work *part = work_create(), *line = new_work(REQUEST);
	struct list group;

	(void)unused;
	begin();
	assert_non_null(part);
	list_init(&group);
	list_push_back(&part->lines, &line->work_link);
	list_push_back(&group, &part->work_link);
	key_book_keep_unknown(&book, &group);
	list_remove(&part->work_link);
	list_remove(&line->work_link);
	work_release(line);
	work_release(part);
	assert_true(says(&said_in[UNKNOWN]));
	end();
}

static void what_is_in_flight_is_not_unknown_because_others_are(void **unused)
{
	struct work *other;

	(void)unused;
	begin();
	lose();
	assert_true(says(&said_in[UNKNOWN]));
	other = new_work(OTHER_REQUEST);
	other->command.key = "order-992";
	assert_int_equal(key_book_ask_unknown(&book, other), KEY_FREE);
	guard_lock(&guard);
	key_book_enter_locked(&book, other);
	guard_unlock(&guard);
	in_flight = other;
	other = new_work(OTHER_REQUEST);
	other->command.key = "order-992";
	assert_int_equal(key_book_ask_unknown(&book, other), KEY_FREE);
	work_release(other);
	end();
}

/* Of another token, it is another key. */
static void who_asks_has_a_key_of_his_own(void **unused)
{
	static const struct actor clerk = { .token_id = 7, .role = ROLE_CLERK, .name = "clerk" };
	struct key_search search = { 0 };
	struct work *first = NULL;
	struct work *other;

	(void)unused;
	begin();
	queue();
	other = new_work(REQUEST);
	other->command.actor = &clerk;
	guard_lock(&guard);
	assert_int_equal(key_book_ask_locked(&book, other, &search, &first), KEY_FREE);
	guard_unlock(&guard);
	assert_true(says(&said_in[IN_FLIGHT]));
	lose();
	assert_int_equal(key_book_ask_unknown(&book, other), KEY_FREE);
	assert_true(says(&said_in[UNKNOWN]));
	work_release(other);
	end();
}

static void what_nobody_knows_is_refused_as_that(void **unused)
{
	struct work *w = new_work(REQUEST);

	(void)unused;
	key_book_refuse(w, KEY_UNKNOWN);
	assert_int_equal(w->answer.outcome, OUTCOME_OUTCOME_UNKNOWN);
	assert_true(w->answer.is_unknown);
	key_book_refuse(w, KEY_REUSED);
	assert_int_equal(w->answer.outcome, OUTCOME_KEY_REUSED);
	assert_false(w->answer.is_unknown);
	work_release(w);
}

static void typed_ids_are_passed(void **unused)
{
	(void)unused;
	begin();
	assert_int_equal(key_book_give_id(&book), 1);
	key_book_pass_id(&book, 40);
	assert_int_equal(key_book_give_id(&book), 41);
	key_book_pass_id(&book, 7);
	assert_int_equal(key_book_give_id(&book), 42);
	end();
}

static void what_is_forgotten_is_to_be_deleted(void **unused)
{
	(void)unused;
	begin();
	keep();
	key_book_forget(&book, now_ms);
	assert_false(book.has_old);
	grow_old();
	assert_true(book.has_old);
	assert_int_equal(book.old_floor, newest_id);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_meets_every_event),
		cmocka_unit_test(another_key_with_its_hash_is_compared_and_passed),
		cmocka_unit_test(lines_of_a_lost_part_are_unknown),
		cmocka_unit_test(what_is_in_flight_is_not_unknown_because_others_are),
		cmocka_unit_test(who_asks_has_a_key_of_his_own),
		cmocka_unit_test(what_nobody_knows_is_refused_as_that),
		cmocka_unit_test(typed_ids_are_passed),
		cmocka_unit_test(what_is_forgotten_is_to_be_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
