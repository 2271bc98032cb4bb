/*
 * speaker - for whom a connection speaks, beyond what a token says: the person behind a proxy, or a
 * user of this machine.
 *
 *     struct speakers s;
 *     r = speakers_open(&s, "10.0.0.2", "anna=clerk", wrong);
 *     ...
 *     peer.is_trusted_proxy = speakers_trust(&s, &peer);         // once a connection
 *     o = speaker_name_person(x->peer, headers, count, &actor);  // behind a good token
 *     local = speaker_local_user(&s, x->peer, headers, count);   // where there is no token
 *
 * A proxy has a token of its own. Only of one that --trust-proxy names X-Forwarded-User is read,
 * and the actor becomes "token/user", which is nobody else's name. Of others it says nothing.
 *
 * A local user is whoever called connect() on a unix socket, as the kernel knows him; --socket-role
 * gives him a role, his name is "local/anna" (no token can be called local), and his keys and
 * leases are his own. Not through a proxy, whose own user would lend his role to the whole world:
 * so it never counts beside Authorization or what a proxy adds, nor where unix sockets are the
 * proxy's.
 *
 * Threads: speakers_open() before the loops start; the others any.
 */
#pragma once
#include "core/access.h"
#include "core/outcome.h"
#include "exchange/header.h"
#include "exchange/peer.h"
#include "ops/trust.h"

enum {
	SPEAKER_WRONG_BYTES = 128,
	/* Who the kernel cannot name (of another user namespace) comes as this one: "nobody". */
	UID_OVERFLOW = 65534,
};

/* A local user's token_id is this and his number: far above those of tokens, counted from 1. */
#define LOCAL_TOKEN_ID (INT64_C(1) << 40)

struct socket_user {
	uid_t uid;
	struct actor actor;
};

struct speakers {
	struct trusted_proxies proxies;
	int user_count;
	struct socket_user users[SOCKET_ROLES_MAX];
};

/*
 * The lists as they were typed, which ops/trust.h finds valid; users are looked up now. False: one
 * is not known, is twice there under two names, or is nobody; `ret_wrong` is the sentence.
 */
bool speakers_open(struct speakers *s, const char *trust_proxy, const char *socket_role,
		   char ret_wrong[SPEAKER_WRONG_BYTES]);

bool speakers_trust(const struct speakers *s, const struct peer *p);

/*
 * `a` is the actor of a good token; of a trusted proxy that names a person it becomes "token/user".
 * OUTCOME_INVALID_HEADER, with a constant sentence: it names two, or none that can be one (1 to
 * USER_BYTES_MAX of A-Z a-z 0-9 . _ @ + -); then `a` stays as it is.
 */
enum outcome speaker_name_person(const struct peer *p, const struct header headers[], int count,
				 struct actor *a, const char **ret_detail);

/*
 * The actor of a local user, which lives as long as `s`; NULL: the peer is none that has a role
 * here.
 */
const struct actor *speaker_local_user(const struct speakers *s, const struct peer *p,
				       const struct header headers[], int count);
