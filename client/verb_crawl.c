/* crawl: reads that nobody orders beside updates that a row orders. */
#include "base/check.h"
#include "base/clock.h"
#include "client/command.h"
#include "client/crawl.h"
#include "client/session.h"
#include "client/memory.h"
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
	COUNT_DEFAULT = 200,
	LEASE_S = 30, /* ends by itself should we end before */
	CALL_MS_MAX = 25000,
	LINE_S_MAX = 10,        /* until all updates stand in line */
	CONNECTIONS_BESIDE = 8, /* for what is asked beside the questions */
};

struct crawl {
	struct session *session;
	struct calls *calls;
	json_t *rows; /* some stock rows, for the reads */
	char sku[80], location[80];
	uint64_t dice;
	struct crawl_lane reads, updates;
	int64_t answer_count;
	int waiter_count; /* in the row's queue, as the server said last */
	struct call look, release;
	char lease[80];
};

/* ---------------------------------------------------------------- the row */

/* splitmix64: the same seed, the same reads. */
static uint64_t roll(struct crawl *c)
{
	uint64_t z = (c->dice += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* The row with the most units, among those that fit what was asked for. */
static enum exit_code choose_row(struct crawl *c)
{
	const char *location = c->session->args.values[OPTION_LOCATION];
	const json_t *chosen = NULL;
	size_t i;
	json_t *row;

	json_array_foreach (c->rows, i, row) {
		bool fits = location == NULL ||
			    strcmp(location, json_member_text(row, "location")) == 0;

		if (fits && (chosen == NULL || json_member_int(row, "available") >
						       json_member_int(chosen, "available")))
			chosen = row;
	}
	if (chosen == NULL)
		return exit_failed("there is no such stock: rowlock stock lists what there is");
	snprintf(c->sku, sizeof(c->sku), "%s", json_member_text(chosen, "sku"));
	snprintf(c->location, sizeof(c->location), "%s", json_member_text(chosen, "location"));
	return EXIT_DONE;
}

/* Some stock rows: of the item that was named, or the first ones. */
static enum exit_code rows_ask(struct crawl *c)
{
	const char *sku = c->session->args.values[OPTION_SKU];
	struct api_request r;
	struct response response;

	api_request_init(&r, "GET", "/v1/stock");
	if (sku != NULL)
		api_request_add_segment(&r, sku);
	enum exit_code code = session_ask(c->session, &r, &response);
	api_request_fini(&r);
	if (code != EXIT_DONE)
		return code;
	c->rows = json_incref(json_object_get(response.json, sku != NULL ? "locations" : "data"));
	response_fini(&response);
	return choose_row(c);
}

/* ---------------------------------------------------------------- connections */

static void on_opened(struct call *call)
{
	struct crawl_ask *a = CONTAINER_OF(call, struct crawl_ask, call);

	a->status = call->response.status;
}

/*
 * Opens all connections by one question on each, all at once, so that no question of the race waits
 * for a connection. The limit of open files is raised as far as it may be.
 */
static enum exit_code connections_open(struct crawl *c)
{
	struct crawl_lane *const lanes[] = { &c->reads, &c->updates };
	struct rlimit files;
	struct api_request r;
	int missing = 0;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	api_request_init(&r, "GET", "/livez");
	for (size_t l = 0; l < LENGTH_OF(lanes); l++) {
		for (int i = 0; i < lanes[l]->count; i++) {
			struct crawl_ask *a = &lanes[l]->asks[i];

			a->call = (struct call){ .timeout_ms = CALL_MS_MAX, .done = on_opened };
			call_start(c->calls, &a->call, &r);
		}
	}
	api_request_fini(&r);
	while (calls_under_way(c->calls) > 0)
		calls_wait(c->calls, NULL, 0, MS_PER_S);
	for (size_t l = 0; l < LENGTH_OF(lanes); l++)
		for (int i = 0; i < lanes[l]->count; i++)
			missing += lanes[l]->asks[i].status != 200;
	if (missing > 0)
		return exit_failed("%d of %d connections were not answered: ask for fewer", missing,
				   c->reads.count + c->updates.count);
	return EXIT_DONE;
}

/* ---------------------------------------------------------------- questions */

/* "6 ahead", as the server says it of the row's queue; -1: it does not. */
static int64_t ahead_of(const struct response *a)
{
	const char *said = strstr(response_header(a, RESPONSE_SERVER_TIMING), " ahead\"");
	const char *header = response_header(a, RESPONSE_SERVER_TIMING);

	while (said != NULL && said > header && said[-1] >= '0' && said[-1] <= '9')
		said--;
	return said == NULL ? -1 : strtoll(said, NULL, 10);
}

static void on_answer(struct call *call)
{
	struct crawl_ask *a = CONTAINER_OF(call, struct crawl_ask, call);
	struct crawl *c = a->lane->is_of_updates ? CONTAINER_OF(a->lane, struct crawl, updates)
						 : CONTAINER_OF(a->lane, struct crawl, reads);
	const json_t *stock = json_object_get(call->response.json, "stock");

	a->status = call->response.status;
	a->answered = c->answer_count++;
	a->took_ns = clock_monotonic_ns() - a->took_ns;
	if (a->status < 200 || a->status > 299)
		a->lane->failures++;
	if (a->lane->is_of_updates && json_is_object(stock)) {
		a->ahead = ahead_of(&call->response);
		a->version = json_member_int(stock, "version");
	}
}

static void ask_start(struct crawl *c, struct crawl_ask *a, const struct api_request *r)
{
	a->status = 0;
	a->ahead = a->version = -1;
	a->call = (struct call){ .timeout_ms = CALL_MS_MAX, .done = on_answer };
	a->took_ns = clock_monotonic_ns();
	call_start(c->calls, &a->call, r);
}

/* A read of what a crawler finds: a row, an item, its stock everywhere, its history. */
static void read_start(struct crawl *c, struct crawl_ask *a)
{
	const json_t *row = json_array_get(c->rows, roll(c) % json_array_size(c->rows));
	const char *sku = json_member_text(row, "sku");
	struct api_request r;

	switch (roll(c) % 4) {
	case 0:
		api_request_init(&r, "GET", "/v1/stock");
		api_request_add_segment(&r, sku);
		api_request_add_segment(&r, json_member_text(row, "location"));
		break;
	case 1:
		api_request_init(&r, "GET", "/v1/stock");
		api_request_add_segment(&r, sku);
		break;
	case 2:
		api_request_init(&r, "GET", "/v1/items");
		api_request_add_segment(&r, sku);
		break;
	default:
		api_request_init(&r, "GET", "/v1/movements?limit=50");
		api_request_add_query(&r, "sku", sku);
	}
	ask_start(c, a, &r);
	api_request_fini(&r);
}

/* One unit more, or one less: an even number of them leaves the stock as it was. */
static void update_start(struct crawl *c, struct crawl_ask *a, int number)
{
	struct api_request r;

	api_request_init(&r, "POST", "/v1/stock");
	api_request_add_segment(&r, c->sku);
	api_request_add_segment(&r, c->location);
	text_add(&r.path, "/adjust");
	api_request_add_query(&r, "wait", "20");
	json_put(api_request_body(&r), "delta", json_integer(number % 2 == 0 ? 1 : -1));
	json_put(api_request_body(&r), "reason", json_string("crawl"));
	ask_start(c, a, &r);
	api_request_fini(&r);
}

/* A read, an update, a read ...: each is sent before the next is begun. */
static void questions_start(struct crawl *c)
{
	for (int i = 0; i < c->reads.count || i < c->updates.count; i++) {
		if (i < c->reads.count)
			read_start(c, &c->reads.asks[i]);
		if (i < c->updates.count)
			update_start(c, &c->updates.asks[i], i);
	}
}

/* ---------------------------------------------------------------- the line */

/*
 * The row is leased while the questions are asked, so that every update stands in the row's queue
 * before the first is served. Reads do not notice.
 */
static enum exit_code lease_take(struct crawl *c)
{
	json_t *row = memory_or_exit(json_object()), *rows = memory_or_exit(json_array());
	struct api_request r;
	struct response response;

	json_put(row, "sku", json_string(c->sku));
	json_put(row, "location", json_string(c->location));
	if (json_array_append_new(rows, row) != 0)
		exit_out_of_memory();
	api_request_init(&r, "POST", "/v1/leases?wait=5");
	json_put(api_request_body(&r), "rows", rows);
	json_put(api_request_body(&r), "ttl_s", json_integer(LEASE_S));
	json_put(api_request_body(&r), "purpose", json_string("rowlock crawl: all stand in line"));
	enum exit_code code = session_ask(c->session, &r, &response);
	api_request_fini(&r);
	if (code != EXIT_DONE)
		return code;
	snprintf(c->lease, sizeof(c->lease), "%s", json_member_text(response.json, "id"));
	response_fini(&response);
	return EXIT_DONE;
}

static void on_look(struct call *call)
{
	struct crawl *c = CONTAINER_OF(call, struct crawl, look);
	size_t i;
	json_t *lock;

	json_array_foreach (json_object_get(call->response.json, "data"), i, lock)
		if (strcmp(c->sku, json_member_text(lock, "sku")) == 0 &&
		    strcmp(c->location, json_member_text(lock, "location")) == 0)
			c->waiter_count = (int)json_member_int(lock, "waiter_count");
}

static void on_release(struct call *call)
{
	if (call->response.status != 204)
		exit_failed("the lease was not released; it ends by itself");
}

/* Until the server shows all of them in the queue. False: not in time. */
static bool line_wait(struct crawl *c)
{
	int64_t until_ns = clock_monotonic_ns() + LINE_S_MAX * NS_PER_S;
	struct api_request r;

	api_request_init(&r, "GET", "/v1/locks");
	c->look = (struct call){ .timeout_ms = CALL_MS_MAX, .done = on_look };
	while (c->waiter_count < c->updates.count && c->updates.failures == 0 &&
	       clock_monotonic_ns() < until_ns) {
		if (c->look.curl == NULL)
			call_start(c->calls, &c->look, &r);
		calls_wait(c->calls, NULL, 0, MS_PER_S);
	}
	api_request_fini(&r);
	return c->waiter_count >= c->updates.count;
}

static void lease_release(struct crawl *c)
{
	struct api_request r;

	api_request_init(&r, "DELETE", "/v1/leases");
	api_request_add_segment(&r, c->lease);
	c->release = (struct call){ .timeout_ms = CALL_MS_MAX, .done = on_release };
	call_start(c->calls, &c->release, &r);
	api_request_fini(&r);
}

/* ---------------------------------------------------------------- all of it */

static enum exit_code crawl_run(struct crawl *c, uint64_t seed)
{
	enum exit_code code = rows_ask(c);

	if (code == EXIT_DONE)
		code = connections_open(c);
	if (code == EXIT_DONE)
		code = lease_take(c);
	if (code != EXIT_DONE)
		return code;
	questions_start(c);
	bool is_in_line = line_wait(c);
	lease_release(c);
	while (calls_under_way(c->calls) > 0)
		calls_wait(c->calls, NULL, 0, MS_PER_S);

	struct crawl_result result = { .server = api_url(c->session->api),
				       .sku = c->sku,
				       .location = c->location,
				       .seed = seed,
				       .reads = &c->reads,
				       .updates = &c->updates,
				       .is_in_line = is_in_line };
	if (c->session->is_json)
		crawl_show_json(&result);
	else
		crawl_show(&result);
	if (c->reads.failures > 0 || c->updates.failures > 0)
		return exit_failed("%d reads and %d updates were not answered with success",
				   c->reads.failures, c->updates.failures);
	if (crawl_is_alone(&result) && !crawl_is_in_order(&result))
		return exit_failed("the updates were not served in the order of the line, and "
				   "always should be: please report it");
	return EXIT_DONE;
}

static void lane_init(struct crawl_lane *lane, int64_t count, bool is_of_updates)
{
	*lane = (struct crawl_lane){ .is_of_updates = is_of_updates, .count = (int)count };
	lane->asks = memory_or_exit(calloc((size_t)count, sizeof(lane->asks[0])));
	for (int i = 0; i < lane->count; i++)
		lane->asks[i].lane = lane;
}

enum exit_code verb_crawl(struct session *s)
{
	int64_t read_count = args_number(&s->args, OPTION_READS, COUNT_DEFAULT);
	int64_t update_count = args_number(&s->args, OPTION_UPDATES, COUNT_DEFAULT);
	uint64_t seed = (uint64_t)args_number(&s->args, OPTION_SEED, 1);

	if (read_count > CRAWL_COUNT_MAX || update_count > CRAWL_COUNT_MAX)
		return exit_usage("--reads and --updates are at most %d", CRAWL_COUNT_MAX);

	struct crawl *c = memory_or_exit(calloc(1, sizeof(*c)));
	c->session = s;
	c->dice = seed;
	lane_init(&c->reads, read_count, false);
	lane_init(&c->updates, update_count, true);
	c->calls = calls_open(s->api, (int)(read_count + update_count) + CONNECTIONS_BESIDE);
	enum exit_code code = crawl_run(c, seed);
	calls_close(c->calls);
	json_decref(c->rows);
	free(c->reads.asks);
	free(c->updates.asks);
	free(c);
	return code;
}
