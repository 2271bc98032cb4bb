#include "engine/access_book.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/pulse.h"
#include "base/secret.h"
#include "ops/log.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)SECRET_HASH_BYTES == (int)TOKEN_HASH_BYTES, "a token's hash is one of ours");
_Static_assert((int)SECRET_KEY_BYTES == (int)SESSION_KEY_BYTES, "sessions are signed with it");

struct access_table {
	atomic_int holder_count; /* 0: it is gone */
	uint64_t generation;
	uint64_t key_generation; /* the first one with this session_key */
	enum access_state state;
	struct arena memory;         /* of all below */
	struct stored_access stored; /* as it was read */
	struct access_token *tokens; /* parallel to stored.tokens, as are secrets */
	struct access_secret *secrets;
	uint32_t *slots; /* open addressing: the place of a secret, and one; 0: free */
	size_t slot_count;
};

struct access_book {
	struct guard guard;
	struct signal_flag wake;
	const struct access_table *table; /* guarded by guard, as are the two below; held */
	bool must_stop;
	bool must_look;
	atomic_uint_fast64_t generation; /* of the table */
	atomic_int state;
	struct reader *reader; /* the thread's; NULL: it is not watched */
	pthread_t thread;
	bool is_unread; /* the thread's: the store could not be read, which was said */
};

/* ---------------------------------------------------------------- a table */

void access_hold(const struct access_table *t)
{
	CHECK(atomic_fetch_add_explicit((atomic_int *)&t->holder_count, 1, memory_order_relaxed) >
	      0);
}

void access_release(const struct access_table *t)
{
	struct access_table *gone = (struct access_table *)t;
	int before = atomic_fetch_sub_explicit(&gone->holder_count, 1, memory_order_acq_rel);

	CHECK(before > 0);
	if (before > 1)
		return;
	arena_fini(&gone->memory);
	free(gone);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void take_token(const struct stored_token *stored, struct access_token *ret)
{
	*ret = (struct access_token){ .actor = { .token_id = stored->id,
						 .role = stored->role,
						 .location_count = stored->location_count,
						 .locations = stored->locations },
				      .until_ms =
					      earlier(stored->expires_at_ms, stored->revoked_at_ms),
				      .is_revoked = stored->revoked_at_ms != INT64_MAX };
	memcpy(ret->actor.name, stored->name, strlen(stored->name) + 1);
	CHECK(actor_is_sound(&ret->actor));
}

static size_t slot_of(const struct access_table *t, const char *public_part)
{
	CHECK(t->slot_count > 0);
	return hash_bytes(public_part, TOKEN_PUBLIC_BYTES, 0) & (t->slot_count - 1);
}

static void add_secret(struct access_table *t, size_t index)
{
	const struct stored_secret *stored = &t->stored.secrets[index];
	struct access_secret *secret = &t->secrets[index];
	size_t at = slot_of(t, stored->public_part);

	*secret = (struct access_secret){ .token = access_find_token(t, stored->token_id) };
	CHECK(secret->token != NULL);
	secret->until_ms = earlier(stored->expires_at_ms, secret->token->until_ms);
	memcpy(secret->public_part, stored->public_part, TOKEN_PUBLIC_BYTES);
	memcpy(secret->hash, stored->hash, TOKEN_HASH_BYTES);
	while (t->slots[at] != 0)
		at = (at + 1) & (t->slot_count - 1);
	t->slots[at] = (uint32_t)index + 1;
}

/* A token of which no secret opens anything opens nothing, whatever its own end is. */
static void end_with_secrets(struct access_table *t, int64_t last_ms[])
{
	for (size_t i = 0; i < t->stored.token_count; i++)
		last_ms[i] = INT64_MIN;
	for (size_t i = 0; i < t->stored.secret_count; i++) {
		int64_t *last = &last_ms[t->secrets[i].token - t->tokens];

		if (t->secrets[i].until_ms > *last)
			*last = t->secrets[i].until_ms;
	}
	for (size_t i = 0; i < t->stored.token_count; i++)
		t->tokens[i].until_ms = earlier(t->tokens[i].until_ms, last_ms[i]);
}

/* Of what was read. 0 or a fault. */
static int build(struct access_table *t)
{
	const struct stored_access *s = &t->stored;
	int64_t *last_ms;

	for (t->slot_count = 2; t->slot_count < 2 * s->secret_count;)
		t->slot_count *= 2;
	t->tokens = arena_alloc(&t->memory, s->token_count * sizeof(t->tokens[0]));
	t->secrets = arena_alloc(&t->memory, s->secret_count * sizeof(t->secrets[0]));
	t->slots = arena_alloc(&t->memory, t->slot_count * sizeof(t->slots[0]));
	last_ms = arena_alloc(&t->memory, s->token_count * sizeof(last_ms[0]));
	if (t->tokens == NULL || t->secrets == NULL || t->slots == NULL || last_ms == NULL)
		return FAULT(-ENOMEM);
	memset(t->slots, 0, t->slot_count * sizeof(t->slots[0]));
	for (size_t i = 0; i < s->token_count; i++)
		take_token(&s->tokens[i], &t->tokens[i]);
	for (size_t i = 0; i < s->secret_count; i++)
		add_secret(t, i);
	end_with_secrets(t, last_ms);
	t->state =
		s->had_token || s->token_count > 0 || s->left_out > 0 ? ACCESS_CLOSED : ACCESS_OPEN;
	return 0;
}

static void number_key(struct access_table *t, const struct access_table *before)
{
	bool is_same = before != NULL && secret_is_same(before->stored.session_key,
							t->stored.session_key, SESSION_KEY_BYTES);

	t->key_generation = is_same ? before->key_generation : t->generation;
}

/* A new table of what the store has, held by the caller; before: NULL, or the one it follows. */
static int read_table(struct reader *r, const struct access_table *before,
		      struct access_table **ret)
{
	struct access_table *t = malloc(sizeof(*t));
	int64_t seq;
	int fault;

	CHECK(r != NULL);
	if (t == NULL)
		return FAULT(-ENOMEM);
	*t = (struct access_table){ .holder_count = 1,
				    .generation = before != NULL ? before->generation + 1 : 1 };
	arena_init(&t->memory);
	fault = r->ops->begin(r, &seq);
	if (fault == 0)
		fault = r->ops->access(r, &t->memory, &t->stored);
	r->ops->end(r);
	if (fault == 0)
		fault = build(t);
	if (fault < 0) {
		access_release(t);
		return fault;
	}
	number_key(t, before);
	*ret = t;
	return 0;
}

/* ---------------------------------------------------------------- what a table says */

enum access_state access_state_of(const struct access_table *t)
{
	return t->state;
}

uint64_t access_generation_of(const struct access_table *t)
{
	return t->generation;
}

const unsigned char *access_session_key(const struct access_table *t)
{
	static const unsigned char none[SESSION_KEY_BYTES];

	return secret_is_same(t->stored.session_key, none, sizeof(none)) ? NULL
									 : t->stored.session_key;
}

uint64_t access_session_key_generation(const struct access_table *t)
{
	return t->key_generation;
}

const struct access_secret *access_find(const struct access_table *t, const char *public_part)
{
	size_t at = slot_of(t, public_part);

	for (; t->slots[at] != 0; at = (at + 1) & (t->slot_count - 1)) {
		const struct access_secret *found = &t->secrets[t->slots[at] - 1];

		if (memcmp(found->public_part, public_part, TOKEN_PUBLIC_BYTES) == 0)
			return found;
	}
	return NULL;
}

const struct access_token *access_find_token(const struct access_table *t, int64_t token_id)
{
	size_t low = 0, high = t->stored.token_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int64_t id = t->tokens[middle].actor.token_id;

		if (id == token_id)
			return &t->tokens[middle];
		if (id < token_id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

enum access_verdict access_judge(const struct access_table *t, const char *text, size_t bytes,
				 int64_t now_ms, const struct access_secret **ret)
{
	const char *public_part, *secret;
	const struct access_secret *found;
	unsigned char hash[TOKEN_HASH_BYTES];

	if (!token_read(text, bytes, &public_part, &secret))
		return ACCESS_MALFORMED;
	found = access_find(t, public_part);
	if (found == NULL)
		return ACCESS_UNKNOWN;
	secret_hash(secret, TOKEN_SECRET_BYTES, hash);
	if (!secret_is_same(hash, found->hash, sizeof(hash)))
		return ACCESS_UNKNOWN;
	*ret = found;
	if (found->token->is_revoked)
		return ACCESS_REVOKED;
	return now_ms < found->until_ms ? ACCESS_GOOD : ACCESS_EXPIRED;
}

/* ---------------------------------------------------------------- the newest table */

enum access_state access_book_state(const struct access_book *b)
{
	return atomic_load_explicit(&b->state, memory_order_acquire);
}

uint64_t access_book_generation(const struct access_book *b)
{
	return atomic_load_explicit(&b->generation, memory_order_acquire);
}

/* Takes over the caller's hold. */
static void publish(struct access_book *b, const struct access_table *t)
{
	const struct access_table *before;

	guard_lock(&b->guard);
	before = b->table;
	b->table = t;
	atomic_store_explicit(&b->state, t->state, memory_order_release);
	atomic_store_explicit(&b->generation, t->generation, memory_order_release);
	guard_unlock(&b->guard);

	if (before != NULL)
		access_release(before);
}

void access_view_init(struct access_view *v, struct access_book *b)
{
	CHECK(b != NULL);
	*v = (struct access_view){ .book = b };
}

struct access_grip *access_view_grip(struct access_view *v)
{
	CHECK(v->table != NULL);
	if (v->grip == NULL) {
		v->grip = malloc(sizeof(*v->grip));
		if (v->grip == NULL)
			return NULL;
		v->grip->table = v->table;
		atomic_init(&v->grip->holder_count, 1);
		access_hold(v->table);
	}
	access_grip_hold(v->grip);
	return v->grip;
}

void access_grip_release(struct access_grip *g)
{
	int before = atomic_fetch_sub_explicit(&g->holder_count, 1, memory_order_acq_rel);

	CHECK(before > 0);
	if (before > 1)
		return;
	access_release(g->table);
	free(g);
}

static void let_go_of_grip(struct access_view *v)
{
	if (v->grip != NULL)
		access_grip_release(v->grip);
	v->grip = NULL;
}

void access_view_fini(struct access_view *v)
{
	let_go_of_grip(v);
	if (v->table != NULL)
		access_release(v->table);
	*v = (struct access_view){ 0 };
}

static void renew(struct access_view *v)
{
	const struct access_table *before = v->table;

	let_go_of_grip(v);
	guard_lock(&v->book->guard);
	v->table = v->book->table;
	access_hold(v->table);
	guard_unlock(&v->book->guard);

	v->generation = v->table->generation;
	if (before != NULL)
		access_release(before);
}

const struct access_table *access_view_use(struct access_view *v)
{
	if (v->generation != access_book_generation(v->book))
		renew(v);
	return v->table;
}

/* ---------------------------------------------------------------- watching */

static void log_table(const struct access_table *t)
{
	log_write(LOG_INFO, "access_changed",
		  "generation=%" PRIu64 " tokens=%zu secrets=%zu state=%s", t->generation,
		  t->stored.token_count, t->stored.secret_count,
		  t->state == ACCESS_OPEN ? "open" : "closed");
	if (t->stored.left_out > 0)
		log_write(LOG_ERROR, "access_damaged",
			  "left_out=%zu hint=\"rows that make no sense open nothing: rowlockd "
			  "verify --store FILE\"",
			  t->stored.left_out);
}

/* Only this thread replaces the table, so that it may look at it without the guard. */
static int look(struct access_book *b)
{
	struct access_table *t;
	int64_t version;
	int r;

	CHECK(b->reader != NULL);
	r = b->reader->ops->access_version(b->reader, &version);
	if (r < 0 || version == b->table->stored.version)
		return r;
	r = read_table(b->reader, b->table, &t);
	if (r < 0)
		return r;
	publish(b, t);
	log_table(t); /* whoever reads the line finds that it counts; the book holds the table */
	return 0;
}

static void note(struct access_book *b, int r)
{
	if (r < 0 && !b->is_unread)
		log_write(LOG_ERROR, "access_unread",
			  "error=\"%s\" extended=%d at=%s:%d hint=\"changes of tokens are not seen "
			  "until the store can be read\"",
			  strerror(-r), fault_latest()->detail, fault_latest()->file,
			  fault_latest()->line);
	b->is_unread = r < 0;
}

/* False: it is over. */
static bool wait_for_turn(struct access_book *b)
{
	int64_t until_ns = clock_monotonic_ns() + ACCESS_LOOK_MS * NS_PER_MS;
	bool goes_on;

	guard_lock(&b->guard);
	while (!b->must_stop && !b->must_look && clock_monotonic_ns() < until_ns)
		guard_wait(&b->guard, &b->wake, until_ns);
	b->must_look = false;
	goes_on = !b->must_stop;
	guard_unlock(&b->guard);
	return goes_on;
}

static void *watch(void *context)
{
	struct access_book *b = context;
	struct crash_stack stack;

	crash_thread_begin(&stack, "access", -1);
	pulse_begin("access", -1);
	while (wait_for_turn(b)) {
		pulse_beat();
		note(b, look(b));
	}
	pulse_end();
	return NULL;
}

void access_book_look(struct access_book *b)
{
	guard_lock(&b->guard);
	b->must_look = true;
	signal_flag_raise(&b->wake);
	guard_unlock(&b->guard);
}

static int start_watching(struct access_book *b)
{
	CHECK(b->reader != NULL);
	return pthread_create(&b->thread, NULL, watch, b) == 0 ? 0 : FAULT(-EAGAIN);
}

int access_book_open(struct store *store, bool is_watched, struct access_book **ret)
{
	struct access_book *b = malloc(sizeof(*b));
	struct access_table *t;
	struct reader *reader;
	int r;

	CHECK(store != NULL);
	if (b == NULL)
		return FAULT(-ENOMEM);
	*b = (struct access_book){ 0 };
	r = store->ops->open_reader(store, &reader);
	if (r < 0) {
		free(b);
		return r;
	}
	guard_init(&b->guard, RANK_ACCESS);
	signal_flag_init(&b->wake);
	r = read_table(reader, NULL, &t);
	if (r == 0)
		publish(b, t);
	if (r == 0 && is_watched) {
		b->reader = reader;
		r = start_watching(b);
	}
	if (r < 0 || !is_watched) {
		b->reader = NULL;
		reader->ops->close(reader);
	}
	if (r < 0)
		access_book_close(b);
	else
		*ret = b;
	return r;
}

void access_book_close(struct access_book *b)
{
	if (b == NULL)
		return;
	if (b->reader != NULL) {
		guard_lock(&b->guard);
		b->must_stop = true;
		signal_flag_raise(&b->wake);
		guard_unlock(&b->guard);
		CHECK(pthread_join(b->thread, NULL) == 0);
		b->reader->ops->close(b->reader);
	}
	if (b->table != NULL)
		access_release(b->table);
	signal_flag_fini(&b->wake);
	guard_fini(&b->guard);
	free(b);
}
