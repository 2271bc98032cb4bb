/* test_operation_book - what is kept of operations, and for how many; the writes are made up. */
#include "base/clock.h"
#include "engine/operation_book.h"
#include "unit.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct bench {
	struct operation_book book;
	struct operation_home home;
	struct mailbox box;
};

static int setup(void **state)
{
	struct bench *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	assert_int_equal(mailbox_init(&t->box), 0);
	operation_book_init(&t->book, NULL, 60000);
	operation_home_init(&t->home, &t->book, &t->box);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct bench *t = *state;

	operation_book_fini(&t->book);
	mailbox_fini(&t->box);
	free(t);
	return 0;
}

static struct operation *make(struct bench *t)
{
	enum outcome refusal;
	struct operation *o = operation_create(&t->home, "request-1", &actor_local, &refusal);

	assert_non_null(o);
	return o;
}

/* Its write comes home with this outcome, as the writer would send it. */
static void answer(struct bench *t, struct operation *o, enum outcome outcome, bool is_unknown)
{
	struct work *w = work_create();

	assert_non_null(w);
	w->command.kind = COMMAND_ITEM_DELETE;
	w->command.request_id = "request-of-the-write";
	w->command.actor = &actor_local;
	w->answer = (struct answer){ .outcome = outcome,
				     .status = outcome == OUTCOME_DONE
						       ? 204
						       : outcome_row(outcome)->http_status,
				     .is_unknown = is_unknown,
				     .lease = { .id = "l_1", .purpose = "" },
				     .seq = 7 };
	o->waiter.work = w;
	t->home.count++;
	o->waiter.parcel.arrive(&o->waiter.parcel);
	assert_int_equal(t->home.count, 0);
}

static const char *id_of(const struct operation *o, char id[OPERATION_ID_BYTES])
{
	return memcpy(id, o->id, OPERATION_ID_BYTES);
}

/* clang-format off */
static const struct ending {
	const char  *what;
	enum outcome outcome;
	bool         is_unknown;
	const char  *state;
} endings[] = {
	{ "carried out",                      OUTCOME_DONE,                false, "committed" },
	{ "the rules said no",                OUTCOME_ITEM_IN_USE,         false, "refused"   },
	{ "the disk was full",                OUTCOME_DISK_FULL,           false, "refused"   },
	{ "the server stopped",               OUTCOME_DRAINING,            false, "refused"   },
	{ "others were ahead",                OUTCOME_ROW_BUSY,            false, "timed-out" },
	{ "a lease was in the way",           OUTCOME_ROW_LEASED,          false, "timed-out" },
	{ "another program had the store",    OUTCOME_STORE_BUSY,          false, "timed-out" },
	{ "somebody took it back",            OUTCOME_OPERATION_WITHDRAWN, false, "withdrawn" },
	{ "the flush failed",                 OUTCOME_OUTCOME_UNKNOWN,     true,  "unknown"   },
	{ "others still wait for the write",  OUTCOME_REQUEST_IN_FLIGHT,   true,  "unknown"   },
};
/* clang-format on */

static void each_end_has_its_state(void **state)
{
	struct bench *t = *state;

	for (size_t i = 0; i < LENGTH_OF(endings); i++) {
		const struct ending *e = &endings[i];
		struct operation *o = make(t);
		struct operation_view v;
		char id[OPERATION_ID_BYTES];
		struct arena a;

		o->is_known = true;
		id_of(o, id);
		answer(t, o, e->outcome, e->is_unknown);
		arena_init(&a);
		assert_int_equal(operation_look(&t->book, id, &actor_local, &a, &v), 0);
		ROW_EXPECT(e->what, strcmp(operation_state_name(&v), e->state) == 0);
		ROW_EXPECT(e->what, v.status == (e->outcome == OUTCOME_DONE
							 ? 204
							 : outcome_row(e->outcome)->http_status));
		ROW_EXPECT(e->what, v.seq == 7);
		ROW_EXPECT(e->what, (v.result == NULL) == (e->outcome == OUTCOME_DONE));
		ROW_EXPECT(e->what, v.result == NULL || strstr(v.result, "\"request-1\"") != NULL);
		arena_fini(&a);
	}
}

static bool is_there(struct bench *t, const char *id)
{
	struct operation_view v;
	struct arena a;

	arena_init(&a);
	int r = operation_look(&t->book, id, &actor_local, &a, &v);
	arena_fini(&a);
	assert_true(r == 0 || r == -ENOENT);
	return r == 0;
}

/* A client that left before it heard of its operation will never ask. */
static void what_nobody_knows_is_not_kept(void **state)
{
	struct bench *t = *state;
	struct operation *o = make(t);
	char id[OPERATION_ID_BYTES];

	id_of(o, id);
	answer(t, o, OUTCOME_DONE, false);
	assert_int_equal(t->book.operations.count, 0);
	assert_false(is_there(t, id));
}

/* The request that began it was answered by itself: only then it need not be kept. */
static void what_was_answered_is_forgotten_unless_it_is_known(void **state)
{
	struct bench *t = *state;

	for (int is_known = 0; is_known <= 1; is_known++) {
		struct parcel parcel = { .home = &t->box };
		struct operation *o = make(t);
		char id[OPERATION_ID_BYTES];
		struct operation_poll poll = { .id = id, .actor = &actor_local, .parcel = &parcel };
		struct list parcels;

		list_init(&parcel.link);
		o->is_known = is_known != 0;
		id_of(o, id);
		assert_true(operation_poll(&t->book, &poll));
		answer(t, o, OUTCOME_DONE, false);
		assert_false(operation_unpoll(&t->book, &poll)); /* the parcel is on its way */
		assert_true(poll.is_answered);
		list_init(&parcels);
		mailbox_take(&t->box, &parcels);
		assert_ptr_equal(list_pop_front(&parcels), &parcel.link);
		assert_false(operation_poll(&t->book, &poll));
		operation_forget(&t->book, id);
		assert_true(is_there(t, id) == (is_known != 0));
	}
}

static void who_leaves_gets_no_parcel(void **state)
{
	struct bench *t = *state;
	struct parcel parcel = { .home = &t->box };
	struct operation *o = make(t);
	char id[OPERATION_ID_BYTES];
	struct operation_poll poll = { .id = id, .actor = &actor_local, .parcel = &parcel };
	struct list parcels;

	list_init(&parcel.link);
	o->is_known = true;
	id_of(o, id);
	assert_true(operation_poll(&t->book, &poll));
	assert_true(operation_unpoll(&t->book, &poll));
	answer(t, o, OUTCOME_DONE, false);
	list_init(&parcels);
	mailbox_take(&t->box, &parcels);
	assert_true(list_is_empty(&parcels));
}

/* At the bound the one that finished first makes room; when none has finished, there is none. */
static void the_book_has_a_bound(void **state)
{
	struct bench *t = *state;
	struct operation **all = calloc((size_t)OPERATIONS_MAX, sizeof(all[0]));
	enum outcome refusal = OUTCOME_DONE;
	char first[OPERATION_ID_BYTES], second[OPERATION_ID_BYTES];

	assert_non_null(all);
	for (int i = 0; i < OPERATIONS_MAX; i++)
		all[i] = make(t);
	assert_null(operation_create(&t->home, "one-more", &actor_local, &refusal));
	assert_int_equal(refusal, OUTCOME_TOO_MANY_OPERATIONS);

	all[0]->is_known = all[1]->is_known = true;
	id_of(all[0], first);
	id_of(all[1], second);
	answer(t, all[1], OUTCOME_DONE, false);
	answer(t, all[0], OUTCOME_DONE, false);
	all[1] = make(t);
	assert_false(is_there(t, second));
	assert_true(is_there(t, first));
	all[0] = make(t);
	assert_false(is_there(t, first));
	assert_null(operation_create(&t->home, "one-more", &actor_local, &refusal));
	for (int i = 0; i < OPERATIONS_MAX; i++)
		operation_discard(all[i]);
	assert_int_equal(t->book.operations.count, 0);
	free(all);
}

/* After ten minutes nobody need remember it; time is moved by moving when it finished. */
static void what_has_finished_is_kept_for_a_while(void **state)
{
	struct bench *t = *state;
	int64_t kept_ns = OPERATION_KEPT_S * NS_PER_S;
	struct operation *o = make(t);
	char id[OPERATION_ID_BYTES];

	o->is_known = true;
	id_of(o, id);
	answer(t, o, OUTCOME_DONE, false);
	o->finished_ns -= kept_ns - 10 * NS_PER_S;
	assert_true(is_there(t, id));
	o->finished_ns -= 10 * NS_PER_S;
	assert_false(is_there(t, id));
	assert_int_equal(t->book.operations.count, 0);
}

/* Whoever it is not for finds nothing: he can neither look, nor wait, nor withdraw. */
static void an_operation_is_its_tokens(void **state)
{
	static const struct actor clerk = { .token_id = 7, .role = ROLE_CLERK, .name = "clerk" };
	static const struct actor writer = { .token_id = 8, .role = ROLE_WRITER, .name = "other" };
	static const struct actor admin = { .token_id = 9, .role = ROLE_ADMIN, .name = "boss" };
	static const struct {
		const struct actor *actor;
		bool sees;
	} rows[] = { { &clerk, true }, { &writer, false }, { &admin, true } };
	struct bench *t = *state;
	enum outcome refusal;
	struct operation *o = operation_create(&t->home, "request-1", &clerk, &refusal);
	char id[OPERATION_ID_BYTES];

	assert_non_null(o);
	id_of(o, id);
	for (int is_finished = 0; is_finished < 2; is_finished++) {
		for (size_t i = 0; i < LENGTH_OF(rows); i++) {
			struct parcel parcel = { .home = &t->box };
			struct operation_poll poll = { .id = id,
						       .actor = rows[i].actor,
						       .parcel = &parcel };
			bool is_polled = operation_poll(&t->book, &poll);

			ROW_EXPECT(rows[i].actor->name,
				   is_polled == (rows[i].sees && is_finished == 0));
			if (is_polled)
				assert_true(operation_unpoll(&t->book, &poll));
			if (!rows[i].sees)
				ROW_EXPECT(rows[i].actor->name,
					   operation_withdraw(&t->book, &poll) == RECALL_LATE);
		}
		o->is_known = true;
		if (is_finished == 0)
			answer(t, o, OUTCOME_DONE, false);
	}
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		struct operation_view v;
		struct arena a;

		arena_init(&a);
		ROW_EXPECT(rows[i].actor->name, operation_look(&t->book, id, rows[i].actor, &a,
							       &v) == (rows[i].sees ? 0 : -ENOENT));
		arena_fini(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(each_end_has_its_state),
		CASE(what_nobody_knows_is_not_kept),
		CASE(what_was_answered_is_forgotten_unless_it_is_known),
		CASE(who_leaves_gets_no_parcel),
		CASE(an_operation_is_its_tokens),
		CASE(the_book_has_a_bound),
		CASE(what_has_finished_is_kept_for_a_while),
#undef CASE
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
