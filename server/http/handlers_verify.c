/*
 * handlers_verify - GET /v1/verify: do the books balance?
 *
 * A verification is many long reads behind each other, each a slice in a snapshot of its own. So
 * lists get their turn in between, and it ends early when nobody waits for it any more.
 */
#include "base/clock.h"
#include "base/fault.h"
#include "http/audited.h"
#include "http/reply.h"
#include "ops/log.h"
#include "wire/answers_finding.h"
#include "waiting/read.h"

/* ---------------------------------------------------------------- answering */

enum { PAUSE_MS = 5, PAUSES_MAX = 40 };

struct verification {
	struct verify *verify;
	int64_t paused_seq; /* when it paused last */
	int pause_count;    /* in a row */
};

static struct verify *verify_of(struct exchange *x)
{
	return ((struct verification *)call_of(x)->own)->verify;
}

static void end(struct exchange *x)
{
	verify_destroy(verify_of(x));
	service_verify_end(x->service);
}

static void write_counts(struct json *j, const struct verify_counts *c)
{
	json_open(j, '{');
	JSON_NAME(j, "movements"), json_int(j, c->movements);
	JSON_NAME(j, "rows"), json_int(j, c->rows);
	JSON_NAME(j, "reservations"), json_int(j, c->reservations);
	JSON_NAME(j, "keys"), json_int(j, c->keys);
	JSON_NAME(j, "leases"), json_int(j, c->leases);
	json_close(j, '}');
}

static void write_result(struct text *out, const struct verify_result *r)
{
	struct json j = json_begin(out);

	json_open(&j, '{');
	JSON_NAME(&j, "ok"), json_bool(&j, r->finding_count == 0);
	JSON_NAME(&j, "since"), json_int(&j, r->since_seq);
	JSON_NAME(&j, "seq"), json_int(&j, r->seq);
	JSON_NAME(&j, "checked"), write_counts(&j, &r->checked);
	JSON_NAME(&j, "finding_count"), json_int(&j, r->finding_count);
	JSON_NAME(&j, "findings"), json_open(&j, '[');
	for (int i = 0; i < r->listed_count; i++)
		finding_write(&j, &r->listed[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	text_add_char(out, '\n');
}

static void answer(struct exchange *x)
{
	const struct verify_result *r = verify_result(verify_of(x));
	int64_t seq = r->seq;

	metric_add(METRIC_VERIFICATIONS, 1);
	metric_set(METRIC_VERIFY_FINDINGS, r->finding_count);
	if (r->finding_count > 0)
		log_write(LOG_ERROR, "books_do_not_balance",
			  "request=%s findings=%lld first=%s sku=%s location=%s seq=%lld",
			  x->request_id, (long long)r->finding_count,
			  finding_code_text(r->listed[0].code), r->listed[0].sku.text,
			  r->listed[0].location.text, (long long)r->listed[0].seq);
	write_result(&x->reply, r);
	end(x);
	reply_json(x, 200, seq);
}

/* ---------------------------------------------------------------- slice by slice */

/* On the reader thread. */
static int run(struct long_read *read, struct reader *reader, struct arena *arena)
{
	(void)arena;
	return verify_step(verify_of(exchange_of_parcel(&read->parcel)), reader, read->seq);
}

static void go_on(struct exchange *x);

static void read_slice(struct exchange *x)
{
	if (read_wait(x, run, go_on))
		return;
	end(x);
	reply_refuse(x, OUTCOME_STORE_BUSY, "Too many lists are being read at once.");
}

/*
 * The log begins anew only at a moment without any reader, and of those a verification leaves few.
 * So it stands back while others write and the log is longer than it should be.
 */
static bool must_pause(struct exchange *x)
{
	struct verification *v = call_of(x)->own;
	struct service_health health;

	service_health(x->service, &health);
	if (health.wal_bytes < WAL_BYTES_CHECKPOINT || health.seq == v->paused_seq ||
	    v->pause_count == PAUSES_MAX) {
		v->pause_count = 0;
		return false;
	}
	v->paused_seq = health.seq;
	v->pause_count++;
	return true;
}

static const struct waiting_kind pause = { .expire = go_on };

static void go_on(struct exchange *x)
{
	int r = x->long_read.result;

	x->long_read.result = 0;
	if (r < 0 && r != -EAGAIN) {
		end(x);
		reply_fault(x, r);
	} else if (verify_is_over(verify_of(x))) {
		answer(x);
	} else if (exchange_is_hurried(x) || exchange_is_unheard(x)) {
		end(x);
		reply_refuse(x, OUTCOME_DRAINING, "The verification was not finished.");
	} else if (r == -EAGAIN || must_pause(x)) {
		exchange_park(x, &pause, go_on, clock_monotonic_ns() + PAUSE_MS * NS_PER_MS);
	} else {
		read_slice(x);
	}
}

/* ---------------------------------------------------------------- the call */

/* ?since; 0 where it is absent. False: it is no seq. */
static bool read_since(struct exchange *x, int64_t *ret)
{
	const char *text = call_parameter(x, "since");

	*ret = 0;
	return text == NULL || (integer_read(text, ret) && *ret >= 0);
}

static void begin(struct exchange *x)
{
	struct verify_options o = { .slice_rows = VERIFY_SLICE_ROWS, .rows_max = VERIFY_ROWS_MAX };
	bool is_seq = read_since(x, &o.since_seq);

	CHECK(is_seq);

	struct verification *v = arena_alloc(&x->arena, sizeof(*v));

	if (v == NULL) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return;
	}
	if (!service_verify_begin(x->service)) {
		reply_refuse(x, OUTCOME_VERIFY_RUNNING, NULL);
		return;
	}
	*v = (struct verification){ .verify = verify_create(&o) };
	call_of(x)->own = v;
	if (v->verify != NULL) {
		audited_note(x, "verify", NULL);
		read_slice(x);
		return;
	}
	end(x);
	reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
}

/* How far the store has come is known. */
static void begin_since(struct exchange *x)
{
	int64_t since, newest = x->long_read.seq;
	bool is_seq = read_since(x, &since);

	CHECK(is_seq);
	if (x->long_read.result < 0)
		reply_fault(x, x->long_read.result);
	else if (since > newest)
		reply_cursor_lost(x, newest);
	else
		begin(x);
}

void handle_verify(struct exchange *x)
{
	int64_t since;

	if (!read_since(x, &since))
		reply_wrong_parameter(x, "since", "is a seq.");
	else if (since > 0)
		read_newest(x, begin_since);
	else
		begin(x);
}
