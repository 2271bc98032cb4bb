/*
 * instructions - what updates, reads, lines of batches and lists cost in instructions.
 *
 *     valgrind --tool=callgrind --instr-atstart=no bench_instructions FOLDER
 *     valgrind --tool=callgrind --instr-atstart=no bench_instructions FOLDER token
 *     tests/bench/instructions.py bench_instructions        does both, and reads what they counted
 *
 * Times differ from run to run and from machine to machine by more than a change may cost;
 * instructions of the same program do not, as long as it does the same things in the same order.
 * So the engine runs in this process, and in single file:
 *
 *     main thread: 64 requests are read, judged, dispatched, queued ──┐ step()
 *     writer:      one group of exactly these, committed, answered <──┘
 *     main thread: 64 answers are written, with what is counted for them
 *
 * (or a part of a batch, of 64 lines for rows that are all different, or of 512 for a thousand rows
 * in no order, as in a long batch; or one list, and a reader thread).
 *
 * The writer sleeps in pthread_cond_timedwait(), and this program brings its own: it wakes when it
 * is told to, and at no other time. The clock is ours, too: a microsecond passes each time that it
 * is read. So are the random numbers: rows hash alike in each run. What is left to chance is the
 * salt of the log and where the kernel puts memory: less than one part in a thousand.
 *
 * What is counted: the bytes of a head (edge/framing), its headers' judgement, routes, handlers and
 * wire, the engine, SQLite, and the answer's JSON with its headers. Not counted: microhttpd, the
 * kernel, checkpoints (how many fall into a run would be a matter of luck), and what goes on once a
 * second. Instructions of all threads count: callgrind starts and stops for all of them at once.
 *
 * With "token" the store has one before the service opens it, every request brings it, and updates
 * are counted: the same ones in the same order as without, so that the difference is what the token
 * costs. Besides, what somebody costs who tries tokens: reads with as many bad ones, no two alike,
 * a third of which name the public part of the good one; and /livez, which anybody may ask for.
 * These refusals, but for the first few, are those of an address that is over its bound.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "edge/framing.h"
#include "edge/header_guard.h"
#include "exchange/request.h"
#include "http/routes.h"
#include "store/group.h"
#include "store/sqlite.h"
#include "store/tokens.h"
#include "waiting/waits.h"
#include "wire/batch_results.h"
#include "wire/fingerprint.h"
#include "wire/messages_batch.h"
#include <errno.h>
#include <gnu/libc-version.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

enum {
	GROUP = 64,  /* requests, or lines of a short batch */
	ROWS = 1024, /* a group takes every sixteenth of them, or one of them for all */
	GROUPS_OF_ROWS = ROWS / GROUP,
	PART = 512, /* lines of a part of a long batch */
	LIST_ROWS = 100,
	ROWS_BY_CHANCE = 1000, /* that the lines of a long batch are for */
	PLENTY = 1000000,
};

/* ---------------------------------------------------------------- chance, replaced */

static atomic_int_fast64_t ticks_us;
static sem_t is_asleep; /* posted whenever the writer lies down */
static sem_t may_go_on;
static sem_t may_end;       /* what others than the writer lie down on */
static atomic_bool is_over; /* it runs freely from now on */

ssize_t getrandom(void *out, size_t byte_count, unsigned flags)
{
	(void)flags;
	memset(out, 0x5a, byte_count);
	return (ssize_t)byte_count;
}

/* All clocks: the time of the start, and a microsecond more each time. */
int clock_gettime(clockid_t clock, struct timespec *ret)
{
	static struct timespec start;
	int64_t us = atomic_fetch_add(&ticks_us, 1);

	if (us == 0)
		syscall(SYS_clock_gettime, CLOCK_REALTIME, &start);
	ret->tv_sec = (clock == CLOCK_REALTIME ? start.tv_sec : 1000) + us / 1000000;
	ret->tv_nsec = us % 1000000 * 1000;
	return 0;
}

/* By the name that crash_thread_begin() gives it. */
static bool is_writer(void)
{
	static _Thread_local char name[16];

	if (name[0] == '\0')
		pthread_getname_np(pthread_self(), name, sizeof(name));
	return strcmp(name, "writer") == 0;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
			   const struct timespec *restrict until)
{
	(void)condition, (void)until;
	pthread_mutex_unlock(mutex);
	if (atomic_load(&is_over)) {
		sched_yield();
	} else if (!is_writer()) {
		while (sem_wait(&may_end) != 0)
			;
		sem_post(&may_end);
	} else {
		sem_post(&is_asleep);
		while (sem_wait(&may_go_on) != 0)
			;
	}
	pthread_mutex_lock(mutex);
	return 0;
}

/* The writer does all that is ready, and sleeps again. */
static void step(void)
{
	sem_post(&may_go_on);
	while (sem_wait(&is_asleep) != 0)
		;
}

/* ---------------------------------------------------------------- requests, made before */

/* "Bearer " and a token; "": the store never had one. */
static char credential[7 + TOKEN_BYTES + 1];

/* As it comes from the socket, and as microhttpd hands it on. */
struct sample {
	char bytes[512];
	size_t byte_count;
	const char *method;
	char target[128];
	char body[128];
	char key[40]; /* "": none */
	char length[24];
	char authorization[7 + TOKEN_BYTES + 1]; /* "": none */
};

static void sample_make_as(struct sample *s, const char *authorization, const char *method,
			   const char *target, const char *body, const char *key)
{
	s->method = method;
	snprintf(s->authorization, sizeof(s->authorization), "%s", authorization);
	snprintf(s->target, sizeof(s->target), "%s", target);
	snprintf(s->body, sizeof(s->body), "%s", body);
	snprintf(s->key, sizeof(s->key), "%s", key);
	snprintf(s->length, sizeof(s->length), "%zu", strlen(body));
	s->byte_count = (size_t)snprintf(
		s->bytes, sizeof(s->bytes),
		"%s %s HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: */*\r\n"
		"%s%s%s%s%s%s"
		"Content-Type: application/json\r\nContent-Length: %s\r\n\r\n%s",
		method, target, authorization[0] != '\0' ? "Authorization: " : "", authorization,
		authorization[0] != '\0' ? "\r\n" : "", key[0] != '\0' ? "Idempotency-Key: " : "",
		key, key[0] != '\0' ? "\r\n" : "", s->length, body);
	CHECK(s->byte_count < sizeof(s->bytes));
}

static void sample_make(struct sample *s, const char *method, const char *target, const char *body,
			const char *key)
{
	sample_make_as(s, credential, method, target, body, key);
}

enum way {
	BY_REQUESTS, /* all of a group at once, then the writer */
	BY_REFUSALS, /* the same, and each of them is one */
	BY_PART,     /* lines of a batch: a part holds a group of them */
	BY_READER,   /* lists: a group of one, and a reader thread */
};

/* What a request of each kind looks like. */
struct kind {
	const char *name;
	enum way way;
	int size;        /* of a group */
	int warm_groups; /* until caches, statements and pools are there */
	int counted_groups;
	void (*make)(struct sample *s, int group, int index);
};

/*
 * Every row comes once in GROUPS_OF_ROWS groups, and the rows of a group are all over the tables.
 */
static int row_of(int group, int index)
{
	return index * GROUPS_OF_ROWS + group * 7 % GROUPS_OF_ROWS;
}

static void make_of_row(struct sample *s, const char *method, int row, const char *call,
			const char *body, const char *key)
{
	char target[128];

	snprintf(target, sizeof(target), "/v1/%s/SKU-%04d%s", call[0] == '\0' ? "items" : "stock",
		 row, call);
	sample_make(s, method, target, body, key);
}

static void make_item(struct sample *s, int group, int index)
{
	make_of_row(s, "PUT", row_of(group, index), "", "{\"name\":\"Thing\"}", "");
}

static void make_location(struct sample *s, int group, int index)
{
	char target[32];

	(void)group;
	snprintf(target, sizeof(target), "/v1/locations/WH%d", index + 1);
	sample_make(s, "PUT", target, "{\"name\":\"Warehouse\"}", "");
}

static void make_stock(struct sample *s, int group, int index)
{
	char body[64];

	snprintf(body, sizeof(body), "{\"delta\":%d}", PLENTY);
	make_of_row(s, "POST", row_of(group, index), "/WH1/adjust", body, "");
}

static void make_update(struct sample *s, int group, int index)
{
	make_of_row(s, "POST", row_of(group, index), "/WH1/adjust", "{\"delta\":-1}", "");
}

static void make_hot_update(struct sample *s, int group, int index)
{
	(void)group, (void)index;
	make_of_row(s, "POST", 7, "/WH1/adjust", "{\"delta\":-1}", "");
}

static void make_keyed_update(struct sample *s, int group, int index)
{
	char key[40];

	snprintf(key, sizeof(key), "8f14e45f-ceea-467f-%04x-%012x", group, index);
	make_of_row(s, "POST", row_of(group, index), "/WH1/adjust", "{\"delta\":-1}", key);
}

static void make_read(struct sample *s, int group, int index)
{
	make_of_row(s, "GET", row_of(group, index), "/WH1", "", "");
}

static void make_line_of_row(struct sample *s, int row)
{
	s->byte_count = (size_t)snprintf(
		s->bytes, sizeof(s->bytes),
		"{\"op\":\"adjust\",\"sku\":\"SKU-%04d\",\"location\":\"WH1\",\"delta\":-1}", row);
}

static void make_line(struct sample *s, int group, int index)
{
	make_line_of_row(s, row_of(group, index));
}

/* A long batch is in no order: some rows come twice in a part, the same ones in each run. */
static void make_part_line(struct sample *s, int group, int index)
{
	uint64_t mixed = (uint64_t)(group * PART + index + 1) * UINT64_C(0x9E3779B97F4A7C15);

	make_line_of_row(s, (int)((mixed >> 32) % ROWS_BY_CHANCE));
}

/* As http/batch makes it of the key of the batch. */
static void make_keyed_line(struct sample *s, int group, int index)
{
	make_part_line(s, group, index);
	snprintf(s->key, sizeof(s->key), "8f14e45f-ceea-467f#%d", group * PART + index + 1);
}

static void make_list(struct sample *s, int group, int index)
{
	char target[64];

	(void)group, (void)index;
	snprintf(target, sizeof(target), "/v1/stock?limit=%d", LIST_ROWS);
	sample_make(s, "GET", target, "", "");
}

/* A third each: a public part that nobody has, the good token's, and no token at all. */
static void make_bad_login(struct sample *s, int group, int index)
{
	unsigned char random[TOKEN_RANDOM_BYTES] = { (unsigned char)group, (unsigned char)index };
	char bad[sizeof(credential)] = "Bearer ";
	int number = group * GROUP + index;

	memcpy(&random[TOKEN_RANDOM_BYTES - sizeof(number)], &number, sizeof(number));
	token_write(random, bad + 7);
	if (number % 3 == 1)
		memcpy(bad, credential, 7 + 3 + TOKEN_PUBLIC_BYTES);
	else if (number % 3 == 2)
		memcpy(bad, "Basic  ", 7);
	sample_make_as(s, bad, "GET", "/v1/stock/SKU-0007/WH1", "", "");
}

static void make_livez(struct sample *s, int group, int index)
{
	(void)group, (void)index;
	sample_make_as(s, "", "GET", "/livez", "", "");
}

/* clang-format off */
static const struct kind items     = { "items",     BY_REQUESTS, GROUP, 0, GROUPS_OF_ROWS, make_item };
static const struct kind locations = { "locations", BY_REQUESTS, GROUP, 0, 1, make_location };
static const struct kind stock     = { "stock",     BY_REQUESTS, GROUP, 0, GROUPS_OF_ROWS, make_stock };

static const struct kind kinds[] = {
	{ "update",           BY_REQUESTS, GROUP, 32, 128, make_update },
	{ "hot_update",       BY_REQUESTS, GROUP, 32, 128, make_hot_update },
	{ "keyed_update",     BY_REQUESTS, GROUP, 32, 128, make_keyed_update },
	{ "read",             BY_REQUESTS, GROUP, 32, 128, make_read },
	{ "batch_line",       BY_PART,     GROUP, 32, 128, make_line },
	{ "part_line",        BY_PART,     PART,   4,  16, make_part_line },
	{ "keyed_part_line",  BY_PART,     PART,   4,  16, make_keyed_line },
	{ "list_of_100_rows", BY_READER,   1,     16,  64, make_list },
};

/* Of a store with a token; the first is as update is, but for that. */
static const struct kind kinds_with_token[] = {
	{ "token_update",     BY_REQUESTS, GROUP, 32, 128, make_update },
	{ "refused_login",    BY_REFUSALS, GROUP, 32, 128, make_bad_login },
	{ "livez",            BY_REQUESTS, GROUP, 32, 128, make_livez },
};
/* clang-format on */

/* ---------------------------------------------------------------- the shop */

struct shop {
	struct service *service;
	struct store_ops ops; /* SQLite's, but for the one below */
	const struct store_ops *real;
	struct writer_ops writer_ops; /* the same */
	struct mailbox mailbox;
	struct snapshot snapshot;
	struct request_pool requests;
	struct host host; /* as much of a loop as a call needs: what it knows of credentials */
	struct framing framing;
	struct request *under_way[GROUP];
	int under_way_count;
	int refusal_count;
};

/* The log never becomes long enough for a checkpoint. */
static int64_t no_bytes(struct store_writer *w)
{
	(void)w;
	return 0;
}

static struct shop *the_shop;

static int open_writer(struct store *store, uint64_t seed, struct store_writer **ret)
{
	int r = the_shop->real->open_writer(store, seed, ret);

	CHECK(r == 0);
	the_shop->writer_ops = *(*ret)->ops;
	the_shop->writer_ops.log_bytes = no_bytes;
	(*ret)->ops = &the_shop->writer_ops;
	return 0;
}

static void on_failure(void *context, int exit_code)
{
	(void)context, (void)exit_code;
	check_failed(__FILE__, __LINE__, "the disk does not fail");
}

/* Makes the store, with a token of an everyday name, and writes the header that brings it. */
static void token_make(const char *path)
{
	unsigned char random[TOKEN_RANDOM_BYTES], hash[TOKEN_HASH_BYTES];
	char public_part[TOKEN_PUBLIC_BYTES + 1] = "";
	char *token = credential + 7;
	struct token_terms terms = { .actor = "local",
				     .name = "scanner-3",
				     .role = ROLE_WRITER,
				     .public_part = public_part,
				     .hash = hash };
	struct store_open_result result = { 0 };
	struct tokens *tokens;

	memcpy(credential, "Bearer ", 7);
	secret_random(random, sizeof(random));
	token_write(random, token);
	memcpy(public_part, token + 3, TOKEN_PUBLIC_BYTES);
	secret_hash(token + TOKEN_BYTES - TOKEN_SECRET_BYTES, TOKEN_SECRET_BYTES, hash);
	CHECK(tokens_open(path, true, &tokens, &result) == 0);
	CHECK(tokens_add(tokens, &terms, &result) == TOKENS_DONE);
	tokens_close(tokens);
}

static void shop_open(struct shop *s, const char *folder, bool has_token)
{
	char path[4096];
	struct store_options options = { .path = path, .busy_ms = 1000 };
	struct store_open_result result = { 0 };
	struct service_options service = { .releases_rows_early = true,
					   .reader_count = 1,
					   .fail = on_failure };

	snprintf(path, sizeof(path), "%s/rowlock.db", folder);
	if (has_token)
		token_make(path);
	if (sqlite_open(&options, &service.store, &result) < 0) {
		fprintf(stderr, "%s\n", result.message);
		exit(1);
	}
	s->ops = *service.store->ops;
	s->real = service.store->ops;
	s->ops.open_writer = open_writer;
	the_shop = s;
	service.store->ops = &s->ops;
	CHECK(service_open(&service, &s->service) == 0);
	CHECK(mailbox_init(&s->mailbox) == 0);
	CHECK(service_open_snapshot(s->service, &s->snapshot) == 0);
	request_pool_init(&s->requests);
	framing_init(&s->framing);
	s->host.service = s->service;
	list_init(&s->host.parked);
	list_init(&s->host.duties);
	CHECK(waits_open(&s->host, &(struct waits_options){ 0 }) == 0);
	calls_configure(&(struct calls_options){ .wait_default_ms = 2000 });
	while (sem_wait(&is_asleep) != 0)
		;
}

static void shop_close(struct shop *s)
{
	atomic_store(&is_over, true);
	sem_post(&may_go_on);
	sem_post(&may_end);
	waits_close(&s->host);
	snapshot_fini(&s->snapshot);
	service_close(s->service);
	request_pool_fini(&s->requests);
	mailbox_fini(&s->mailbox);
}

/* ---------------------------------------------------------------- requests */

/* What edge/daemon.c does between microhttpd and the handlers. */
static void request_read(struct shop *s, struct request *r, const struct sample *sample)
{
	static const struct listeners listeners = {
		1, { { .name = "127.0.0.1", .host = "127.0.0.1", .port = 8080 } }
	};
	static const struct header_guard guard = { .listeners = &listeners };
	struct request_head head = { .knows_method = true, .version = "HTTP/1.1" };
	const char *detail;

	r->x.begun_ns = clock_monotonic_ns();
	CHECK(request_take_target(r, sample->target));
	r->x.method_text = sample->method;
	r->x.method = http_method_of(sample->method);
	r->x.service = s->service;
	r->x.host = &s->host;
	r->x.snapshot = &s->snapshot;
	r->x.mailbox = &s->mailbox;
	request_add_header(r, "Host", 4, "127.0.0.1:8080");
	request_add_header(r, "Accept", 6, "*/*");
	if (sample->authorization[0] != '\0')
		request_add_header(r, "Authorization", 13, sample->authorization);
	if (sample->key[0] != '\0')
		request_add_header(r, "Idempotency-Key", 15, sample->key);
	request_add_header(r, "Content-Type", 12, "application/json");
	request_add_header(r, "Content-Length", 14, sample->length);
	request_take_id(r);
	head.is_read = r->x.method == HTTP_GET;
	head.headers = r->headers;
	head.header_count = r->header_count;
	CHECK(header_guard_judge(&guard, &head, &detail) == OUTCOME_DONE);
	text_add_bytes(&r->body, sample->body, strlen(sample->body));
}

static void request_end(struct shop *s, struct request *r)
{
	CHECK(r->state == REQUEST_REPLIED);
	s->refusal_count += r->x.status >= 300;
	request_return(&s->requests, r);
}

static void request_begin(struct shop *s, struct sample *sample)
{
	struct request *r;

	framing_take(&s->framing, sample->bytes, sample->byte_count);
	CHECK(s->framing.outcome == OUTCOME_DONE);
	CHECK(!framing_is_inside(&s->framing));
	r = request_take(&s->requests);
	CHECK(r != NULL);
	request_read(s, r, sample);
	request_move(r, REQUEST_RECEIVING);
	if (r->body.byte_count > 0) {
		r->x.body = r->body.data;
		r->x.body_bytes = r->body.byte_count;
	}
	request_move(r, REQUEST_RUNNING);
	routes_handle(&r->x);
	if (r->state == REQUEST_PARKED)
		s->under_way[s->under_way_count++] = r;
	else
		request_end(s, r);
}

static void request_resume(struct shop *s, struct request *r)
{
	CHECK(r->state == REQUEST_PARKED);
	request_move(r, REQUEST_RETURNED);
	request_move(r, REQUEST_RUNNING);
	r->resume(&r->x);
	request_end(s, r);
}

static void take_parcels(struct shop *s, int count)
{
	struct list parcels;
	struct list *link;

	list_init(&parcels);
	mailbox_take(&s->mailbox, &parcels);
	while ((link = list_pop_front(&parcels)) != NULL)
		count--;
	CHECK(count == 0);
}

static void run_requests(struct shop *s, struct sample samples[], int count)
{
	CHECK(count <= GROUP);
	s->under_way_count = 0;
	for (int i = 0; i < count; i++)
		request_begin(s, &samples[i]);
	snapshot_rest(&s->snapshot);
	if (s->under_way_count == 0)
		return;
	step();
	take_parcels(s, s->under_way_count);
	for (int i = 0; i < s->under_way_count; i++)
		request_resume(s, s->under_way[i]);
}

/* A reader thread does it, and this one has nothing else to do. */
static void run_list(struct shop *s, struct sample *sample)
{
	struct pollfd bell = { .fd = s->mailbox.event_fd, .events = POLLIN };

	s->under_way_count = 0;
	request_begin(s, sample);
	CHECK(s->under_way_count == 1);
	while (poll(&bell, 1, -1) != 1)
		;
	take_parcels(s, 1);
	request_resume(s, s->under_way[0]);
}

/* ---------------------------------------------------------------- lines of a batch */

/* What http/batch does with the key of a batch. */
static void line_take_key(struct shop *s, struct work *w, const char *key)
{
	w->command.key = key;
	w->command.fingerprint = request_fingerprint("BATCH", "adjust", &w->command);
	CHECK(!service_replay(s->service, w, &s->snapshot, NULL));
}

static struct work *line_read(struct shop *s, const struct sample *sample)
{
	struct work *w = work_create();
	struct message_error e;
	const char *id;

	CHECK(w != NULL);
	CHECK(batch_line_read(sample->bytes, sample->byte_count, &w->arena, &w->command, &id, &e));
	w->command.request_id = "instructions";
	w->command.actor = &actor_local;
	if (sample->key[0] != '\0')
		line_take_key(s, w, sample->key);
	return w;
}

static void part_answer(struct shop *s, struct work *part, struct text *out)
{
	struct list *link;
	int64_t number = 0;

	while ((link = list_pop_front(&part->lines)) != NULL) {
		struct work *w = CONTAINER_OF(link, struct work, work_link);

		s->refusal_count += w->answer.outcome != OUTCOME_DONE;
		batch_result_write(out, ++number, NULL, &w->command, &w->answer);
		work_release(w);
	}
}

static void run_part(struct shop *s, const struct sample samples[], int count)
{
	struct work *part = work_create();
	struct waiter waiter = { .parcel.home = &s->mailbox };
	struct claim_set claims;
	struct text out;

	CHECK(part != NULL);
	part->command.request_id = "instructions";
	part->command.actor = &actor_local;
	part->command.lease_id = part->command.purpose = "";
	claim_set_init(&claims);
	for (int i = 0; i < count; i++) {
		struct work *w = line_read(s, &samples[i]);

		service_claim(s->service, &claims, w);
		list_push_back(&part->lines, &w->work_link);
		part->line_count++;
	}
	snapshot_rest(&s->snapshot);
	CHECK(service_submit_part(s->service, part, &claims, &waiter, 2000) == SUBMIT_PENDING);
	step();
	take_parcels(s, 1);
	text_init(&out);
	part_answer(s, part, &out);
	CHECK(!out.failed);
	text_fini(&out);
	work_release(waiter.work);
}

/* ---------------------------------------------------------------- counting */

static void run_group(struct shop *s, const struct kind *k, struct sample samples[])
{
	switch (k->way) {
	case BY_REQUESTS:
	case BY_REFUSALS:
		run_requests(s, samples, k->size);
		return;
	case BY_PART:
		run_part(s, samples, k->size);
		return;
	case BY_READER:
		run_list(s, samples);
		return;
	}
}

static void run_groups(struct shop *s, const struct kind *k, struct sample samples[], int count)
{
	for (int group = 0; group < count; group++)
		run_group(s, k, &samples[(ptrdiff_t)group * k->size]);
}

static struct sample *make_samples(const struct kind *k, int group_count)
{
	struct sample *samples = calloc((size_t)group_count * (size_t)k->size, sizeof(*samples));

	CHECK(samples != NULL);
	for (int group = 0; group < group_count; group++)
		for (int i = 0; i < k->size; i++)
			k->make(&samples[group * k->size + i], group, i);
	return samples;
}

static void run(struct shop *s, const struct kind *k)
{
	struct sample *samples = make_samples(k, k->counted_groups);

	run_groups(s, k, samples, k->counted_groups);
	free(samples);
}

static void count(struct shop *s, const struct kind *k)
{
	struct sample *samples = make_samples(k, k->warm_groups + k->counted_groups);
	int refusals = k->way == BY_REFUSALS ? k->size * (k->warm_groups + k->counted_groups) : 0;

	run_groups(s, k, samples, k->warm_groups);
	CALLGRIND_START_INSTRUMENTATION;
	run_groups(s, k, samples + (ptrdiff_t)k->warm_groups * k->size, k->counted_groups);
	CALLGRIND_STOP_INSTRUMENTATION;
	CALLGRIND_DUMP_STATS_AT(k->name);
	CALLGRIND_ZERO_STATS;
	free(samples);
	CHECK(s->refusal_count == refusals);
	s->refusal_count = 0;
	printf("count %s %d\n", k->name, k->size * k->counted_groups);
}

/* With what it was made, and on what it runs: figures of others are other figures. */
static void print_toolchain(void)
{
	__builtin_cpu_init();
	printf("made compiler %s\n", __VERSION__);
	printf("made build %s\n", ROWLOCK_BUILD);
	printf("made libc %s\n", gnu_get_libc_version());
	printf("made sqlite %s\n", sqlite3_libversion());
	printf("made avx2 %s\n", __builtin_cpu_supports("avx2") ? "yes" : "no");
}

int main(int argument_count, char *arguments[])
{
	static struct shop shop;
	bool has_token = argument_count == 3 && strcmp(arguments[2], "token") == 0;

	if (argument_count != 2 && !has_token) {
		fprintf(stderr, "usage: %s FOLDER [token] (FOLDER: an empty one)\n", arguments[0]);
		return 64;
	}
	print_toolchain();
	sem_init(&is_asleep, 0, 0);
	sem_init(&may_go_on, 0, 0);
	sem_init(&may_end, 0, 0);
	CHECK(secret_prepare());
	sqlite_prepare();
	shop_open(&shop, arguments[1], has_token);
	run(&shop, &items);
	run(&shop, &locations);
	run(&shop, &stock);
	CHECK(shop.refusal_count == 0);
	for (size_t i = 0; i < LENGTH_OF(kinds_with_token) && has_token; i++)
		count(&shop, &kinds_with_token[i]);
	for (size_t i = 0; i < LENGTH_OF(kinds) && !has_token; i++)
		count(&shop, &kinds[i]);
	shop_close(&shop);
	return 0;
}
