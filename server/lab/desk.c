#include "lab/desk.h"
#include "base/clock.h"
#include "base/fault.h"
#include "store/sqlite.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer than any race: who waits in the engine is served, or the engine is broken. */
enum { PATIENCE_MS = 120000, BUSY_MS = 10000 };

/* One item, a location for each row, and the movements that brought the units there. */
static const char script[] =
	"WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < %d)"
	"	INSERT INTO location (id, code, name) SELECT id, 'L-' || (id - 1), 'Shelf' FROM n;"
	"INSERT INTO item (id, sku, name) VALUES (1, 'LAB', 'Thing');"
	"INSERT INTO stock (id, item_id, location_id, on_hand, reserved, version, seq, updated_at)"
	"	SELECT l.id, 1, l.id, %lld, 0, 1, l.id, ms FROM location l, v_now;"
	"INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, on_hand,"
	"		reserved, version, oversubscribed, low_stock, at, prev_seq, actor)"
	"	SELECT id, id, 'adjust', on_hand, 0, on_hand, 0, 1, 0, 0, updated_at, 0, "
	"	'sqlite3' FROM stock;";

struct desk {
	struct race *race;
	struct service *service;
	struct snapshot snapshot;
	struct mailbox box;
	struct waiter waiter; /* write NULL: nothing was sent yet */
	bool was_known;
};

/* ---------------------------------------------------------------- the engine */

static void on_failure(void *context, int exit_code)
{
	(void)exit_code;
	race_fail(context, -EIO);
}

static int fill(struct store *store, const struct course *course)
{
	char text[sizeof(script) + 64];
	char *message = NULL;
	int r;

	snprintf(text, sizeof(text), script, course->row_count, (long long)course->units);
	r = store->ops->run_script(store, text, &message);
	free(message);
	return r;
}

int desk_service_open(struct race *race)
{
	struct store_options options = { .path = race->path, .busy_ms = BUSY_MS };
	struct store_open_result result = { 0 };
	struct service_options service = { .releases_rows_early = true,
					   .is_uncounted = true,
					   .reader_count = 1,
					   .fail = on_failure,
					   .fail_context = race };
	int r = sqlite_open(&options, &service.store, &result);

	if (r < 0)
		return r;
	r = fill(service.store, race->course);
	if (r == 0)
		r = service_open(&service, &race->services[0]);
	if (r < 0)
		service.store->ops->close(service.store);
	return r;
}

void desk_service_close(struct race *race)
{
	service_close(race->services[0]);
	race->services[0] = NULL;
}

/* ---------------------------------------------------------------- life */

int desk_open(struct race *race, struct service *service, struct desk **ret)
{
	struct desk *d = calloc(1, sizeof(*d));
	int r;

	if (d == NULL)
		return FAULT(-ENOMEM);
	d->race = race;
	d->service = service;
	r = mailbox_init(&d->box);
	if (r == 0)
		r = service_open_snapshot(d->service, &d->snapshot);
	if (r < 0) {
		mailbox_fini(&d->box);
		free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void desk_close(struct desk *d)
{
	if (d == NULL)
		return;
	work_release(d->waiter.work);
	snapshot_fini(&d->snapshot);
	mailbox_fini(&d->box);
	free(d);
}

/* ---------------------------------------------------------------- commands */

static bool name_rows(struct work *w, const struct desk_request *q)
{
	int numbers[2] = { q->row, q->to_row };
	struct command *c = &w->command;

	c->rows = arena_alloc(&w->arena, 2 * sizeof(c->rows[0]));
	c->row_count = q->kind == COMMAND_TRANSFER ? 2 : 1;
	for (int i = 0; c->rows != NULL && i < 2; i++) {
		char code[16];
		int bytes = snprintf(code, sizeof(code), "L-%d", numbers[i]);

		c->rows[i] = (struct row_ref){ 0 };
		CHECK(code_set(&c->rows[i].sku, "LAB", 3));
		CHECK(code_set(&c->rows[i].location, code, (size_t)bytes));
	}
	return c->rows != NULL;
}

/* "PREFIXnumber" */
static const char *name_number(struct work *w, const char *prefix, int64_t number)
{
	char name[32];
	int bytes = snprintf(name, sizeof(name), "%s%lld", prefix, (long long)number);

	return arena_copy(&w->arena, name, (size_t)bytes);
}

static bool name_lease(struct work *w, int64_t fence)
{
	struct command *c = &w->command;

	c->lease_id = name_number(w, "l_", fence);
	c->fences[0] = fence;
	c->fence_ids[0] = c->lease_id;
	c->fence_count = 1;
	return c->lease_id != NULL;
}

static bool name_order(struct work *w, const struct desk_request *q)
{
	struct command *c = &w->command;

	c->reference = name_number(w, "order-", q->order);
	if (q->has_key) {
		c->key = c->reference;
		c->fingerprint = (uint64_t)q->order;
	}
	return c->reference != NULL;
}

/* The item, or the location of a row, where they are put. */
static void describe(struct work *w, const struct desk_request *q)
{
	struct command *c = &w->command;
	char code[16];
	int bytes = snprintf(code, sizeof(code), "L-%d", q->row);

	CHECK(code_set(&c->item.sku, "LAB", 3));
	CHECK(code_set(&c->location.code, code, (size_t)bytes));
	c->item.name = "Thing";
	c->item.unit = "piece";
	c->location.name = "Shelf";
}

/* NULL: memory is short. */
static struct work *make_write(const struct desk_request *q)
{
	struct work *w = work_create();
	bool is_made = w != NULL;

	if (w == NULL)
		return NULL;
	w->command.kind = q->kind;
	w->command.quantity = q->quantity;
	w->command.ttl_ms = q->ttl_ms;
	w->command.reason = "lab";
	w->command.request_id = "lab";
	w->command.actor = &actor_local;
	w->command.purpose = "lab";
	w->command.lease_id = "";
	if (q->past != NULL)
		w->command.past = *q->past;
	if (q->fence != 0)
		is_made = name_lease(w, q->fence);
	if (q->order != 0)
		is_made = is_made && name_order(w, q);
	if (q->kind == COMMAND_ITEM_PUT || q->kind == COMMAND_LOCATION_PUT)
		describe(w, q);
	else if (q->kind != COMMAND_LEASE_RELEASE)
		is_made = is_made && name_rows(w, q);
	return is_made ? w : work_release(w);
}

static void wait_for_parcel(struct desk *d)
{
	struct pollfd box = { .fd = d->box.event_fd, .events = POLLIN };
	struct list parcels;
	int ready;

	list_init(&parcels);
	while ((ready = poll(&box, 1, PATIENCE_MS)) < 0)
		CHECK(errno == EINTR);
	CHECK(ready == 1); /* the engine answers every command, within its deadline or not */
	mailbox_take(&d->box, &parcels);
	CHECK(list_pop_front(&parcels) == &d->waiter.parcel.link);
	CHECK(list_is_empty(&parcels));
}

const struct answer *desk_ask(struct desk *d, const struct desk_request *q)
{
	struct work *w = make_write(q);

	d->waiter.work = work_release(d->waiter.work);
	if (w == NULL) {
		race_fail(d->race, FAULT(-ENOMEM));
		return NULL;
	}
	d->waiter = (struct waiter){ .parcel.home = &d->box };
	list_init(&d->waiter.parcel.link);
	list_init(&d->waiter.waiter_link);
	if (service_submit(d->service, w, &d->waiter, &d->snapshot, PATIENCE_MS) == SUBMIT_PENDING)
		wait_for_parcel(d);
	snapshot_rest(&d->snapshot);
	/*
	 * The work may be gone already, if another one is shared: only the pointers are compared.
	 */
	d->was_known = d->waiter.work != w || d->waiter.work->answer.is_replayed;
	race_queue_saw(d->race, d->waiter.work->cost.ahead_count);
	return &d->waiter.work->answer;
}

bool desk_was_known(const struct desk *d)
{
	return d->was_known;
}

enum verdict desk_verdict(struct racer *r, const struct answer *a)
{
	if (a == NULL)
		return VERDICT_FAILED;
	if (a->outcome == OUTCOME_DONE)
		return VERDICT_DONE;
	if (a->outcome == OUTCOME_INSUFFICIENT_STOCK)
		return VERDICT_REFUSED;
	return race_fail(r->race, FAULT(-EIO));
}

/* ---------------------------------------------------------------- looking */

bool desk_look(struct desk *d, int row, struct stock *ret, int64_t *ret_seq)
{
	struct reader *reader = d->snapshot.reader;
	bool has_item, has_location;
	char code[16];
	int r = snapshot_use(&d->snapshot);

	snprintf(code, sizeof(code), "L-%d", row);
	if (r == 0)
		r = reader->ops->stock(reader, "LAB", code, ret, &has_item, &has_location);
	*ret_seq = d->snapshot.seq;
	snapshot_rest(&d->snapshot);
	if (r < 0)
		race_fail(d->race, r);
	return r == 0;
}

bool desk_look_back(struct desk *d, int row, struct past_level *past)
{
	struct reader *reader = d->snapshot.reader;
	char code[16];
	int r = snapshot_use(&d->snapshot);

	snprintf(code, sizeof(code), "L-%d", row);
	if (r == 0)
		r = reader->ops->past_level(reader, "LAB", code, past);
	snapshot_rest(&d->snapshot);
	if (r < 0)
		race_fail(d->race, r);
	return r == 0;
}
