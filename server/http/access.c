#include "http/access.h"
#include "http/cookie.h"
#include "http/reply.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include "exchange/peer.h"
#include "exchange/request.h"
#include "exchange/speaker.h"
#include "waiting/waits.h"
#include <stdio.h>
#include <string.h>

/* Who calls what is public, and is nobody that we know. */
static const struct actor nobody = { .role = ROLE_PUBLIC, .name = "nobody" };

bool access_demand(struct exchange *x, enum role role)
{
	char detail[96], member[32];

	if (actor_has_role(x->actor, role))
		return true;
	/* A user of this machine has his role without one. */
	snprintf(detail, sizeof(detail), "This needs the role %s; the %s has the role %s.",
		 role_text(role), x->token[0] != '\0' ? "token" : "user",
		 role_text(x->actor->role));
	snprintf(member, sizeof(member), "\"role\":\"%s\"", role_text(role));
	metric_add(METRIC_FORBIDDEN, 1);
	reply_problem(x, &(struct problem){ .outcome = OUTCOME_FORBIDDEN,
					    .detail = detail,
					    .members = member });
	return false;
}

/* ---------------------------------------------------------------- an open store */

static bool admit_openly(struct exchange *x)
{
	if (calls_configuration()->is_insecure || !exchange_is_proxied(x))
		return true;
	reply_refuse(x, OUTCOME_PROXIED_WITHOUT_TOKEN, NULL);
	return false;
}

/* ---------------------------------------------------------------- a closed one */

static const char *reason_of(enum access_verdict verdict)
{
	switch (verdict) {
	case ACCESS_MALFORMED:
		return "What Authorization says is not Bearer and a token.";
	case ACCESS_REVOKED:
		return "This token was revoked.";
	case ACCESS_EXPIRED:
		return "This token has expired.";
	case ACCESS_UNKNOWN:
	case ACCESS_GOOD:
		break;
	}
	return "Nobody has this token.";
}

/* The log has a line for those that are told so, and they are bounded. */
static void refuse_login(struct exchange *x, const char *reason)
{
	char text[PEER_TEXT_BYTES];

	metric_add(METRIC_LOGINS_FAILED, 1);
	if (credentials_note_failure(&waits_of(x)->credentials, x)) {
		metric_add(METRIC_LOGINS_REFUSED, 1);
		reply_refuse(x, OUTCOME_TOO_MANY_FAILED_LOGINS, NULL);
		return;
	}
	peer_text(x->peer, text);
	if (failed_logins_may_log(&waits_of(x)->credentials.failed, x->begun_ns))
		log_write(LOG_INFO, "login_failed", "peer=\"%s\" request=%s reason=\"%s\"", text,
			  x->request_id, reason);
	exchange_header_add(x, "WWW-Authenticate",
			    "Bearer realm=\"rowlock\", error=\"invalid_token\"");
	reply_refuse(x, OUTCOME_UNAUTHORIZED, reason);
}

/* The person for whom a trusted proxy asks goes with its token. False: it was answered. */
static bool take_person(struct exchange *x, const struct actor *a)
{
	const struct request *r = CONTAINER_OF(x, const struct request, x);
	struct actor person = *a;
	const char *detail = NULL;
	enum outcome o =
		speaker_name_person(x->peer, r->headers, r->header_count, &person, &detail);

	if (o != OUTCOME_DONE) {
		reply_refuse(x, o, detail);
		return false;
	}
	x->actor = actor_keep(&x->arena, &person);
	return true;
}

/* He stands in the table of tokens, which stays for as long as this request does. NULL: cannot. */
static const struct actor *hold_actor(struct exchange *x, const struct actor *a)
{
	CHECK(x->grip == NULL);
	x->grip = access_view_grip(&waits_of(x)->credentials.view);
	return x->grip != NULL ? a : NULL;
}

static bool take_actor(struct exchange *x, const struct access_secret *secret)
{
	if (!x->peer->is_trusted_proxy)
		x->actor = hold_actor(x, &secret->token->actor);
	else if (!take_person(x, &secret->token->actor))
		return false;
	if (x->actor == NULL) {
		x->actor = &nobody;
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return false;
	}
	memcpy(x->token, secret->public_part, TOKEN_PUBLIC_BYTES);
	x->token[TOKEN_PUBLIC_BYTES] = '\0';
	return true;
}

/*
 * A request without a token has not failed: its sender is told how to bring one. Nor has one whose
 * login of the page has ended: nobody has tried to guess anything.
 */
static void refuse_nobody(struct exchange *x, const char *reason)
{
	exchange_header_add(x, "WWW-Authenticate", "Bearer realm=\"rowlock\"");
	reply_refuse(x, OUTCOME_UNAUTHORIZED, reason);
}

static bool admit_known(struct exchange *x, const char *value)
{
	const struct access_secret *secret = NULL;
	enum access_verdict verdict =
		credentials_judge(&waits_of(x)->credentials, x, value, &secret);

	if (verdict == ACCESS_GOOD)
		return take_actor(x, secret) && (actor_has_role(x->actor, x->route->role) ||
						 access_demand(x, x->route->role));
	if (x->route->role == ROLE_PUBLIC)
		return true;
	refuse_login(x, reason_of(verdict));
	return false;
}

/* NULL: no user of this machine who has a role by himself. */
static const struct actor *local_user(const struct exchange *x)
{
	const struct speakers *speakers = calls_configuration()->speakers;
	const struct request *r = CONTAINER_OF(x, const struct request, x);

	return speakers == NULL
		       ? NULL
		       : speaker_local_user(speakers, x->peer, r->headers, r->header_count);
}

/* ---------------------------------------------------------------- a login of the page */

static const char *reason_of_session(enum access_verdict verdict)
{
	switch (verdict) {
	case ACCESS_MALFORMED:
		return "The cookie is none that this server gives. Log in again.";
	case ACCESS_REVOKED:
		return "The token by which you logged in was revoked.";
	case ACCESS_UNKNOWN:
		return "The cookie was not signed by this store. Log in again.";
	case ACCESS_EXPIRED:
	case ACCESS_GOOD:
		break;
	}
	return "The login has ended. Log in again.";
}

static bool take_session(struct exchange *x, const struct access_secret *secret, int64_t until_ms)
{
	x->actor = actor_keep(&x->arena, &secret->token->actor);
	if (x->actor == NULL) {
		x->actor = &nobody;
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return false;
	}
	memcpy(x->token, secret->public_part, TOKEN_PUBLIC_BYTES);
	x->token[TOKEN_PUBLIC_BYTES] = '\0';
	x->session_until_ms = until_ms;
	x->session_key = access_session_key_generation(waits_of(x)->credentials.view.table);
	return access_demand(x, x->route->role);
}

/* The person of a proxy and a user of this machine say nothing beside it. */
static bool admit_session(struct exchange *x, const struct cookie *c)
{
	const struct access_secret *secret = NULL;
	int64_t until_ms = 0;
	enum access_verdict verdict = credentials_judge_session(
		&waits_of(x)->credentials, x, c->name, c->value, c->bytes, &secret, &until_ms);

	if (verdict == ACCESS_GOOD)
		return take_session(x, secret, until_ms);
	if (x->route->role == ROLE_PUBLIC)
		return true;
	if (verdict == ACCESS_UNKNOWN)
		refuse_login(x, reason_of_session(verdict));
	else
		refuse_nobody(x, reason_of_session(verdict));
	return false;
}

/* ---------------------------------------------------------------- who brings no token */

static bool admit_without(struct exchange *x, const char *reason)
{
	if (x->route->role == ROLE_PUBLIC)
		return true;
	refuse_nobody(x, reason);
	return false;
}

static bool admit_local(struct exchange *x)
{
	const struct actor *local = local_user(x);

	if (local == NULL)
		return admit_without(x, NULL);
	x->actor = local;
	return access_demand(x, x->route->role);
}

static bool admit_unnamed(struct exchange *x)
{
	struct cookie cookie;

	switch (cookie_find(x, &cookie)) {
	case COOKIE_COUNTS:
		return admit_session(x, &cookie);
	case COOKIE_FOREIGN:
		return admit_without(x, "The login of the page counts only where the page itself "
					"asks: its Origin is missing, or another one.");
	case COOKIE_TWICE:
		return admit_without(x, "The cookie of the login is there more than once: clear "
					"the cookies of this host.");
	case COOKIE_NONE:
		break;
	}
	return admit_local(x);
}

bool access_admit(struct exchange *x)
{
	const char *value;

	CHECK(x->route != NULL);
	if (credentials_are_needless(&waits_of(x)->credentials))
		return admit_openly(x);
	x->actor = &nobody;
	value = x->authorization;
	if (value == NULL)
		return admit_unnamed(x);
	if ((x->header_repeats & header_mark("Authorization", 13)) != 0 &&
	    exchange_header_count(x, "Authorization") > 1) {
		reply_refuse(x, OUTCOME_INVALID_HEADER, "Authorization was sent more than once.");
		return false;
	}
	return admit_known(x, value);
}
