#include "base/secret.h"
#include "base/check.h"
#include <sodium.h>

_Static_assert(SECRET_HASH_BYTES == crypto_generichash_BYTES, "256 bits");
_Static_assert(SECRET_KEY_BYTES == crypto_generichash_KEYBYTES, "256 bits");

bool secret_prepare(void)
{
	return sodium_init() >= 0;
}

void secret_random(void *ret, size_t bytes)
{
	randombytes_buf(ret, bytes);
}

void secret_hash(const void *bytes, size_t byte_count, unsigned char ret[SECRET_HASH_BYTES])
{
	CHECK(crypto_generichash(ret, SECRET_HASH_BYTES, bytes, byte_count, NULL, 0) == 0);
}

void secret_sign(const unsigned char key[SECRET_KEY_BYTES], const void *bytes, size_t byte_count,
		 unsigned char ret[SECRET_HASH_BYTES])
{
	CHECK(crypto_generichash(ret, SECRET_HASH_BYTES, bytes, byte_count, key,
				 SECRET_KEY_BYTES) == 0);
}

void secret_sign_text(const unsigned char key[SECRET_KEY_BYTES], const void *bytes,
		      size_t byte_count, char ret[SECRET_SIGNATURE_BYTES + 1])
{
	enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };
	unsigned char hash[SECRET_HASH_BYTES];

	_Static_assert(sodium_base64_ENCODED_LEN(SECRET_HASH_BYTES, VARIANT) ==
			       SECRET_SIGNATURE_BYTES + 1,
		       "32 bytes are 43 characters");
	secret_sign(key, bytes, byte_count, hash);
	sodium_bin2base64(ret, SECRET_SIGNATURE_BYTES + 1, hash, sizeof(hash), VARIANT);
}

bool secret_is_same(const void *a, const void *b, size_t byte_count)
{
	/* A token's header has 64, on each request, and its hash 32: compared by the word. */
	if (byte_count == crypto_verify_64_BYTES)
		return crypto_verify_64(a, b) == 0;
	if (byte_count == crypto_verify_32_BYTES)
		return crypto_verify_32(a, b) == 0;
	return sodium_memcmp(a, b, byte_count) == 0;
}

void secret_wipe(void *bytes, size_t byte_count)
{
	sodium_memzero(bytes, byte_count);
}
