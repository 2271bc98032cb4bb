#include "http/access.h"
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
	snprintf(detail, sizeof(detail), "This needs the role %s; the token has the role %s.",
		 role_text(role), role_text(x->actor->role));
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
static void refuse_login(struct exchange *x, enum access_verdict verdict)
{
	char text[PEER_TEXT_BYTES];

	metric_add(METRIC_LOGINS_FAILED, 1);
	if (credentials_note_failure(&waits_of(x)->credentials, x)) {
		metric_add(METRIC_LOGINS_REFUSED, 1);
		reply_refuse(x, OUTCOME_TOO_MANY_FAILED_LOGINS, NULL);
		return;
	}
	peer_text(x->peer, text);
	log_write(LOG_INFO, "login_failed", "peer=\"%s\" request=%s reason=\"%s\"", text,
		  x->request_id, reason_of(verdict));
	exchange_header_add(x, "WWW-Authenticate",
			    "Bearer realm=\"rowlock\", error=\"invalid_token\"");
	reply_refuse(x, OUTCOME_UNAUTHORIZED, reason_of(verdict));
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

static bool take_actor(struct exchange *x, const struct access_secret *secret)
{
	if (!x->peer->is_trusted_proxy)
		x->actor = actor_keep(&x->arena, &secret->token->actor);
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

/* A request without a token has not failed: its sender is told how to bring one. */
static void refuse_nobody(struct exchange *x)
{
	exchange_header_add(x, "WWW-Authenticate", "Bearer realm=\"rowlock\"");
	reply_refuse(x, OUTCOME_UNAUTHORIZED, NULL);
}

static bool admit_known(struct exchange *x, const char *value)
{
	const struct access_secret *secret = NULL;
	enum access_verdict verdict =
		credentials_judge(&waits_of(x)->credentials, x, value, &secret);

	if (verdict == ACCESS_GOOD)
		return take_actor(x, secret) && access_demand(x, x->route->role);
	if (x->route->role == ROLE_PUBLIC)
		return true;
	refuse_login(x, verdict);
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

bool access_admit(struct exchange *x)
{
	const struct actor *local;
	const char *value;

	CHECK(x->route != NULL);
	if (credentials_are_needless(&waits_of(x)->credentials))
		return admit_openly(x);
	x->actor = &nobody;
	value = exchange_header(x, "Authorization");
	if (value != NULL && (x->header_repeats & header_mark("Authorization", 13)) != 0 &&
	    exchange_header_count(x, "Authorization") > 1) {
		reply_refuse(x, OUTCOME_INVALID_HEADER, "Authorization was sent more than once.");
		return false;
	}
	if (value != NULL)
		return admit_known(x, value);
	local = local_user(x);
	if (local != NULL) {
		x->actor = local;
		return access_demand(x, x->route->role);
	}
	if (x->route->role == ROLE_PUBLIC)
		return true;
	refuse_nobody(x);
	return false;
}
