#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"
#include "engine/access_book.h"
#include "store/memory.h"
#include "unit.h"
#include <pthread.h>
#include <stdlib.h>

enum { NOW_MS = 1000, TOKENS = 5, ROUNDS = 300, READERS = 3 };

/* ---------------------------------------------------------------- memory that is short */

/* So many allocations go well, then one fails; below 0: none does. */
static atomic_int allocations_left = -1;
static atomic_int failure_count;

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);

void *__wrap_malloc(size_t bytes)
{
	if (atomic_load(&allocations_left) >= 0 && atomic_fetch_sub(&allocations_left, 1) == 0) {
		atomic_fetch_add(&failure_count, 1);
		return NULL;
	}
	return __real_malloc(bytes);
}

/* ---------------------------------------------------------------- a store of tokens */

struct world {
	struct memory *memory;
	struct store *store;
	struct access_book *book;
	struct access_view view;
	char texts[TOKENS][TOKEN_BYTES + 1];
	struct stored_token tokens[TOKENS];
	struct stored_secret secrets[TOKENS];
	struct stored_access access;
};

/* Token n: number n's bytes, so that it is another one each time. */
static void make_token(struct world *w, int n, int number)
{
	unsigned char random[TOKEN_RANDOM_BYTES];
	struct stored_secret *s = &w->secrets[n];

	memset(random, number, sizeof(random));
	token_write(random, w->texts[n]);
	w->tokens[n] = (struct stored_token){ .id = n + 1,
					      .role = ROLE_READER + n % 4,
					      .expires_at_ms = INT64_MAX,
					      .revoked_at_ms = INT64_MAX };
	snprintf(w->tokens[n].name, sizeof(w->tokens[n].name), "token-%d", number);
	*s = (struct stored_secret){ .token_id = n + 1, .expires_at_ms = INT64_MAX };
	memcpy(s->public_part, w->texts[n] + 3, TOKEN_PUBLIC_BYTES);
	secret_hash(w->texts[n] + 3 + TOKEN_PUBLIC_BYTES + 1, TOKEN_SECRET_BYTES, s->hash);
}

static void make_tokens(struct world *w, int number)
{
	for (int n = 0; n < TOKENS; n++)
		make_token(w, n, number + n);
	w->access = (struct stored_access){ .session_key = { 1 },
					    .token_count = TOKENS,
					    .tokens = w->tokens,
					    .secret_count = TOKENS,
					    .secrets = w->secrets };
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_true(secret_prepare());
	w->memory = memory_create(&(struct memory_options){ .has_one_writer = true });
	assert_non_null(w->memory);
	assert_int_equal(memory_open_store(w->memory, &w->store), 0);
	make_tokens(w, 1);
	*state = w;
	return 0;
}

static void open_book(struct world *w, bool is_watched)
{
	assert_int_equal(access_book_open(w->store, is_watched, &w->book), 0);
	access_view_init(&w->view, w->book);
}

static int teardown(void **state)
{
	struct world *w = *state;

	atomic_store(&allocations_left, -1);
	access_view_fini(&w->view);
	access_book_close(w->book);
	w->store->ops->close(w->store);
	memory_destroy(w->memory);
	free(w);
	return 0;
}

static void wait_for_generation(struct access_book *b, uint64_t generation)
{
	int64_t until_ns = clock_monotonic_ns() + 60 * NS_PER_S;

	while (access_book_generation(b) < generation) {
		assert_true(clock_monotonic_ns() < until_ns);
		sched_yield();
	}
}

static enum access_verdict judge(struct world *w, const char *text)
{
	const struct access_secret *found;

	return access_judge(access_view_use(&w->view), text, strlen(text), NOW_MS, &found);
}

/* ---------------------------------------------------------------- what a table says */

/* clang-format off */
static const struct end_row {
	const char *what;
	int64_t token_ms, revoked_ms, secret_ms;
	enum access_verdict verdict;
	int64_t until_ms;
} ends[] = {
	{ "no end at all",             INT64_MAX, INT64_MAX, INT64_MAX, ACCESS_GOOD,    INT64_MAX },
	{ "one to come",               NOW_MS + 1, INT64_MAX, INT64_MAX, ACCESS_GOOD,   NOW_MS + 1 },
	{ "one that is now",           NOW_MS,    INT64_MAX, INT64_MAX, ACCESS_EXPIRED, NOW_MS },
	{ "one that was",              NOW_MS - 1, INT64_MAX, INT64_MAX, ACCESS_EXPIRED, NOW_MS - 1 },
	{ "revoked",                   INT64_MAX, NOW_MS - 1, INT64_MAX, ACCESS_REVOKED, NOW_MS - 1 },
	{ "revoked by a clock ahead",  INT64_MAX, NOW_MS + 9, INT64_MAX, ACCESS_REVOKED, NOW_MS + 9 },
	{ "revoked after its end",     5,         NOW_MS - 1, INT64_MAX, ACCESS_REVOKED, 5 },
	{ "a secret that ends",        INT64_MAX, INT64_MAX, NOW_MS + 7, ACCESS_GOOD,   NOW_MS + 7 },
	{ "a secret that has ended",   INT64_MAX, INT64_MAX, NOW_MS,    ACCESS_EXPIRED, NOW_MS },
	{ "a token before its secret", NOW_MS + 3, INT64_MAX, NOW_MS + 7, ACCESS_GOOD,  NOW_MS + 3 },
	{ "times of long ago",         INT64_MIN, INT64_MAX, INT64_MAX, ACCESS_EXPIRED, INT64_MIN },
};
/* clang-format on */

static void ends_are_kept(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < LENGTH_OF(ends); i++) {
		const struct end_row *r = &ends[i];
		const struct access_secret *found = NULL;
		const struct access_table *t;

		make_tokens(w, 1);
		w->tokens[2].expires_at_ms = r->token_ms;
		w->tokens[2].revoked_at_ms = r->revoked_ms;
		w->secrets[2].expires_at_ms = r->secret_ms;
		assert_int_equal(memory_set_access(w->memory, &w->access), 0);
		open_book(w, false);
		t = access_view_use(&w->view);
		ROW_EXPECT(r->what,
			   access_judge(t, w->texts[2], TOKEN_BYTES, NOW_MS, &found) == r->verdict);
		ROW_EXPECT(r->what, found->until_ms == r->until_ms);
		ROW_EXPECT(r->what, found->token->until_ms == r->until_ms);
		ROW_EXPECT(r->what, found->token == access_find_token(t, 3));
		ROW_EXPECT(r->what, judge(w, w->texts[1]) == ACCESS_GOOD);
		access_view_fini(&w->view);
		access_book_close(w->book);
	}
	w->book = NULL;
}

static void a_store_without_tokens_is_open(void **state)
{
	struct world *w = *state;

	open_book(w, false);
	assert_int_equal(access_book_state(w->book), ACCESS_OPEN);
	assert_int_equal(access_state_of(access_view_use(&w->view)), ACCESS_OPEN);
	assert_int_equal(access_generation_of(w->view.table), 1);
	assert_null(access_session_key(w->view.table));
	assert_int_equal(judge(w, w->texts[0]), ACCESS_UNKNOWN);
	assert_null(access_find_token(w->view.table, 1));
}

static void one_that_had_one_is_closed(void **state)
{
	struct world *w = *state;

	assert_int_equal(memory_set_access(w->memory, &(struct stored_access){ .had_token = true }),
			 0);
	open_book(w, false);
	assert_int_equal(access_book_state(w->book), ACCESS_CLOSED);
}

/* Whoever takes all tokens out past the guards has not opened the store. */
static void so_is_one_whose_tokens_make_no_sense(void **state)
{
	struct world *w = *state;

	assert_int_equal(memory_set_access(w->memory, &(struct stored_access){ .left_out = 1 }), 0);
	open_book(w, false);
	assert_int_equal(access_book_state(w->book), ACCESS_CLOSED);
}

static void a_token_is_known_by_both_of_its_parts(void **state)
{
	struct world *w = *state;
	char text[TOKEN_BYTES + 1];

	assert_int_equal(memory_set_access(w->memory, &w->access), 0);
	open_book(w, false);
	assert_memory_equal(access_session_key(access_view_use(&w->view)), w->access.session_key,
			    SESSION_KEY_BYTES);
	for (int n = 0; n < TOKENS; n++) {
		const struct access_secret *found = NULL;

		assert_int_equal(
			access_judge(w->view.table, w->texts[n], TOKEN_BYTES, NOW_MS, &found),
			ACCESS_GOOD);
		assert_int_equal(found->token->actor.token_id, n + 1);
		assert_int_equal(found->token->actor.role, ROLE_READER + n % 4);
		assert_string_equal(found->token->actor.name, w->tokens[n].name);
		assert_true(actor_is_sound(&found->token->actor));
	}
	strcpy(text, w->texts[0]);
	memcpy(text + 14, w->texts[1] + 14, TOKEN_SECRET_BYTES);
	assert_int_equal(judge(w, text), ACCESS_UNKNOWN); /* another token's secret */
	strcpy(text, w->texts[0]);
	text[20] = text[20] == 'A' ? 'B' : 'A';
	assert_int_equal(judge(w, text), ACCESS_UNKNOWN);
	assert_int_equal(judge(w, "rl_"), ACCESS_MALFORMED);
	assert_int_equal(judge(w, ""), ACCESS_MALFORMED);
}

/* What was signed by a key is judged by the number of that key, which no other change raises. */
static void another_key_has_another_number(void **state)
{
	static const struct {
		const char *what;
		unsigned char key; /* its first byte */
		uint64_t key_generation;
	} rows[] = {
		{ "the first table", 1, 1 }, { "other tokens", 1, 1 },      { "another key", 2, 3 },
		{ "tokens again", 2, 3 },    { "the key of before", 1, 5 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		const struct access_table *t;

		make_tokens(w, (int)i + 1);
		w->access.session_key[0] = rows[i].key;
		assert_int_equal(memory_set_access(w->memory, &w->access), 0);
		if (i == 0)
			open_book(w, true);
		else
			access_book_look(w->book);
		wait_for_generation(w->book, i + 1);
		t = access_view_use(&w->view);
		assert_int_equal(access_generation_of(t), i + 1);
		ROW_EXPECT(rows[i].what,
			   access_session_key_generation(t) == rows[i].key_generation);
	}
}

/* Two secrets of a token, as while it is rotated: it goes on for as long as the later one. */
static void a_rotation_has_two_ends(void **state)
{
	struct world *w = *state;

	w->secrets[1].token_id = 1;
	w->secrets[0].expires_at_ms = NOW_MS - 1;
	w->secrets[1].expires_at_ms = NOW_MS + 50;
	assert_int_equal(memory_set_access(w->memory, &w->access), 0);
	open_book(w, false);
	assert_int_equal(judge(w, w->texts[0]), ACCESS_EXPIRED);
	assert_int_equal(judge(w, w->texts[1]), ACCESS_GOOD);
	assert_int_equal(access_find_token(w->view.table, 1)->until_ms, NOW_MS + 50);
	/* And token 2 has none any more. */
	assert_true(access_find_token(w->view.table, 2)->until_ms < NOW_MS);
}

static void locations_limit(void **state)
{
	struct world *w = *state;
	struct code locations[2] = { { "WH1" }, { "WH2" } };
	const struct access_token *t;

	w->tokens[0].locations = locations;
	w->tokens[0].location_count = 2;
	assert_int_equal(memory_set_access(w->memory, &w->access), 0);
	memset(locations, 'x', sizeof(locations));
	open_book(w, false);
	t = access_find_token(access_view_use(&w->view), 1);
	assert_true(actor_may_touch_location(&t->actor, "WH2"));
	assert_false(actor_may_touch_location(&t->actor, "WH3"));
	assert_true(actor_may_touch_location(&access_find_token(w->view.table, 2)->actor, "WH3"));
}

/* ---------------------------------------------------------------- another table */

static void a_change_is_seen_by_itself(void **state)
{
	struct world *w = *state;
	int64_t begun_ns;

	open_book(w, true);
	assert_int_equal(judge(w, w->texts[0]), ACCESS_UNKNOWN);
	begun_ns = clock_monotonic_ns();
	assert_int_equal(memory_set_access(w->memory, &w->access), 0);
	wait_for_generation(w->book, 2);
	/* Nobody has asked for it; the machine may be slow. */
	assert_true(clock_monotonic_ns() - begun_ns < 20 * NS_PER_S);
	assert_int_equal(access_book_state(w->book), ACCESS_CLOSED);
	assert_int_equal(judge(w, w->texts[0]), ACCESS_GOOD);
	w->tokens[0].revoked_at_ms = 7;
	assert_int_equal(memory_set_access(w->memory, &w->access), 0);
	wait_for_generation(w->book, 3);
	assert_int_equal(judge(w, w->texts[0]), ACCESS_REVOKED);
}

/* What was found stays what it was until its thread asks for the newest table. */
static void what_was_found_stays_for_the_turn(void **state)
{
	struct world *w = *state;
	const struct access_secret *found;
	const struct access_table *held;

	assert_int_equal(memory_set_access(w->memory, &w->access), 0);
	open_book(w, true);
	held = access_view_use(&w->view);
	assert_int_equal(access_judge(held, w->texts[3], TOKEN_BYTES, NOW_MS, &found), ACCESS_GOOD);
	access_hold(held);
	make_tokens(w, 50);
	assert_int_equal(memory_set_access(w->memory, &w->access), 0);
	access_book_look(w->book);
	wait_for_generation(w->book, 2);
	assert_string_equal(found->token->actor.name, "token-4");
	assert_ptr_not_equal(access_view_use(&w->view), held);
	/* It was held beyond the turn. */
	assert_string_equal(found->token->actor.name, "token-4");
	access_release(held);
	assert_int_equal(judge(w, w->texts[3]), ACCESS_GOOD);
}

/* Others go on with it, also when the view has another table, or is gone. */
static void what_is_gripped_stays_for_its_last_holder(void **state)
{
	struct world *w = *state;
	const struct access_secret *found;
	struct access_grip *first, *second;

	assert_int_equal(memory_set_access(w->memory, &w->access), 0);
	open_book(w, true);
	assert_int_equal(
		access_judge(access_view_use(&w->view), w->texts[3], TOKEN_BYTES, NOW_MS, &found),
		ACCESS_GOOD);
	first = access_view_grip(&w->view);
	assert_non_null(first);
	assert_ptr_equal(access_view_grip(&w->view), first);
	make_tokens(w, 50);
	assert_int_equal(memory_set_access(w->memory, &w->access), 0);
	access_book_look(w->book);
	wait_for_generation(w->book, 2);
	assert_ptr_not_equal(access_view_use(&w->view), first->table);
	second = access_view_grip(&w->view);
	assert_ptr_not_equal(second, first);
	access_grip_release(second);
	access_grip_release(first);
	assert_string_equal(found->token->actor.name, "token-4");
	access_grip_hold(first);
	access_grip_release(first);
	assert_string_equal(found->token->actor.name, "token-4");
	access_grip_release(first); /* an address sanitizer knows that this was the last one */
}

struct asker {
	struct world *w;
	atomic_bool *must_stop;
	int64_t judged;
	uint64_t newest;
};

/* Every table is one of the rounds': its names go with its generation, and no table comes back. */
static void *ask_on(void *context)
{
	struct asker *a = context;
	struct access_view view;

	access_view_init(&view, a->w->book);
	while (!atomic_load(a->must_stop)) {
		const struct access_table *t = access_view_use(&view);
		uint64_t generation = access_generation_of(t);
		char name[32];

		snprintf(name, sizeof(name), "token-%d", (int)(generation % 100) + 2);
		CHECK(generation >= a->newest);
		CHECK(strcmp(access_find_token(t, 3)->actor.name, name) == 0);
		a->newest = generation;
		a->judged++;
	}
	access_view_fini(&view);
	return NULL;
}

static void tables_are_replaced_under_those_who_ask(void **state)
{
	struct world *w = *state;
	atomic_bool must_stop = false;
	struct asker askers[READERS];
	pthread_t threads[READERS];

	make_tokens(w, 1);
	assert_int_equal(memory_set_access(w->memory, &w->access), 0);
	open_book(w, true);
	for (int i = 0; i < READERS; i++) {
		askers[i] = (struct asker){ .w = w, .must_stop = &must_stop };
		assert_int_equal(pthread_create(&threads[i], NULL, ask_on, &askers[i]), 0);
	}
	for (uint64_t round = 2; round <= ROUNDS; round++) {
		make_tokens(w, (int)(round % 100));
		assert_int_equal(memory_set_access(w->memory, &w->access), 0);
		access_book_look(w->book);
		wait_for_generation(w->book, round);
	}
	atomic_store(&must_stop, true);
	for (int i = 0; i < READERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_true(askers[i].judged > 0);
	}
}

/* ---------------------------------------------------------------- failures */

static void a_book_opens_or_not_whatever_fails(void **state)
{
	struct world *w = *state;
	int r = -1, n = 0;

	assert_int_equal(memory_set_access(w->memory, &w->access), 0);
	for (; r < 0; n++) {
		assert_true(n < 100);
		atomic_store(&allocations_left, n);
		r = access_book_open(w->store, false, &w->book);
		atomic_store(&allocations_left, -1);
		assert_true(r == 0 || r == -ENOMEM);
	}
	assert_true(n > 2);
	access_view_init(&w->view, w->book);
	assert_int_equal(judge(w, w->texts[0]), ACCESS_GOOD);
}

/* The table that was known counts until the next one could be made. */
static void a_replacement_that_fails_is_tried_again(void **state)
{
	struct world *w = *state;
	int failed = 0;

	assert_int_equal(memory_set_access(w->memory, &w->access), 0);
	open_book(w, true);
	for (int n = 0; n < 6; n++) {
		uint64_t generation = access_book_generation(w->book);

		make_tokens(w, 20 + n);
		assert_int_equal(memory_set_access(w->memory, &w->access), 0);
		atomic_store(&failure_count, 0);
		atomic_store(&allocations_left, n);
		access_book_look(w->book);
		wait_for_generation(w->book, generation + 1);
		atomic_store(&allocations_left, -1);
		failed += atomic_load(&failure_count);
		assert_int_equal(judge(w, w->texts[4]), ACCESS_GOOD);
	}
	assert_true(failed > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_store_without_tokens_is_open),
		TEST(one_that_had_one_is_closed),
		TEST(so_is_one_whose_tokens_make_no_sense),
		TEST(a_token_is_known_by_both_of_its_parts),
		TEST(ends_are_kept),
		TEST(another_key_has_another_number),
		TEST(a_rotation_has_two_ends),
		TEST(locations_limit),
		TEST(a_change_is_seen_by_itself),
		TEST(what_was_found_stays_for_the_turn),
		TEST(what_is_gripped_stays_for_its_last_holder),
		TEST(tables_are_replaced_under_those_who_ask),
		TEST(a_book_opens_or_not_whatever_fails),
		TEST(a_replacement_that_fails_is_tried_again),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
