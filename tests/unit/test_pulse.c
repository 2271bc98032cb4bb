#include "base/pulse.h"
#include "base/clock.h"
#include "unit.h"
#include <pthread.h>
#include <semaphore.h>

/* A thread that does one thing for each word that it is told, and says when it is done. */
struct told {
	pthread_t thread;
	sem_t go, done;
	char word; /* '.' beat, 'e' be excused for a second, 'n' no more, 'q' quit */
};

static void *obey(void *context)
{
	struct told *t = context;
	char word; /* its own: the next one may be there once this is done */

	pulse_begin("loop", 3);
	sem_post(&t->done);
	do {
		sem_wait(&t->go);
		word = t->word;
		if (word == '.')
			pulse_beat();
		else if (word != 'q')
			pulse_excuse(word == 'e' ? NS_PER_S : 0);
		else
			pulse_end();
		sem_post(&t->done);
	} while (word != 'q');
	return NULL;
}

static void told_begin(struct told *t)
{
	sem_init(&t->go, 0, 0);
	sem_init(&t->done, 0, 0);
	assert_int_equal(pthread_create(&t->thread, NULL, obey, t), 0);
	sem_wait(&t->done);
}

static void tell(struct told *t, char word)
{
	t->word = word;
	sem_post(&t->go);
	sem_wait(&t->done);
}

static void told_end(struct told *t)
{
	tell(t, 'q');
	pthread_join(t->thread, NULL);
	sem_destroy(&t->go);
	sem_destroy(&t->done);
}

/* What happens in turn: '?' is a question, the others are for the thread; late or not behind it. */
static const struct {
	const char *happens;
	int64_t now_ns;
	bool is_late;
} rows[] = {
	{ "", 1, false },         { "?", 1, true },           { "?.", 1, false },
	{ "?.?", 1, true },       { "??.", 1, false },        { "?e", NS_PER_S - 1, false },
	{ "?e", NS_PER_S, true }, { "?e.", NS_PER_S, false }, { "e?n", 1, true },
	{ "e?n.", 1, false },
};

static void a_thread_is_late_until_it_has_answered(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		char who[PULSE_NAME_BYTES] = "";
		struct told t;

		told_begin(&t);
		for (const char *c = rows[i].happens; *c != '\0'; c++)
			if (*c == '?')
				pulse_ask();
			else
				tell(&t, *c);
		assert_int_equal(pulse_is_late(rows[i].now_ns, who), rows[i].is_late);
		assert_string_equal(who, rows[i].is_late ? "loop-3" : "");
		told_end(&t);
		pulse_ask();
		assert_false(pulse_is_late(1, who)); /* who has ended is nobody */
	}
}

static void one_of_many_is_named(void **state)
{
	struct told all[5];
	char who[PULSE_NAME_BYTES];

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(all); i++)
		told_begin(&all[i]);
	pulse_ask();
	for (size_t i = 0; i < LENGTH_OF(all); i++) {
		assert_true(pulse_is_late(1, who));
		assert_string_equal(who, "loop-3");
		tell(&all[i], '.');
	}
	assert_false(pulse_is_late(1, who));
	for (size_t i = 0; i < LENGTH_OF(all); i++)
		told_end(&all[i]);
}

static void slots_are_used_again_and_a_thread_without_one_is_not_watched(void **state)
{
	struct told all[PULSES_MAX + 2];
	char who[PULSE_NAME_BYTES];

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < LENGTH_OF(all); i++)
			told_begin(&all[i]);
		pulse_ask();
		for (size_t i = 0; i < LENGTH_OF(all); i++)
			tell(&all[i], '.');
		assert_false(pulse_is_late(1, who));
		for (size_t i = 0; i < LENGTH_OF(all); i++)
			told_end(&all[i]);
	}
}

static void who_is_not_watched_may_call_all_of_it(void **state)
{
	(void)state;
	pulse_beat();
	pulse_excuse(INT64_MAX);
	pulse_end();
	assert_null(pulse_mine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_is_late_until_it_has_answered),
		cmocka_unit_test(one_of_many_is_named),
		cmocka_unit_test(slots_are_used_again_and_a_thread_without_one_is_not_watched),
		cmocka_unit_test(who_is_not_watched_may_call_all_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
