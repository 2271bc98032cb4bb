/* handlers_writes - every call that queues: stock, catalogue, leases, and the locked read. */
#include "base/clock.h"
#include "http/handlers.h"
#include "http/reply.h"
#include "wire/fingerprint.h"
#include "wire/messages_catalogue.h"
#include "wire/messages_lease.h"
#include "wire/messages_stock.h"
#include "wire/problems.h"
#include <string.h>

/* ---------------------------------------------------------------- the way of every write */

static void finish(struct exchange *x)
{
	struct work *w = x->waiter.work;

	reply_answer(x, w, &w->answer);
	x->waiter.work = work_release(w);
}

/* Its time is up: unless it is decided already, nothing was done. */
static void expire(struct exchange *x)
{
	struct answer a;

	if (!service_withdraw(x->service, &x->waiter, &x->arena, &a)) {
		exchange_park(x, finish, expire, INT64_MAX);
		return;
	}
	reply_answer(x, x->waiter.work, &a);
	x->waiter.work = work_release(x->waiter.work);
}

struct work *write_begin(struct exchange *x, enum command_kind kind)
{
	struct work *w = work_create();
	const char *request_id =
		w == NULL ? NULL : arena_copy(&w->arena, x->request_id, strlen(x->request_id));

	if (request_id == NULL) {
		work_release(w);
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return NULL;
	}
	w->command.kind = kind;
	w->command.request_id = request_id;
	w->command.lease_id = "";
	w->command.purpose = "";
	return w;
}

void write_refuse(struct exchange *x, struct work *w, enum outcome o, const char *pointer,
		  const char *detail)
{
	reply_problem(x, &(struct problem){ .outcome = o, .pointer = pointer, .detail = detail });
	work_release(w);
}

void write_refuse_message(struct exchange *x, struct work *w, const struct message_error *e)
{
	write_refuse(x, w, e->outcome, e->pointer[0] != '\0' ? e->pointer : NULL, e->detail);
}

bool write_read_wait(struct exchange *x, int64_t *ret_ms)
{
	return call_read_wait(x, routes_configuration()->wait_default_ms, ret_ms);
}

/* Headers that decide what is done may be there once. */
static bool headers_are_single(struct exchange *x, struct work *w)
{
	static const char *const names[] = { "Idempotency-Key", "If-Match", "If-None-Match",
					     "Lease" };

	for (size_t i = 0; i < LENGTH_OF(names); i++) {
		if (exchange_header_count(x, names[i]) <= 1)
			continue;
		write_refuse(x, w, OUTCOME_INVALID_HEADER, names[i], "The header is there twice.");
		return false;
	}
	return true;
}

static bool read_key(struct exchange *x, struct work *w)
{
	struct command *c = &w->command;

	switch (key_read(exchange_header(x, "Idempotency-Key"), &w->arena, &c->key)) {
	case HEADER_WRONG:
		write_refuse(
			x, w, OUTCOME_INVALID_HEADER, "Idempotency-Key",
			"Idempotency-Key: 1 to 128 of A-Z a-z 0-9 . _ : ~ / -, quoted or bare.");
		return false;
	case HEADER_ABSENT:
		if (!routes_configuration()->requires_keys || c->kind == COMMAND_READ)
			return true;
		write_refuse(x, w, OUTCOME_KEY_MISSING, NULL, NULL);
		return false;
	case HEADER_NO_MEMORY:
		write_refuse(x, w, OUTCOME_OUT_OF_MEMORY, NULL, NULL);
		return false;
	case HEADER_READ:
		break;
	}
	/* A locked read changes nothing: there is nothing to remember. */
	if (c->kind == COMMAND_READ)
		c->key = NULL;
	return true;
}

static bool read_lease(struct exchange *x, struct work *w)
{
	switch (lease_header_read(exchange_header(x, "Lease"), &w->arena, &w->command)) {
	case HEADER_ABSENT:
	case HEADER_READ:
		return true;
	case HEADER_WRONG:
		write_refuse(x, w, OUTCOME_INVALID_HEADER, "Lease",
			     "Lease: <id>;fence=<number>, up to 8 separated by commas.");
		break;
	case HEADER_NO_MEMORY:
		write_refuse(x, w, OUTCOME_OUT_OF_MEMORY, NULL, NULL);
		break;
	}
	return false;
}

void write_submit(struct exchange *x, struct work *w)
{
	bool is_async =
		w->command.kind != COMMAND_READ && prefer_async_read(exchange_header(x, "Prefer"));
	int64_t wait_ms;

	if (!(is_async ? call_read_wait(x, 0, &wait_ms) : write_read_wait(x, &wait_ms))) {
		work_release(w);
		return;
	}
	if (!headers_are_single(x, w) || !read_lease(x, w) || !read_key(x, w))
		return;
	if (w->command.key != NULL)
		w->command.fingerprint =
			request_fingerprint(x->method_text, x->route->path, &w->command);

	if (is_async) {
		write_submit_async(x, w, wait_ms);
		return;
	}

	int64_t deadline_ns = clock_monotonic_ns() + wait_ms * NS_PER_MS;

	x->waiter.parcel.home = x->mailbox;
	if (service_submit(x->service, w, &x->waiter, x->snapshot, wait_ms) == SUBMIT_PENDING)
		exchange_park(x, finish, expire, deadline_ns);
	else
		finish(x);
}

/* ---------------------------------------------------------------- conditions */

static bool read_if_match(struct exchange *x, struct work *w, bool *ret_is_any)
{
	const char *detail = NULL;

	if (if_match_read(exchange_header(x, "If-Match"), &w->command.condition, ret_is_any,
			  &detail) != HEADER_WRONG)
		return true;
	write_refuse(x, w, OUTCOME_INVALID_HEADER, "If-Match", detail);
	return false;
}

/* A condition that this call cannot keep is refused rather than ignored. */
static bool has_no(struct exchange *x, struct work *w, const char *name, const char *detail)
{
	if (exchange_header(x, name) == NULL)
		return true;
	write_refuse(x, w, OUTCOME_INVALID_HEADER, name, detail);
	return false;
}

/* Any row can be compared with, also one that was never stocked: `*` opts out of comparing. */
static bool read_row_condition(struct exchange *x, struct work *w, bool *ret_is_any)
{
	return read_if_match(x, w, ret_is_any) &&
	       has_no(x, w, "If-None-Match",
		      "If-None-Match: only items and locations are made by it.");
}

/* If-Match and If-None-Match: * on an item or location. */
static bool read_condition(struct exchange *x, struct work *w)
{
	struct command *c = &w->command;

	if (!read_if_match(x, w, &c->condition.must_exist))
		return false;
	if (if_none_match_read(exchange_header(x, "If-None-Match"), &c->is_create_only) !=
	    HEADER_WRONG)
		return true;
	write_refuse(x, w, OUTCOME_INVALID_HEADER, "If-None-Match",
		     "If-None-Match: a write knows only *.");
	return false;
}

bool write_has_no_condition(struct exchange *x, struct work *w)
{
	return has_no(x, w, "If-Match", "If-Match: this call is not about one row.") &&
	       has_no(x, w, "If-None-Match", "If-None-Match: this call is not about one row.");
}

/* ---------------------------------------------------------------- stock */

static void set_code(struct code *c, const char *name)
{
	bool is_code = code_set(c, name, strlen(name));

	CHECK(is_code); /* the dispatcher has looked at it */
}

/* The row that the path names; false: it was answered. */
static bool read_row(struct exchange *x, struct work *w)
{
	struct row_ref *row = arena_alloc(&w->arena, sizeof(*row));

	if (row == NULL) {
		write_refuse(x, w, OUTCOME_OUT_OF_MEMORY, NULL, NULL);
		return false;
	}
	set_code(&row->sku, call_of(x)->names[0]);
	set_code(&row->location, call_of(x)->names[1]);
	w->command.rows = row;
	w->command.row_count = 1;
	return true;
}

void handle_stock_adjust(struct exchange *x)
{
	struct work *w = write_begin(x, COMMAND_ADJUST);
	struct message_error e;
	bool is_any;

	if (w == NULL || !read_row(x, w) || !read_row_condition(x, w, &is_any))
		return;
	if (!message_read_adjust(message_of(x->body, x->body_bytes), &w->arena, &w->command, &e))
		write_refuse_message(x, w, &e);
	else
		write_submit(x, w);
}

void handle_stock_set(struct exchange *x)
{
	struct work *w = write_begin(x, COMMAND_SET);
	struct message_error e;
	bool is_any, has_compare;

	if (w == NULL || !read_row(x, w) || !read_row_condition(x, w, &is_any))
		return;

	bool has_tag = is_any || w->command.condition.has_version;

	if (!message_read_set(message_of(x->body, x->body_bytes), &w->arena, &w->command,
			      &has_compare, &e))
		write_refuse_message(x, w, &e);
	else if (!has_compare && !has_tag)
		write_refuse(x, w, OUTCOME_PRECONDITION_NEEDED, NULL, NULL);
	else
		write_submit(x, w);
}

/* The ledger has been read: with what it says of then, the count queues. */
static void count_continue(struct exchange *x)
{
	struct work *w = call_of(x)->own;

	if (x->long_read.result < 0) {
		reply_fault(x, x->long_read.result);
		work_release(w);
		return;
	}
	/* By what the ledger has, not by what was published: a read may have seen it already. */
	if (w->command.past.as_of_seq > x->long_read.seq)
		write_refuse(x, w, OUTCOME_MEANINGLESS, "/as_of_seq",
			     "That seq is not reached yet.");
	else
		write_submit(x, w);
}

/* On the reader thread. */
static int read_past(struct long_read *read, struct reader *reader, struct arena *arena)
{
	struct work *w = call_of(exchange_of_parcel(&read->parcel))->own;
	const struct row_ref *row = &w->command.rows[0];

	(void)arena;
	return reader->ops->past_level(reader, row->sku.text, row->location.text, &w->command.past);
}

/*
 * What was counted is compared with the level at the seq that the counter saw, and the difference
 * is applied to now. That level is history and cannot change, so it is read before the command
 * queues: no lock is held while the row's movements are walked back.
 */
void handle_stock_count(struct exchange *x)
{
	struct work *w = write_begin(x, COMMAND_COUNT);
	struct message_error e;
	bool is_any;

	if (w == NULL || !read_row(x, w) || !read_row_condition(x, w, &is_any))
		return;
	if (!message_read_count(message_of(x->body, x->body_bytes), &w->arena, &w->command, &e)) {
		write_refuse_message(x, w, &e);
		return;
	}
	call_of(x)->own = w;
	x->long_read.parcel.home = x->mailbox;
	x->long_read.run = read_past;
	x->long_read.arena = &x->arena;
	if (service_read(x->service, &x->long_read))
		exchange_park(x, count_continue, NULL, INT64_MAX);
	else
		write_refuse(x, w, OUTCOME_STORE_BUSY, NULL,
			     "Too many histories are being read at once.");
}

void handle_transfer_create(struct exchange *x)
{
	struct work *w = write_begin(x, COMMAND_TRANSFER);
	struct message_error e;

	if (w == NULL || !write_has_no_condition(x, w))
		return;
	if (!message_read_transfer(message_of(x->body, x->body_bytes), &w->arena, &w->command, &e))
		write_refuse_message(x, w, &e);
	else
		write_submit(x, w);
}

/* GET /v1/stock/{sku}/{location}?read=locked: queues like a write, to see and measure the
 * difference. */
void stock_show_locked(struct exchange *x)
{
	struct work *w = write_begin(x, COMMAND_READ);

	if (w != NULL && read_row(x, w))
		write_submit(x, w);
}

/* ---------------------------------------------------------------- catalogue */

static struct work *begin_item(struct exchange *x, enum command_kind kind)
{
	struct work *w = write_begin(x, kind);

	if (w == NULL)
		return NULL;
	set_code(&w->command.item.sku, call_of(x)->names[0]);
	return read_condition(x, w) ? w : NULL;
}

static struct work *begin_location(struct exchange *x, enum command_kind kind)
{
	struct work *w = write_begin(x, kind);

	if (w == NULL)
		return NULL;
	set_code(&w->command.location.code, call_of(x)->names[0]);
	return read_condition(x, w) ? w : NULL;
}

void handle_item_put(struct exchange *x)
{
	struct work *w = begin_item(x, COMMAND_ITEM_PUT);
	struct message_error e;

	if (w == NULL)
		return;
	if (!message_read_item(message_of(x->body, x->body_bytes), &w->arena, &w->command, &e))
		write_refuse_message(x, w, &e);
	else
		write_submit(x, w);
}

void handle_location_put(struct exchange *x)
{
	struct work *w = begin_location(x, COMMAND_LOCATION_PUT);
	struct message_error e;

	if (w == NULL)
		return;
	if (!message_read_location(message_of(x->body, x->body_bytes), &w->arena, &w->command, &e))
		write_refuse_message(x, w, &e);
	else
		write_submit(x, w);
}

void handle_item_patch(struct exchange *x)
{
	struct work *w = begin_item(x, COMMAND_ITEM_PATCH);
	struct message_error e;

	if (w == NULL)
		return;
	if (!message_read_item_patch(message_of(x->body, x->body_bytes), &w->arena, &w->command,
				     &e))
		write_refuse_message(x, w, &e);
	else
		write_submit(x, w);
}

void handle_location_patch(struct exchange *x)
{
	struct work *w = begin_location(x, COMMAND_LOCATION_PATCH);
	struct message_error e;

	if (w == NULL)
		return;
	if (!message_read_location_patch(message_of(x->body, x->body_bytes), &w->arena, &w->command,
					 &e))
		write_refuse_message(x, w, &e);
	else
		write_submit(x, w);
}

void write_submit_without_body(struct exchange *x, struct work *w)
{
	struct message_error e;

	if (message_read_nothing(message_of(x->body, x->body_bytes), &e))
		write_submit(x, w);
	else
		write_refuse_message(x, w, &e);
}

void handle_item_delete(struct exchange *x)
{
	struct work *w = begin_item(x, COMMAND_ITEM_DELETE);

	if (w != NULL)
		write_submit_without_body(x, w);
}

void handle_location_delete(struct exchange *x)
{
	struct work *w = begin_location(x, COMMAND_LOCATION_DELETE);

	if (w != NULL)
		write_submit_without_body(x, w);
}

/* ---------------------------------------------------------------- leases */

static bool read_lease_id(struct exchange *x, struct work *w)
{
	const char *id = call_of(x)->names[0];

	w->command.lease_id = arena_copy(&w->arena, id, strlen(id));
	if (w->command.lease_id != NULL)
		return write_has_no_condition(x, w);
	write_refuse(x, w, OUTCOME_OUT_OF_MEMORY, NULL, NULL);
	return false;
}

static void take(struct exchange *x, struct work *w)
{
	struct message_error e;

	if (!message_read_lease(message_of(x->body, x->body_bytes), &w->arena, &w->command, &e))
		write_refuse_message(x, w, &e);
	else
		write_submit(x, w);
}

void handle_lease_take(struct exchange *x)
{
	struct work *w = write_begin(x, COMMAND_LEASE_TAKE);

	if (w != NULL && write_has_no_condition(x, w))
		take(x, w);
}

/* The Lease header of a renewal or release must be about the lease in the path, and no other. */
static bool header_names_lease(struct exchange *x, struct work *w)
{
	struct command named = { 0 };

	switch (lease_header_read(exchange_header(x, "Lease"), &w->arena, &named)) {
	case HEADER_ABSENT:
		return true;
	case HEADER_READ:
		if (named.fence_count == 1 && strcmp(named.fence_ids[0], w->command.lease_id) == 0)
			return true;
		break;
	case HEADER_NO_MEMORY:
		write_refuse(x, w, OUTCOME_OUT_OF_MEMORY, NULL, NULL);
		return false;
	case HEADER_WRONG:
		break;
	}
	write_refuse(x, w, OUTCOME_INVALID_HEADER, "Lease",
		     "Lease: <id>;fence=<number>, with the id of the path.");
	return false;
}

/* With its fence in the Lease header it renews; without, it takes a lease of that id. */
void handle_lease_put(struct exchange *x)
{
	bool is_renewal = exchange_header(x, "Lease") != NULL;
	struct work *w = write_begin(x, is_renewal ? COMMAND_LEASE_RENEW : COMMAND_LEASE_TAKE);
	struct message_error e;

	if (w == NULL || !read_lease_id(x, w) || !header_names_lease(x, w))
		return;
	if (!is_renewal) {
		if (strncmp(w->command.lease_id, "l_", 2) == 0)
			write_refuse(
				x, w, OUTCOME_MEANINGLESS, "{id}",
				"Ids that begin with l_ are made by the server: choose another.");
		else
			take(x, w);
	} else if (!message_read_renewal(message_of(x->body, x->body_bytes), &w->arena, &w->command,
					 &e)) {
		write_refuse_message(x, w, &e);
	} else {
		write_submit(x, w);
	}
}

void handle_lease_release(struct exchange *x)
{
	struct work *w = write_begin(x, COMMAND_LEASE_RELEASE);

	if (w != NULL && read_lease_id(x, w) && header_names_lease(x, w))
		write_submit_without_body(x, w);
}
