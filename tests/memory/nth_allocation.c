/*
 * nth_allocation - every call of the contract, with its n-th allocation failing, for every n: once
 * with only that one, and once with all behind it, too.
 *
 * The edge is opened anew for each, so that what it and its threads keep for the next request is
 * not there; the engine stays, and SQLite has its statements.
 *
 * Whatever is short, and wherever (loop, writer, reader): the server goes on; what is said of the
 * write is true, by the ledger; a well-formed request is not called malformed; and with a key it
 * takes effect once, when it is sent again.
 */
#include "failing.h"
#include "base/clock.h"
#include "inside.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include "race/client.h"
#include "unit.h"
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEPS_MAX = 4000, TEXT_MAX = 1024, ANSWER_S_MAX = 20 };

enum kind {
	WRITE,  /* takes effect once */
	REPLAY, /* has taken effect already, under its key */
	BATCH,  /* each line that it calls applied has taken effect */
	READ,
};

/* %ld stands for the number of the attempt, %seq for the newest movement before it. */
struct call {
	const char *what;
	enum kind kind;
	const char *method, *target, *body;
	const char *header;    /* NULL: none */
	const char *before[3]; /* "METHOD target body": what must be there */
	int effect;            /* on what effect_sql counts */
};

/* Each command changes this by a known number. */
static const char effect_sql[] =
	"SELECT (SELECT count(*) FROM movement) + (SELECT coalesce(sum(version), 0) FROM item) +"
	" (SELECT coalesce(sum(version), 0) FROM location) +"
	" (SELECT count(*) FROM row_lock) +"
	" (SELECT count(*) FROM reservation WHERE expires_at - created_at > 10000000)";

/* clang-format off */
#define ADJUST "POST", "/v1/stock/A/W/adjust", "{\"delta\":1,\"reason\":\"found\",\"reference\":\"r%ld\"}"
#define KEYED  "Idempotency-Key: k-%ld"
#define HOLD   "PUT /v1/reservations/h-%ld {\"ttl_s\":600,\"lines\":[{\"sku\":\"A\",\"location\":\"W\",\"quantity\":1}]}"
#define LEASED "{\"rows\":[{\"sku\":\"A\",\"location\":\"L\"}],\"ttl_s\":600,\"purpose\":\"p\"}"
#define LONG   "a text of some length, with an \\u00e4 and a \\\"quote\\\" and more behind it %ld"
#define ONE    "{\"sku\":\"A\",\"location\":\"W\",\"quantity\":1}"
#define OTHER  "{\"sku\":\"A\",\"location\":\"X\",\"quantity\":1}"
#define KINDS  "{\"op\":\"item\",\"sku\":\"N-%ld\",\"name\":\"n\"}\n" LINE \
	       "{\"op\":\"reserve\",\"reservation\":\"b-%ld\",\"lines\":[" ONE "]}\n" \
	       "{\"op\":\"commit\",\"reservation\":\"b-%ld\"}\n"
#define LINE   "{\"op\":\"adjust\",\"sku\":\"A\",\"location\":\"W\",\"delta\":1,\"id\":\"%ld\"}\n"

static const struct call calls[] = {
	{ "an adjust",              WRITE,  ADJUST, NULL, { NULL }, 1 },
	{ "an adjust with a key",   WRITE,  ADJUST, KEYED, { NULL }, 1 },
	{ "a replay",               REPLAY, ADJUST, KEYED, { "KEYED" }, 0 },
	{ "a replay of an item",    REPLAY, "PUT", "/v1/items/N-%ld", "{\"name\":\"n\"}", KEYED, { "KEYED" }, 0 },
	{ "a set",                  WRITE,  "POST", "/v1/stock/A/W/set", "{\"on_hand\":%ld,\"expected\":null}", KEYED, { NULL }, 1 },
	{ "a count",                WRITE,  "POST", "/v1/stock/A/X/count", "{\"counted\":%ld,\"as_of_seq\":%seq}", KEYED, { NULL }, 1 },
	{ "a transfer",             WRITE,  "POST", "/v1/transfers", "{\"sku\":\"A\",\"from\":\"W\",\"to\":\"X\",\"quantity\":1}", KEYED, { NULL }, 2 },
	{ "a new item",             WRITE,  "PUT", "/v1/items/N-%ld", "{\"name\":\"n\",\"attributes\":{\"a\":[1,\"b\",{\"c\":null}]}}", KEYED, { NULL }, 1 },
	{ "an item with long texts", WRITE, "PUT", "/v1/items/N-%ld", "{\"name\":\"" LONG "\",\"attributes\":{\"" LONG "\":\"" LONG "\"}}", KEYED, { NULL }, 1 },
	{ "an escaped name in a patch", WRITE, "PATCH", "/v1/items/A", "{\"attributes\":{\"\\u0061\":\"x%ld\"}}", KEYED, { NULL }, 1 },
	{ "a patch of an item",     WRITE,  "PATCH", "/v1/items/A", "{\"attributes\":{\"a\":%ld}}", KEYED, { NULL }, 1 },
	{ "a new location",         WRITE,  "PUT", "/v1/locations/N-%ld", "{\"name\":\"n\"}", NULL, { NULL }, 1 },
	{ "a patch of a location",  WRITE,  "PATCH", "/v1/locations/W", "{\"name\":\"n%ld\"}", KEYED, { NULL }, 1 },
	{ "a lease",                WRITE,  "PUT", "/v1/leases/L-%ld", LEASED, KEYED, { "FREE" }, 1 },
	{ "the release of a lease", WRITE,  "DELETE", "/v1/leases/L-%ld", "", KEYED, { "FREE", "PUT /v1/leases/L-%ld " LEASED }, -1 },
	{ "a reservation",          WRITE,  "PUT", "/v1/reservations/n-%ld", "{\"ttl_s\":600,\"lines\":[" ONE "," OTHER "]}", KEYED, { NULL }, 2 },
	{ "a commit",               WRITE,  "POST", "/v1/reservations/h-%ld/commit", "{}", KEYED, { HOLD }, 1 },
	{ "a release",              WRITE,  "POST", "/v1/reservations/h-%ld/release", "{}", KEYED, { HOLD }, 1 },
	{ "an extension",           WRITE,  "POST", "/v1/reservations/h-%ld/extend", "{\"ttl_s\":80000}", KEYED, { HOLD }, 1 },
	{ "an operation",           WRITE,  ADJUST, "Prefer: respond-async, wait=5", { NULL }, 1 },
	{ "an operation with a key", WRITE, ADJUST, KEYED "\r\nPrefer: respond-async", { NULL }, 1 },
	{ "a batch",                BATCH,  "POST", "/v1/batch", LINE LINE LINE, NULL, { NULL }, 3 },
	{ "a batch with a key",     BATCH,  "POST", "/v1/batch", LINE LINE LINE, KEYED, { NULL }, 3 },
	{ "a batch of all kinds",   BATCH,  "POST", "/v1/batch", KINDS, NULL, { NULL }, 4 },
	{ "an atomic batch",        WRITE,  "POST", "/v1/batch?atomic=true", LINE LINE LINE, KEYED, { NULL }, 3 },
	{ "a row",                  READ,   "GET", "/v1/stock/A/W", "", NULL, { NULL }, 0 },
	{ "a locked read",          READ,   "GET", "/v1/stock/A/W?read=locked", "", NULL, { NULL }, 0 },
	{ "an item's rows",         READ,   "GET", "/v1/stock/A?pretty", "", NULL, { NULL }, 0 },
	{ "items",                  READ,   "GET", "/v1/items?limit=2", "", NULL, { NULL }, 0 },
	{ "movements",              READ,   "GET", "/v1/movements?limit=3", "", NULL, { NULL }, 0 },
	{ "changes",                READ,   "GET", "/v1/changes?after=0&limit=2", "", NULL, { NULL }, 0 },
	{ "the audit",              READ,   "GET", "/v1/audit?limit=2", "", NULL, { NULL }, 0 },
	{ "reservations",           READ,   "GET", "/v1/reservations?limit=2", "", NULL, { NULL }, 0 },
	{ "leases",                 READ,   "GET", "/v1/leases?limit=2", "", NULL, { NULL }, 0 },
	{ "locks",                  READ,   "GET", "/v1/locks", "", NULL, { NULL }, 0 },
	{ "an export",              READ,   "GET", "/v1/export?format=csv", "", NULL, { NULL }, 0 },
	{ "metrics",                READ,   "GET", "/metrics", "", NULL, { NULL }, 0 },
	{ "the health",             READ,   "GET", "/readyz", "", NULL, { NULL }, 0 },
};
/* clang-format on */

/*
 * Of the write-ahead log: a page and its header; so many that the index has all regions that it has
 * when the log is copied at the latest, at 32 MiB.
 */
enum { FRAME_BYTES = 2048 + 24, LOG_FRAMES = 4062 + 2 * 4096 + 4 };

static struct inside inside;
static long attempt; /* over all calls: no id or key is used twice */
static int64_t seq;

/* ---------------------------------------------------------------- asking */

static void fill(char out[TEXT_MAX], const char *pattern)
{
	size_t bytes = 0;

	for (; *pattern != '\0'; pattern++) {
		assert_true(bytes < TEXT_MAX - 24);
		if (strncmp(pattern, "%seq", 4) == 0) {
			bytes += (size_t)snprintf(out + bytes, 24, "%lld", (long long)seq);
			pattern += 3;
		} else if (strncmp(pattern, "%ld", 3) == 0) {
			bytes += (size_t)snprintf(out + bytes, 24, "%ld", attempt);
			pattern += 2;
		} else {
			out[bytes++] = *pattern;
		}
	}
	out[bytes] = '\0';
}

static void ask(struct client *c, const struct call *call, struct reply *ret)
{
	char target[TEXT_MAX], body[TEXT_MAX], header[TEXT_MAX];

	fill(target, call->target);
	fill(body, call->body);
	fill(header, call->header != NULL ? call->header : "");
	client_ask(c, ret, call->method, target, call->header != NULL ? header : NULL, body);
}

/* What holds the row of leases goes. */
static void free_leases(struct client *c)
{
	struct reply reply;
	char target[64];

	if (inside_query(&inside, "SELECT count(*) FROM row_lock") == 0)
		return;
	snprintf(target, sizeof(target), "/v1/leases/L-%lld",
		 (long long)inside_query(&inside, "SELECT substr(lease, 3) FROM row_lock"));
	client_ask(c, &reply, "DELETE", target, NULL, "");
	assert_int_equal(reply.status, 204);
}

static void prepare(struct client *c, const struct call *call)
{
	struct reply reply;

	for (size_t i = 0; i < LENGTH_OF(call->before) && call->before[i] != NULL; i++) {
		char method[8], target[128], text[TEXT_MAX];
		int at = 0;

		if (strcmp(call->before[i], "KEYED") == 0) {
			ask(c, call, &reply);
		} else if (strcmp(call->before[i], "FREE") == 0) {
			free_leases(c);
			continue;
		} else {
			fill(text, call->before[i]);
			assert_int_equal(sscanf(text, "%7s %127s %n", method, target, &at), 2);
			client_ask(c, &reply, method, target, NULL, text + at);
		}
		if (reply.status != 201)
			fail_msg("before %s: %d %s", call->what, reply.status, reply.body);
	}
}

/* ---------------------------------------------------------------- judging */

struct trial {
	const struct call *call;
	long n;
	const char *how;
	struct reply reply;
	int64_t effect; /* when it was answered */
	/* When all was over, and it had been sent again with its key, if it has one. */
	int64_t outcome;
};

/* Nothing can be said of what comes behind it: the server is as it was left. */
static void fail_trial(const struct trial *t, const char *why)
{
	fprintf(stderr,
		"not ok: %s, allocation %ld %s: %s; effect %lld, then %lld of %d, answer %d %s\n",
		t->call->what, t->n, t->how, why, (long long)t->effect, (long long)t->outcome,
		t->call->effect, t->reply.status, t->reply.status != 0 ? t->reply.body : "");
	_exit(1);
}

static bool is_keyed(const struct call *call)
{
	return call->header != NULL && strstr(call->header, "Idempotency-Key") != NULL;
}

static bool says(const struct trial *t, const char *words)
{
	return t->reply.status != 0 && strstr(t->reply.body, words) != NULL;
}

static void judge_write(const struct trial *t)
{
	bool is_done = t->reply.status >= 200 && t->reply.status < 300;
	bool is_refused = says(t, "not_applied");

	if (t->outcome != 0 && t->outcome != t->call->effect)
		fail_trial(t, "it was done in part, or twice");
	if ((is_done || is_keyed(t->call)) && t->outcome != t->call->effect)
		fail_trial(t, "it was not done");
	if (is_refused && (t->effect != 0 || (!is_keyed(t->call) && t->outcome != 0)))
		fail_trial(t, "it was done");
	if (t->call->kind == REPLAY && says(t, "not_applied"))
		fail_trial(t, "it was done before");
}

/*
 * Of the lines of a batch as many are done as its last line says, or more of those it is unsure of.
 */
static void judge_batch(const struct trial *t)
{
	const char *sum = says(t, "\"lines\":") ? strstr(t->reply.body, "\"applied\":") : NULL;
	long applied = sum != NULL ? strtol(sum + strlen("\"applied\":"), NULL, 10) : 0;

	if (is_keyed(t->call) && t->outcome != t->call->effect)
		fail_trial(t, "sent again it is not whole");
	if (says(t, "\"applied\":") && t->effect < applied)
		fail_trial(t, "it was not done");
	if (says(t, "\"stopped_at\"") && says(t, "\"outcome\":\"not_applied\"}") &&
	    t->call->effect == 3 && t->effect != applied)
		fail_trial(t, "more was done");
	if (says(t, "not_applied") && sum == NULL && t->effect != 0)
		fail_trial(t, "it was done");
}

/* Short memory has words of its own, and no others. */
static void judge_words(const struct trial *t)
{
	int status = t->reply.status;

	if (status == 0 || (status >= 200 && status < 300))
		return;
	if (status == 404 && strncmp(t->call->what, "the release of a lease", 22) == 0)
		return;
	if (!says(t, "\"out-of-memory\"") && !says(t, "\"answer-lost\"") &&
	    !says(t, "\"store-failed\"") && !says(t, "\"outcome-unknown\"") &&
	    !says(t, "\"store-busy\""))
		fail_trial(t, "that is not what is wrong");
}

static void judge(const struct trial *t)
{
	judge_words(t);
	if (t->call->kind == WRITE || t->call->kind == REPLAY)
		judge_write(t);
	else if (t->call->kind == BATCH)
		judge_batch(t);
}

/* ---------------------------------------------------------------- trying */

/*
 * Writes until the log is as long as it becomes before it is copied. Behind its 4,062nd frame, and
 * each 4,096 further on, SQLite's own table of the index grows, behind the flush: where that finds
 * no memory nobody can say whether the group is kept, and the engine stops, as it should. Here it
 * is grown before. Whoever reads from the log's beginning keeps it from beginning anew.
 */
static void grow_log(struct client *client)
{
	static struct reply reply;
	char path[sizeof(inside.path) + 4];
	struct stat log = { 0 };
	sqlite3 *reader;

	snprintf(path, sizeof(path), "%s-wal", inside.path);
	assert_int_equal(sqlite3_open_v2(inside.path, &reader, SQLITE_OPEN_READONLY, NULL), 0);
	assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM item", NULL, NULL, NULL),
			 0);
	while (log.st_size < LOG_FRAMES * FRAME_BYTES) {
		client_ask(client, &reply, "POST", "/v1/stock/A/W/adjust", NULL, "{\"delta\":1}");
		assert_int_equal(reply.status, 201);
		assert_int_equal(stat(path, &log), 0);
	}
	assert_int_equal(sqlite3_close(reader), 0);
}

static void stock(void)
{
	static const char *const commands[] = { "PUT /v1/items/A", "PUT /v1/locations/W",
						"PUT /v1/locations/X", "PUT /v1/locations/L" };
	struct client client;
	struct reply reply;

	inside_open(&inside);
	client_open(&client, inside.port);
	for (size_t i = 0; i < LENGTH_OF(commands); i++) {
		client_ask(&client, &reply, "PUT", commands[i] + 4, NULL, "{\"name\":\"n\"}");
		assert_int_equal(reply.status, 201);
	}
	client_ask(&client, &reply, "POST", "/v1/stock/A/W/adjust", NULL, "{\"delta\":100000}");
	assert_int_equal(reply.status, 201);
	client_ask(&client, &reply, "POST", "/v1/stock/A/X/adjust", NULL, "{\"delta\":100000}");
	assert_int_equal(reply.status, 201);
	grow_log(&client);
	client_close(&client);
	inside_edge_close(&inside);
}

/*
 * A call with a key is sent again, now that there is memory: it is answered, and took effect once.
 */
static void ask_again(struct client *c, struct trial *t)
{
	struct trial again = *t;

	if (!is_keyed(t->call))
		return;
	ask(c, t->call, &again.reply);
	if (again.reply.status < 200 || again.reply.status > 299)
		fail_trial(&again, "sent again it is refused");
}

/*
 * One for what is asked beside the trial. One on the loop of the trial, whose snapshot is warm then
 * (SQLite reads the whole schema into a new one), and which holds what its loop keeps of requests
 * and connections. And one more, so that the next one comes to that loop again.
 */
static void warm_up(struct client calm[3])
{
	static struct reply reply;

	for (int i = 0; i < 3; i++) {
		client_open(&calm[i], inside.port);
		client_ask(&calm[i], &reply, "GET", "/v1/stock/A/W", NULL, "");
		assert_int_equal(reply.status, 200);
	}
	assert_true(
		client_send(&calm[1], "GET", "/v1/stock/A/W?min_seq=999999999&wait=60", NULL, ""));
	while (metric_value(METRIC_READS_WAITING) == 0)
		client_ask(&calm[0], &reply, "GET", "/livez", NULL, "");
}

/* False: it has fewer allocations than that. */
static bool try_call(const struct call *call, long n, enum failing how)
{
	struct trial t = { .call = call, .n = n, .how = how == FAILING_ON ? "and all behind" : "" };
	struct client calm[3], tried;
	int64_t before, begun_ns;
	bool has_failed;

	attempt++;
	assert_int_equal(inside_edge_open(&inside), 0);
	warm_up(calm);
	prepare(&calm[0], call);
	before = inside_query(&inside, effect_sql);
	seq = inside_query(&inside, "SELECT max(seq) FROM movement");
	begun_ns = clock_monotonic_ns();
	failing_arm(n, how);
	client_open(&tried, inside.port);
	ask(&tried, call, &t.reply);
	has_failed = failing_disarm();
	client_close(&tried);
	if (clock_monotonic_ns() - begun_ns > ANSWER_S_MAX * NS_PER_S)
		fail_trial(&t, "it was never answered");
	t.effect = inside_query(&inside, effect_sql) - before;
	ask_again(&calm[0], &t);
	for (size_t i = 0; i < LENGTH_OF(calm); i++)
		client_close(&calm[i]);
	inside_edge_close(&inside);
	t.outcome = inside_query(&inside, effect_sql) - before;
	if (metric_value(METRIC_SUSPENDED) != 0)
		fail_trial(&t, "a request is left");
	if (metric_value(METRIC_CONNECTIONS) != 0)
		fail_trial(&t, "a connection is left");
	judge(&t);
	return has_failed;
}

static void try_each(enum failing how)
{
	const char *only = getenv("CALL");

	for (const struct call *call = calls; call < calls + LENGTH_OF(calls); call++) {
		long n = getenv("N") != NULL ? atol(getenv("N")) : 1;

		if (only != NULL && strcmp(only, call->what) != 0)
			continue;
		try_call(call, STEPS_MAX, how); /* SQLite keeps its statements from here on */
		while (try_call(call, n, how))
			n++;
		assert_true(n < STEPS_MAX);
		printf("%s: %ld\n", call->what, n - 1);
	}
}

static void one_allocation_fails(void **state)
{
	(void)state;
	try_each(FAILING_ONCE);
}

static void one_and_all_behind_it_fail(void **state)
{
	(void)state;
	try_each(FAILING_ON);
}

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_CRIT); /* short memory is logged, each time */
	setvbuf(stdout, NULL, _IOLBF, 0);
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
		cmocka_unit_test(one_allocation_fails),
		cmocka_unit_test(one_and_all_behind_it_fail),
	};

	return cmocka_run_group_tests_name("nth_allocation", tests, setup, teardown);
}
