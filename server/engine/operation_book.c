#include "engine/operation_book.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "ops/metrics.h"
#include "wire/answers.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static struct operation *operation_of_kept(struct list *link)
{
	return CONTAINER_OF(link, struct operation, kept_link);
}

static struct operation *operation_of_home(struct list *link)
{
	return CONTAINER_OF(link, struct operation, home_link);
}

/* ---------------------------------------------------------------- the book */

void operation_book_init(struct operation_book *b, struct intake *in, int64_t wait_ms)
{
	CHECK(wait_ms >= 0);
	b->intake = in;
	atomic_init(&b->wait_ms, wait_ms);
	b->id_next = 0;
	b->kept_count = 0;
	guard_init(&b->guard, RANK_OPERATIONS);
	list_init(&b->kept);
	map_init(&b->operations, b->buckets, OPERATION_BUCKETS);
	/* No run has the ids of another: what was lost is not found as something else. */
	CHECK(getrandom(&b->id_prefix, sizeof(b->id_prefix), 0) == sizeof(b->id_prefix));
}

void operation_book_set_wait(struct operation_book *b, int64_t wait_ms)
{
	CHECK(wait_ms >= 0);
	atomic_store(&b->wait_ms, wait_ms);
}

static void operation_destroy(struct operation *o)
{
	CHECK(o->waiter.work == NULL);
	CHECK(list_is_empty(&o->polls));
	free(o->result);
	free(o);
}

static void count_locked(const struct operation_book *b)
{
	CHECK(guard_is_mine(&b->guard));
	metric_set(METRIC_OPERATIONS_KEPT, b->kept_count);
	metric_set(METRIC_OPERATIONS_UNDER_WAY, (int64_t)b->operations.count - b->kept_count);
}

/* Takes it out of the book. */
static void remove_locked(struct operation_book *b, struct operation *o)
{
	CHECK(b->operations.count > 0);
	CHECK(guard_is_mine(&b->guard));
	if (list_is_linked(&o->kept_link))
		b->kept_count--;
	list_remove(&o->kept_link);
	map_remove(&b->operations, &o->node);
	count_locked(b);
}

static void destroy_all(struct list *kept_links)
{
	struct list *link;

	while ((link = list_pop_front(kept_links)) != NULL)
		operation_destroy(operation_of_kept(link));
}

/* Moves those to `forgotten` whose time has passed, and more of them for `room` new ones. */
static void forget_locked(struct operation_book *b, int64_t now_ns, size_t room,
			  struct list *forgotten)
{
	CHECK(guard_is_mine(&b->guard));

	int64_t oldest_ns = now_ns - OPERATION_KEPT_S * NS_PER_S;

	CHECK(guard_is_mine(&b->guard));
	while (!list_is_empty(&b->kept)) {
		struct operation *o = operation_of_kept(b->kept.next);

		if (o->finished_ns > oldest_ns &&
		    b->operations.count + room <= (size_t)OPERATIONS_MAX)
			break;
		remove_locked(b, o);
		list_push_back(forgotten, &o->kept_link);
	}
}

void operation_book_fini(struct operation_book *b)
{
	struct list forgotten;

	list_init(&forgotten);
	guard_lock(&b->guard);
	forget_locked(b, INT64_MAX, 0, &forgotten);
	guard_unlock(&b->guard);
	destroy_all(&forgotten);
	CHECK(b->operations.count == 0);
	guard_fini(&b->guard);
}

static struct operation *find_locked(struct operation_book *b, const char *id)
{
	struct map_node *n = map_find(&b->operations, hash_bytes(id, strlen(id), b->id_prefix));

	CHECK(guard_is_mine(&b->guard));
	for (; n != NULL; n = map_find_next(n)) {
		struct operation *o = CONTAINER_OF(n, struct operation, node);

		if (strcmp(o->id, id) == 0)
			return o;
	}
	return NULL;
}

/* The same for whom it is. */
static struct operation *find_for_locked(struct operation_book *b, const char *id,
					 const struct actor *actor)
{
	struct operation *o = find_locked(b, id);

	CHECK(actor != NULL);
	if (o == NULL || o->token_id == actor->token_id || actor_has_role(actor, ROLE_ADMIN))
		return o;
	return NULL;
}

/* ---------------------------------------------------------------- finishing one */

static enum operation_state state_of(const struct answer *a)
{
	CHECK(a->outcome < OUTCOME_COUNT);
	if (a->is_unknown)
		return OPERATION_UNKNOWN;
	if (a->outcome == OUTCOME_DONE)
		return OPERATION_COMMITTED;
	if (a->outcome == OUTCOME_OPERATION_WITHDRAWN)
		return OPERATION_WITHDRAWN;
	if (a->outcome == OUTCOME_ROW_BUSY || a->outcome == OUTCOME_ROW_LEASED ||
	    a->outcome == OUTCOME_STORE_BUSY)
		return OPERATION_TIMED_OUT;
	return OPERATION_REFUSED;
}

static void count_finished(enum operation_state state)
{
	static const enum metric counters[OPERATION_STATES] = {
		[OPERATION_COMMITTED] = METRIC_OPERATIONS_COMMITTED,
		[OPERATION_REFUSED] = METRIC_OPERATIONS_REFUSED,
		[OPERATION_TIMED_OUT] = METRIC_OPERATIONS_TIMED_OUT,
		[OPERATION_WITHDRAWN] = METRIC_OPERATIONS_WITHDRAWN,
		[OPERATION_UNKNOWN] = METRIC_OPERATIONS_UNKNOWN,
	};

	CHECK(state != OPERATION_WAITING);
	metric_add(counters[state], 1);
}

/* What the request would have been answered, on one line without an end. NULL: nothing. */
static char *result_of(const struct operation *o, const struct work *w, const struct answer *a)
{
	struct command c = w->command;
	struct text body;

	CHECK(w != NULL);
	if (a->outcome != OUTCOME_DONE)
		c.request_id = o->request_id; /* the write may be another's that it shares */
	text_init(&body);
	answer_write_body(&body, &c, a);
	if (body.byte_count == 0 || body.failed) {
		text_fini(&body);
		return NULL;
	}
	CHECK(body.data[body.byte_count - 1] == '\n');
	body.data[body.byte_count - 1] = '\0';

	char *exact = realloc(body.data, body.byte_count);

	return exact != NULL ? exact : body.data;
}

/* The parcels of those who wait for it; from now on they cannot leave. */
static void take_polls_locked(struct operation *o, bool is_answered, struct list *parcels)
{
	struct list *link;

	CHECK(o->state != OPERATION_WAITING);
	while ((link = list_pop_front(&o->polls)) != NULL) {
		struct operation_poll *poll = CONTAINER_OF(link, struct operation_poll, link);

		poll->is_answered = is_answered;
		list_push_back(parcels, &poll->parcel->link);
	}
}

static void send_home(struct list *parcels)
{
	struct list *link;

	CHECK(parcels != NULL);
	while ((link = list_pop_front(parcels)) != NULL) {
		struct list one;

		list_init(&one);
		list_push_back(&one, link);
		mailbox_post(CONTAINER_OF(link, struct parcel, link)->home, &one);
	}
}

/*
 * Its write is the caller's to let go. True: nobody will ever ask for it, it is the caller's, too.
 */
static bool finish_locked(struct operation_book *b, struct operation *o, const struct answer *a,
			  struct list *parcels)
{
	struct work *w = o->waiter.work;
	bool is_unheard = !o->is_known && list_is_empty(&o->polls);

	CHECK(guard_is_mine(&b->guard));
	CHECK(o->state == OPERATION_WAITING);
	o->state = state_of(a);
	o->status = a->status;
	o->seq = a->seq;
	o->finished_ns = clock_monotonic_ns();
	o->waiter.work = NULL;
	if (w->operation == o)
		w->operation = NULL;
	take_polls_locked(o, a == &w->answer, parcels);
	list_push_back(&b->kept, &o->kept_link);
	b->kept_count++;
	if (is_unheard)
		remove_locked(b, o);
	count_locked(b);
	return is_unheard;
}

/* On its home's thread. The operation may be gone when this returns. */
static void finish(struct operation *o, const struct answer *a)
{
	struct operation_book *b = o->home->book;
	struct work *w = o->waiter.work;
	struct list parcels;
	bool is_unheard;
	char *result;

	CHECK(o->home->count > 0);
	CHECK(w != NULL);
	list_init(&parcels);
	list_remove(&o->home_link);
	o->home->count--;
	result = result_of(o, w, a); /* not under the guard, where nothing is allocated */
	guard_lock(&b->guard);
	o->result = result;
	is_unheard = finish_locked(b, o, a, &parcels);
	guard_unlock(&b->guard);

	count_finished(state_of(a));
	if (is_unheard)
		operation_destroy(o);
	send_home(&parcels);
	work_release(w);
}

/* Its write was answered. */
static void arrive(struct parcel *p)
{
	struct operation *o =
		CONTAINER_OF(CONTAINER_OF(p, struct waiter, parcel), struct operation, waiter);

	CHECK(o->waiter.work != NULL);
	finish(o, &o->waiter.work->answer);
}

/* ---------------------------------------------------------------- homes */

void operation_home_init(struct operation_home *h, struct operation_book *b, struct mailbox *m)
{
	CHECK(m != NULL);
	*h = (struct operation_home){ .book = b, .mailbox = m };
	list_init(&h->waiting);
}

int64_t operation_home_next_ns(const struct operation_home *h)
{
	return list_is_empty(&h->waiting) ? INT64_MAX : operation_of_home(h->waiting.next)->due_ns;
}

/*
 * One that is decided, or being withdrawn, comes home by itself. Under the guard, so that a request
 * with its key that comes now either finds it waiting, or nothing.
 */
static void expire(struct operation *o)
{
	struct operation_book *b = o->home->book;
	struct arena texts;
	struct answer a;
	bool is_out;

	CHECK(o->state == OPERATION_WAITING);
	CHECK(!o->is_leaving);
	arena_init(&texts);
	list_remove(&o->home_link);
	guard_lock(&b->guard);
	is_out = intake_withdraw(b->intake, &o->waiter, &texts, &a);
	o->is_leaving = is_out;
	if (is_out && o->waiter.work->operation == o)
		o->waiter.work->operation = NULL;
	guard_unlock(&b->guard);
	if (is_out)
		finish(o, &a);
	arena_fini(&texts);
}

void operation_home_expire(struct operation_home *h, int64_t now_ns)
{
	while (operation_home_next_ns(h) <= now_ns)
		expire(operation_of_home(h->waiting.next));
}

/* ---------------------------------------------------------------- beginning one */

struct operation *operation_create(struct operation_home *h, const char *request_id,
				   const struct actor *actor, enum outcome *ret_refusal)
{
	struct operation_book *b = h->book;
	struct operation *o = calloc(1, sizeof(*o));
	int64_t now_ns = clock_monotonic_ns();
	struct list forgotten;
	bool has_room;

	CHECK(request_id != NULL);
	*ret_refusal = OUTCOME_OUT_OF_MEMORY;
	if (o == NULL)
		return NULL;
	o->home = h;
	o->token_id = actor->token_id;
	o->due_ns = now_ns + b->wait_ms * NS_PER_MS;
	o->waiter.parcel = (struct parcel){ .home = h->mailbox, .arrive = arrive };
	snprintf(o->request_id, sizeof(o->request_id), "%s", request_id);
	list_init(&o->waiter.parcel.link);
	list_init(&o->waiter.waiter_link);
	list_init(&o->home_link);
	list_init(&o->kept_link);
	list_init(&o->polls);

	list_init(&forgotten);
	guard_lock(&b->guard);
	forget_locked(b, now_ns, 1, &forgotten);
	has_room = b->operations.count < (size_t)OPERATIONS_MAX;
	if (has_room) {
		snprintf(o->id, sizeof(o->id), "op_%016" PRIx64 "-%" PRIx64, b->id_prefix,
			 b->id_next++);
		map_insert(&b->operations, &o->node,
			   hash_bytes(o->id, strlen(o->id), b->id_prefix));
		count_locked(b);
	}
	guard_unlock(&b->guard);

	destroy_all(&forgotten);
	if (has_room)
		return o;
	*ret_refusal = OUTCOME_TOO_MANY_OPERATIONS;
	free(o);
	return NULL;
}

void operation_discard(struct operation *o)
{
	struct operation_book *b = o->home->book;

	CHECK(o->state == OPERATION_WAITING);
	guard_lock(&b->guard);
	remove_locked(b, o);
	guard_unlock(&b->guard);
	operation_destroy(o);
}

/*
 * Its write is that of an earlier request with the same key. If that belongs to an operation, that
 * one is it, and this one is not needed; unless the write is answered already: then both come home.
 */
static struct operation *share_locked(struct operation_book *b, struct operation *o)
{
	struct work *w = o->waiter.work;
	struct operation *first = w->operation;
	struct arena texts;
	struct answer unheard;
	bool is_shared;

	CHECK(guard_is_mine(&b->guard));
	if (first == NULL) {
		w->operation = o;
		return NULL;
	}
	/* Nothing is copied into `texts`: the first one waits as long as this guard is held. */
	arena_init(&texts);
	is_shared = intake_withdraw(b->intake, &o->waiter, &texts, &unheard);
	arena_fini(&texts);
	return is_shared ? first : NULL;
}

/* True: ret_id is that of another one, and o is gone. */
static bool share(struct operation *o, char ret_id[OPERATION_ID_BYTES])
{
	struct operation_book *b = o->home->book;
	struct operation *first;

	guard_lock(&b->guard);
	first = share_locked(b, o);
	if (first != NULL) {
		first->is_known = true;
		memcpy(ret_id, first->id, OPERATION_ID_BYTES);
	}
	guard_unlock(&b->guard);

	if (first == NULL)
		return false;
	o->waiter.work = work_release(o->waiter.work);
	operation_discard(o);
	return true;
}

/* What became of its work. */
static enum submit submitted(struct operation *o, enum submit submit, struct operation_begun *ret)
{
	if (submit == SUBMIT_LOOK_UP)
		return submit;
	if (submit == SUBMIT_ANSWERED) {
		o->waiter.work->operation = NULL;
		return submit;
	}
	ret->has_joined = o->waiter.has_joined;
	ret->work = o->waiter.work;
	work_hold(ret->work);
	if (ret->has_joined && share(o, ret->id))
		return SUBMIT_PENDING;
	memcpy(ret->id, o->id, OPERATION_ID_BYTES);
	o->home->count++;
	list_push_back(&o->home->waiting, &o->home_link);
	return SUBMIT_PENDING;
}

enum submit operation_submit(struct operation *o, struct work *w, struct snapshot *snapshot,
			     struct operation_begun *ret)
{
	struct operation_book *b = o->home->book;

	CHECK(w->state == WORK_NEW);
	CHECK(o->state == OPERATION_WAITING);
	w->operation = o; /* nobody else has seen it yet */
	return submitted(o, intake_submit(b->intake, w, &o->waiter, snapshot, b->wait_ms), ret);
}

enum submit operation_submit_again(struct operation *o, struct snapshot *snapshot,
				   struct operation_begun *ret)
{
	struct operation_book *b = o->home->book;

	CHECK(o->waiter.work != NULL);
	return submitted(o, intake_submit_again(b->intake, &o->waiter, snapshot, b->wait_ms), ret);
}

/* ---------------------------------------------------------------- asking */

const char *operation_state_name(const struct operation_view *v)
{
	static const char *const names[OPERATION_STATES] = {
		[OPERATION_WAITING] = "waiting",     [OPERATION_COMMITTED] = "committed",
		[OPERATION_REFUSED] = "refused",     [OPERATION_TIMED_OUT] = "timed-out",
		[OPERATION_WITHDRAWN] = "withdrawn", [OPERATION_UNKNOWN] = "unknown",
	};

	CHECK(v->state < OPERATION_STATES);
	return v->is_committing ? "committing" : names[v->state];
}

static int look_locked(struct operation_book *b, const char *id, const struct actor *actor,
		       struct arena *a, struct operation_view *ret)
{
	CHECK(guard_is_mine(&b->guard));

	struct operation *o = find_for_locked(b, id, actor);
	struct work_place place;

	CHECK(id != NULL);
	if (o == NULL)
		return -ENOENT;
	o->is_known = true;
	*ret = (struct operation_view){ .id = arena_copy(a, o->id, strlen(o->id)),
					.state = o->state,
					.status = o->status,
					.seq = o->seq };
	if (o->state == OPERATION_WAITING && !o->is_leaving) {
		intake_place(b->intake, &o->waiter, &place);
		ret->is_committing = place.is_decided;
		ret->ahead_count = place.ahead_count;
	}
	if (o->result != NULL)
		ret->result = arena_copy(a, o->result, strlen(o->result));
	return ret->id == NULL || (o->result != NULL && ret->result == NULL) ? FAULT(-ENOMEM) : 0;
}

int operation_look(struct operation_book *b, const char *id, const struct actor *actor,
		   struct arena *a, struct operation_view *ret)
{
	struct list forgotten;

	list_init(&forgotten);
	guard_lock(&b->guard);
	forget_locked(b, clock_monotonic_ns(), 0, &forgotten);
	int r = look_locked(b, id, actor, a, ret);
	guard_unlock(&b->guard);
	destroy_all(&forgotten);
	return r;
}

static void poll_locked(struct operation *o, struct operation_poll *poll)
{
	CHECK(o->state == OPERATION_WAITING);
	CHECK(poll->parcel != NULL);
	list_init(&poll->link);
	poll->is_answered = false;
	list_push_back(&o->polls, &poll->link);
}

bool operation_poll(struct operation_book *b, struct operation_poll *poll)
{
	CHECK(poll->id != NULL);
	guard_lock(&b->guard);
	struct operation *o = find_for_locked(b, poll->id, poll->actor);
	bool is_waiting = o != NULL && o->state == OPERATION_WAITING;
	if (is_waiting)
		poll_locked(o, poll);
	guard_unlock(&b->guard);
	return is_waiting;
}

bool operation_unpoll(struct operation_book *b, struct operation_poll *poll)
{
	guard_lock(&b->guard);
	bool was_waiting = list_is_linked(&poll->link);
	list_remove(&poll->link);
	guard_unlock(&b->guard);
	return was_waiting;
}

bool operation_abandon(struct operation_home *h, struct operation_poll *poll)
{
	struct operation_book *b = h->book;
	struct operation *o;

	CHECK(poll->id != NULL);
	guard_lock(&b->guard);
	bool was_waiting = list_is_linked(&poll->link);
	list_remove(&poll->link);
	o = was_waiting ? find_locked(b, poll->id) : NULL;
	if (o != NULL && (o->home != h || o->is_known || !list_is_empty(&o->polls)))
		o = NULL;
	guard_unlock(&b->guard);
	if (o != NULL)
		expire(o);
	return was_waiting;
}

void operation_forget(struct operation_book *b, const char *id)
{
	struct operation *o;

	CHECK(id != NULL);
	guard_lock(&b->guard);
	o = find_locked(b, id);
	if (o != NULL && (o->is_known || o->state == OPERATION_WAITING))
		o = NULL;
	if (o != NULL)
		remove_locked(b, o);
	guard_unlock(&b->guard);
	if (o != NULL)
		operation_destroy(o);
}

static enum recall withdraw_locked(struct operation_book *b, struct operation_poll *poll)
{
	CHECK(guard_is_mine(&b->guard));

	struct operation *o = find_for_locked(b, poll->id, poll->actor);
	enum recall result = RECALL_LATE;

	CHECK(guard_is_mine(&b->guard));
	if (o != NULL && o->state == OPERATION_WAITING)
		result = o->is_leaving ? RECALL_BEGUN : intake_recall(b->intake, &o->waiter);
	if (result == RECALL_BEGUN)
		poll_locked(o, poll);
	return result;
}

enum recall operation_withdraw(struct operation_book *b, struct operation_poll *poll)
{
	guard_lock(&b->guard);
	enum recall result = withdraw_locked(b, poll);
	guard_unlock(&b->guard);
	return result;
}
