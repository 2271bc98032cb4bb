#include "engine/session.h"
#include "base/check.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	UNTIL_DIGITS = 12,
	PUBLIC_AT = 2, /* behind "1." */
	UNTIL_AT = PUBLIC_AT + TOKEN_PUBLIC_BYTES + 1,
	TO_SIGN_BYTES_MAX = SESSION_NAME_BYTES_MAX + 1 + SESSION_SIGNED_BYTES,
	SLACK_MS = 60 * 1000, /* by which store time may have been set back meanwhile */
};
_Static_assert(UNTIL_AT + UNTIL_DIGITS + 1 == SESSION_SIGNED_BYTES, "the last point is signed");

void session_name(int port, char ret[SESSION_NAME_BYTES_MAX + 1])
{
	CHECK(port >= 0 && port <= UINT16_MAX);
	if (port == 0)
		memcpy(ret, "__Host-rowlock", SESSION_NAME_BYTES_MAX + 1);
	else
		snprintf(ret, SESSION_NAME_BYTES_MAX + 1, "rowlock-%d", port);
}

/* What signs "name=value", of which `value` has SESSION_SIGNED_BYTES. */
static void sign(const unsigned char key[SECRET_KEY_BYTES], const char *name, const char *value,
		 char ret[SECRET_SIGNATURE_BYTES + 1])
{
	char all[TO_SIGN_BYTES_MAX];
	size_t name_bytes = strlen(name);

	CHECK(name_bytes <= SESSION_NAME_BYTES_MAX);
	memcpy(all, name, name_bytes);
	all[name_bytes] = '=';
	memcpy(all + name_bytes + 1, value, SESSION_SIGNED_BYTES);
	secret_sign_text(key, all, name_bytes + 1 + SESSION_SIGNED_BYTES, ret);
}

void session_write(const unsigned char key[SECRET_KEY_BYTES], const char *name,
		   const struct session *s, char ret[SESSION_BYTES + 1])
{
	int64_t until_s = s->until_ms / 1000;

	CHECK(until_s >= 0 && until_s < INT64_C(1000000000000));
	CHECK(token_public_is_valid(s->public_part, TOKEN_PUBLIC_BYTES));
	snprintf(ret, SESSION_BYTES + 1, "1.%.*s.%0*" PRId64 ".", TOKEN_PUBLIC_BYTES,
		 s->public_part, UNTIL_DIGITS, until_s);
	sign(key, name, ret, ret + SESSION_SIGNED_BYTES);
}

static bool read_until(const char *digits, int64_t *ret_ms)
{
	int64_t s = 0;

	for (int i = 0; i < UNTIL_DIGITS; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return false;
		s = s * 10 + (digits[i] - '0');
	}
	*ret_ms = s * 1000;
	return true;
}

enum session_verdict session_read(const unsigned char key[SECRET_KEY_BYTES], const char *name,
				  const char *value, size_t bytes, int64_t now_ms,
				  struct session *ret)
{
	char signature[SECRET_SIGNATURE_BYTES + 1];
	int64_t until_ms;

	if (bytes != SESSION_BYTES || memcmp(value, "1.", PUBLIC_AT) != 0 ||
	    !token_public_is_valid(value + PUBLIC_AT, TOKEN_PUBLIC_BYTES) ||
	    value[UNTIL_AT - 1] != '.' || !read_until(value + UNTIL_AT, &until_ms) ||
	    value[SESSION_SIGNED_BYTES - 1] != '.')
		return SESSION_MALFORMED;
	sign(key, name, value, signature);
	if (!secret_is_same(signature, value + SESSION_SIGNED_BYTES, SECRET_SIGNATURE_BYTES))
		return SESSION_FORGED;
	memcpy(ret->public_part, value + PUBLIC_AT, TOKEN_PUBLIC_BYTES);
	ret->until_ms = until_ms;
	return now_ms < until_ms && until_ms <= now_ms + SESSION_MS_MAX + SLACK_MS
		       ? SESSION_GOOD
		       : SESSION_EXPIRED;
}

int session_find(const char *cookies, const char *name, const char **ret_value, size_t *ret_bytes)
{
	size_t name_bytes = strlen(name);
	int count = 0;

	for (;;) {
		const char *at = cookies + strspn(cookies, " \t");
		size_t bytes = strcspn(at, ";");

		cookies = at + bytes;
		while (bytes > 0 && (at[bytes - 1] == ' ' || at[bytes - 1] == '\t'))
			bytes--;
		if (bytes > name_bytes && at[name_bytes] == '=' &&
		    memcmp(at, name, name_bytes) == 0 && count++ == 0) {
			*ret_value = at + name_bytes + 1;
			*ret_bytes = bytes - name_bytes - 1;
		}
		if (*cookies == '\0')
			return count;
		cookies++;
	}
}
