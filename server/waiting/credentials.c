#include "waiting/credentials.h"
#include "base/clock.h"
#include "base/secret.h"
#include "exchange/host.h"
#include "exchange/peer.h"
#include <string.h>
#include <strings.h>

_Static_assert(CREDENTIAL_BYTES == 64, "whole words: so it is compared at no call's cost");

static const int64_t look_every_ns = 500 * NS_PER_MS;

bool credentials_are_needless(struct credentials *c)
{
	return access_state_of(access_view_use(&c->view)) == ACCESS_OPEN;
}

/* ---------------------------------------------------------------- judging */

/* A place by the first letters of the public part, which is no secret. */
static uint32_t place_by(const char *public_part)
{
	uint32_t letters;

	memcpy(&letters, public_part, sizeof(letters));
	return letters * UINT32_C(2654435761) >> 26;
}
_Static_assert(CREDENTIALS_KEPT == 1 << (32 - 26), "six bits say which place");
_Static_assert((int)SESSIONS_KEPT == (int)CREDENTIALS_KEPT, "for both");

static struct credential *place_of(struct credentials *c, const char *value)
{
	return &c->kept[place_by(value + 10)];
}

/* Until when this may be believed without judging it again: a second, or its end. */
static int64_t good_until(int64_t until_ms, int64_t now_ms, int64_t now_ns)
{
	int64_t left_ms = until_ms - now_ms;

	return now_ns + (left_ms < MS_PER_S ? left_ms : MS_PER_S) * NS_PER_MS;
}

/* The token in "Bearer <token>", or what stands there instead. */
static const char *token_of(const char *value)
{
	if (strncasecmp(value, "Bearer ", 7) != 0)
		return "";
	value += 7;
	return value + strspn(value, " ");
}

/* White space behind a header is no part of its value (RFC 9110, 5.5). */
static size_t bytes_of(const char *token)
{
	size_t bytes = strlen(token);

	while (bytes > 0 && (token[bytes - 1] == ' ' || token[bytes - 1] == '\t'))
		bytes--;
	return bytes;
}

static enum access_verdict judge_anew(struct credentials *c, struct exchange *x, const char *value,
				      bool is_usual, const struct access_secret **ret_secret)
{
	int64_t now_ms = service_now_ms(x->service);
	const char *token = token_of(value);
	enum access_verdict verdict =
		access_judge(c->view.table, token, bytes_of(token), now_ms, ret_secret);
	struct credential *kept;

	if (verdict != ACCESS_GOOD || !is_usual)
		return verdict;
	kept = place_of(c, value);
	kept->secret = *ret_secret;
	kept->generation = c->view.generation;
	kept->good_until_ns = good_until((*ret_secret)->until_ms, now_ms, x->begun_ns);
	memcpy(kept->text, value, CREDENTIAL_BYTES);
	return verdict;
}

enum access_verdict credentials_judge(struct credentials *c, struct exchange *x, const char *value,
				      const struct access_secret **ret_secret)
{
	bool is_usual = strlen(value) == CREDENTIAL_BYTES;
	const struct credential *kept = is_usual ? place_of(c, value) : NULL;

	if (kept != NULL && kept->generation == c->view.generation &&
	    x->begun_ns < kept->good_until_ns &&
	    secret_is_same(kept->text, value, CREDENTIAL_BYTES)) {
		*ret_secret = kept->secret;
		return ACCESS_GOOD;
	}
	return judge_anew(c, x, value, is_usual, ret_secret);
}

/* ---------------------------------------------------------------- logins of the page */

static enum access_verdict judge_secret(const struct access_secret *s, int64_t now_ms)
{
	if (s == NULL)
		return ACCESS_EXPIRED; /* it was ours, and its secret was cleared away since */
	if (s->token->is_revoked)
		return ACCESS_REVOKED;
	return now_ms < s->until_ms ? ACCESS_GOOD : ACCESS_EXPIRED;
}

static enum access_verdict judge_session(struct credentials *c, const char *name, const char *value,
					 size_t bytes, int64_t now_ms,
					 const struct access_secret **ret_secret,
					 int64_t *ret_until_ms)
{
	const unsigned char *key = access_session_key(c->view.table);
	struct session s;

	if (key == NULL)
		return ACCESS_EXPIRED;
	switch (session_read(key, name, value, bytes, now_ms, &s)) {
	case SESSION_MALFORMED:
		return ACCESS_MALFORMED;
	case SESSION_FORGED:
		return ACCESS_UNKNOWN;
	case SESSION_EXPIRED:
		return ACCESS_EXPIRED;
	case SESSION_GOOD:
		break;
	}
	*ret_secret = access_find(c->view.table, s.public_part);
	*ret_until_ms = s.until_ms;
	return judge_secret(*ret_secret, now_ms);
}

static bool session_is_kept(const struct credentials *c, const struct exchange *x,
			    const struct kept_session *kept, const char *name, const char *value)
{
	return kept->generation == c->view.generation && x->begun_ns < kept->good_until_ns &&
	       strcmp(kept->name, name) == 0 && secret_is_same(kept->text, value, SESSION_BYTES);
}

static void keep_session(const struct credentials *c, struct kept_session *kept, const char *name,
			 const char *value)
{
	kept->generation = c->view.generation;
	strcpy(kept->name, name);
	memcpy(kept->text, value, SESSION_BYTES);
}

enum access_verdict credentials_judge_session(struct credentials *c, struct exchange *x,
					      const char *name, const char *value, size_t bytes,
					      const struct access_secret **ret_secret,
					      int64_t *ret_until_ms)
{
	bool is_usual = bytes == SESSION_BYTES;
	struct kept_session *kept = is_usual ? &c->sessions[place_by(value + 2)] : NULL;
	enum access_verdict verdict;
	int64_t now_ms, until_ms;

	(void)access_view_use(&c->view);
	if (is_usual && session_is_kept(c, x, kept, name, value)) {
		*ret_secret = kept->secret;
		*ret_until_ms = kept->until_ms;
		return ACCESS_GOOD;
	}
	now_ms = service_now_ms(x->service);
	verdict = judge_session(c, name, value, bytes, now_ms, ret_secret, ret_until_ms);
	if (verdict != ACCESS_GOOD)
		return verdict;
	kept->secret = *ret_secret;
	kept->until_ms = *ret_until_ms;
	until_ms =
		kept->secret->until_ms < kept->until_ms ? kept->secret->until_ms : kept->until_ms;
	kept->good_until_ns = good_until(until_ms, now_ms, x->begun_ns);
	keep_session(c, kept, name, value);
	return verdict;
}

/* Who fails: an IPv4 address, a network of IPv6, or a user of this machine. */
bool credentials_note_failure(struct credentials *c, const struct exchange *x)
{
	return failed_logins_note(&c->failed, peer_hash(x->peer), x->begun_ns);
}

/* ---------------------------------------------------------------- who is admitted no more */

static bool session_is_good(const struct access_table *t, const struct exchange *x, int64_t now_ms)
{
	return now_ms < x->session_until_ms && x->session_key == access_session_key_generation(t);
}

/*
 * Would it be admitted as it was? A token that was revoked has ended, also where the clock of
 * whoever did that is ahead of ours; and what began in an open store has no token to go on with.
 */
static bool is_good(struct credentials *c, const struct exchange *x, int64_t now_ms)
{
	const struct access_table *t = c->view.table;
	const struct access_secret *s;

	if (x->token[0] == '\0')
		return x->actor != &actor_local;
	if (x->session_until_ms != 0 && !session_is_good(t, x, now_ms))
		return false;
	s = access_find(t, x->token);
	return s != NULL && now_ms < s->until_ms && !s->token->is_revoked &&
	       actor_covers(&s->token->actor, x->actor);
}

static void end_waiting(struct credentials *c, struct exchange *x, int64_t now_ms)
{
	if (x->is_ended || is_good(c, x, now_ms))
		return;
	x->is_ended = true;
	if (x->waiting.kind->hurry != NULL)
		x->waiting.kind->hurry(x);
}

/* One that is being decided is cut when that has come home: whoever takes it asks is_ended. */
static void end_upload(struct credentials *c, struct exchange *x, int64_t now_ms)
{
	if (x->is_ended || is_good(c, x, now_ms))
		return;
	x->is_ended = true;
	if (x->taker != NULL && !x->taker->is_busy(x))
		exchange_cut(x, OUTCOME_UNAUTHORIZED, EXCHANGE_ENDED);
}

static struct credentials *credentials_of(struct duty *d)
{
	return CONTAINER_OF(d, struct credentials, duty);
}

static int64_t due(const struct duty *d)
{
	const struct credentials *c = CONTAINER_OF(d, const struct credentials, duty);

	return list_is_empty(&c->uploads) ? INT64_MAX : c->look_ns;
}

/* While somebody waits the host wakes twice a second in any case. */
static void serve(struct duty *d, int64_t now_ns)
{
	struct credentials *c = credentials_of(d);
	int64_t now_ms;

	if (now_ns < c->look_ns)
		return;
	c->look_ns = now_ns + look_every_ns;
	if (access_state_of(access_view_use(&c->view)) == ACCESS_OPEN)
		return;
	now_ms = service_now_ms(c->host->service);
	LIST_EACH_SAFE (it, &c->host->parked)
		end_waiting(c, &CONTAINER_OF(it, struct request, link)->x, now_ms);
	LIST_EACH_SAFE (it, &c->uploads)
		end_upload(c, CONTAINER_OF(it, struct upload, link)->x, now_ms);
}

void credentials_watch(struct credentials *c, struct upload *u, struct exchange *x)
{
	u->x = x;
	list_init(&u->link);
	list_push_back(&c->uploads, &u->link);
}

void credentials_unwatch(struct upload *u)
{
	list_remove(&u->link);
}

/* ---------------------------------------------------------------- life */

static const struct duty_kind duty_kind = { .due = due, .serve = serve };

void credentials_init(struct credentials *c, struct host *h)
{
	c->host = h;
	list_init(&c->uploads);
	access_view_init(&c->view, service_access(h->service));
	host_take_on(h, &c->duty, &duty_kind);
}

void credentials_fini(struct credentials *c)
{
	secret_wipe(c->kept, sizeof(c->kept));
	secret_wipe(c->sessions, sizeof(c->sessions));
	access_view_fini(&c->view);
}
