/*
 * credentials - of whom the requests of one loop are, and whose token has ended meanwhile.
 *
 *     switch (credentials_judge(&waits_of(x)->credentials, x, value, &secret)) ...
 *     ...x->actor is a copy of secret->token->actor, x->token its public part...
 *
 * What a token was worth is remembered for a second at most, and no longer than the table of tokens
 * it was found in: a request with one that came just before costs a compare of its header, in a
 * time that does not tell where they differ, instead of a hash. A login of the page likewise.
 *
 * Twice a second it looks whether those who wait, or send a body piece by piece, would still be
 * admitted: their token may have ended, its role or a location been taken away, or the store, which
 * had no token, have got its first one. Of one that would not, exchange.is_ended says so from then
 * on: its stream ends, its long poll is answered, its upload is cut.
 *
 * Threads: the loop's.
 */
#pragma once
#include "core/failed_logins.h"
#include "engine/session.h"
#include "engine/access_book.h"
#include "exchange/duty.h"
#include "exchange/exchange.h"

enum {
	CREDENTIALS_KEPT = 64,
	SESSIONS_KEPT = 64,
	/* "Bearer ", then the token: what nearly all send. */
	CREDENTIAL_BYTES = 7 + TOKEN_BYTES,
};

struct credential {
	const struct access_secret *secret; /* in the table of that generation */
	uint64_t generation;                /* 0: none is here */
	int64_t good_until_ns;              /* monotonic */
	char text[CREDENTIAL_BYTES];
};

/* A login of the page: as above, but for the name under which its cookie came. */
struct kept_session {
	const struct access_secret *secret;
	uint64_t generation;
	int64_t good_until_ns;
	int64_t until_ms; /* of the session */
	char name[SESSION_NAME_BYTES_MAX + 1];
	char text[SESSION_BYTES];
};

/* A body that comes in piece by piece, for somebody who may be admitted no more meanwhile. */
struct upload {
	struct list link; /* in credentials.uploads */
	struct exchange *x;
};

struct credentials {
	struct duty duty;
	struct host *host;
	struct access_view view;
	struct list uploads;
	int64_t look_ns; /* when to look again at those who wait */
	struct failed_logins failed;
	struct credential kept[CREDENTIALS_KEPT];
	struct kept_session sessions[SESSIONS_KEPT];
};

void credentials_init(struct credentials *c, struct host *h);
void credentials_fini(struct credentials *c);

/* Is the store open: did it never have a token? */
bool credentials_are_needless(struct credentials *c);

/*
 * What the value of an Authorization header is worth; *ret_secret as access_judge() sets it. By the
 * table of which credentials_are_needless() was answered, just before.
 */
enum access_verdict credentials_judge(struct credentials *c, struct exchange *x, const char *value,
				      const struct access_secret **ret_secret);

/*
 * What the value of a cookie with this name is worth: UNKNOWN where we did not sign it, as it
 * stands there; EXPIRED also where its secret or key is no longer there. GOOD: *ret_until_ms is its
 * own end.
 */
enum access_verdict credentials_judge_session(struct credentials *c, struct exchange *x,
					      const char *name, const char *value, size_t bytes,
					      const struct access_secret **ret_secret,
					      int64_t *ret_until_ms);

/* A login has failed: is that more than its address may? */
bool credentials_note_failure(struct credentials *c, const struct exchange *x);

/* From now on, and no longer: it is looked after. */
void credentials_watch(struct credentials *c, struct upload *u, struct exchange *x);
void credentials_unwatch(struct upload *u);
