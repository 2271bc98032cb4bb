/*
 * session - how a login of the page is written down: a cookie, which nobody but us can make.
 *
 *     1.k3v7q2mwza.001795900000.qj0Vw...        69 characters
 *     │ │          │            └ what signs the name of the cookie and all before it
 *     │ │          └ when it ends: store time, whole seconds
 *     │ └ the public part of the secret that logged in; who he is, and what he may, follows from it
 *     └ this form
 *
 * Nothing of it is stored, so that it is good at every front end of the store, and after a restart.
 * It ends with its time, with its secret (revoked, expired, rotated away), and with the key.
 *
 * The name says where it counts, and is signed with the rest. Behind TLS it is __Host-rowlock: a
 * browser takes and sends that by TLS only, and from this host only (RFC 6265bis). On loopback it
 * is rowlock-8080: cookies do not know ports, and two servers of one machine would log each other
 * out.
 *
 * Threads: none inside; time comes in as an argument. Cost: a keyed hash, about a microsecond.
 */
#pragma once
#include "base/secret.h"
#include "core/access.h"

enum {
	SESSION_NAME_BYTES_MAX = 14, /* "__Host-rowlock"; "rowlock-65535" is shorter */
	SESSION_SIGNED_BYTES = 1 + 1 + TOKEN_PUBLIC_BYTES + 1 + 12 + 1, /* up to the last point */
	SESSION_BYTES = SESSION_SIGNED_BYTES + SECRET_SIGNATURE_BYTES,
	SESSION_MS_MAX = SESSION_HOURS_MAX * 3600 * 1000,
};

struct session {
	char public_part[TOKEN_PUBLIC_BYTES];
	int64_t until_ms; /* store time; whole seconds when it is written */
};

/* port: of the server, as the browser calls it; 0: behind TLS. */
void session_name(int port, char ret[SESSION_NAME_BYTES_MAX + 1]);

/* The cookie's value, and a NUL. */
void session_write(const unsigned char key[SECRET_KEY_BYTES], const char *name,
		   const struct session *s, char ret[SESSION_BYTES + 1]);

enum session_verdict {
	SESSION_GOOD,
	SESSION_MALFORMED, /* it is not of this form */
	SESSION_FORGED,    /* it is, but signed with another key, or for another name */
	/*
	 * The cookie is ours, and its time is over. So is that of one that would last longer than
	 * any that is given out now: store time was further on when it was given.
	 */
	SESSION_EXPIRED,
};

/* *ret is set but for MALFORMED and FORGED. */
enum session_verdict session_read(const unsigned char key[SECRET_KEY_BYTES], const char *name,
				  const char *value, size_t bytes, int64_t now_ms,
				  struct session *ret);

/*
 * How many cookies of this name are in the value of a Cookie header? The first one's value is found
 * in it, not terminated. Names are told apart by case.
 */
int session_find(const char *cookies, const char *name, const char **ret_value, size_t *ret_bytes);
