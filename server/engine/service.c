#include "engine/service.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "engine/engine.h"
#include "engine/replay.h"
#include "ops/log.h"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---------------------------------------------------------------- life */

static int open_readers(struct service *s, int thread_count)
{
	int r;

	s->readers.reads_max = LONG_READS_MAX;
	s->readers.limit_ms = LONG_READ_MS_MAX;
	s->readers.admission = s->spoolers.admission = &s->writer.lane.log.admission;
	s->spoolers.reads_max = SPOOLED_READS_MAX;
	s->spoolers.limit_ms = SPOOLED_READ_S_MAX * MS_PER_S;
	r = reader_pool_open(&s->readers, s->store, thread_count);
	if (r < 0)
		return r;
	r = reader_pool_open(&s->spoolers, s->store, 1);
	if (r < 0)
		reader_pool_close(&s->readers);
	return r;
}

static int start_engine(struct service *s, const struct service_options *o)
{
	int r = key_book_init(&s->keys, &s->locks.guard);

	if (r < 0)
		return r;
	lock_manager_init(&s->locks, &s->time, &s->keys);
	s->writer.lane =
		(struct lane){ .store = s->store,
			       .locks = &s->locks,
			       .published = &s->published,
			       .releases_rows_early = o->releases_rows_early,
			       .slow_ns = o->slow_ns,
			       .aftermath = { .fail = o->fail, .fail_context = o->fail_context } };
	s->writer.is_uncounted = s->readers.is_uncounted = o->is_uncounted;
	s->spoolers.is_uncounted = o->is_uncounted;
	r = writer_open(&s->writer, s->row_seed);
	if (r < 0) {
		lock_manager_fini(&s->locks);
		key_book_fini(&s->keys);
		return r;
	}
	r = open_readers(s, o->reader_count);
	if (r < 0) {
		writer_close(&s->writer);
		lock_manager_fini(&s->locks);
		key_book_fini(&s->keys);
	}
	return r;
}

int service_open(const struct service_options *options, struct service **ret)
{
	struct service *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return FAULT(-ENOMEM);
	s->store = options->store;
	if (getrandom(&s->row_seed, sizeof(s->row_seed), 0) != sizeof(s->row_seed)) {
		free(s);
		return FAULT(-EIO);
	}

	struct stored_time stored;
	int r = s->store->ops->epoch(s->store, s->epoch);

	if (r == 0)
		r = s->store->ops->load_time(s->store, &stored);
	if (r < 0) {
		free(s);
		return r;
	}
	store_time_init(&s->time, NULL, stored.newest_ms);
	r = start_engine(s, options);
	if (r < 0) {
		store_time_fini(&s->time);
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void service_close(struct service *s)
{
	if (s == NULL)
		return;
	reader_pool_close(&s->spoolers);
	reader_pool_close(&s->readers);
	writer_close(&s->writer);
	lock_manager_fini(&s->locks);
	key_book_fini(&s->keys);
	store_time_fini(&s->time);
	s->store->ops->close(s->store);
	free(s);
}

void service_drain(struct service *s, int64_t until_ns)
{
	guard_lock(&s->locks.guard);
	s->locks.is_draining = true;
	s->locks.drain_until_ns = until_ns;
	signal_flag_raise(&s->locks.wake);
	guard_unlock(&s->locks.guard);
	reader_pool_end_by(&s->readers, until_ns);
	reader_pool_end_by(&s->spoolers, until_ns);
}

/* ---------------------------------------------------------------- writes */

static void answer_at_once(struct work *w, struct waiter *waiter, enum outcome o)
{
	work_refuse(w, o);
	waiter->work = w;
}

/* Rows, and names of things that are no rows. */
struct claimed {
	uint64_t keys[CLAIM_ROWS_MAX];
	int count;
};

static void claim_name(struct service *s, struct claimed *c, const char *kind, const char *name)
{
	CHECK(c->count < CLAIM_ROWS_MAX);
	c->keys[c->count++] = hash_pair(kind, name, s->row_seed);
}

static void claim_row_refs(struct service *s, struct claimed *c, struct row_ref rows[], int count)
{
	for (int i = 0; i < count; i++) {
		CHECK(c->count < CLAIM_ROWS_MAX);
		rows[i].key = hash_pair(rows[i].sku.text, rows[i].location.text, s->row_seed);
		c->keys[c->count++] = rows[i].key;
	}
}

static void claim_things(struct service *s, const struct command *c, unsigned touches,
			 struct claimed *ret)
{
	if ((touches & TOUCHES_ITEM) != 0)
		claim_name(s, ret, c->item.sku.text, "");
	if ((touches & TOUCHES_LOCATION) != 0)
		claim_name(s, ret, "", c->location.code.text);
	/* Without an id the store gives it one that nobody has. */
	if ((touches & TOUCHES_LEASE) != 0 && c->lease_id[0] != '\0')
		claim_name(s, ret, "/lease/", c->lease_id);
	if ((touches & TOUCHES_RESERVATION) != 0 && c->reservation_id != NULL)
		claim_name(s, ret, "/reservation/", c->reservation_id);
	if ((touches & TOUCHES_SUPERSEDED) != 0 && c->supersedes != NULL)
		claim_name(s, ret, "/reservation/", c->supersedes);
}

/* What the command claims, as its row says: rows, and the names of other things. */
static void list_claims(struct service *s, struct command *c, struct claimed *ret)
{
	const struct command_traits *t = command_traits(c->kind);

	if ((t->respects & TOUCHES_ROWS) != 0)
		claim_row_refs(s, ret, c->rows, c->row_count);
	if ((t->respects & TOUCHES_PROMISED) != 0)
		claim_row_refs(s, ret, c->more_rows, c->more_row_count);
	if (t->touches != TOUCHES_ROWS)
		claim_things(s, c, t->touches, ret);
}

int service_claim_count(struct service *s, struct command *c)
{
	struct claimed claimed = { .count = 0 };

	list_claims(s, c, &claimed);
	return claimed.count;
}

static bool claim_rows(struct service *s, struct work *w)
{
	struct command *c = &w->command;
	struct claim_slot *slots = w->first_slots;
	struct claimed claimed = { .count = 0 };

	list_claims(s, c, &claimed);
	if (claimed.count > (int)LENGTH_OF(w->first_slots))
		slots = arena_alloc(&w->arena, sizeof(*slots) * (size_t)claimed.count);
	if (slots == NULL)
		return false;
	claim_init(&w->claim, slots, claimed.keys, claimed.count, c->fences, c->fence_count);
	return true;
}

enum submit service_submit(struct service *s, struct work *w, struct waiter *waiter,
			   struct snapshot *snapshot, int64_t wait_ms)
{
	struct key_search search = { 0 };
	int64_t now_ns = clock_monotonic_ns();
	enum enter result;

	CHECK(w->state == WORK_NEW);
	if (!claim_rows(s, w)) {
		answer_at_once(w, waiter, OUTCOME_OUT_OF_MEMORY);
		return SUBMIT_ANSWERED;
	}
	w->decide_by_ns = now_ns + wait_ms * NS_PER_MS;
	if (w->command.key != NULL)
		w->key_hash = hash_bytes(w->command.key, strlen(w->command.key), 0);

	while ((result = lock_manager_enter(&s->locks, w, waiter, wait_ms, now_ns, &search)) ==
	       ENTER_LOOK_UP) {
		enum replay replay = replay_try(snapshot, w, search.id);

		if (replay == REPLAY_OTHER_KEY)
			continue;
		waiter->work = w;
		return SUBMIT_ANSWERED;
	}
	if (result == ENTER_ANSWERED) {
		waiter->work = w;
		return SUBMIT_ANSWERED;
	}
	if (waiter->work != w) /* it shares another one, and was never in itself */
		work_release(w);
	return SUBMIT_PENDING;
}

/* ---------------------------------------------------------------- parts of batches */

static int by_key(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The rows of all of its lines, in rising order. */
static bool claim_part_rows(struct service *s, struct work *part)
{
	uint64_t keys[CLAIM_PART_ROWS_MAX];
	struct claim_slot *slots;
	int count = 0;

	LIST_EACH (it, &part->lines) {
		struct claimed claimed = { .count = 0 };

		list_claims(s, &CONTAINER_OF(it, struct work, work_link)->command, &claimed);
		CHECK(count + claimed.count <= CLAIM_PART_ROWS_MAX);
		memcpy(&keys[count], claimed.keys, sizeof(keys[0]) * (size_t)claimed.count);
		count += claimed.count;
	}
	qsort(keys, (size_t)count, sizeof(keys[0]), by_key);
	slots = arena_alloc(&part->arena, sizeof(*slots) * (size_t)count);
	if (slots != NULL)
		claim_init(&part->claim, slots, keys, count, part->command.fences,
			   part->command.fence_count);
	return slots != NULL;
}

enum submit service_submit_part(struct service *s, struct work *part, struct waiter *waiter,
				int64_t wait_ms)
{
	struct key_search no_key = { 0 };
	int64_t now_ns = clock_monotonic_ns();

	CHECK(part->state == WORK_NEW);
	CHECK(part->line_count > 0);
	CHECK(part->command.key == NULL);
	waiter->work = part;
	if (!claim_part_rows(s, part)) {
		answer_at_once(part, waiter, OUTCOME_OUT_OF_MEMORY);
		return SUBMIT_ANSWERED;
	}
	part->decide_by_ns = now_ns + wait_ms * NS_PER_MS;
	return lock_manager_enter(&s->locks, part, waiter, wait_ms, now_ns, &no_key) ==
			       ENTER_ANSWERED
		       ? SUBMIT_ANSWERED
		       : SUBMIT_PENDING;
}

bool service_replay(struct service *s, struct work *w, struct snapshot *snapshot)
{
	struct key_search search = { 0 };

	w->key_hash = hash_bytes(w->command.key, strlen(w->command.key), 0);
	while (key_book_look_up(&s->keys, w->key_hash, &search))
		if (replay_try(snapshot, w, search.id) == REPLAY_ANSWERED)
			return true;

	enum key_state state = key_book_ask_unknown(&s->keys, w);

	if (state != KEY_FREE)
		key_book_refuse(w, state);
	return state != KEY_FREE;
}

bool service_withdraw(struct service *s, struct waiter *waiter, struct arena *texts,
		      struct answer *ret_answer)
{
	return lock_manager_withdraw(&s->locks, waiter, clock_monotonic_ns(), texts, ret_answer);
}

enum recall service_recall(struct service *s, struct waiter *waiter)
{
	return lock_manager_recall(&s->locks, waiter, clock_monotonic_ns());
}

void service_place(struct service *s, const struct waiter *waiter, struct work_place *ret)
{
	lock_manager_place(&s->locks, waiter, ret);
}

bool service_read(struct service *s, struct long_read *read)
{
	return reader_pool_submit(&s->readers, read);
}

bool service_verify_begin(struct service *s)
{
	return !atomic_exchange(&s->is_verifying, true);
}

void service_verify_end(struct service *s)
{
	CHECK(atomic_exchange(&s->is_verifying, false));
}

bool service_read_all(struct service *s, struct long_read *read)
{
	read->is_whole = true;
	return reader_pool_submit(&s->spoolers, read);
}

struct feed *service_feed(struct service *s)
{
	return &s->writer.lane.feed;
}

/* ---------------------------------------------------------------- looking in */

void service_health(struct service *s, struct service_health *ret)
{
	struct lock_manager *m = &s->locks;

	guard_lock(&m->guard);
	*ret = (struct service_health){ .is_draining = m->is_draining,
					.waiting_count = m->waiting_count,
					.lease_count = m->leases.count,
					.key_count = key_book_count_locked(m->keys) };
	guard_unlock(&m->guard);

	ret->is_disk_full = atomic_load(&s->published.is_disk_full);
	ret->is_store_busy = atomic_load(&s->published.is_store_busy);
	ret->is_damaged = atomic_load(&s->published.is_damaged);
	ret->is_writable =
		!atomic_load(&s->published.is_failing) && !ret->is_disk_full && !ret->is_damaged;
	ret->seq = service_seq(s);
	ret->wal_bytes = atomic_load(&s->published.wal_bytes);
	ret->now_ms = store_time_now(&s->time);
	ret->clock_ahead_ms = store_time_ahead_ms(&s->time);
}

void service_note_fault(struct service *s, int fault, const char *request_id)
{
	const struct fault *f = fault_latest();

	log_write(LOG_ERROR, "read_failed", "request=%s error=\"%s\" extended=%d at=%s:%d",
		  request_id != NULL ? request_id : "-", strerror(-fault), f->detail,
		  f->file != NULL ? f->file : "", f->line);
	if (outcome_of_fault(fault) == OUTCOME_STORE_DAMAGED)
		metric_add(METRIC_DAMAGED, 1);
	if (fault != -EUCLEAN)
		return;
	/* The writer says where in the log, and refuses whoever waits. */
	atomic_store(&s->published.is_damaged, true);
	lock_manager_close(&s->locks, OUTCOME_STORE_DAMAGED);
}

int64_t service_seq(const struct service *s)
{
	return atomic_load(&s->published.seq);
}

const char *service_epoch(const struct service *s)
{
	return s->epoch;
}

int64_t service_now_ms(struct service *s)
{
	return store_time_now(&s->time);
}

uint64_t service_row_seed(const struct service *s)
{
	return s->row_seed;
}
