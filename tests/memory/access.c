/*
 * access - who somebody is, where memory is short: the n-th allocation fails while a request is
 * admitted, judged and decided, and while the tokens are read anew, for every n.
 *
 * Whatever is short: nobody may more than he might, a store that is closed stays so, and the table
 * of tokens that was known counts until the new one can be read.
 */
#include "failing.h"
#include "base/clock.h"
#include "base/secret.h"
#include "engine/access_book.h"
#include "inside.h"
#include "ops/log.h"
#include "race/client.h"
#include "unit.h"
#include <sqlite3.h>
#include <stdlib.h>

enum {
	STEPS_MAX = 4000,
	NEVER = 1000000,
	UNREACHED = 3,
	ANSWER_S_MAX = 20,
	LOOPS = 2, /* of inside_edge_open() */
	HEADER_BYTES = 32 + TOKEN_BYTES,
};

/* clang-format off */
#define LINE(code) "{\"op\":\"adjust\",\"sku\":\"A\",\"location\":\"" code "\",\"delta\":1}\n"
#define ITEM       "{\"op\":\"item\",\"sku\":\"N\",\"name\":\"n\"}\n"
#define BOTH       "{\"ttl_s\":600,\"rows\":[{\"sku\":\"A\",\"location\":\"W\"},{\"sku\":\"A\",\"location\":\"X\"}]}"
#define HOLD       "{\"ttl_s\":600,\"lines\":[{\"sku\":\"A\",\"location\":\"X\",\"quantity\":1}]}"

enum who { NOBODY, STRANGER, CLERK /* may write to W */, WHOS };

/* What is refused is so for its reason, or since memory is short, and nothing of it is done. */
static const struct call {
	const char *what;
	enum who who;
	const char *method, *target, *body;
	int status;       /* what it comes to where memory is not short */
	const char *code; /* of the refusal, in the answer; NULL: it is carried out */
} calls[] = {
	{ "nobody reads",            NOBODY,   "GET", "/v1/items", "", 401, "unauthorized" },
	{ "nobody writes",           NOBODY,   "POST", "/v1/stock/A/X/adjust", "{\"delta\":1}", 401, "unauthorized" },
	{ "nobody sends a batch",    NOBODY,   "POST", "/v1/batch", LINE("X"), 401, "unauthorized" },
	{ "a stranger writes",       STRANGER, "POST", "/v1/stock/A/X/adjust", "{\"delta\":1}", 401, "unauthorized" },
	{ "a clerk writes inside",   CLERK,    "POST", "/v1/stock/A/W/adjust", "{\"delta\":1}", 201, NULL },
	{ "a clerk writes outside",  CLERK,    "POST", "/v1/stock/A/X/adjust", "{\"delta\":1}", 403, "location-forbidden" },
	{ "a clerk moves out",       CLERK,    "POST", "/v1/transfers", "{\"sku\":\"A\",\"from\":\"W\",\"to\":\"X\",\"quantity\":1}", 403, "location-forbidden" },
	{ "a clerk promises",        CLERK,    "POST", "/v1/reservations", HOLD, 403, "location-forbidden" },
	{ "a clerk leases both",     CLERK,    "POST", "/v1/leases", BOTH, 403, "location-forbidden" },
	{ "a clerk makes an item",   CLERK,    "PUT", "/v1/items/N", "{\"name\":\"n\"}", 403, "forbidden" },
	{ "a clerk's lines",         CLERK,    "POST", "/v1/batch", LINE("X") ITEM, 200, "location-forbidden" },
	{ "a clerk's lines at once", CLERK,    "POST", "/v1/batch?atomic=true", LINE("W") LINE("X"), 403, "location-forbidden" },
	{ "a clerk exports all",     CLERK,    "GET", "/v1/export", "", 403, "forbidden" },
	{ "a clerk reads",           CLERK,    "GET", "/v1/stock/A/X", "", 200, NULL },
};
/* clang-format on */

/* All that none of them may change. */
static const char forbidden_sql[] =
	"SELECT (SELECT count(*) FROM item) + (SELECT count(*) FROM reservation) + "
	"(SELECT count(*) FROM row_lock) + (SELECT total(version) FROM v_stock "
	"WHERE location = 'X')";

static struct inside inside;
static char headers[WHOS][HEADER_BYTES];

/* ---------------------------------------------------------------- a store of tokens */

static void execute(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(inside.path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* A token of the number's bytes, which is added where its id is given. */
static void make_token(enum who who, int number, int id)
{
	unsigned char random[TOKEN_RANDOM_BYTES], hash[SECRET_HASH_BYTES];
	char text[TOKEN_BYTES + 1], digits[2 * SECRET_HASH_BYTES + 1], sql[512];

	memset(random, number, sizeof(random));
	token_write(random, text);
	snprintf(headers[who], sizeof(headers[who]), "Authorization: Bearer %s", text);
	if (id == 0)
		return;
	secret_hash(text + TOKEN_BYTES - TOKEN_SECRET_BYTES, TOKEN_SECRET_BYTES, hash);
	for (size_t i = 0; i < sizeof(hash); i++)
		snprintf(digits + 2 * i, 3, "%02x", hash[i]);
	snprintf(sql, sizeof(sql),
		 "INSERT INTO token (id, name, role, created_at) VALUES (%d, 't%d', 'clerk', 1);"
		 "INSERT INTO token_secret (public, token_id, hash, created_at) VALUES "
		 "('%.*s', %d, x'%s', 1); INSERT INTO token_location VALUES (%d, 'W')",
		 id, id, TOKEN_PUBLIC_BYTES, text + 3, id, digits, id);
	execute(sql);
}

static void stock(void)
{
	inside_service_open(&inside);
	execute("INSERT INTO item (sku, name) VALUES ('A', 'a');"
		"INSERT INTO location (code, name) VALUES ('W', 'w'), ('X', 'x');"
		"INSERT INTO v_stock (sku, location, on_hand) VALUES ('A', 'W', 1000000), "
		"('A', 'X', 9)");
	make_token(STRANGER, 1, 0);
	make_token(CLERK, 2, 1);
	inside_service_close(&inside);
	inside_service_open(&inside);
}

/* ---------------------------------------------------------------- admission */

static void judge(const struct call *call, const struct reply *r, long n)
{
	static const char *const words[] = { "out-of-memory", "store-failed",
					     "answer-lost",   "outcome-unknown",
					     "store-busy",    "\"results\":\"lost\"" };
	bool is_short = false;

	for (size_t i = 0; i < LENGTH_OF(words); i++)
		is_short |= strstr(r->body, words[i]) != NULL;
	if (r->status == 0 || is_short)
		return;
	if (r->status != call->status ||
	    (call->code != NULL && strstr(r->body, call->code) == NULL))
		fail_msg("%s, allocation %ld: %d %s", call->what, n, r->status, r->body);
}

static bool is_read(const struct call *call)
{
	return call->status == 200 && call->code == NULL;
}

/*
 * One connection for each loop: SQLite reads the whole schema into the snapshot that a loop's first
 * read takes, which are thousands of allocations that have nothing to do with who asks.
 */
static void warm_up(struct client calm[LOOPS], const struct call *call)
{
	static struct reply reply;

	for (int i = 0; i < LOOPS; i++) {
		client_open(&calm[i], inside.port);
		client_ask(&calm[i], &reply, call->method, call->target, headers[call->who], "");
		assert_int_equal(reply.status, 200);
	}
}

/* False: it has fewer allocations than that. */
static bool try_call(const struct call *call, long n, enum failing how)
{
	static struct reply reply;
	struct client calm[LOOPS], c;
	bool has_failed;
	int64_t before = inside_query(&inside, forbidden_sql);

	assert_int_equal(inside_edge_open(&inside), 0);
	if (is_read(call))
		warm_up(calm, call);
	failing_arm(n, how);
	client_open(&c, inside.port);
	client_ask(&c, &reply, call->method, call->target,
		   call->who == NOBODY ? NULL : headers[call->who], call->body);
	has_failed = failing_disarm();
	client_close(&c);
	for (int i = 0; i < LOOPS && is_read(call); i++)
		client_close(&calm[i]);
	inside_edge_close(&inside);
	judge(call, &reply, n);
	if (inside_query(&inside, forbidden_sql) != before)
		fail_msg("%s, allocation %ld: it was done", call->what, n);
	if (!has_failed && reply.status != call->status)
		fail_msg("%s: %d %s", call->what, reply.status, reply.body);
	return has_failed;
}

/* Threads beside the request take steps of their own: one n that is not reached is no end yet. */
static void try_each(enum failing how)
{
	for (const struct call *call = calls; call < calls + LENGTH_OF(calls); call++) {
		long n = 0;

		try_call(call, NEVER, how); /* SQLite keeps schema and statements from here on */
		for (int unreached = 0; unreached < UNREACHED; unreached++) {
			assert_true(++n < STEPS_MAX);
			if (try_call(call, n, how))
				unreached = -1;
		}
		printf("%s: %ld\n", call->what, n - UNREACHED);
	}
}

static void nobody_may_more(void **state)
{
	(void)state;
	try_each(FAILING_ONCE);
}

static void nor_where_all_is_short_from_then_on(void **state)
{
	(void)state;
	try_each(FAILING_ON);
}

/* ---------------------------------------------------------------- another table */

static void wait_for_generation(struct access_book *b, uint64_t generation)
{
	int64_t until_ns = clock_monotonic_ns() + ANSWER_S_MAX * NS_PER_S;

	while (access_book_generation(b) < generation) {
		assert_true(clock_monotonic_ns() < until_ns);
		assert_int_equal(access_book_state(b), ACCESS_CLOSED);
	}
}

/* Each change is seen at last; until then the store is as closed, and the token worth as much. */
static void tokens_are_read_at_last(void **state)
{
	struct access_book *book = service_access(inside.service);
	struct access_view view;
	long n = 1;
	bool has_failed;

	(void)state;
	access_view_init(&view, book);
	do {
		uint64_t generation = access_book_generation(book);
		const struct access_secret *found;
		const char *text = headers[CLERK] + strlen("Authorization: Bearer ");

		failing_arm(n, FAILING_ONCE);
		execute(n % 2 == 1 ? "UPDATE token SET role = 'reader'"
				   : "UPDATE token SET role = 'clerk'");
		access_book_look(book);
		wait_for_generation(book, generation + 1);
		has_failed = failing_disarm();
		assert_int_equal(access_book_state(book), ACCESS_CLOSED);
		assert_int_equal(access_judge(access_view_use(&view), text, TOKEN_BYTES, 2, &found),
				 ACCESS_GOOD);
		assert_int_equal(found->token->actor.role, n % 2 == 1 ? ROLE_READER : ROLE_CLERK);
		assert_int_equal(found->token->actor.location_count, 1);
		n++;
	} while (has_failed);
	assert_true(n > 2); /* beneath a sanitizer SQLite's own do not count (failing.h) */
	access_view_fini(&view);
	execute("UPDATE token SET role = 'clerk'");
}

/* ---------------------------------------------------------------- main */

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_CRIT); /* short memory is logged, each time */
	setvbuf(stdout, NULL, _IOLBF, 0);
	assert_true(secret_prepare());
	failing_drive();
	inside_init(&inside);
	stock();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	inside_service_close(&inside);
	assert_int_equal(inside_query(&inside, "SELECT count(*) FROM v_ledger_check"), 0);
	inside_fini(&inside);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_may_more),
		cmocka_unit_test(nor_where_all_is_short_from_then_on),
		cmocka_unit_test(tokens_are_read_at_last),
	};

	return cmocka_run_group_tests_name("access", tests, setup, teardown);
}
