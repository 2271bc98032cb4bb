/*
 * handlers_health - is it well? For whoever restarts it, sends requests to it, or watches it.
 */
#include "base/clock.h"
#include "http/accept.h"
#include "http/reply.h"
#include "ops/usage.h"
#include "wire/problems.h"

/* Never touches the store: it says that this process answers. */
void handle_livez(struct exchange *x)
{
	text_add(&x->reply, "{\"live\":true}\n");
	reply_json(x, 200, 0);
}

/* ---------------------------------------------------------------- /readyz */

/* What keeps writes from being carried out. The first that holds is the problem that they get. */
enum obstacle { DRAINS, DISK_FULL, DAMAGED, FAILS, UNREACHABLE, BUSY, OBSTACLES };

static const enum outcome obstacle_outcomes[OBSTACLES] = {
	[DRAINS] = OUTCOME_DRAINING,
	[DISK_FULL] = OUTCOME_DISK_FULL,
	[DAMAGED] = OUTCOME_STORE_DAMAGED,
	[FAILS] = OUTCOME_STORE_FAILED,
	[UNREACHABLE] = OUTCOME_STORE_UNREACHABLE,
	[BUSY] = OUTCOME_STORE_BUSY,
};

struct obstacles {
	bool holds[OBSTACLES];
};

static struct obstacles obstacles_of(const struct service_health *h)
{
	return (struct obstacles){ {
		[DRAINS] = h->is_draining,
		[DISK_FULL] = h->is_disk_full,
		[DAMAGED] = h->is_damaged,
		[FAILS] = !h->is_writable && !h->is_disk_full && !h->is_damaged,
		[UNREACHABLE] = h->is_unreachable,
		[BUSY] = h->is_store_busy,
	} };
}

/* OBSTACLES: there is none. */
static enum obstacle obstacle_first(const struct obstacles *o)
{
	enum obstacle first = 0;

	while (first < OBSTACLES && !o->holds[first])
		first++;
	return first;
}

static void write_obstacles(struct json *j, const struct obstacles *o)
{
	JSON_NAME(j, "ready"), json_bool(j, obstacle_first(o) == OBSTACLES);
	JSON_NAME(j, "reasons"), json_open(j, '[');
	for (enum obstacle i = 0; i < OBSTACLES; i++)
		if (o->holds[i])
			json_text(j, outcome_row(obstacle_outcomes[i])->code);
	json_close(j, ']');
}

static void write_health(struct json *j, const struct service_health *h)
{
	JSON_NAME(j, "version"), json_text(j, ROWLOCK_VERSION);
	JSON_NAME(j, "uptime_s"), json_int(j, usage_uptime_s());
	JSON_NAME(j, "schema"), json_int(j, metric_value(METRIC_SCHEMA));
	JSON_NAME(j, "stock_seq"), json_int(j, h->seq);
	JSON_NAME(j, "waiting"), json_int(j, h->waiting_count);
	JSON_NAME(j, "leases"), json_int(j, h->lease_count);
	JSON_NAME(j, "wal_bytes"), json_int(j, h->wal_bytes);
	JSON_NAME(j, "idempotency_keys"), json_int(j, h->key_count);
	JSON_NAME(j, "store_time"), json_time(j, h->now_ms);
	JSON_NAME(j, "clock_ahead_ms"), json_int(j, h->clock_ahead_ms);
}

/* Will writes be carried out? If not, the answer is the problem that they would get. */
void handle_readyz(struct exchange *x)
{
	struct service_health h;
	struct obstacles obstacles;
	enum obstacle first;
	struct text members;
	struct json j;

	service_health(x->service, &h);
	obstacles = obstacles_of(&h);
	first = obstacle_first(&obstacles);
	if (!actor_has_role(x->actor, ROLE_READER)) {
		text_add(&x->reply,
			 first == OBSTACLES ? "{\"ready\":true}\n" : "{\"ready\":false}\n");
		reply_json(x, first == OBSTACLES ? 200 : 503, h.seq);
		return;
	}
	text_init(&members);
	j = json_begin(&members);
	write_obstacles(&j, &obstacles);
	write_health(&j, &h);
	if (members.failed) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
	} else if (first != OBSTACLES) {
		reply_problem(x, &(struct problem){ .outcome = obstacle_outcomes[first],
						    .members = members.data });
	} else {
		text_add_char(&x->reply, '{');
		text_add_bytes(&x->reply, members.data, members.byte_count);
		text_add(&x->reply, "}\n");
		reply_json(x, 200, h.seq);
	}
	text_fini(&members);
}

/* ---------------------------------------------------------------- /metrics */

static void measure_readiness(struct service *s)
{
	static const enum metric metrics[OBSTACLES] = {
		[DRAINS] = METRIC_DRAINING,
		[DISK_FULL] = METRIC_DISK_IS_FULL,
		[DAMAGED] = METRIC_STORE_IS_DAMAGED,
		[FAILS] = METRIC_STORE_IS_FAILING,
		[UNREACHABLE] = METRIC_STORE_IS_UNREACHABLE,
		[BUSY] = METRIC_STORE_IS_BUSY,
	};
	struct service_health h;
	struct obstacles obstacles;

	service_health(s, &h);
	obstacles = obstacles_of(&h);
	for (enum obstacle i = 0; i < OBSTACLES; i++)
		metric_set(metrics[i], obstacles.holds[i]);
	metric_set(METRIC_IS_READY, obstacle_first(&obstacles) == OBSTACLES);
}

/* What scrapes asks for OpenMetrics by its name; all others get the plain text. */
void handle_metrics(struct exchange *x)
{
	static const char plain[] = "text/plain; version=0.0.4; charset=utf-8";
	static const char open[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";
	const char *accept = exchange_header(x, "Accept");
	bool is_open = accept_is_named(accept, "application/openmetrics-text") &&
		       accept_quality(accept, "application/openmetrics-text") >=
			       accept_quality(accept, "text/plain");

	measure_readiness(x->service);
	usage_measure();
	metrics_write(&x->reply, is_open ? METRICS_OPEN : METRICS_PLAIN);
	exchange_header_add(x, "Vary", "Accept");
	reply_text(x, 200, is_open ? open : plain);
}
