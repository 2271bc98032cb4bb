/*
 * test_engine_stores - the engine over every store there is: the same commands get the same
 * answers, in the same words, and the books balance.
 *
 * Then with many clients at once, on one row and on several.
 */
#include "../race/caller.h"
#include "any_store.h"
#include "engine/claims.h"
#include "base/clock.h"
#include "base/hash.h"
#include "claimed_part.h"
#include "engine/feed.h"
#include "store/sqlite.h"
#include "store/verify.h"
#include "moved_clock.h"
#include "unit.h"
#include "wire/answers.h"
#include "wire/messages_batch.h"
#include <ctype.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENT_MS = 30000, ANSWER_S_MAX = 60 };

/* ---------------------------------------------------------------- houses */

enum { FRONTS_MAX = 2 };

/* A store, and the engines over it. */
struct house {
	const struct any_kind *kind;
	char folder[64];
	char path[96];
	struct memory *memory;
	struct service *fronts[FRONTS_MAX];
	int front_count;
};

static void on_failure(void *context, int exit_code)
{
	(void)context;
	(void)exit_code;
	check_failed(__FILE__, __LINE__, "no fault here stops the process");
}

static struct store *open_store(struct house *h)
{
	struct store_options options = { .path = h->path, .busy_ms = 1000 };
	struct store_open_result result = { 0 };
	struct store *store;

	if (!h->kind->is_sqlite)
		assert_int_equal(memory_open_store(h->memory, &store), 0);
	else if (sqlite_open(&options, &store, &result) < 0)
		fail_msg("%s", result.message);
	return store;
}

static void open_front(struct house *h)
{
	struct service_options o = { .store = open_store(h),
				     .releases_rows_early = true,
				     .is_uncounted = true,
				     .reader_count = 1,
				     .fail = on_failure };

	assert_int_equal(service_open(&o, &h->fronts[h->front_count++]), 0);
}

static void close_fronts(struct house *h)
{
	while (h->front_count > 0)
		service_close(h->fronts[--h->front_count]);
}

static void house_open(struct house *h, const struct any_kind *kind)
{
	struct memory_options options = kind->memory;

	options.busy_ms = 1000;
	*h = (struct house){ .kind = kind };
	strcpy(h->folder, "/tmp/rowlock-house-XXXXXX");
	assert_non_null(mkdtemp(h->folder));
	snprintf(h->path, sizeof(h->path), "%s/store.db", h->folder);
	if (!kind->is_sqlite) {
		h->memory = memory_create(&options);
		assert_non_null(h->memory);
	}
	open_front(h);
}

/* What a verification of all of it finds, of which there must be nothing. */
static void expect_balance(struct house *h)
{
	struct verify *v =
		verify_create(&(struct verify_options){ .slice_rows = 1000, .rows_max = 1000 });
	struct store *store = open_store(h);
	struct reader *reader;
	int64_t seq;

	assert_non_null(v);
	assert_int_equal(store->ops->open_reader(store, &reader), 0);
	while (!verify_is_over(v)) {
		assert_int_equal(reader->ops->begin(reader, &seq), 0);
		assert_int_equal(verify_step(v, reader, seq), 0);
		reader->ops->end(reader);
	}
	assert_int_equal(verify_result(v)->finding_count, 0);
	reader->ops->close(reader);
	store->ops->close(store);
	verify_destroy(v);
}

static void house_close(struct house *h)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	char path[128];

	close_fronts(h);
	expect_balance(h);
	memory_destroy(h->memory);
	for (size_t i = 0; i < LENGTH_OF(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", h->path, suffixes[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(h->folder), 0);
}

/* ---------------------------------------------------------------- saying */

/*
 * Each is a line of a batch, with ' for "; or a word. "#KEY " before it gives it a key; lines that
 * begin with "+" are one part of a batch together with the one behind them.
 */
static const char *const play[] = {
	"{'op':'item','sku':'A','name':'Anvil','attributes':{'a':1}}",
	"{'op':'item','sku':'B','name':'Bolt'}",
	"{'op':'item','sku':'B','name':'Bolt again','expected_version':7}",
	"{'op':'patch_item','sku':'A','attributes':{'a':null,'c':3}}",
	"{'op':'patch_item','sku':'none','attributes':{'c':3}}",
	"{'op':'location','location':'W','name':'West'}",
	"{'op':'location','location':'X','name':'East'}",
	"{'op':'patch_location','location':'X','name':'Far East'}",
	"{'op':'item','sku':'gone','name':'Gone'}",
	"delete gone",
	"delete gone",
	"#k1 {'op':'adjust','sku':'A','location':'W','delta':100}",
	"#k1 {'op':'adjust','sku':'A','location':'W','delta':100}",
	"#k1 {'op':'adjust','sku':'A','location':'W','delta':101}",
	"#k2 {'op':'adjust','sku':'A','location':'W','delta':-1000}",
	"#k2 {'op':'adjust','sku':'A','location':'W','delta':-1000}",
	"#k3 {'op':'item','sku':'C','name':'Clamp'}",
	"#k3 {'op':'item','sku':'C','name':'Clamp'}",
	"{'op':'adjust','sku':'B','location':'W','delta':50}",
	"{'op':'set','sku':'B','location':'X','on_hand':9,'expected':null}",
	"{'op':'set','sku':'B','location':'X','on_hand':1,'expected':7}",
	"{'op':'transfer','sku':'B','from':'W','to':'X','quantity':4}",
	"{'op':'transfer','sku':'B','from':'W','to':'X','quantity':400}",
	"{'op':'count','sku':'B','location':'X','counted':12,'as_of_seq':5}",
	"{'op':'adjust','sku':'nobody','location':'W','delta':1}",
	"{'op':'reserve','reservation':'h','ttl_s':60,'lines':["
	"{'sku':'A','location':'W','quantity':2},{'sku':'B','location':'W','quantity':1}]}",
	"{'op':'reserve','reservation':'h','ttl_s':60,'lines':["
	"{'sku':'A','location':'W','quantity':2},{'sku':'B','location':'W','quantity':1}]}",
	"#k4 {'op':'reserve','ttl_s':60,'lines':[{'sku':'A','location':'W','quantity':90}]}",
	"#k4 {'op':'reserve','ttl_s':60,'lines':[{'sku':'A','location':'W','quantity':90}]}",
	"{'op':'adjust','sku':'A','location':'W','delta':-10}",
	"{'op':'extend','reservation':'h','ttl_s':600}",
	"pass 100",
	"{'op':'adjust','sku':'A','location':'W','delta':-10}",
	"{'op':'reserve','ttl_s':60,'supersedes':'h','reservation':'i','lines':["
	"{'sku':'A','location':'W','quantity':5}]}",
	"{'op':'commit','reservation':'h'}",
	"{'op':'commit','reservation':'i'}",
	"{'op':'reserve','reservation':'j','ttl_s':60,'lines':["
	"{'sku':'B','location':'W','quantity':6}]}",
	"{'op':'release','reservation':'j'}",
	"{'op':'release','reservation':'j'}",
	"{'op':'commit','reservation':'nowhere'}",
	"take l A W",
	"take l A X",
	"take m A W",
	"{'op':'adjust','sku':'A','location':'W','delta':1}",
	"renew l",
	"release l",
	"release l",
	"{'op':'adjust','sku':'A','location':'W','delta':1}",
	"take n A W",
	"pass 100",
	"{'op':'adjust','sku':'A','location':'W','delta':1}",
	"take n A W",
	"reopen",
	"{'op':'adjust','sku':'A','location':'W','delta':1}",
	"release n",
	"#k1 {'op':'adjust','sku':'A','location':'W','delta':100}",
	"#k2 {'op':'adjust','sku':'A','location':'W','delta':-1000}",
	"#k3 {'op':'item','sku':'C','name':'Clamp'}",
	"+{'op':'adjust','sku':'A','location':'W','delta':7}",
	"+{'op':'adjust','sku':'A','location':'W','delta':-1000}",
	"+#k5 {'op':'reserve','ttl_s':60,'lines':[{'sku':'A','location':'W','quantity':1}]}",
	"{'op':'adjust','sku':'B','location':'X','delta':7}",
	"*{'op':'adjust','sku':'A','location':'W','delta':7}",
	"{'op':'adjust','sku':'B','location':'X','delta':-1000}",
	"*{'op':'adjust','sku':'A','location':'W','delta':7}",
	"{'op':'adjust','sku':'B','location':'X','delta':-1}",
	"{'op':'adjust','sku':'A','location':'W','delta':1}",
	"delete A",
};

/* ---------------------------------------------------------------- works */

static void name_row(struct work *w, const char *sku, const char *location)
{
	struct row_ref *row = arena_alloc(&w->arena, sizeof(*row));

	assert_non_null(row);
	*row = (struct row_ref){ 0 };
	assert_true(code_set(&row->sku, sku, strlen(sku)));
	assert_true(code_set(&row->location, location, strlen(location)));
	w->command.rows = row;
	w->command.row_count = 1;
}

/* The newest fence of each lease: what a client would have been told. */
static int64_t fences[128];

static void read_word(struct work *w, const char *text)
{
	char word[16] = "", name[16] = "", location[16] = "", id[16] = "";
	struct command *c = &w->command;

	sscanf(text, "%15s %15s", word, name);
	if (strcmp(word, "delete") == 0) {
		c->kind = COMMAND_ITEM_DELETE;
		assert_true(code_set(&c->item.sku, name, strlen(name)));
		return;
	}
	c->ttl_ms = 60000;
	c->lease_id = arena_copy(&w->arena, name, strlen(name));
	if (strcmp(word, "take") == 0) {
		c->kind = COMMAND_LEASE_TAKE;
		sscanf(text, "%*s %15s %15s %15s", id, name, location);
		name_row(w, name, location);
		return;
	}
	c->kind = strcmp(word, "renew") == 0 ? COMMAND_LEASE_RENEW : COMMAND_LEASE_RELEASE;
	c->fences[0] = fences[(int)name[0]];
	c->fence_ids[0] = c->lease_id;
	c->fence_count = 1;
}

/* What a handler reads before: the rows of a reservation, the past of a row. */
static void read_ahead(struct work *w, struct snapshot *s)
{
	struct command *c = &w->command;
	const char *name = c->kind == COMMAND_RESERVE              ? c->supersedes
			   : c->kind == COMMAND_RESERVATION_COMMIT ? c->reservation_id
								   : NULL;
	struct reservation found;

	assert_int_equal(snapshot_use(s), 0);
	if (c->kind == COMMAND_COUNT)
		assert_int_equal(s->reader->ops->past_level(s->reader, c->rows[0].sku.text,
							    c->rows[0].location.text, &c->past),
				 0);
	if (name == NULL)
		return;
	assert_int_equal(s->reader->ops->reservation(s->reader, name, &w->arena, &found), 0);
	if (found.id == 0)
		return;
	c->more_row_count = found.line_count;
	c->more_rows = arena_alloc(&w->arena, sizeof(c->more_rows[0]) * (size_t)found.line_count);
	assert_non_null(c->more_rows);
	for (int i = 0; i < found.line_count; i++)
		c->more_rows[i] = (struct row_ref){ .sku = found.lines[i].sku,
						    .location = found.lines[i].location };
}

static struct work *make_work(struct snapshot *snapshot, const char *text)
{
	struct work *w = work_create();
	struct message_error e;
	char line[512], key[16] = "";
	const char *id;

	assert_non_null(w);
	w->command.lease_id = w->command.purpose = "";
	if (text[0] == '#') {
		sscanf(text, "#%15s", key);
		text += strlen(key) + 2;
	}
	snprintf(line, sizeof(line), "%s", text);
	for (char *c = line; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	if (line[0] != '{')
		read_word(w, line);
	else if (!batch_line_read(line, strlen(line), &w->arena, &w->command, &id, &e))
		fail_msg("%s: %s", text, e.detail);
	w->command.request_id = "test";
	w->command.actor = &actor_local;
	if (w->command.lease_id == NULL)
		w->command.lease_id = "";
	if (w->command.purpose == NULL)
		w->command.purpose = "";
	if (key[0] != '\0') {
		w->command.key = arena_copy(&w->arena, key, strlen(key));
		w->command.fingerprint = hash_bytes(line, strlen(line), 0);
		w->key_hash = hash_bytes(key, strlen(key), 0);
	}
	read_ahead(w, snapshot);
	return w;
}

/* ---------------------------------------------------------------- hearing */

/* Dates and what is left of a time differ from run to run. */
static void blank_times(char *text)
{
	for (char *c = text; *c != '\0'; c++)
		if (isdigit(c[0]) && strlen(c) > 20 && c[4] == '-' && c[10] == 'T')
			for (int i = 0; c[i] != '"'; i++)
				c[i] = '?';
	for (char *c = text; (c = strstr(c, "_in_")) != NULL; c++)
		for (char *d = strchr(c, ':'); d[1] != ',' && d[1] != '}'; d++)
			d[1] = '?';
	for (char *c = text; (c = strstr(c, " ms more")) != NULL; c++)
		for (char *d = c; isdigit(d[-1]); d--)
			d[-1] = '?';
}

static void write_answer(struct text *t, const struct work *w, const struct answer *a)
{
	/* A fence is refused when it comes, or else by what the store says then, at a seq. */
	bool has_seq = a->outcome != OUTCOME_STALE_FENCE;
	struct text body;

	text_init(&body);
	answer_write_body(&body, &w->command, a);
	if (body.data != NULL)
		blank_times(body.data);
	text_add_format(t, "%s %d seq %lld%s %s\n", outcome_row(a->outcome)->code, a->status,
			(long long)(has_seq ? a->seq : 0), a->is_replayed ? " replayed" : "",
			body.data != NULL ? body.data : "");
	text_fini(&body);
	if (w->command.kind == COMMAND_LEASE_TAKE && a->outcome == OUTCOME_DONE)
		fences[(int)w->command.lease_id[0]] = a->lease.fence;
}

static void hear(struct mailbox *box)
{
	struct pollfd bell = { .fd = box->event_fd, .events = POLLIN };
	struct list parcels;

	if (poll(&bell, 1, ANSWER_S_MAX * 1000) != 1)
		fail_msg("nobody answers");
	list_init(&parcels);
	mailbox_take(box, &parcels);
	assert_non_null(list_pop_front(&parcels));
}

static void submit(struct house *h, struct work *w, struct snapshot *snapshot, struct text *t)
{
	struct mailbox box;
	struct waiter waiter = { .parcel.home = &box };
	bool is_part = w->line_count > 0;

	assert_int_equal(mailbox_init(&box), 0);
	if ((is_part ? claim_and_submit_part(h->fronts[0], w, &waiter, 0)
		     : service_submit(h->fronts[0], w, &waiter, snapshot, 0)) == SUBMIT_PENDING)
		hear(&box);
	if (is_part)
		text_add_format(t, "part %s %d seq %lld\n", outcome_row(w->answer.outcome)->code,
				w->answer.row_index, (long long)w->answer.seq);
	else
		write_answer(t, w, &waiter.work->answer);
	LIST_EACH (it, &w->lines)
		if (w->answer.outcome == OUTCOME_DONE)
			write_answer(t, work_of_link(it), &work_of_link(it)->answer);
	while (!list_is_empty(&w->lines))
		work_release(work_of_link(list_pop_front(&w->lines)));
	w->line_count = 0;
	work_release(waiter.work);
	mailbox_fini(&box);
}

static bool keep_house(struct house *h, const char *word)
{
	if (strncmp(word, "pass", 4) == 0)
		time_passes(atoi(word + 4) * INT64_C(1000));
	else if (strcmp(word, "reopen") != 0)
		return false;
	close_fronts(h);
	open_front(h);
	return true;
}

/* The answers to all of it, one to a line. */
static char *play_all(struct house *h)
{
	struct snapshot snapshot;
	struct text t;

	text_init(&t);
	for (size_t i = 0; i < LENGTH_OF(play); i++) {
		const char *line = play[i];
		struct work *part;

		if (keep_house(h, line))
			continue;
		assert_int_equal(service_open_snapshot(h->fronts[0], &snapshot), 0);
		part = work_create();
		for (part->is_atomic = line[0] == '*'; play[i][0] == '+' || play[i][0] == '*';
		     i++) {
			list_push_back(&part->lines, &make_work(&snapshot, play[i] + 1)->work_link);
			part->line_count++;
		}
		if (part->line_count == 0) {
			work_release(part);
			part = make_work(&snapshot, play[i]);
		} else {
			list_push_back(&part->lines, &make_work(&snapshot, play[i])->work_link);
			part->line_count++;
			part->command.request_id = "test";
			part->command.actor = &actor_local;
		}
		submit(h, part, &snapshot, &t);
		snapshot_fini(&snapshot);
	}
	assert_false(t.failed);
	return t.data;
}

/* Behind the last line that two texts begin with. */
static size_t where_they_part(const char *a, const char *b)
{
	size_t line = 0;

	for (size_t i = 0; a[i] != '\0' && a[i] == b[i]; i++)
		line = a[i] == '\n' ? i + 1 : line;
	return line;
}

static char *said; /* by the first kind of store */

static void the_same_is_said(void **state)
{
	struct house h;
	size_t at;
	char *now;

	house_open(&h, *state);
	now = play_all(&h);
	house_close(&h);
	if (said == NULL) {
		said = now;
		return;
	}
	at = where_they_part(now, said);
	assert_string_equal(now + at, said + at);
	free(now);
}

/* ---------------------------------------------------------------- crowds */

enum { CLIENTS = 6, TRIES = 60, UNITS = 200, ROWS = 3 };

struct crowd {
	struct house *house;
	int row_count;
	atomic_int next;
	atomic_llong sold;
	atomic_int trouble;
};

/* Each key is sent by two clients, of both fronts where there are two. */
static void *buy(void *context)
{
	struct crowd *c = context;
	int me = atomic_fetch_add(&c->next, 1);
	struct caller caller;

	caller_open(&caller, c->house->fronts[me % c->house->front_count]);
	for (int i = 0; i < TRIES; i++) {
		char key[32];
		struct order order = { .kind = COMMAND_ADJUST,
				       .row = i % c->row_count,
				       .quantity = -1,
				       .wait_ms = PATIENT_MS,
				       .key = key };
		const struct answer *a;

		snprintf(key, sizeof(key), "%d-%d", me / 2, i);
		a = caller_ask(&caller, &order);
		if (a->outcome == OUTCOME_DONE)
			atomic_fetch_add(&c->sold, 1);
		else if (a->outcome != OUTCOME_INSUFFICIENT_STOCK) {
			atomic_fetch_add(&c->trouble, 1);
			fprintf(stderr, "%s\n", outcome_row(a->outcome)->code);
		}
	}
	caller_close(&caller);
	return NULL;
}

static void stock_up(struct house *h, int row_count, int64_t units)
{
	struct caller c;

	caller_open(&c, h->fronts[0]);
	assert_int_equal(caller_ask(&c, &(struct order){ .kind = COMMAND_ITEM_PUT })->status, 201);
	for (int row = 0; row < row_count; row++) {
		struct order shelf = { .kind = COMMAND_LOCATION_PUT, .row = row };
		struct order fill = { .kind = COMMAND_ADJUST, .row = row, .quantity = units };

		assert_int_equal(caller_ask(&c, &shelf)->status, 201);
		assert_int_equal(caller_ask(&c, &fill)->status, 201);
	}
	caller_close(&c);
}

/* Each key takes one unit or none, for both who sent it; nothing is sold twice. */
static void sell(const struct any_kind *kind, int row_count, int64_t units, int front_count)
{
	struct house h;
	struct crowd c = { .house = &h, .row_count = row_count };
	pthread_t threads[CLIENTS];
	struct stock rows[ROWS];
	struct caller caller;
	int64_t left = 0, sold;

	house_open(&h, kind);
	stock_up(&h, row_count, units);
	while (h.front_count < front_count)
		open_front(&h);
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, buy, &c), 0);
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	close_fronts(&h);
	open_front(&h);
	caller_open(&caller, h.fronts[0]);
	caller_look(&caller, row_count, rows);
	for (int row = 0; row < row_count; row++)
		left += rows[row].on_hand;
	caller_close(&caller);
	house_close(&h);
	sold = row_count * units - left;
	assert_int_equal(c.trouble, 0);
	assert_int_equal(c.sold, 2 * sold);
	assert_int_equal(sold, row_count * units < CLIENTS / 2 * TRIES ? row_count * units
								       : CLIENTS / 2 * TRIES);
}

static void one_row_is_sold_out(void **state)
{
	sell(*state, 1, UNITS / 2, 1);
}

static void several_rows_are_sold(void **state)
{
	sell(*state, ROWS, UNITS, 1);
}

static void two_fronts_sell_one_row_out(void **state)
{
	const struct any_kind *kind = *state;

	if (!kind->is_sqlite && !kind->memory.has_one_writer)
		sell(kind, 1, UNITS / 2, 2);
}

static void two_fronts_sell_several_rows(void **state)
{
	const struct any_kind *kind = *state;

	if (!kind->is_sqlite && !kind->memory.has_one_writer)
		sell(kind, ROWS, UNITS, 2);
}

/* ---------------------------------------------------------------- what a rival holds */

static void rival_open(struct house *h, struct any_writer *w)
{
	*w = (struct any_writer){ .now_ms = ANY_NOW_MS };
	found_init(&w->found);
	arena_init(&w->memory);
	assert_int_equal(memory_open_writer(h->memory, ANY_SEED, &w->writer), 0);
}

static enum outcome ask(struct caller *c, int row, int64_t wait_ms)
{
	struct order order = {
		.kind = COMMAND_ADJUST, .row = row, .quantity = -1, .wait_ms = wait_ms
	};

	return caller_ask(c, &order)->outcome;
}

static enum outcome put_item(struct caller *c)
{
	return caller_ask(c, &(struct order){ .kind = COMMAND_ITEM_PUT, .wait_ms = 50 })->outcome;
}

/* Whoever wants it waits until its own time is up, or gets it; nobody else is kept. */
static void what_is_held_keeps_nobody_else(void **state)
{
	const struct any_kind *kind = *state;
	struct order order = {
		.kind = COMMAND_ADJUST, .row = 0, .quantity = -1, .wait_ms = PATIENT_MS
	};
	struct caller waiting, other;
	struct any_writer rival;
	struct house h;

	if (kind->is_sqlite || kind->memory.has_one_writer)
		return;
	house_open(&h, kind);
	stock_up(&h, 2, UNITS);
	rival_open(&h, &rival);
	caller_open(&waiting, h.fronts[0]);
	caller_open(&other, h.fronts[0]);

	any_begin_with(&rival, "S WH-0", NULL);
	assert_int_equal(ask(&other, 0, 0), OUTCOME_ROW_BUSY);
	assert_int_equal(ask(&other, 0, 50), OUTCOME_ROW_BUSY);
	caller_send(&waiting, &order);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(&other, 1, PATIENT_MS), OUTCOME_DONE);
	assert_int_equal(put_item(&other), OUTCOME_ROW_BUSY); /* its row's item is shared */
	assert_int_equal(ask(&other, 1, PATIENT_MS), OUTCOME_DONE);
	any_abandon(&rival);
	assert_int_equal(caller_answer(&waiting)->outcome, OUTCOME_DONE);
	assert_int_equal(put_item(&other), OUTCOME_DONE);

	caller_close(&waiting);
	caller_close(&other);
	any_writer_close(&rival);
	house_close(&h);
}

/* ---------------------------------------------------------------- two fronts hear of each other */

enum { HEARD_MS_MAX = 200 };

static bool has_rivals(const struct any_kind *kind)
{
	return !kind->is_sqlite && !kind->memory.has_one_writer;
}

/* Two fronts, A and B, and somebody at each. */
struct both {
	struct house h;
	struct caller a, b;
};

static void both_open(struct both *o, const struct any_kind *kind)
{
	house_open(&o->h, kind);
	stock_up(&o->h, 2, UNITS);
	open_front(&o->h);
	caller_open(&o->a, o->h.fronts[0]);
	caller_open(&o->b, o->h.fronts[1]);
}

static void both_close(struct both *o)
{
	caller_close(&o->a);
	caller_close(&o->b);
	house_close(&o->h);
}

static int64_t newest_seq(const struct house *h)
{
	int64_t a = service_seq(h->fronts[0]), b = service_seq(h->fronts[1]);

	return a > b ? a : b;
}

/* Reads what follows `after` as a subscriber does, until `last` has come. */
static void follow(struct feed *f, struct mailbox *box, int64_t after, int64_t last)
{
	int64_t until_ns = clock_monotonic_ns() + HEARD_MS_MAX * NS_PER_MS;
	struct feed_stretch *b;

	while (after < last) {
		struct pollfd bell = { .fd = box->event_fd, .events = POLLIN };
		struct list parcels;
		enum feed_take taken;

		while ((taken = feed_take(f, after, &b)) == FEED_TAKEN) {
			assert_true(b->movements[0].movement.seq <= after + 1);
			after = feed_stretch_last(b);
			feed_stretch_release(b);
		}
		assert_int_equal(taken, FEED_AT_HEAD); /* what is not there comes by itself */
		if (after >= last)
			break;
		assert_true(clock_monotonic_ns() < until_ns);
		assert_true(poll(&bell, 1, HEARD_MS_MAX) >= 0);
		list_init(&parcels);
		mailbox_take(box, &parcels);
	}
}

/* Who follows one front has what the other writes, in order, whether this one writes or not. */
static void each_tells_what_the_other_writes(void **state)
{
	struct mailbox box;
	struct feed_listener listener = { .home = &box, .is_for_movements = true };
	struct feed *feed;
	struct both o;
	int64_t seq;

	if (!has_rivals(*state))
		return;
	both_open(&o, *state);
	feed = service_feed(o.h.fronts[1]);
	assert_int_equal(mailbox_init(&box), 0);
	seq = service_seq(o.h.fronts[1]);
	feed_listen(feed, &listener);
	assert_int_equal(ask(&o.b, 0, PATIENT_MS), OUTCOME_DONE); /* it collects from now on */
	for (int i = 0; i < 10; i++) {
		assert_int_equal(ask(&o.a, 0, PATIENT_MS), OUTCOME_DONE);
		if (i > 5)
			assert_int_equal(ask(&o.b, 1, PATIENT_MS), OUTCOME_DONE);
		if (i % 3 == 0)
			follow(feed, &box, seq, newest_seq(&o.h));
	}
	follow(feed, &box, seq, newest_seq(&o.h));
	feed_unlisten(feed, &listener);
	mailbox_fini(&box);
	both_close(&o);
}

/* Nobody follows, and nobody writes at B: it knows the newest seq nevertheless. */
static void a_seq_of_one_is_there_at_the_other(void **state)
{
	struct both o;

	if (!has_rivals(*state))
		return;
	both_open(&o, *state);
	for (int i = 0; i < 5; i++) {
		int64_t until_ns = clock_monotonic_ns() + HEARD_MS_MAX * NS_PER_MS;

		assert_int_equal(ask(&o.a, 0, PATIENT_MS), OUTCOME_DONE);
		while (service_seq(o.h.fronts[1]) < service_seq(o.h.fronts[0])) {
			assert_true(clock_monotonic_ns() < until_ns);
			sched_yield();
		}
	}
	both_close(&o);
}

/* ---------------------------------------------------------------- leases of two fronts */

static const struct answer *take(struct caller *c, int row)
{
	struct order order = {
		.kind = COMMAND_LEASE_TAKE, .row = row, .wait_ms = PATIENT_MS, .ttl_ms = 600000
	};

	return caller_ask(c, &order);
}

static enum outcome with_fence(struct caller *c, enum command_kind kind, int row, int64_t fence)
{
	struct order order = { .kind = kind,
			       .row = row,
			       .quantity = -1,
			       .fence = fence,
			       .wait_ms = PATIENT_MS,
			       .ttl_ms = 600000 };

	return caller_ask(c, &order)->outcome;
}

/* What A gives out is good at B at once, and what A takes back is not. */
static void a_fence_is_worth_the_same_at_both(void **state)
{
	struct both o;

	if (!has_rivals(*state))
		return;
	both_open(&o, *state);
	for (int i = 0; i < 20; i++) {
		int64_t fence = take(&o.a, 0)->lease.fence;

		assert_true(fence > 0);
		assert_int_equal(ask(&o.b, 0, 50), OUTCOME_ROW_LEASED);
		assert_int_equal(with_fence(&o.b, COMMAND_ADJUST, 0, fence), OUTCOME_DONE);
		assert_int_equal(with_fence(&o.b, COMMAND_LEASE_RENEW, 0, fence), OUTCOME_DONE);
		assert_int_equal(with_fence(&o.a, COMMAND_ADJUST, 0, fence), OUTCOME_DONE);
		assert_int_equal(with_fence(i % 2 ? &o.a : &o.b, COMMAND_LEASE_RELEASE, 0, fence),
				 OUTCOME_DONE);
		assert_int_equal(with_fence(&o.a, COMMAND_ADJUST, 0, fence), OUTCOME_STALE_FENCE);
		assert_int_equal(with_fence(&o.b, COMMAND_ADJUST, 0, fence), OUTCOME_STALE_FENCE);
		assert_int_equal(with_fence(&o.b, COMMAND_LEASE_RENEW, 0, fence),
				 OUTCOME_STALE_FENCE);
		assert_int_equal(ask(&o.b, 0, PATIENT_MS), OUTCOME_DONE);
	}
	both_close(&o);
}

/* It is closed at B as soon as it is taken at A, and B's waiter comes in soon after the release. */
static void who_waits_at_b_is_woken_by_a(void **state)
{
	struct order order = {
		.kind = COMMAND_ADJUST, .row = 0, .quantity = -1, .wait_ms = PATIENT_MS
	};
	struct both o;

	if (!has_rivals(*state))
		return;
	both_open(&o, *state);
	for (int i = 0; i < 10; i++) {
		int64_t fence = take(&o.a, 0)->lease.fence, released_ns;

		caller_send(&o.b, &order);
		assert_int_equal(with_fence(&o.a, COMMAND_ADJUST, 0, fence), OUTCOME_DONE);
		assert_null(o.b.answer);
		released_ns = clock_monotonic_ns();
		assert_int_equal(with_fence(&o.a, COMMAND_LEASE_RELEASE, 0, fence), OUTCOME_DONE);
		assert_int_equal(caller_answer(&o.b)->outcome, OUTCOME_DONE);
		assert_true(clock_monotonic_ns() - released_ns < HEARD_MS_MAX * NS_PER_MS);
	}
	both_close(&o);
}

/* Of those who want it at once one has it, whoever asks where; the other waits, or hears so. */
struct rush {
	struct service *front;
	const char *id;
	int row;
	atomic_int *started;
	enum outcome outcome;
	int64_t fence;
};

static void *rush_in(void *context)
{
	struct rush *r = context;
	struct order order = { .kind = COMMAND_LEASE_TAKE,
			       .row = r->row,
			       .lease_id = r->id,
			       .wait_ms = 100,
			       .ttl_ms = 600000 };
	const struct answer *a;
	struct caller c;

	caller_open(&c, r->front);
	atomic_fetch_add(r->started, 1);
	while (atomic_load(r->started) < 2)
		sched_yield();
	a = caller_ask(&c, &order);
	r->outcome = a->outcome;
	r->fence = a->outcome == OUTCOME_DONE ? a->lease.fence : 0;
	caller_close(&c);
	return NULL;
}

static void rush(struct both *o, const char *id, int other_row, enum outcome loss)
{
	for (int i = 0; i < 20; i++) {
		atomic_int started = 0;
		struct rush both[2] = { { o->h.fronts[0], id, 0, &started, 0, 0 },
					{ o->h.fronts[1], id, other_row, &started, 0, 0 } };
		struct order order = { .kind = COMMAND_LEASE_RELEASE,
				       .lease_id = id,
				       .wait_ms = PATIENT_MS };
		pthread_t threads[2];
		int winner;

		for (int k = 0; k < 2; k++)
			assert_int_equal(pthread_create(&threads[k], NULL, rush_in, &both[k]), 0);
		for (int k = 0; k < 2; k++)
			assert_int_equal(pthread_join(threads[k], NULL), 0);
		winner = both[0].outcome == OUTCOME_DONE ? 0 : 1;
		assert_int_equal(both[winner].outcome, OUTCOME_DONE);
		assert_int_equal(both[1 - winner].outcome, loss);
		if (id == NULL)
			order.fence = both[winner].fence;
		assert_int_equal(caller_ask(i % 2 ? &o->a : &o->b, &order)->outcome, OUTCOME_DONE);
	}
}

static void one_of_two_has_the_row(void **state)
{
	struct both o;

	if (!has_rivals(*state))
		return;
	both_open(&o, *state);
	rush(&o, NULL, 0, OUTCOME_ROW_LEASED);
	both_close(&o);
}

static void one_of_two_has_the_id(void **state)
{
	struct both o;

	if (!has_rivals(*state))
		return;
	both_open(&o, *state);
	rush(&o, "mine", 1, OUTCOME_LEASE_EXISTS);
	both_close(&o);
}

/* ---------------------------------------------------------------- all of it */

#define CASE(name, kind)                                \
	{                                               \
#name, name, NULL, NULL, (void *)(kind) \
	}

int main(void)
{
	int failed = 0;

	for (size_t k = 0; k < ANY_KINDS - 1; k++) { /* those of one process */
		const struct any_kind *kind = &any_kinds[k];
		const struct CMUnitTest tests[] = {
			CASE(the_same_is_said, kind),
			CASE(one_row_is_sold_out, kind),
			CASE(several_rows_are_sold, kind),
			CASE(two_fronts_sell_one_row_out, kind),
			CASE(two_fronts_sell_several_rows, kind),
			CASE(what_is_held_keeps_nobody_else, kind),
			CASE(each_tells_what_the_other_writes, kind),
			CASE(a_seq_of_one_is_there_at_the_other, kind),
			CASE(a_fence_is_worth_the_same_at_both, kind),
			CASE(who_waits_at_b_is_woken_by_a, kind),
			CASE(one_of_two_has_the_row, kind),
			CASE(one_of_two_has_the_id, kind),
		};

		failed += cmocka_run_group_tests_name(kind->name, tests, NULL, NULL);
	}
	free(said);
	return failed;
}
