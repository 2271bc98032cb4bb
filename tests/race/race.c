/*
 * race - real threads on real sockets: what must hold however they interleave.
 *
 *     race PATH_OF_ROWLOCKD early|commit
 *
 * Run it under ThreadSanitizer: server and clients are built with it then, and its reports fail the
 * test. Nothing here sleeps: a step that needs another one waits until the server shows it.
 */
#include "base/clock.h"
#include "client.h"
#include "server.h"
#include "unit.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
	CLIENTS = 64,
	UNITS = 500,
	ROWS_MAX = 10,
	SHOWS_S_MAX = 30, /* until the server shows what a test waits for */
};

static const char *program, *release;

/* ---------------------------------------------------------------- common */

/* Answers that should not be. Only the main thread asserts, once the others have ended. */
static atomic_int trouble_count;

struct bench {
	struct server server;
	struct client client; /* the main thread's */
	struct reply reply;   /* its last */
	int row_count;
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	*state = b;
	atomic_store(&trouble_count, 0);
	server_init(&b->server, program, release);
	server_start(&b->server);
	client_open(&b->client, b->server.port);
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	client_close(&b->client);
	server_fini(&b->server);
	free(b);
	return 0;
}

/* Asks, and wants this status. */
static void ask(struct bench *b, int status, const char *method, const char *target,
		const char *body)
{
	client_ask(&b->client, &b->reply, method, target, NULL, body);
	if (b->reply.status != status)
		fail_msg("%s %s: %d, not %d: %s", method, target, b->reply.status, status,
			 b->reply.body);
}

/* Items S-0 to S-(count - 1), with `units` of each at WH1, and none at WH2. */
static void make_rows(struct bench *b, int count, int units)
{
	char target[128], body[64];

	ask(b, 201, "PUT", "/v1/locations/WH1", "{\"name\":\"One\"}");
	ask(b, 201, "PUT", "/v1/locations/WH2", "{\"name\":\"Two\"}");
	b->row_count = count;
	for (int i = 0; i < count; i++) {
		snprintf(target, sizeof(target), "/v1/items/S-%d", i);
		ask(b, 201, "PUT", target, "{\"name\":\"Thing\"}");
		snprintf(target, sizeof(target), "/v1/stock/S-%d/WH1/adjust", i);
		snprintf(body, sizeof(body), "{\"delta\":%d}", units);
		ask(b, 201, "POST", target, body);
	}
}

/* Stops the server, which must end well; then its books must balance. */
static void settle(struct bench *b)
{
	client_close(&b->client);
	server_stop(&b->server);
	assert_int_equal(trouble_count, 0);
	assert_int_equal(server_query(&b->server, "SELECT count(*) FROM v_ledger_check"), 0);
}

/* Waits until GET /v1/locks shows that so many stand behind the first row it lists. */
static void wait_for_waiters(struct bench *b, int count)
{
	int64_t until_ns = clock_monotonic_ns() + SHOWS_S_MAX * NS_PER_S;
	int64_t shown;

	do {
		ask(b, 200, "GET", "/v1/locks", NULL);
		shown = reply_number(&b->reply, "data/0/waiter_count");
		if (shown == count)
			return;
	} while (clock_monotonic_ns() < until_ns);
	fail_msg("%" PRId64 " waiters are shown, not %d: %s", shown, count, b->reply.body);
}

struct crowd {
	struct bench *bench;
	pthread_t threads[CLIENTS];
	atomic_int next_index;
	atomic_llong total;         /* what they count */
	atomic_llong unheard;       /* requests whose answer nobody waited for */
	atomic_bool is_over;        /* for those that go on until they are told */
	atomic_int seen[UNITS + 2]; /* by version */
};

static void crowd_start(struct crowd *c, struct bench *b, int count, void *(*run)(void *))
{
	memset(c, 0, sizeof(*c));
	c->bench = b;
	for (int i = 0; i < count; i++)
		assert_int_equal(pthread_create(&c->threads[i], NULL, run, c), 0);
}

static void crowd_join(struct crowd *c, int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(pthread_join(c->threads[i], NULL), 0);
}

/* ---------------------------------------------------------------- the last unit */

/* Buys one unit after the other, of one row after the other, until each is sold out. */
static void *buy(void *crowd)
{
	struct crowd *c = crowd;
	struct reply *r = malloc(sizeof(*r));
	struct client client;
	char target[128];

	client_open(&client, c->bench->server.port);
	for (int row = 0; row < c->bench->row_count; row++) {
		snprintf(target, sizeof(target), "/v1/stock/S-%d/WH1/adjust?wait=60", row);
		do {
			client_ask(&client, r, "POST", target, NULL, "{\"delta\":-1}");
			if (r->status == 201) {
				atomic_fetch_add(&c->total, 1);
				atomic_fetch_add(&c->seen[reply_number(r, "stock/version")], 1);
			}
		} while (r->status == 201);
		if (r->status != 409)
			atomic_fetch_add(&trouble_count, 1);
	}
	client_close(&client);
	free(r);
	return NULL;
}

static void sell(struct bench *b, int row_count)
{
	struct crowd c;

	make_rows(b, row_count, UNITS / row_count);
	crowd_start(&c, b, CLIENTS, buy);
	crowd_join(&c, CLIENTS);

	assert_int_equal(c.total, UNITS);
	for (int version = 2; version < UNITS / row_count + 2; version++)
		assert_int_equal(c.seen[version], row_count); /* each change made once */
	settle(b);
	assert_int_equal(server_query(&b->server, "SELECT sum(on_hand) FROM stock"), 0);
	assert_int_equal(server_query(&b->server, "SELECT count(*) FROM movement"),
			 UNITS + row_count);
}

static void one_row_sells_out_exactly(void **state)
{
	sell(*state, 1);
}

static void ten_rows_sell_out_exactly(void **state)
{
	sell(*state, ROWS_MAX);
}

/* ---------------------------------------------------------------- followers */

enum { FOLLOWERS = 8, FOLLOWED = UNITS + 1 };

/* Asks behind what it has, again and again, until it has seen the last movement. */
static void *follow_by_polling(void *crowd)
{
	struct crowd *c = crowd;
	struct reply *r = malloc(sizeof(*r));
	struct client client;
	int64_t after = 0, next = 0;

	client_open(&client, c->bench->server.port);
	while (after < FOLLOWED) {
		char target[64], last[32];

		snprintf(target, sizeof(target), "/v1/changes?wait=60&limit=40&after=%" PRId64,
			 after);
		client_ask(&client, r, "GET", target, NULL, NULL);
		next = reply_number(r, "next");
		if (r->status != 200 || next <= after || next > after + 40)
			break;
		snprintf(last, sizeof(last), "data/%" PRId64 "/seq", next - after - 1);
		if (reply_number(r, "data/0/seq") != after + 1 || reply_number(r, last) != next)
			break;
		after = next;
	}
	if (after != FOLLOWED)
		atomic_fetch_add(&trouble_count, 1);
	client_close(&client);
	free(r);
	return NULL;
}

/* Reads a stream until each movement's id was there, one after the other. */
static void *follow_a_stream(void *crowd)
{
	struct crowd *c = crowd;
	struct client client;
	int64_t expected = 0; /* the first id tells where the stream begins */
	char line[2048];
	FILE *stream;

	client_open(&client, c->bench->server.port);
	client_send(&client, "GET", "/v1/changes?after=0", "Accept: text/event-stream", NULL);
	stream = fdopen(client.fd, "r");
	while (expected <= FOLLOWED && fgets(line, sizeof(line), stream) != NULL) {
		if (strncmp(line, "id: ", 4) != 0)
			continue;
		if (atoll(line + 4) != expected)
			break;
		expected++;
	}
	if (expected != FOLLOWED + 1)
		atomic_fetch_add(&trouble_count, 1);
	fclose(stream);
	return NULL;
}

/* Everybody who follows sees the ledger, and all of it, while 64 write. */
static void followers_see_every_movement_once(void **state)
{
	struct bench *b = *state;
	struct crowd buyers, pollers, streams;

	make_rows(b, 1, UNITS);
	crowd_start(&pollers, b, FOLLOWERS, follow_by_polling);
	crowd_start(&streams, b, FOLLOWERS, follow_a_stream);
	crowd_start(&buyers, b, CLIENTS, buy);
	crowd_join(&buyers, CLIENTS);
	crowd_join(&pollers, FOLLOWERS);
	crowd_join(&streams, FOLLOWERS);
	assert_int_equal(buyers.total, UNITS);
	settle(b);
}

/* ---------------------------------------------------------------- reads that wait for a seq */

/*
 * Asks for a state that does not exist yet, a little ahead of what it saw last, until all is sold;
 * each time by another kind of read.
 */
static void *read_ahead(void *crowd)
{
	static const char *const reads[] = { "/v1/stock/S-0/WH1?", "/v1/stock/S-0/WH1?read=locked&",
					     "/v1/movements?order=desc&limit=1&",
					     "/v1/stock/S-0?" };
	struct crowd *c = crowd;
	struct reply *r = malloc(sizeof(*r));
	int index = atomic_fetch_add(&c->next_index, 1);
	struct client client;
	int64_t seq = 1;

	client_open(&client, c->bench->server.port);
	for (int i = index; seq < FOLLOWED; i++) {
		int64_t wanted = seq + 1 + i % 5;
		char target[128];

		if (wanted > FOLLOWED)
			wanted = FOLLOWED;
		snprintf(target, sizeof(target), "%swait=60&min_seq=%" PRId64, reads[i % 4],
			 wanted);
		client_ask(&client, r, "GET", target, NULL, NULL);
		if (r->status != 200 || r->seq < wanted)
			break;
		if (i % 4 < 2 && reply_number(r, "on_hand") != UNITS + 1 - r->seq)
			break;
		if (i % 4 == 2 && reply_number(r, "data/0/seq") != r->seq)
			break;
		seq = r->seq;
		atomic_fetch_add(&c->total, 1);
	}
	if (seq != FOLLOWED)
		atomic_fetch_add(&trouble_count, 1);
	client_close(&client);
	free(r);
	return NULL;
}

/* Until told: asks for what will not come in its time, and hangs up. */
static void *read_and_leave(void *crowd)
{
	struct crowd *c = crowd;

	while (!atomic_load(&c->is_over)) {
		struct client client;

		client_open(&client, c->bench->server.port);
		if (!client_send(&client, "GET", "/v1/stock/S-0/WH1?min_seq=1000000&wait=60", NULL,
				 NULL))
			atomic_fetch_add(&trouble_count, 1);
		client_close(&client);
		atomic_fetch_add(&c->unheard, 1);
	}
	return NULL;
}

/* While 64 write: whoever waits for a seq is called when it is there, and sees it. */
static void a_read_waits_for_its_seq(void **state)
{
	struct bench *b = *state;
	struct crowd buyers, readers, leavers;

	make_rows(b, 1, UNITS);
	crowd_start(&readers, b, 4 * FOLLOWERS, read_ahead);
	crowd_start(&leavers, b, 2, read_and_leave);
	crowd_start(&buyers, b, CLIENTS, buy);
	crowd_join(&buyers, CLIENTS);
	crowd_join(&readers, 4 * FOLLOWERS);
	atomic_store(&leavers.is_over, true);
	crowd_join(&leavers, 2);
	assert_int_equal(buyers.total, UNITS);
	assert_true(readers.total > 0);
	assert_true(leavers.unheard > 0);
	settle(b);
}

/* ---------------------------------------------------------------- both ways */

enum { CARRIERS = 16, WATCHERS = 4, TRANSFERS = 40, STORED = 1000 };

/* Carries units to and fro. Half of them begin in the other direction. */
static void *carry(void *crowd)
{
	struct crowd *c = crowd;
	struct reply *r = malloc(sizeof(*r));
	struct client client;
	int index = atomic_fetch_add(&c->next_index, 1);

	client_open(&client, c->bench->server.port);
	for (int i = 0; i < TRANSFERS; i++) {
		bool is_back = (i + index) % 2 == 1;
		char body[128];

		snprintf(body, sizeof(body),
			 "{\"sku\":\"S-0\",\"from\":\"%s\",\"to\":\"%s\",\"quantity\":%d}",
			 is_back ? "WH2" : "WH1", is_back ? "WH1" : "WH2", 1 + index);
		client_ask(&client, r, "POST", "/v1/transfers?wait=60", NULL, body);
		if (r->status == 201)
			atomic_fetch_add(&c->total, 1);
		else
			atomic_fetch_add(&trouble_count, 1);
	}
	client_close(&client);
	free(r);
	return NULL;
}

/* Reads both rows in one snapshot: their sum never changes. */
static void *watch(void *crowd)
{
	struct crowd *c = crowd;
	struct reply *r = malloc(sizeof(*r));
	struct client client;
	int64_t seq = 0;

	client_open(&client, c->bench->server.port);
	do {
		client_ask(&client, r, "GET", "/v1/stock/S-0", NULL, NULL);
		if (r->status != 200 || r->seq < seq || reply_number(r, "on_hand") != 2 * STORED ||
		    reply_number(r, "locations/0/on_hand") +
				    reply_number(r, "locations/1/on_hand") !=
			    2 * STORED)
			atomic_fetch_add(&trouble_count, 1);
		seq = r->seq;
		atomic_fetch_add(&c->total, 1);
	} while (!atomic_load(&c->is_over));
	client_close(&client);
	free(r);
	return NULL;
}

static void transfers_both_ways_neither_deadlock_nor_tear(void **state)
{
	struct bench *b = *state;
	struct crowd carriers, watchers;

	make_rows(b, 1, STORED);
	ask(b, 201, "POST", "/v1/stock/S-0/WH2/adjust", "{\"delta\":1000}");
	crowd_start(&watchers, b, WATCHERS, watch);
	crowd_start(&carriers, b, CARRIERS, carry);
	crowd_join(&carriers, CARRIERS);
	atomic_store(&watchers.is_over, true);
	crowd_join(&watchers, WATCHERS);

	assert_int_equal(carriers.total, CARRIERS * TRANSFERS);
	assert_true(watchers.total >= WATCHERS);
	settle(b);
	assert_int_equal(server_query(&b->server, "SELECT sum(on_hand) FROM stock"), 2 * STORED);
	assert_int_equal(server_query(&b->server, "SELECT count(*) FROM movement"),
			 2 + 2 * CARRIERS * TRANSFERS);
}

/* ---------------------------------------------------------------- one key */

enum { REPEATERS = 16, KEYS = 30 };

/* Everybody sends the same requests with the same keys at about the same time. */
static void *repeat(void *crowd)
{
	struct crowd *c = crowd;
	struct reply *r = malloc(sizeof(*r));
	struct client client;

	client_open(&client, c->bench->server.port);
	for (int i = 0; i < KEYS; i++) {
		char header[64];

		snprintf(header, sizeof(header), "Idempotency-Key: order-%d", i);
		client_ask(&client, r, "POST", "/v1/stock/S-0/WH1/adjust?wait=60", header,
			   "{\"delta\":-1}");
		if (r->status == 201)
			atomic_fetch_add(&c->seen[reply_number(r, "stock/version")], 1);
		else
			atomic_fetch_add(&trouble_count, 1);
	}
	client_close(&client);
	free(r);
	return NULL;
}

static void a_key_takes_effect_once(void **state)
{
	struct bench *b = *state;
	struct crowd c;

	make_rows(b, 1, UNITS);
	crowd_start(&c, b, REPEATERS, repeat);
	crowd_join(&c, REPEATERS);
	for (int version = 2; version < KEYS + 2; version++)
		assert_int_equal(c.seen[version], REPEATERS);
	settle(b);
	assert_int_equal(server_query(&b->server, "SELECT on_hand FROM stock"), UNITS - KEYS);
	assert_int_equal(server_query(&b->server, "SELECT count(*) FROM idempotency"), KEYS);
}

/* ---------------------------------------------------------------- a lease */

enum { READS = 100 };

static const char lease_body[] =
	"{\"rows\":[{\"sku\":\"S-0\",\"location\":\"WH1\"}],\"ttl_s\":600,\"purpose\":\"count\"}";

/* Queues `count` sales of the leased row, each once the one before it is seen in the queue. */
static void queue_up(struct bench *b, struct client clients[], int count)
{
	for (int i = 0; i < count; i++) {
		client_open(&clients[i], b->server.port);
		assert_true(client_send(&clients[i], "POST", "/v1/stock/S-0/WH1/adjust?wait=60",
					NULL, "{\"delta\":-1}"));
		wait_for_waiters(b, i + 1);
	}
}

/* Whoever still waits is served in the order of arrival: each sees the next version. */
static void receive_in_order(struct bench *b, struct client clients[], int count, int64_t version)
{
	for (int i = 0; i < count; i++) {
		if (clients[i].fd < 0)
			continue;
		client_receive(&clients[i], &b->reply);
		assert_int_equal(b->reply.status, 201);
		assert_int_equal(reply_number(&b->reply, "stock/version"), version++);
		client_close(&clients[i]);
	}
}

static void a_lease_holds_up_its_row_only(void **state)
{
	struct bench *b = *state;
	struct client clients[CLIENTS], basket;

	make_rows(b, 2, UNITS);
	ask(b, 201, "POST", "/v1/leases", lease_body);
	queue_up(b, clients, CLIENTS);

	/* Reads of that row pass, and so do changes of another. */
	for (int i = 0; i < READS; i++) {
		ask(b, 200, "GET", "/v1/stock/S-0/WH1", NULL);
		assert_int_equal(reply_number(&b->reply, "on_hand"), UNITS);
	}
	ask(b, 201, "POST", "/v1/stock/S-1/WH1/adjust?wait=0", "{\"delta\":-1}");

	/* A transfer out of it waits, and holds up nobody at its other row. */
	client_open(&basket, b->server.port);
	assert_true(
		client_send(&basket, "POST", "/v1/transfers?wait=60", NULL,
			    "{\"sku\":\"S-0\",\"from\":\"WH1\",\"to\":\"WH2\",\"quantity\":5}"));
	wait_for_waiters(b, CLIENTS + 1);
	ask(b, 201, "POST", "/v1/stock/S-0/WH2/adjust?wait=0", "{\"delta\":7}");
	ask(b, 423, "POST", "/v1/stock/S-0/WH1/adjust?wait=0", "{\"delta\":-1}");

	ask(b, 204, "DELETE", "/v1/leases/l_1", NULL);
	receive_in_order(b, clients, CLIENTS, 2);
	client_receive(&basket, &b->reply);
	assert_int_equal(b->reply.status, 201);
	client_close(&basket);
	settle(b);
	assert_int_equal(server_query(&b->server, "SELECT on_hand FROM v_stock WHERE sku = 'S-0' "
						  "AND location = 'WH1'"),
			 UNITS - CLIENTS - 5);
}

/* Stops the server while all of them wait: each is told that nothing was done. */
static void restart_under(struct bench *b, struct client clients[], int count)
{
	settle(b);
	for (int i = 0; i < count; i++) {
		client_receive(&clients[i], &b->reply);
		assert_int_equal(b->reply.status, 503);
		assert_non_null(strstr(b->reply.body, "\"draining\""));
		client_close(&clients[i]);
	}
	assert_int_equal(server_query(&b->server, "SELECT count(*) FROM movement"), b->row_count);
	server_start(&b->server);
	client_open(&b->client, b->server.port);
}

static void a_restart_keeps_the_lease(void **state)
{
	struct bench *b = *state;
	struct client clients[CLIENTS];

	make_rows(b, 1, UNITS);
	ask(b, 201, "POST", "/v1/leases", lease_body);
	queue_up(b, clients, CLIENTS);
	restart_under(b, clients, CLIENTS);

	ask(b, 423, "POST", "/v1/stock/S-0/WH1/adjust?wait=0", "{\"delta\":-1}");
	ask(b, 200, "GET", "/v1/leases", NULL);
	assert_int_equal(reply_number(&b->reply, "data/0/fence"), 1);
	queue_up(b, clients, CLIENTS);
	client_ask(&b->client, &b->reply, "POST", "/v1/stock/S-0/WH1/adjust", "Lease: l_1;fence=1",
		   "{\"delta\":-1}");
	assert_int_equal(b->reply.status, 201);
	ask(b, 204, "DELETE", "/v1/leases/l_1", NULL);
	receive_in_order(b, clients, CLIENTS, 3);
	ask(b, 201, "POST", "/v1/stock/S-0/WH1/adjust?wait=0", "{\"delta\":-1}");
	settle(b);
	assert_int_equal(server_query(&b->server, "SELECT on_hand FROM stock"),
			 UNITS - CLIENTS - 2);
}

/* Every other client hangs up while it waits: nothing is done for it, and the rest is served. */
static void who_hangs_up_is_forgotten(void **state)
{
	enum { ALL = 32 };
	struct bench *b = *state;
	struct client clients[ALL];

	make_rows(b, 1, UNITS);
	ask(b, 201, "POST", "/v1/leases", lease_body);
	queue_up(b, clients, ALL);
	for (int i = 0; i < ALL; i += 2)
		client_close(&clients[i]);
	wait_for_waiters(b, ALL / 2);
	ask(b, 204, "DELETE", "/v1/leases/l_1", NULL);
	receive_in_order(b, clients, ALL, 2);
	settle(b);
	assert_int_equal(server_query(&b->server, "SELECT on_hand FROM stock"), UNITS - ALL / 2);
}

/* ---------------------------------------------------------------- comings and goings */

enum { HOLDERS = 12, LEASES = 15 };

/* Takes the row, changes it as its holder, and lets it go; others do, too. */
static void *hold(void *crowd)
{
	struct crowd *c = crowd;
	struct reply *r = malloc(sizeof(*r));
	struct client client;

	client_open(&client, c->bench->server.port);
	for (int i = 0; i < LEASES; i++) {
		int64_t fence;
		char header[64], target[64];

		client_ask(&client, r, "POST", "/v1/leases?wait=60", NULL, lease_body);
		fence = reply_number(r, "fence");
		if (r->status != 201 || fence < 1) {
			atomic_fetch_add(&trouble_count, 1);
			break;
		}
		snprintf(header, sizeof(header), "Lease: l_%" PRId64 ";fence=%" PRId64, fence,
			 fence);
		client_ask(&client, r, "POST", "/v1/stock/S-0/WH1/adjust?wait=60", header,
			   "{\"delta\":-1}");
		if (r->status == 201)
			atomic_fetch_add(&c->total, 1);
		snprintf(target, sizeof(target), "/v1/leases/l_%" PRId64, fence);
		client_ask(&client, r, "DELETE", target, NULL, NULL);
		if (r->status != 204)
			atomic_fetch_add(&trouble_count, 1);
		/* The lease has ended: its fence is worth nothing any more. */
		client_ask(&client, r, "POST", "/v1/stock/S-0/WH1/adjust?wait=60", header,
			   "{\"delta\":-1}");
		if (r->status != 412)
			atomic_fetch_add(&trouble_count, 1);
	}
	client_close(&client);
	free(r);
	return NULL;
}

static void leases_exclude_each_other(void **state)
{
	struct bench *b = *state;
	struct crowd c;

	make_rows(b, 1, UNITS);
	crowd_start(&c, b, HOLDERS, hold);
	crowd_join(&c, HOLDERS);
	assert_int_equal(c.total, HOLDERS * LEASES);
	settle(b);
	assert_int_equal(server_query(&b->server, "SELECT on_hand FROM stock"),
			 UNITS - HOLDERS * LEASES);
	assert_int_equal(server_query(&b->server, "SELECT count(*) FROM row_lock"), 0);
}

enum { LEAVERS = 8 };

/* Until told: adds a unit, and every other time hangs up without waiting for the answer. */
static void *leave_early(void *crowd)
{
	struct crowd *c = crowd;
	struct reply *r = malloc(sizeof(*r));

	for (int i = 0; !atomic_load(&c->is_over); i++) {
		bool is_early = i % 2 == 0;
		struct client client;

		client_open(&client, c->bench->server.port);
		if (!client_send(&client, "POST", "/v1/stock/S-0/WH1/adjust?wait=60", NULL,
				 "{\"delta\":1}"))
			atomic_fetch_add(&trouble_count, 1);
		if (!is_early)
			client_receive(&client, r);
		if (!is_early && r->status != 201)
			atomic_fetch_add(&trouble_count, 1);
		atomic_fetch_add(is_early ? &c->unheard : &c->total, 1);
		client_close(&client);
	}
	free(r);
	return NULL;
}

/* Leases come and go, and so do clients: what was answered is there, the rest at most once. */
static void clients_come_and_go_under_leases(void **state)
{
	struct bench *b = *state;
	struct crowd holders, leavers;
	long long added;

	make_rows(b, 1, UNITS);
	crowd_start(&leavers, b, LEAVERS, leave_early);
	crowd_start(&holders, b, HOLDERS, hold);
	crowd_join(&holders, HOLDERS);
	atomic_store(&leavers.is_over, true);
	crowd_join(&leavers, LEAVERS);
	assert_int_equal(holders.total, HOLDERS * LEASES);
	assert_true(leavers.unheard > 0);
	settle(b);

	added = server_query(&b->server, "SELECT count(*) FROM movement WHERE on_hand_delta = 1");
	assert_in_range(added, leavers.total, leavers.total + leavers.unheard);
	assert_int_equal(server_query(&b->server, "SELECT on_hand FROM stock"),
			 UNITS - HOLDERS * LEASES + added);
}

/* ---------------------------------------------------------------- one key at once */

enum { SHARERS = 32, SHARED_BYTES_MAX = 1024 };

struct sharer {
	pthread_t thread;
	struct bench *bench;
	bool is_replayed;
	char body[SHARED_BYTES_MAX]; /* "": it got no answer, or another status */
};

static void *share(void *sharer)
{
	struct sharer *s = sharer;
	struct reply *r = malloc(sizeof(*r));
	struct client client;

	client_open(&client, s->bench->server.port);
	client_ask(&client, r, "POST", "/v1/stock/S-0/WH1/adjust?wait=60",
		   "Idempotency-Key: only-once", "{\"delta\":-1}");
	if (r->status == 201 && strlen(r->body) < SHARED_BYTES_MAX)
		strcpy(s->body, r->body);
	s->is_replayed = r->is_replayed;
	client_close(&client);
	free(r);
	return NULL;
}

static void sharers_start(struct sharer sharers[], struct bench *b)
{
	memset(sharers, 0, SHARERS * sizeof(sharers[0]));
	for (int i = 0; i < SHARERS; i++) {
		sharers[i].bench = b;
		assert_int_equal(pthread_create(&sharers[i].thread, NULL, share, &sharers[i]), 0);
	}
}

/*
 * All got this body ("": it is made of the first one's); returns how many were marked as replays.
 */
static int sharers_join(struct sharer sharers[], char body[SHARED_BYTES_MAX])
{
	int replayed_count = 0;

	for (int i = 0; i < SHARERS; i++) {
		assert_int_equal(pthread_join(sharers[i].thread, NULL), 0);
		assert_string_not_equal(sharers[i].body, "");
		if (body[0] == '\0')
			strcpy(body, sharers[i].body);
		assert_string_equal(sharers[i].body, body);
		replayed_count += sharers[i].is_replayed;
	}
	return replayed_count;
}

/* Until the server says that so many share the write of another one. */
static void wait_for_joined(struct bench *b, int count)
{
	int64_t until_ns = clock_monotonic_ns() + SHOWS_S_MAX * NS_PER_S;
	char line[64];

	snprintf(line, sizeof(line), "rowlock_idempotency_joined_total %d\n", count);
	do {
		ask(b, 200, "GET", "/metrics", NULL);
		if (strstr(b->reply.body, line) != NULL)
			return;
	} while (clock_monotonic_ns() < until_ns);
	fail_msg("not %d have joined: %s", count, b->reply.body);
}

/* One does it, 31 share it; and after a crash 32 are told of it. */
static void a_key_shared_by_many_is_one_effect(void **state)
{
	struct bench *b = *state;
	struct sharer *sharers = malloc(SHARERS * sizeof(*sharers));
	char body[SHARED_BYTES_MAX] = "";

	make_rows(b, 1, UNITS);
	ask(b, 201, "POST", "/v1/leases", lease_body);
	sharers_start(sharers, b);
	wait_for_joined(b, SHARERS - 1);
	ask(b, 204, "DELETE", "/v1/leases/l_1", NULL);
	assert_int_equal(sharers_join(sharers, body), SHARERS - 1);

	client_close(&b->client);
	server_kill(&b->server);
	server_start(&b->server);
	client_open(&b->client, b->server.port);
	sharers_start(sharers, b);
	assert_int_equal(sharers_join(sharers, body), SHARERS);
	settle(b);
	assert_int_equal(server_query(&b->server, "SELECT on_hand FROM stock"), UNITS - 1);
	assert_int_equal(server_query(&b->server, "SELECT count(*) FROM idempotency"), 1);
	free(sharers);
}

/* ---------------------------------------------------------------- operations */

enum { ASKERS = 24, OPERATIONS = 12, OPERATION_WORD_BYTES = 64 };

/* The text of a member of the body, or "". */
static const char *reply_word(const struct reply *r, const char *name,
			      char word[OPERATION_WORD_BYTES])
{
	char opening[OPERATION_WORD_BYTES];
	const char *at;

	word[0] = '\0';
	snprintf(opening, sizeof(opening), "\"%s\":\"", name);
	at = strstr(r->body, opening);
	if (at != NULL)
		snprintf(word, OPERATION_WORD_BYTES, "%.*s",
			 (int)strcspn(at + strlen(opening), "\""), at + strlen(opening));
	return word;
}

/*
 * Waits until it has finished, and asks again: the end is the end. Returns whether it took effect.
 */
static bool operation_took_effect(struct client *client, struct reply *r, const char *target)
{
	char waited[OPERATION_WORD_BYTES], again[OPERATION_WORD_BYTES];
	char waiting[128];

	snprintf(waiting, sizeof(waiting), "%s?wait=60", target);
	client_ask(client, r, "GET", waiting, NULL, NULL);
	reply_word(r, "state", waited);
	client_ask(client, r, "GET", target, NULL, NULL);
	reply_word(r, "state", again);
	if (strcmp(waited, again) != 0 ||
	    (strcmp(waited, "committed") != 0 && strcmp(waited, "withdrawn") != 0))
		atomic_fetch_add(&trouble_count, 1);
	return strcmp(waited, "committed") == 0;
}

/* Takes it back on another connection, which may be another loop's. */
static bool operation_withdraw(struct client *other, struct reply *r, const char *target)
{
	client_ask(other, r, "DELETE", target, NULL, NULL);
	if (r->status != 200 && r->status != 409)
		atomic_fetch_add(&trouble_count, 1);
	return r->status == 200;
}

/* Adds one unit at a time without waiting for it, and takes every second one back. */
static void *add_later(void *crowd)
{
	struct crowd *c = crowd;
	struct reply *r = malloc(sizeof(*r));
	int index = atomic_fetch_add(&c->next_index, 1);
	struct client client, other;

	client_open(&client, c->bench->server.port);
	client_open(&other, c->bench->server.port);
	for (int i = 0; i < OPERATIONS; i++) {
		char header[128], target[96], id[OPERATION_WORD_BYTES];
		bool is_withdrawn = false;

		snprintf(header, sizeof(header),
			 i % 3 == 0 ? "Prefer: respond-async"
				    : "Prefer: respond-async\r\nIdempotency-Key: later-%d-%d",
			 index, i);
		client_ask(&client, r, "POST", "/v1/stock/S-0/WH1/adjust", header, "{\"delta\":1}");
		if (r->status != 202)
			atomic_fetch_add(&trouble_count, 1);
		snprintf(target, sizeof(target), "/v1/operations/%s", reply_word(r, "id", id));
		if (i % 2 == 0)
			is_withdrawn = operation_withdraw(&other, r, target);
		bool took_effect = operation_took_effect(&client, r, target);

		if (took_effect == is_withdrawn)
			atomic_fetch_add(&trouble_count, 1);
		atomic_fetch_add(&c->total, took_effect);
		atomic_fetch_add(&c->unheard, is_withdrawn);
	}
	client_close(&client);
	client_close(&other);
	free(r);
	return NULL;
}

static void an_operation_ends_in_one_way(void **state)
{
	struct bench *b = *state;
	struct crowd holders, askers;

	make_rows(b, 1, UNITS);
	crowd_start(&askers, b, ASKERS, add_later);
	crowd_start(&holders, b, HOLDERS, hold);
	crowd_join(&askers, ASKERS);
	crowd_join(&holders, HOLDERS);
	assert_int_equal(askers.total + askers.unheard, ASKERS * OPERATIONS);
	assert_true(askers.unheard > 0);
	settle(b);
	assert_int_equal(server_query(&b->server, "SELECT on_hand FROM stock"),
			 UNITS - HOLDERS * LEASES + askers.total);
}

/* ---------------------------------------------------------------- counting while selling */

enum { SELLERS = 12, COUNTERS = 4, SALES = 25 };

static void *sell_some(void *crowd)
{
	struct crowd *c = crowd;
	struct reply *r = malloc(sizeof(*r));
	struct client client;

	client_open(&client, c->bench->server.port);
	for (int i = 0; i < SALES; i++) {
		client_ask(&client, r, "POST", "/v1/stock/S-0/WH1/adjust?wait=60", NULL,
			   "{\"delta\":-1}");
		if (r->status != 201)
			atomic_fetch_add(&trouble_count, 1);
	}
	client_close(&client);
	free(r);
	return NULL;
}

/* Finds on the shelf what the books said when it looked: that must change nothing. */
static void *count_truly(void *crowd)
{
	struct crowd *c = crowd;
	struct reply *r = malloc(sizeof(*r));
	struct client client;

	client_open(&client, c->bench->server.port);
	do {
		char body[128];

		client_ask(&client, r, "GET", "/v1/stock/S-0/WH1", NULL, NULL);
		snprintf(body, sizeof(body), "{\"counted\":%" PRId64 ",\"as_of_seq\":%" PRId64 "}",
			 reply_number(r, "on_hand"), r->seq);
		client_ask(&client, r, "POST", "/v1/stock/S-0/WH1/count?wait=60", NULL, body);
		if (r->status == 200)
			atomic_fetch_add(&c->total, 1);
		else if (r->status != 409) /* another one has counted since */
			atomic_fetch_add(&trouble_count, 1);
		if (r->status == 200 && reply_number(r, "movement/on_hand_delta") != 0)
			atomic_fetch_add(&trouble_count, 1);
	} while (!atomic_load(&c->is_over));
	client_close(&client);
	free(r);
	return NULL;
}

static void a_true_count_changes_nothing(void **state)
{
	struct bench *b = *state;
	struct crowd sellers, counters;

	make_rows(b, 1, UNITS);
	crowd_start(&counters, b, COUNTERS, count_truly);
	crowd_start(&sellers, b, SELLERS, sell_some);
	crowd_join(&sellers, SELLERS);
	atomic_store(&counters.is_over, true);
	crowd_join(&counters, COUNTERS);
	assert_true(counters.total > 0);
	settle(b);
	assert_int_equal(server_query(&b->server, "SELECT on_hand FROM stock"),
			 UNITS - SELLERS * SALES);
}

/* ---------------------------------------------------------------- patches */

enum { PATCHES = 20 };

/* Each counts in a member of its own, and none knows of the others. */
static void *patch(void *crowd)
{
	struct crowd *c = crowd;
	struct reply *r = malloc(sizeof(*r));
	struct client client;
	int index = atomic_fetch_add(&c->next_index, 1);

	client_open(&client, c->bench->server.port);
	for (int i = 1; i <= PATCHES; i++) {
		char body[64];

		snprintf(body, sizeof(body), "{\"attributes\":{\"c%d\":%d,\"c%d\":null}}", index, i,
			 CLIENTS + index);
		client_ask(&client, r, "PATCH", "/v1/items/S-0?wait=60", NULL, body);
		if (r->status != 200)
			atomic_fetch_add(&trouble_count, 1);
	}
	client_close(&client);
	free(r);
	return NULL;
}

static void patches_do_not_undo_each_other(void **state)
{
	struct bench *b = *state;
	struct crowd c;

	make_rows(b, 1, UNITS);
	crowd_start(&c, b, CLIENTS, patch);
	crowd_join(&c, CLIENTS);
	ask(b, 200, "GET", "/v1/items/S-0", NULL);
	for (int i = 0; i < CLIENTS; i++) {
		char path[32];

		snprintf(path, sizeof(path), "attributes/c%d", i);
		assert_int_equal(reply_number(&b->reply, path), PATCHES);
	}
	assert_int_equal(reply_number(&b->reply, "version"), 1 + CLIENTS * PATCHES);
	settle(b);
}

/* ---------------------------------------------------------------- shoppers */

enum { SHOPPERS = 48, VISITS = 12, HOT_UNITS = 100 };

/* Tries both ways: the one that comes first wins, the other is told. What it has bought. */
static int64_t resolve(struct client *client, struct reply *r, int64_t id, int visit,
		       int64_t quantity)
{
	static const char *const verbs[] = { "commit", "release" };
	int64_t committed = 0;
	int won = 0;

	for (int k = 0; k < 2; k++) {
		const char *verb = verbs[(visit + k) % 2];
		char target[96];

		snprintf(target, sizeof(target), "/v1/reservations/r_%" PRId64 "/%s?wait=60", id,
			 verb);
		client_ask(client, r, "POST", target, NULL, NULL);
		if (r->status == 200) {
			won++;
			committed += strcmp(verb, "commit") == 0 ? quantity : 0;
		} else if (r->status != 409) {
			atomic_fetch_add(&trouble_count, 1);
		}
	}
	if (won != 1)
		atomic_fetch_add(&trouble_count, 1);
	return committed;
}

/* Reserves some of the hot item and one of another, and then buys them or puts them back. */
static void *shop(void *crowd)
{
	struct crowd *c = crowd;
	struct reply *r = malloc(sizeof(*r));
	struct client client;
	int index = atomic_fetch_add(&c->next_index, 1);

	client_open(&client, c->bench->server.port);
	for (int i = 0; i < VISITS; i++) {
		int64_t quantity = 1 + (index + i) % 3, id = 0;
		char body[256];

		snprintf(body, sizeof(body),
			 "{\"ttl_s\":600,\"lines\":[{\"sku\":\"S-%d\",\"location\":\"WH1\","
			 "\"quantity\":1},{\"sku\":\"S-0\",\"location\":\"WH1\",\"quantity\":"
			 "%" PRId64 "}]}",
			 1 + (index + i) % 3, quantity);
		client_ask(&client, r, "POST", "/v1/reservations?wait=60", NULL, body);
		if (r->status == 201)
			id = atoll(strstr(r->body, "\"id\":\"r_") + 8);
		else if (r->status != 409)
			atomic_fetch_add(&trouble_count, 1);
		if (id != 0)
			atomic_fetch_add(&c->total, resolve(&client, r, id, i, quantity));
	}
	client_close(&client);
	free(r);
	return NULL;
}

/* Until told: asks whether the books balance, of all or of what came since the last time. */
static void *verify(void *crowd)
{
	struct crowd *c = crowd;
	struct reply *r = malloc(sizeof(*r));
	int64_t seq = 0;
	struct client client;

	client_open(&client, c->bench->server.port);
	for (int i = 0; !atomic_load(&c->is_over) || atomic_load(&c->total) == 0; i++) {
		char target[64];

		snprintf(target, sizeof(target), "/v1/verify?since=%" PRId64, i % 2 * seq);
		client_ask(&client, r, "GET", target, NULL, NULL);
		if (r->status == 429)
			continue; /* somebody else's turn */
		if (r->status != 200 || reply_number(r, "finding_count") != 0) {
			fprintf(stderr, "%s: %d %s\n", target, r->status, r->body);
			atomic_fetch_add(&trouble_count, 1);
			break;
		}
		seq = reply_number(r, "seq");
		atomic_fetch_add(&c->total, 1);
	}
	client_close(&client);
	free(r);
	return NULL;
}

/* Until told: asks the same, and hangs up. */
static void *verify_and_leave(void *crowd)
{
	struct crowd *c = crowd;

	while (!atomic_load(&c->is_over)) {
		struct client client;

		client_open(&client, c->bench->server.port);
		if (!client_send(&client, "GET", "/v1/verify", NULL, NULL))
			atomic_fetch_add(&trouble_count, 1);
		client_close(&client);
		atomic_fetch_add(&c->unheard, 1);
	}
	return NULL;
}

/* The books balance at every moment, not only once the doors are closed. */
static void shoppers_sell_what_there_is(void **state)
{
	struct bench *b = *state;
	struct crowd c, verifiers, leavers;

	make_rows(b, 4, HOT_UNITS);
	crowd_start(&verifiers, b, 2, verify);
	crowd_start(&leavers, b, 1, verify_and_leave);
	crowd_start(&c, b, SHOPPERS, shop);
	crowd_join(&c, SHOPPERS);
	atomic_store(&leavers.is_over, true);
	crowd_join(&leavers, 1);
	atomic_store(&verifiers.is_over, true);
	crowd_join(&verifiers, 2);
	assert_true(c.total > 0);
	assert_true(leavers.unheard > 0);
	settle(b);
	assert_int_equal(server_query(&b->server, "SELECT sum(reserved) FROM stock"), 0);
	assert_int_equal(server_query(&b->server, "SELECT on_hand FROM v_stock WHERE sku = 'S-0'"),
			 HOT_UNITS - c.total);
	assert_int_equal(server_query(&b->server, "SELECT count(*) FROM v_reserved_check"), 0);
	assert_int_equal(
		server_query(&b->server, "SELECT count(*) FROM reservation WHERE state = 'active'"),
		0);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(one_row_sells_out_exactly),
		CASE(ten_rows_sell_out_exactly),
		CASE(followers_see_every_movement_once),
		CASE(a_read_waits_for_its_seq),
		CASE(transfers_both_ways_neither_deadlock_nor_tear),
		CASE(a_key_takes_effect_once),
		CASE(a_key_shared_by_many_is_one_effect),
		CASE(a_lease_holds_up_its_row_only),
		CASE(a_restart_keeps_the_lease),
		CASE(who_hangs_up_is_forgotten),
		CASE(leases_exclude_each_other),
		CASE(clients_come_and_go_under_leases),
		CASE(an_operation_ends_in_one_way),
		CASE(a_true_count_changes_nothing),
		CASE(shoppers_sell_what_there_is),
		CASE(patches_do_not_undo_each_other),
#undef CASE
	};

	if (argc != 3) {
		fprintf(stderr, "usage: race PATH_OF_ROWLOCKD early|commit\n");
		return 64;
	}
	program = argv[1];
	release = argv[2];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
