/* test_host - exchanges that are parked on a loop which is made up, and what the loop has to do. */
#include "base/clock.h"
#include "exchange/host.h"
#include "unit.h"
#include "waiting/detached.h"
#include <stdlib.h>

/* ---------------------------------------------------------------- the stage */

static char events[256]; /* what happened, a word each */

static void happen(const char *word)
{
	assert_true(strlen(events) + strlen(word) + 2 < sizeof(events));
	strcat(events, word);
	strcat(events, " ");
}

static void expect(const char *words)
{
	assert_string_equal(events, words);
	events[0] = '\0';
}

int service_open_snapshot(struct service *service, struct snapshot *s)
{
	(void)service, (void)s;
	return 0;
}

void snapshot_fini(struct snapshot *s)
{
	(void)s;
}

static bool is_client_gone;

static bool is_gone(const struct exchange *x)
{
	(void)x;
	return is_client_gone;
}

/* The edge lets it go on when microhttpd runs next. */
static void resume_connection(struct exchange *x)
{
	(void)x;
	happen("connection");
}

static const struct host_ops ops = { .resume = resume_connection, .is_gone = is_gone };

struct stage {
	struct host host;
	struct request *request;
};

/* One request at its handler. The connection is a pointer that nobody follows. */
static int setup(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	assert_int_equal(host_open(&s->host, &ops, NULL), 0);
	s->request = request_take(&s->host.requests);
	assert_non_null(s->request);
	s->request->x.host = &s->host;
	s->request->connection = (struct connection *)s;
	request_move(s->request, REQUEST_RUNNING);
	events[0] = '\0';
	is_client_gone = false;
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct stage *s = *state;

	if (s->request != NULL)
		request_return(&s->host.requests, s->request);
	host_close(&s->host);
	free(s);
	return 0;
}

/* ---------------------------------------------------------------- a kind of waiting */

static bool may_leave;

static void resume(struct exchange *x)
{
	happen("resume");
	exchange_reply(x, 200);
}

static void expire(struct exchange *x)
{
	happen("expire");
	exchange_reply(x, 503);
}

static bool leave(struct exchange *x)
{
	(void)x;
	happen("leave");
	return may_leave;
}

static void probe(struct exchange *x)
{
	(void)x;
	happen("probe");
}

static void hurry(struct exchange *x)
{
	happen("hurry");
	exchange_expire(x);
}

static const struct waiting_kind kind = {
	.expire = expire, .leave = leave, .probe = probe, .hurry = hurry
};
static const struct waiting_kind patient = { 0 };

static struct exchange *park(struct stage *s, const struct waiting_kind *k)
{
	exchange_park(&s->request->x, k, resume, INT64_MAX);
	list_push_back(&s->host.parked, &s->request->link);
	return &s->request->x;
}

static void test_its_parcel_resumes_it(void **state)
{
	struct stage *s = *state;
	struct exchange *x = park(s, &kind);
	struct list parcels;

	list_init(&parcels);
	list_push_back(&parcels, &x->waiter.parcel.link);
	mailbox_post(&s->host.mailbox, &parcels);
	host_take_parcels(&s->host);
	expect("connection ");
	assert_true(host_is_idle(&s->host));
	request_continue(s->request);
	expect("resume ");
}

static void test_a_deadline_expires_it(void **state)
{
	struct stage *s = *state;

	exchange_expire(park(s, &kind));
	request_continue(s->request);
	expect("connection expire ");
}

static void test_a_client_that_is_there_is_probed_twice_a_second(void **state)
{
	struct stage *s = *state;

	park(s, &kind);
	host_serve(&s->host, NS_PER_S);
	expect("probe ");
	host_serve(&s->host, NS_PER_S + 499 * NS_PER_MS);
	expect("");
	assert_int_equal(host_due_ns(&s->host), NS_PER_S + 500 * NS_PER_MS);
	host_serve(&s->host, host_due_ns(&s->host));
	expect("probe ");
	exchange_return(&s->request->x);
	assert_int_equal(host_due_ns(&s->host), INT64_MAX);
	request_continue(s->request);
}

static void test_a_client_that_left_abandons_it(void **state)
{
	struct stage *s = *state;

	park(s, &kind);
	is_client_gone = may_leave = true;
	host_serve(&s->host, NS_PER_S);
	expect("leave connection ");
	assert_int_equal(s->request->state, REQUEST_ABANDONED);
	assert_true(host_is_idle(&s->host));
}

static void test_what_cannot_leave_is_asked_once(void **state)
{
	struct stage *s = *state;

	park(s, &kind);
	is_client_gone = true;
	may_leave = false;
	host_serve(&s->host, NS_PER_S);
	expect("leave ");
	host_serve(&s->host, 2 * NS_PER_S);
	expect("probe ");
	assert_true(exchange_is_parked(&s->request->x));

	/* When it parks the next time it may be something else that it waits for. */
	exchange_return(&s->request->x);
	request_move(s->request, REQUEST_RUNNING);
	park(s, &kind);
	host_serve(&s->host, 3 * NS_PER_S);
	expect("connection leave ");
	exchange_return(&s->request->x);
	request_continue(s->request);
}

static void test_a_kind_without_functions_only_waits(void **state)
{
	struct stage *s = *state;

	park(s, &patient);
	is_client_gone = true;
	host_serve(&s->host, NS_PER_S);
	host_hurry(&s->host, NS_PER_S);
	expect("");
	assert_false(host_is_idle(&s->host));
	exchange_return(&s->request->x);
	request_continue(s->request);
}

static void test_the_end_hurries_it(void **state)
{
	struct stage *s = *state;

	assert_false(exchange_is_hurried(&s->request->x));
	park(s, &kind);
	host_hurry(&s->host, NS_PER_S);
	expect("hurry connection ");
	assert_true(exchange_is_hurried(&s->request->x));
	request_continue(s->request);
	expect("expire ");
}

static void test_an_orphan_goes_on_at_once(void **state)
{
	struct stage *s = *state;
	struct exchange *x = park(s, &kind);

	s->request->connection = NULL;
	is_client_gone = true;
	host_serve(&s->host, NS_PER_S); /* it is not asked: its parcel comes */
	expect("");
	assert_true(exchange_is_orphan(x));
	exchange_return(x);
	expect("resume ");
	assert_int_equal(s->host.requests.count, 1); /* and is over */
	s->request = NULL;
}

/* ---------------------------------------------------------------- duties */

struct chore {
	struct duty duty;
	int64_t due_ns;
	bool is_busy;
};

static int64_t chore_due(const struct duty *d)
{
	return CONTAINER_OF(d, const struct chore, duty)->due_ns;
}

static void chore_serve(struct duty *d, int64_t now_ns)
{
	if (now_ns >= CONTAINER_OF(d, struct chore, duty)->due_ns)
		happen("serve");
}

static void chore_look(struct duty *d)
{
	(void)d;
	happen("look");
}

static bool chore_is_busy(const struct duty *d)
{
	return CONTAINER_OF(d, const struct chore, duty)->is_busy;
}

static void test_duties_are_done(void **state)
{
	static const struct duty_kind whole = {
		.due = chore_due, .serve = chore_serve, .look = chore_look, .is_busy = chore_is_busy
	};
	static const struct duty_kind nothing = { 0 };
	struct stage *s = *state;
	struct chore first = { .due_ns = INT64_MAX, .is_busy = true };
	struct chore second = { .due_ns = 5 * NS_PER_S }, third = { 0 };

	host_take_on(&s->host, &first.duty, &whole);
	host_take_on(&s->host, &second.duty, &whole);
	host_take_on(&s->host, &third.duty, &nothing);
	assert_int_equal(host_due_ns(&s->host), 5 * NS_PER_S);
	host_serve(&s->host, 4 * NS_PER_S);
	expect("");
	host_serve(&s->host, 5 * NS_PER_S);
	expect("serve ");
	host_take_parcels(&s->host);
	expect("look look ");
	assert_false(host_is_idle(&s->host));
	first.is_busy = false;
	assert_true(host_is_idle(&s->host));
}

static void late(struct detached *d)
{
	(void)d;
	happen("late");
}

static void test_detached_work_keeps_the_loop(void **state)
{
	struct stage *s = *state;
	struct detached_line *line = calloc(1, sizeof(*line));
	struct detached work = { 0 }, endless = { 0 };

	assert_non_null(line);
	detached_line_init(line, &s->host);
	assert_true(host_is_idle(&s->host));
	detached_begin(line, &work, late, 3 * NS_PER_S);
	detached_begin(line, &endless, late, INT64_MAX);
	assert_int_equal(host_due_ns(&s->host), 3 * NS_PER_S);
	host_serve(&s->host, 3 * NS_PER_S);
	host_serve(&s->host, 4 * NS_PER_S);
	expect("late "); /* once */
	assert_true(detached_is_under_way(&work));
	detached_end(&work);
	assert_false(host_is_idle(&s->host));
	detached_end(&endless);
	detached_end(&endless);
	assert_true(host_is_idle(&s->host));
	free(line);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_its_parcel_resumes_it),
		TEST(test_a_deadline_expires_it),
		TEST(test_a_client_that_is_there_is_probed_twice_a_second),
		TEST(test_a_client_that_left_abandons_it),
		TEST(test_what_cannot_leave_is_asked_once),
		TEST(test_a_kind_without_functions_only_waits),
		TEST(test_the_end_hurries_it),
		TEST(test_an_orphan_goes_on_at_once),
		TEST(test_duties_are_done),
		TEST(test_detached_work_keeps_the_loop),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
