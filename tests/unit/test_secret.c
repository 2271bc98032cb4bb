#include "base/secret.h"
#include "unit.h"

static void prepare(void)
{
	assert_true(secret_prepare());
	assert_true(secret_prepare()); /* twice is no harm */
}

/* clang-format off */
/* Of another implementation: python3 -c 'hashlib.blake2b(..., digest_size=32, key=...)' */
static const struct known_row {
	const char *what;
	const char *bytes;
	bool is_signed; /* with the key 0, 1, ... 31 */
	unsigned char hash[SECRET_HASH_BYTES];
} known[] = {
	{ "nothing", "", false,
	  { 0x0e, 0x57, 0x51, 0xc0, 0x26, 0xe5, 0x43, 0xb2, 0xe8, 0xab, 0x2e, 0xb0, 0x60, 0x99, 0xda, 0xa1,
	    0xd1, 0xe5, 0xdf, 0x47, 0x77, 0x8f, 0x77, 0x87, 0xfa, 0xab, 0x45, 0xcd, 0xf1, 0x2f, 0xe3, 0xa8 } },
	{ "three letters", "abc", false,
	  { 0xbd, 0xdd, 0x81, 0x3c, 0x63, 0x42, 0x39, 0x72, 0x31, 0x71, 0xef, 0x3f, 0xee, 0x98, 0x57, 0x9b,
	    0x94, 0x96, 0x4e, 0x3b, 0xb1, 0xcb, 0x3e, 0x42, 0x72, 0x62, 0xc8, 0xc0, 0x68, 0xd5, 0x23, 0x19 } },
	{ "a secret", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", false,
	  { 0xba, 0x28, 0x5d, 0x7e, 0x02, 0x08, 0xbf, 0xfd, 0x22, 0x3e, 0xd3, 0x2a, 0x20, 0x51, 0xa8, 0x4f,
	    0x46, 0x3d, 0x13, 0x9b, 0x7e, 0x0d, 0x10, 0x0a, 0x9b, 0x30, 0xef, 0xab, 0x23, 0xfb, 0xf0, 0x4b } },
	{ "nothing, signed", "", true,
	  { 0x4e, 0x51, 0xe7, 0xa9, 0x13, 0xfc, 0x80, 0x13, 0x7d, 0xa5, 0x28, 0x80, 0xfe, 0xcc, 0xa1, 0x75,
	    0xbf, 0x81, 0xe1, 0x17, 0xd5, 0xc6, 0x81, 0x26, 0xdc, 0x27, 0x74, 0x03, 0x35, 0x17, 0xea, 0x0d } },
	{ "three letters, signed", "abc", true,
	  { 0xd6, 0x3a, 0x32, 0xd3, 0xe4, 0x47, 0x38, 0xd7, 0x90, 0x7f, 0x96, 0x43, 0x16, 0xc2, 0x41, 0xad,
	    0xab, 0xa0, 0xab, 0xfe, 0xab, 0xc3, 0x23, 0x49, 0x67, 0x75, 0x78, 0xa1, 0x5a, 0x20, 0x3f, 0x7f } },
};
/* clang-format on */

static void hashes_are_those_of_the_standard(void **state)
{
	(void)state;
	prepare();
	for (size_t i = 0; i < LENGTH_OF(known); i++) {
		const struct known_row *r = &known[i];
		unsigned char key[SECRET_KEY_BYTES], hash[SECRET_HASH_BYTES];

		for (size_t k = 0; k < sizeof(key); k++)
			key[k] = (unsigned char)k;
		if (r->is_signed)
			secret_sign(key, r->bytes, strlen(r->bytes), hash);
		else
			secret_hash(r->bytes, strlen(r->bytes), hash);
		ROW_EXPECT(r->what, memcmp(hash, r->hash, sizeof(hash)) == 0);
	}
}

static void each_bit_makes_a_difference(void **state)
{
	unsigned char a[32] = { 0 }, b[32] = { 0 };

	(void)state;
	prepare();
	assert_true(secret_is_same(a, b, sizeof(a)));
	for (size_t bit = 0; bit < sizeof(b) * 8; bit++) {
		b[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_false(secret_is_same(a, b, sizeof(a)));
		b[bit / 8] = 0;
	}
	assert_true(secret_is_same(a, b, 0));
}

static void random_bytes_are_not_those_before(void **state)
{
	unsigned char a[32] = { 0 }, b[32] = { 0 }, zero[32] = { 0 };

	(void)state;
	prepare();
	secret_random(a, sizeof(a));
	secret_random(b, sizeof(b));
	assert_false(secret_is_same(a, b, sizeof(a)));
	secret_wipe(a, sizeof(a));
	assert_true(secret_is_same(a, zero, sizeof(a)));
	assert_false(secret_is_same(b, zero, sizeof(b)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_are_those_of_the_standard),
		cmocka_unit_test(each_bit_makes_a_difference),
		cmocka_unit_test(random_bytes_are_not_those_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
