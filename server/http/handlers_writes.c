/* handlers_writes - every call that queues, by the row of its command; and the locked read. */
#include "http/handlers.h"
#include "http/read_ahead.h"
#include "http/reply.h"
#include "http/write_headers.h"
#include "waiting/read.h"
#include "waiting/work.h"
#include "wire/fingerprint.h"
#include "wire/messages.h"
#include <string.h>

_Static_assert((int)ROUTE_NAMES_MAX == (int)MESSAGE_NAMES_MAX,
	       "a path names what a command is about");

/* ---------------------------------------------------------------- queueing */

static const struct work_wait_kind until_answered = WORK_WAIT_KIND(reply_answer);

bool write_read_wait(struct exchange *x, int64_t *ret_ms)
{
	return call_read_wait(x, calls_configuration()->wait_default_ms, ret_ms);
}

static bool read_key(struct exchange *x, struct work *w)
{
	struct command *c = &w->command;
	bool is_recorded = command_traits(c->kind)->is_recorded;

	if (!write_read_key(x, is_recorded, &w->arena, &c->key))
		return false;
	if (!is_recorded)
		c->key = NULL; /* a locked read changes nothing: there is nothing to remember */
	if (c->key != NULL)
		c->fingerprint = request_fingerprint(x->method_text, x->route->path, c);
	return true;
}

/* Reads what all writes have in common (wait, leases, key), then queues. Takes `w` over. */
static void submit(struct exchange *x, struct work *w)
{
	bool is_async = command_traits(w->command.kind)->may_be_async &&
			prefer_async_read(exchange_header(x, "Prefer"));
	int64_t wait_ms;

	if (!(is_async ? call_read_wait(x, 0, &wait_ms) : write_read_wait(x, &wait_ms)) ||
	    !write_headers_are_single(x) || !write_read_leases(x, &w->arena, &w->command) ||
	    !read_key(x, w)) {
		work_release(w);
		return;
	}
	CHECK(command_is_sound(&w->command)); /* from here on it is the engine's */
	if (is_async)
		write_submit_async(x, w, wait_ms);
	else
		work_wait(x, &until_answered, w, wait_ms);
}

/* ---------------------------------------------------------------- reading ahead */

/* The ledger has been read: with what it says of then, the count queues. */
static void submit_with_past(struct exchange *x)
{
	struct work *w = call_of(x)->own;
	struct message_error e;

	if (x->long_read.result < 0) {
		reply_fault(x, x->long_read.result);
		work_release(w);
	} else if (!read_ahead_judge_past(&w->command, x->long_read.seq, &e)) {
		reply_message_error(x, &e);
		work_release(w);
	} else {
		submit(x, w);
	}
}

/* On the reader thread. */
static int read_past(struct long_read *read, struct reader *reader, struct arena *arena)
{
	struct work *w = call_of(exchange_of_parcel(&read->parcel))->own;

	(void)arena;
	return read_ahead_past(reader, &w->command);
}

static void begin_past(struct exchange *x, struct work *w)
{
	call_of(x)->own = w;
	if (read_wait(x, read_past, submit_with_past))
		return;
	reply_refuse(x, OUTCOME_STORE_BUSY, "Too many histories are being read at once.");
	work_release(w);
}

/* The rows of the reservation are known, or that there is none. */
static void submit_with_rows(struct exchange *x)
{
	struct work *w = call_of(x)->own;

	if (x->long_read.result == 0 &&
	    (w->command.more_rows != NULL || !read_ahead_needs_reservation(&w->command))) {
		submit(x, w);
		return;
	}
	if (x->long_read.result < 0)
		reply_fault(x, x->long_read.result);
	else
		reply_refuse(x, OUTCOME_UNKNOWN_RESERVATION, NULL);
	work_release(w);
}

static int read_rows(struct long_read *read, struct reader *reader, struct arena *unused)
{
	(void)unused;
	return read_ahead_rows(reader, call_of(exchange_of_parcel(&read->parcel))->own);
}

static void begin_rows(struct exchange *x, struct work *w)
{
	call_of(x)->own = w;
	read_point(x, read_rows, submit_with_rows);
}

/* What must be known of the store before the command may queue; NULL: nothing. Takes `w` over. */
typedef void read_first(struct exchange *x, struct work *w);

static read_first *read_first_of(const struct command *c)
{
	if (read_ahead_has_past(c))
		return begin_past;
	return read_ahead_reservation(c) != NULL ? begin_rows : NULL;
}

/* The request is read: with what must be known before, it queues. Takes `w` over. */
static void go_on(struct exchange *x, struct work *w)
{
	read_first *first = read_first_of(&w->command);

	if (first != NULL)
		first(x, w);
	else
		submit(x, w);
}

/* ---------------------------------------------------------------- all of them */

/* NULL: it was answered that memory is short. */
static struct work *begin(struct exchange *x, enum command_kind kind)
{
	struct work *w = work_create();
	const char *request_id =
		w == NULL ? NULL : arena_copy(&w->arena, x->request_id, strlen(x->request_id));

	if (request_id == NULL || !work_set_actor(w, x->actor, x->grip)) {
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

/*
 * PUT of a lease is the one call that may be two commands: with its fence in the Lease header it
 * renews; without, it takes a lease of that id.
 */
static enum command_kind kind_of(const struct exchange *x)
{
	enum command_kind kind = x->route->command;

	if (kind == COMMAND_LEASE_TAKE && x->method == HTTP_PUT &&
	    exchange_header(x, "Lease") != NULL)
		return COMMAND_LEASE_RENEW;
	return kind;
}

/* What a path names a lease by is what the Lease header may be about. */
static bool lease_is_named(struct exchange *x, const struct command *c)
{
	const char *id = call_of(x)->names[0];

	return command_traits(c->kind)->path != NAMES_LEASE || id == NULL || write_lease_is(x, id);
}

static bool read_names(struct exchange *x, struct work *w, struct message m)
{
	struct message_error e;

	if (message_read_names(m, call_of(x)->names, &w->arena, &w->command, &e))
		return true;
	reply_message_error(x, &e);
	return false;
}

static bool read_body(struct exchange *x, struct work *w, struct message m)
{
	struct message_error e;

	if (message_read(m, &w->arena, &w->command, &e))
		return true;
	reply_message_error(x, &e);
	return false;
}

void handle_write(struct exchange *x)
{
	struct work *w = begin(x, kind_of(x));
	struct message m = message_of(x->body, x->body_bytes);

	if (w == NULL)
		return;
	if (write_read_condition(x, &w->command, &m) && lease_is_named(x, &w->command) &&
	    read_names(x, w, m) && read_body(x, w, m))
		go_on(x, w);
	else
		work_release(w);
}

/* Has no body, and its conditions are those of a read: If-None-Match asks for a 304. */
void stock_show_locked(struct exchange *x)
{
	struct work *w = begin(x, COMMAND_READ);

	if (w != NULL && read_names(x, w, message_of("", 0)))
		submit(x, w);
	else
		work_release(w);
}
