#include "core/outcome.h"
#include "unit.h"
#include <ctype.h>
#include <errno.h>

/* The statuses that the contract knows. */
static const int statuses[] = { 200, 400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 414,
				415, 417, 421, 422, 423, 428, 429, 431, 500, 501, 503, 505 };

static bool is_status(int status)
{
	for (size_t i = 0; i < LENGTH_OF(statuses); i++)
		if (statuses[i] == status)
			return true;
	return false;
}

static bool is_code(const char *code)
{
	for (const char *c = code; *c != '\0'; c++)
		if (!islower((unsigned char)*c) && *c != '-')
			return false;
	return code[0] != '\0';
}

static void every_outcome_can_be_answered(void **state)
{
	(void)state;
	for (enum outcome o = 0; o < OUTCOME_COUNT; o++) {
		const struct outcome_row *r = outcome_row(o);

		ROW_EXPECT(r->code, is_code(r->code));
		ROW_EXPECT(r->code, outcome_by_code(r->code) == o);
		ROW_EXPECT(r->code, is_status(r->http_status));
		ROW_EXPECT(r->code, (r->exit_code == 0) == (o == OUTCOME_DONE));
		ROW_EXPECT(r->code, r->title[0] != '\0' && r->hint[0] != '\0');
	}
	assert_int_equal(outcome_by_code("no-such-code"), OUTCOME_COUNT);
	assert_int_equal(outcome_by_code(""), OUTCOME_COUNT);
}

/* Of a key is kept what rested on the state of the store, and nothing that trying again mends. */
static void keys_remember_answers_that_rested_on_the_store(void **state)
{
	(void)state;
	for (enum outcome o = 0; o < OUTCOME_COUNT; o++) {
		const struct outcome_row *r = outcome_row(o);

		if (r->is_recorded)
			ROW_EXPECT(r->code, r->http_status == 200 || r->http_status == 409 ||
						    r->http_status == 412 || r->http_status == 422);
	}
	assert_true(outcome_row(OUTCOME_DONE)->is_recorded);
	assert_true(outcome_row(OUTCOME_INSUFFICIENT_STOCK)->is_recorded);
	assert_true(outcome_row(OUTCOME_PRECONDITION_FAILED)->is_recorded);
	assert_false(outcome_row(OUTCOME_KEY_REUSED)->is_recorded);
	assert_false(outcome_row(OUTCOME_REQUEST_IN_FLIGHT)->is_recorded);
}

/* 423, 429 and 503 mean "not now": each says when to come back. */
static void what_passes_says_when_to_try_again(void **state)
{
	(void)state;
	for (enum outcome o = 0; o < OUTCOME_COUNT; o++) {
		const struct outcome_row *r = outcome_row(o);

		if (r->http_status == 423 || r->http_status == 429 || r->http_status == 503)
			ROW_EXPECT(r->code, r->retry_after_s > 0);
	}
}

static void every_fault_has_its_word(void **state)
{
	static const struct {
		const char *what;
		int fault;
		enum outcome outcome;
	} rows[] = {
		{ "the disk is full", -ENOSPC, OUTCOME_DISK_FULL },
		{ "so is the quota", -EDQUOT, OUTCOME_DISK_FULL },
		{ "another program has it", -EBUSY, OUTCOME_STORE_BUSY },
		{ "it took too long", -ETIME, OUTCOME_STORE_BUSY },
		{ "the server is stopping", -ECANCELED, OUTCOME_DRAINING },
		{ "a row makes no sense", -EBADMSG, OUTCOME_STORE_DAMAGED },
		{ "the file is damaged", -EUCLEAN, OUTCOME_STORE_DAMAGED },
		{ "memory is short", -ENOMEM, OUTCOME_OUT_OF_MEMORY },
		{ "the disk failed", -EIO, OUTCOME_STORE_FAILED },
		{ "anything else", -EACCES, OUTCOME_STORE_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++)
		ROW_EXPECT(rows[i].what, outcome_of_fault(rows[i].fault) == rows[i].outcome);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_outcome_can_be_answered),
		cmocka_unit_test(keys_remember_answers_that_rested_on_the_store),
		cmocka_unit_test(every_fault_has_its_word),
		cmocka_unit_test(what_passes_says_when_to_try_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
