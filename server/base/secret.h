/*
 * secret - random bytes, hashes of what is secret, and comparing without telling (libsodium).
 *
 * A hash of a random secret of 256 bits gives nothing away, so that it may be kept where the secret
 * may not; and whoever finds it cannot use it. It is BLAKE2b (RFC 7693), 256 bits.
 *
 * Threads: any, after secret_prepare(). Cost: a hash is about a microsecond; a loop pays it once a
 * second for each token that it meets (waiting/credentials.h), and for each wrong secret.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { SECRET_HASH_BYTES = 32, SECRET_KEY_BYTES = 32, SECRET_SIGNATURE_BYTES = 43 };

/* Once per process, before anything of this. False: the machine has no random numbers. */
bool secret_prepare(void);

/* What nobody can guess. */
void secret_random(void *ret, size_t bytes);

/* BLAKE2b of some bytes. */
void secret_hash(const void *bytes, size_t byte_count, unsigned char ret[SECRET_HASH_BYTES]);

/* The same with a key: who does not have that cannot make it, nor make it fit other bytes. */
void secret_sign(const unsigned char key[SECRET_KEY_BYTES], const void *bytes, size_t byte_count,
		 unsigned char ret[SECRET_HASH_BYTES]);

/* The same as text: base64url (RFC 4648) without padding, and a NUL. It is written in one way. */
void secret_sign_text(const unsigned char key[SECRET_KEY_BYTES], const void *bytes,
		      size_t byte_count, char ret[SECRET_SIGNATURE_BYTES + 1]);

/* In a time that tells nothing of where they differ. */
bool secret_is_same(const void *a, const void *b, size_t byte_count);

/* Writes zeros over what is needed no more, which the compiler may not leave out. */
void secret_wipe(void *bytes, size_t byte_count);
