#include "exchange/request.h"
#include "base/crash.h"
#include "core/token_text.h"
#include "engine/access_book.h"
#include "exchange/host.h"
#include "exchange/peer.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

/*
 * Larger buffers go back to the allocator, so that one large answer does not stay for ever; where
 * very many requests are kept, each keeps little.
 */
enum { KEPT_BYTES_MAX = 16384, KEPT_BYTES_OF_MANY = 2048 };
enum { POOLED_MAX = 4096, MANY = 1024 };

/* ---------------------------------------------------------------- states */

/* clang-format off */
#define TO(s) (1u << REQUEST_##s)
static const unsigned may_move_to[REQUEST_STATES] = {
	[REQUEST_NEW]       = TO(RECEIVING) | TO(RUNNING),
	[REQUEST_RECEIVING] = TO(RUNNING) | TO(PAUSED),
	[REQUEST_PAUSED]    = TO(RECEIVING),
	[REQUEST_RUNNING]   = TO(PARKED) | TO(REPLIED) | TO(RECEIVING),
	[REQUEST_PARKED]    = TO(RETURNED) | TO(EXPIRED) | TO(ABANDONED),
	[REQUEST_RETURNED]  = TO(RUNNING),
	[REQUEST_EXPIRED]   = TO(RUNNING),
};
#undef TO
/* clang-format on */

void request_move(struct request *r, enum request_state next)
{
	CHECK(may_move_to[r->state] & (1u << next));
	r->state = next;
	/* For as long as its handler runs. */
	crash_note_request(next == REQUEST_RUNNING ? r->x.request_id : NULL);
	crash_note_doing(next == REQUEST_RUNNING ? r->x.label : NULL);
}

void request_continue(struct request *r)
{
	exchange_continue *next =
		r->state == REQUEST_EXPIRED ? r->x.waiting.kind->expire : r->resume;

	request_move(r, REQUEST_RUNNING);
	next(&r->x);
}

void request_finish_orphan(struct request *r)
{
	struct host *h = r->x.host;

	CHECK(r->connection == NULL);
	request_continue(r);
	if (r->state == REQUEST_PARKED) {
		list_push_back(&h->parked, &r->link);
		return;
	}
	CHECK(r->state == REQUEST_REPLIED);
	request_return(&h->requests, r);
}

/* ---------------------------------------------------------------- the pool */

void request_pool_init(struct request_pool *p)
{
	list_init(&p->free);
	p->count = 0;
	p->id_next = 0;
	/* An id is for finding things in logs, and no secret. */
	CHECK(getrandom(&p->id_prefix, sizeof(p->id_prefix), 0) == sizeof(p->id_prefix));
}

static void request_free(struct request *r)
{
	text_fini(&r->body);
	text_fini(&r->x.reply);
	arena_fini(&r->x.arena);
	free(r);
}

void request_pool_fini(struct request_pool *p)
{
	struct list *link;

	while ((link = list_pop_front(&p->free)) != NULL)
		request_free(CONTAINER_OF(link, struct request, link));
	p->count = 0;
}

static struct request *request_create(void)
{
	struct request *r = malloc(sizeof(*r));

	if (r == NULL)
		return NULL;
	text_init(&r->body);
	text_init(&r->x.reply);
	arena_init(&r->x.arena);
	list_init(&r->link);
	return r;
}

/* 32 random bits, then a counter: "5f3a09c1-2b". */
static void id_make(struct request_pool *p, char id[ID_BYTES_MAX + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint64_t number = p->id_next++;
	int bits = 4;

	for (int i = 0; i < 8; i++)
		*id++ = digits[(p->id_prefix >> (28 - 4 * i)) & 15];
	*id++ = '-';
	while (bits < 64 && number >> bits != 0)
		bits += 4;
	while ((bits -= 4) >= 0)
		*id++ = digits[(number >> bits) & 15];
	*id = '\0';
}

/* Only what nobody else sets first: arena, body and reply are empty already. */
static void request_begin(struct request *r)
{
	struct exchange *x = &r->x;

	r->state = REQUEST_NEW;
	r->connection = NULL;
	r->resume = NULL;
	r->parked_until_ns = INT64_MAX;
	r->body_declared = 0;
	r->body_received = 0;
	r->refusal = OUTCOME_DONE;
	r->refusal_detail = NULL;
	r->is_stream = false;
	r->is_answer_held = false;
	r->is_old = false;
	r->expects = false;
	r->authority = NULL;
	r->header_count = 0;

	x->method = HTTP_OTHER;
	x->method_text = "";
	x->path = "";
	x->query = NULL;
	x->body = "";
	x->body_bytes = 0;
	x->begun_ns = 0;
	x->peer = &peer_nobody;
	x->actor = &actor_local;
	x->grip = NULL;
	x->token[0] = '\0';
	x->session_until_ms = 0;
	x->is_ended = false;
	x->header_marks = 0;
	x->header_repeats = 0;
	x->authorization = NULL;
	x->host = NULL;
	x->route = NULL;
	x->label = NULL;
	x->waiter_owner = x;
	x->waiter = (struct waiter){ 0 };
	x->read_owner = x;
	x->long_read = (struct long_read){ 0 };
	x->context = NULL;
	x->taker = NULL;
	x->waiting = (struct waiting){ 0 };
	x->spool = NULL;
	x->content_type = NULL;
	x->must_close = false;
	x->is_unsure = false;
	x->status = 0;
	x->reply_header_count = 0;
	list_init(&x->waiter.parcel.link);
	list_init(&x->waiter.waiter_link);
	list_init(&x->long_read.parcel.link);
	list_init(&x->long_read.queue_link);
}

struct request *request_take(struct request_pool *p)
{
	struct list *link = list_pop_front(&p->free);
	struct request *r = link != NULL ? CONTAINER_OF(link, struct request, link) : NULL;

	if (r == NULL)
		r = request_create();
	else
		p->count--;
	if (r == NULL)
		return NULL;
	request_begin(r);
	id_make(p, r->x.request_id);
	return r;
}

static void text_empty(struct text *t, size_t bytes_max)
{
	if (t->capacity > bytes_max || t->failed)
		text_fini(t);
	else
		t->byte_count = 0;
}

void request_return(struct request_pool *p, struct request *r)
{
	size_t bytes_max = p->count < MANY ? KEPT_BYTES_MAX : KEPT_BYTES_OF_MANY;

	CHECK(r->state != REQUEST_PARKED);
	CHECK(!list_is_linked(&r->link));
	if (r->x.taker != NULL)
		r->x.taker->drop(&r->x);
	CHECK(!list_is_linked(&r->x.waiter.parcel.link));
	CHECK(!list_is_linked(&r->x.long_read.parcel.link));
	r->x.spool = spool_close(r->x.spool);
	if (r->x.grip != NULL)
		access_grip_release(r->x.grip);
	r->x.grip = NULL;
	if (p->count >= POOLED_MAX) {
		request_free(r);
		return;
	}
	arena_fini(&r->x.arena);
	text_empty(&r->body, bytes_max);
	text_empty(&r->x.reply, bytes_max);
	/* The front is the one that is still in the cache. */
	list_insert_before(p->free.next, &r->link);
	p->count++;
}

/* ---------------------------------------------------------------- what was sent */

static bool id_is_well_formed(const char *id)
{
	size_t bytes = strlen(id);

	return bytes >= 1 && bytes <= ID_BYTES_MAX &&
	       strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-") ==
		       bytes &&
	       !token_text_is_in(id, bytes);
}

/* Not inlined: of the headers of a request one is as long as this, and the others pay nothing. */
__attribute__((noinline)) static void note_authorization(struct exchange *x, const char *name,
							 const char *value)
{
	if (strcasecmp(name, "Authorization") == 0)
		x->authorization = value;
}

void request_add_header(struct request *r, const char *name, size_t name_bytes, const char *value)
{
	uint64_t mark = header_mark(name, name_bytes);

	CHECK(r->header_count < HEADER_COUNT_MAX);
	if (name_bytes == 13 && r->x.authorization == NULL)
		note_authorization(&r->x, name, value);
	r->headers[r->header_count++] = (struct header){ .name = name, .value = value };
	r->x.header_repeats |= r->x.header_marks & mark;
	r->x.header_marks |= mark;
}

void request_take_id(struct request *r)
{
	const char *id = header_find(r->headers, r->header_count, "X-Request-Id");

	if (id != NULL && id_is_well_formed(id))
		memcpy(r->x.request_id, id, strlen(id) + 1);
}

bool request_take_target(struct request *r, const char *target)
{
	static const char scheme[] = "http://";
	char *copy = arena_copy(&r->x.arena, target, strlen(target));
	char *question;

	if (copy == NULL)
		return false;
	if (strncasecmp(copy, scheme, sizeof(scheme) - 1) == 0) {
		/* RFC 9112, 3.2.2: what stands before the path of such a target replaces Host. */
		char *authority = copy + sizeof(scheme) - 1;
		size_t bytes = strcspn(authority, "/?");

		r->authority = arena_copy(&r->x.arena, authority, bytes);
		if (r->authority == NULL)
			return false;
		copy = authority + bytes;
	}
	question = strchr(copy, '?');
	if (question != NULL) {
		*question = '\0';
		r->x.query = question + 1;
	}
	r->x.path = copy[0] != '\0' ? copy : "/";
	return true;
}

enum http_method http_method_of(const char *text)
{
	static const char *const names[] = {
		[HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
		[HTTP_PUT] = "PUT",         [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
		[HTTP_OPTIONS] = "OPTIONS",
	};
	enum http_method m = 0;

	_Static_assert(LENGTH_OF(names) == HTTP_OTHER, "every method of ours has a name");
	while (m < HTTP_OTHER && strcmp(names[m], text) != 0)
		m++;
	return m;
}
