#include "caller.h"
#include "base/clock.h"
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { ANSWER_S_MAX = 60 };

/* ---------------------------------------------------------------- life */

void caller_open(struct caller *c, struct service *s)
{
	*c = (struct caller){ .service = s };
	CHECK(mailbox_init(&c->box) == 0);
	CHECK(service_open_snapshot(s, &c->snapshot) == 0);
	arena_init(&c->texts);
}

/* Forgets the last write and its answer. */
static void forget(struct caller *c)
{
	CHECK(IMPLIES(c->waiter.work != NULL, c->answer != NULL));
	c->waiter.work = work_release(c->waiter.work);
	c->answer = NULL;
	arena_fini(&c->texts);
	arena_init(&c->texts);
}

void caller_close(struct caller *c)
{
	forget(c);
	snapshot_fini(&c->snapshot);
	mailbox_fini(&c->box);
	arena_fini(&c->texts);
}

/* ---------------------------------------------------------------- sending */

static const char *copied(struct work *w, const char *s)
{
	const char *copy = arena_copy(&w->arena, s, strlen(s));

	CHECK(copy != NULL);
	return copy;
}

static void name_location(struct code *ret, int row)
{
	char code[16];
	int bytes = snprintf(code, sizeof(code), "WH-%d", row);

	CHECK(code_set(ret, code, (size_t)bytes));
}

static void name_rows(struct work *w, const struct order *o)
{
	struct row_ref *rows = arena_alloc(&w->arena, 2 * sizeof(rows[0]));
	bool is_of_two = o->kind == COMMAND_TRANSFER || o->is_of_two;

	CHECK(rows != NULL);
	for (int i = 0; i < 2; i++) {
		rows[i] = (struct row_ref){ 0 };
		CHECK(code_set(&rows[i].sku, "S", 1));
		name_location(&rows[i].location, i == 0 ? o->row : o->to_row);
	}
	w->command.rows = rows;
	w->command.row_count = is_of_two ? 2 : 1;
}

static void bring_fence(struct work *w, int64_t fence)
{
	char id[32];

	snprintf(id, sizeof(id), "l_%lld", (long long)fence);
	w->command.lease_id = copied(w, id);
	w->command.fences[0] = fence;
	w->command.fence_ids[0] = w->command.lease_id;
	w->command.fence_count = 1;
}

static struct work *write_of_order(const struct order *o)
{
	struct work *w = work_create();

	CHECK(w != NULL);
	w->command.kind = o->kind;
	w->command.quantity = o->quantity;
	w->command.ttl_ms = o->ttl_ms;
	w->command.reason = "race";
	w->command.request_id = "race";
	w->command.actor = &actor_local;
	w->command.purpose = "race";
	w->command.lease_id = o->lease_id != NULL ? copied(w, o->lease_id) : "";
	if (o->fence != 0)
		bring_fence(w, o->fence);
	if (o->key != NULL) {
		w->command.key = copied(w, o->key);
		w->command.fingerprint = 1;
	}
	if (o->kind == COMMAND_ITEM_PUT) {
		w->command.item.name = "Thing";
		w->command.item.unit = "piece";
		CHECK(code_set(&w->command.item.sku, "S", 1));
	} else if (o->kind == COMMAND_LOCATION_PUT) {
		w->command.location.name = "Shelf";
		name_location(&w->command.location.code, o->row);
	} else if (o->kind != COMMAND_LEASE_RENEW && o->kind != COMMAND_LEASE_RELEASE) {
		name_rows(w, o);
	}
	return w;
}

void caller_send(struct caller *c, const struct order *o)
{
	struct work *w = write_of_order(o);

	forget(c);
	c->until_ns = clock_monotonic_ns() + o->wait_ms * NS_PER_MS;
	c->waiter = (struct waiter){ .parcel.home = &c->box };
	if (service_submit(c->service, w, &c->waiter, &c->snapshot, o->wait_ms) == SUBMIT_ANSWERED)
		c->answer = &c->waiter.work->answer;
}

/* ---------------------------------------------------------------- waiting */

/*
 * Has the parcel come by then? It is taken only once the box has rung: whoever rings may otherwise
 * be about to when the caller is closed.
 */
static bool wait_for_parcel(struct caller *c, int64_t until_ns)
{
	struct pollfd box = { .fd = c->box.event_fd, .events = POLLIN };
	int64_t left_ns = until_ns - clock_monotonic_ns();
	struct timespec left = { 0 };
	struct list parcels;

	if (left_ns > 0)
		left = (struct timespec){ .tv_sec = left_ns / NS_PER_S,
					  .tv_nsec = left_ns % NS_PER_S };
	if (ppoll(&box, 1, &left, NULL) <= 0)
		return false;
	list_init(&parcels);
	mailbox_take(&c->box, &parcels);
	CHECK(list_pop_front(&parcels) != NULL);
	CHECK(list_is_empty(&parcels));
	return true;
}

static void wait_for_parcel_long(struct caller *c)
{
	CHECK(wait_for_parcel(c, clock_monotonic_ns() + ANSWER_S_MAX * NS_PER_S));
}

bool caller_hang_up(struct caller *c)
{
	if (c->answer != NULL ||
	    !service_withdraw(c->service, &c->waiter, &c->texts, &c->withdrawn))
		return false;
	c->answer = &c->withdrawn;
	return true;
}

const struct answer *caller_answer(struct caller *c)
{
	if (c->answer != NULL)
		return c->answer;
	if (!wait_for_parcel(c, c->until_ns)) {
		if (caller_hang_up(c))
			return c->answer;
		wait_for_parcel_long(c);
	}
	c->answer = &c->waiter.work->answer;
	return c->answer;
}

const struct answer *caller_ask(struct caller *c, const struct order *o)
{
	caller_send(c, o);
	return caller_answer(c);
}

/* ---------------------------------------------------------------- looking */

int64_t caller_look(struct caller *c, int row_count, struct stock ret[])
{
	int64_t seq;

	CHECK(snapshot_use(&c->snapshot) == 0);
	seq = c->snapshot.seq;
	for (int row = 0; row < row_count; row++) {
		struct reader *r = c->snapshot.reader;
		bool has_item, has_location;
		struct code location;

		name_location(&location, row);
		CHECK(r->ops->stock(r, "S", location.text, &ret[row], &has_item, &has_location) ==
		      0);
		CHECK(has_item);
		CHECK(has_location);
	}
	return seq;
}

struct counting {
	struct long_read read;
	int64_t on_hand;
};

static int count_units(struct long_read *read, struct reader *reader, struct arena *arena)
{
	struct counting *counting = CONTAINER_OF(read, struct counting, read);
	struct stock_query all = { .limit = PAGE_ROWS_MAX };
	struct page page;
	int r = reader->ops->list_stock(reader, &all, arena, &page);

	for (size_t i = 0; r == 0 && i < page.count; i++)
		counting->on_hand += page.stock[i].stock.on_hand;
	return r;
}

int64_t caller_count(struct caller *c)
{
	struct counting counting = { .read = { .parcel.home = &c->box, .run = count_units } };
	struct arena arena;

	arena_init(&arena);
	counting.read.arena = &arena;
	CHECK(service_read(c->service, &counting.read));
	wait_for_parcel_long(c);
	CHECK(counting.read.result == 0);
	arena_fini(&arena);
	return counting.on_hand;
}
