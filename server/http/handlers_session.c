/*
 * handlers_session - who somebody is, and the page's login: a token once, a cookie from then on.
 */
#include "base/clock.h"
#include "exchange/peer.h"
#include "http/audited.h"
#include "http/cookie.h"
#include "http/reply.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include "waiting/waits.h"
#include <string.h>

/* ---------------------------------------------------------------- who somebody is */

/* By what he is known. */
static const char *means_of(const struct exchange *x)
{
	if (x->token[0] != '\0')
		return x->session_until_ms != 0 ? "session" : "token";
	if (x->actor == &actor_local)
		return "local";
	return x->actor->role == ROLE_PUBLIC ? "nothing" : "socket";
}

/* The secret by which he came; NULL: by none, or it is gone by now. */
static const struct access_secret *secret_of(struct exchange *x)
{
	return x->token[0] == '\0'
		       ? NULL
		       : access_find(access_view_use(&waits_of(x)->credentials.view), x->token);
}

/* When it ends by itself; 0: never. */
static int64_t end_of(struct exchange *x)
{
	const struct access_secret *secret = secret_of(x);
	int64_t until_ms = secret != NULL ? secret->until_ms : INT64_MAX;

	if (x->session_until_ms != 0 && x->session_until_ms < until_ms)
		until_ms = x->session_until_ms;
	return until_ms == INT64_MAX ? 0 : until_ms;
}

static void write_locations(struct json *j, const struct actor *a)
{
	if (a->location_count == 0) {
		json_none(j);
		return;
	}
	json_open(j, '[');
	for (int i = 0; i < a->location_count; i++)
		json_text(j, a->locations[i].text);
	json_close(j, ']');
}

static void reply_actor(struct exchange *x)
{
	const struct actor *a = x->actor;
	struct json j = json_begin(&x->reply);

	json_open(&j, '{');
	JSON_NAME(&j, "actor"), json_text(&j, a->role == ROLE_PUBLIC ? NULL : a->name);
	JSON_NAME(&j, "role"), json_text(&j, role_text(a->role));
	JSON_NAME(&j, "locations"), write_locations(&j, a);
	JSON_NAME(&j, "expires_at"), json_time(&j, end_of(x));
	JSON_NAME(&j, "by"), json_text(&j, means_of(x));
	json_close(&j, '}');
	text_add_char(&x->reply, '\n');
	reply_json(x, 200, service_seq(x->service));
}

/* For everybody: the page asks it first, and shows the form to whom nobody knows. */
void handle_session_show(struct exchange *x)
{
	reply_actor(x);
}

/* ---------------------------------------------------------------- the login */

/* NULL: he may log in here. */
static const char *trouble_of(struct exchange *x, char ret_name[SESSION_NAME_BYTES_MAX + 1])
{
	const char *reason = NULL;

	if (strchr(x->actor->name, '/') != NULL)
		return "The proxy in front of this page says who you are.";
	(void)cookie_name_of_login(x, ret_name, &reason);
	return reason;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* False: it was refused. */
static bool give_cookie(struct exchange *x, const char *name, const unsigned char *key,
			int64_t token_until_ms)
{
	int64_t now_ms = service_now_ms(x->service);
	struct session s;
	char value[SESSION_BYTES + 1];

	memcpy(s.public_part, x->token, TOKEN_PUBLIC_BYTES);
	s.until_ms = earlier(now_ms + SESSION_MS_MAX, token_until_ms) / MS_PER_S * MS_PER_S;
	if (s.until_ms <= now_ms) {
		reply_refuse(x, OUTCOME_UNAUTHORIZED, "This token has expired.");
		return false;
	}
	session_write(key, name, &s, value);
	if (!cookie_set(x, name, value, (s.until_ms - now_ms) / MS_PER_S)) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return false;
	}
	x->session_until_ms = s.until_ms;
	return true;
}

static void begin(struct exchange *x, const struct access_secret *secret)
{
	const unsigned char *key = access_session_key(waits_of(x)->credentials.view.table);
	char name[SESSION_NAME_BYTES_MAX + 1];
	const char *trouble = trouble_of(x, name);

	if (trouble != NULL) {
		reply_refuse(x, OUTCOME_LOGIN_UNSAFE, trouble);
		return;
	}
	if (key == NULL) {
		reply_refuse(x, OUTCOME_STORE_DAMAGED,
			     "The store has no key for logins of the page: rowlockd verify says "
			     "how to make one.");
		return;
	}
	if (!give_cookie(x, name, key, secret->until_ms))
		return;
	metric_add(METRIC_LOGINS, 1);
	audited_note(x, "login", x->token);
	reply_actor(x);
}

/* Of a store that never had a token everybody is let in already. */
void handle_session_begin(struct exchange *x)
{
	const struct access_secret *secret = secret_of(x);

	if (x->actor == &actor_local) {
		reply_actor(x);
	} else if (secret == NULL || x->session_until_ms != 0) {
		exchange_header_add(x, "WWW-Authenticate", "Bearer realm=\"rowlock\"");
		reply_refuse(x, OUTCOME_UNAUTHORIZED,
			     "A login wants Authorization: Bearer and a token.");
	} else {
		begin(x, secret);
	}
}

/* ---------------------------------------------------------------- the logout */

/* Whatever the cookie is worth: the browser forgets it. */
void handle_session_end(struct exchange *x)
{
	char name[SESSION_NAME_BYTES_MAX + 1];
	const char *reason;

	if (x->session_until_ms != 0)
		audited_note(x, "logout", x->token);
	if (cookie_name_of_login(x, name, &reason) && !cookie_set(x, name, "", 0)) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return;
	}
	reply_empty(x, 204);
}
