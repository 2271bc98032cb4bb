#include "core/access.h"
#include "base/block.h"
#include "base/check.h"
#include "base/utf8.h"
#include <string.h>

static const char *const words[] = {
	[ROLE_PUBLIC] = "public", [ROLE_READER] = "reader", [ROLE_CLERK] = "clerk",
	[ROLE_WRITER] = "writer", [ROLE_ADMIN] = "admin",
};
_Static_assert(LENGTH_OF(words) == ROLES, "every role has a word");

const char *role_text(enum role role)
{
	CHECK(role < ROLES);
	return words[role];
}

enum role role_by_text(const char *text)
{
	enum role role = 0;

	while (role < ROLES && strcmp(words[role], text) != 0)
		role++;
	return role;
}

/* ------------------------------------------------------------------ of whom something is */

const struct actor actor_local = { .role = ROLE_ADMIN, .name = "local" };
const struct actor actor_service = { .role = ROLE_ADMIN, .name = "rowlock" };
const struct actor actor_sqlite = { .role = ROLE_ADMIN, .name = "sqlite3" };

_Static_assert(TOKEN_NAME_BYTES_MAX + 1 + USER_BYTES_MAX == ACTOR_BYTES_MAX, "token/user fits");
_Static_assert(TOKEN_NAME_BYTES_MAX == CODE_BYTES_MAX, "names of tokens are written as codes are");

bool actor_is_sound(const struct actor *a)
{
	return a->token_id >= 0 && a->role > ROLE_PUBLIC && a->role < ROLES &&
	       a->location_count >= 0 && a->location_count <= TOKEN_LOCATIONS_MAX &&
	       IMPLIES(a->location_count > 0, a->locations != NULL) && a->name[0] != '\0';
}

bool actor_may_touch_location(const struct actor *a, const char *code)
{
	int low = 0, high = a->location_count;

	while (low < high) {
		int middle = low + (high - low) / 2;
		int order = strcmp(code, a->locations[middle].text);

		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return a->location_count == 0;
}

bool actor_covers(const struct actor *a, const struct actor *other)
{
	if (a->role < other->role)
		return false;
	if (a->location_count == 0 || other->location_count == 0)
		return a->location_count == 0;
	for (int i = 0; i < other->location_count; i++)
		if (!actor_may_touch_location(a, other->locations[i].text))
			return false;
	return true;
}

size_t actor_bytes(const struct actor *a)
{
	return sizeof(*a) + (size_t)a->location_count * sizeof(a->locations[0]);
}

const struct actor *actor_copy(const struct actor *a, void *place)
{
	struct actor *copy = place;

	CHECK(actor_is_sound(a));
	*copy = *a;
	copy->locations = NULL;
	if (a->location_count > 0) {
		copy->locations = (const struct code *)(copy + 1);
		memcpy(copy + 1, a->locations, (size_t)a->location_count * sizeof(struct code));
	}
	return copy;
}

static bool user_is_valid(const char *user, size_t bytes)
{
	if (bytes < 1 || bytes > USER_BYTES_MAX || user[0] == ' ' || user[bytes - 1] == ' ')
		return false;
	for (size_t i = 0; i < bytes; i++)
		if ((unsigned char)user[i] < ' ' || user[i] == 0x7f)
			return false;
	return utf8_is_sound(user, bytes);
}

bool actor_set_user(struct actor *a, const char *user, size_t bytes)
{
	size_t at = strlen(a->name);

	if (!user_is_valid(user, bytes) || at > TOKEN_NAME_BYTES_MAX || strchr(a->name, '/'))
		return false;
	a->name[at] = '/';
	memcpy(a->name + at + 1, user, bytes);
	a->name[at + 1 + bytes] = '\0';
	return true;
}

/* ------------------------------------------------------------------ tokens */

static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/*
 * Which are base64url characters? A secret passes here, so what is done must not depend on it: no
 * look-up in a table, and no jump.
 */
static block is_base64(block b)
{
	return (block)((b | 0x20) - 'a' < 26) | (block)(b - '0' < 10) | (block)(b == '-') |
	       (block)(b == '_');
}

/* The last one has two bits too many, which are zero: it is one in four. */
static bool is_last_base64(char c)
{
	static const char last_ones[] = "AEIMQUYcgkosw048";
	_Static_assert(sizeof(last_ones) - 1 == sizeof(block), "64 / 4");

	return block_first((block)(block_of(last_ones) == (unsigned char)c)) < sizeof(block);
}

/* In three blocks, of which the last begins within the second. */
static bool secret_is_valid(const char *text)
{
	const size_t bytes = sizeof(block);
	block are_valid = is_base64(block_of(text)) & is_base64(block_of(text + bytes)) &
			  is_base64(block_of(text + TOKEN_SECRET_BYTES - bytes));
	_Static_assert(TOKEN_SECRET_BYTES >= 2 * sizeof(block), "they leave no gap");
	_Static_assert(TOKEN_SECRET_BYTES <= 3 * sizeof(block), "they leave no gap");

	return block_first(~are_valid) == bytes && is_last_base64(text[TOKEN_SECRET_BYTES - 1]);
}

bool token_public_is_valid(const char *text, size_t bytes)
{
	if (bytes != TOKEN_PUBLIC_BYTES)
		return false;
	for (size_t i = 0; i < bytes; i++)
		if (!(text[i] >= 'a' && text[i] <= 'z') && !(text[i] >= '2' && text[i] <= '7'))
			return false;
	return true;
}

bool token_read(const char *text, size_t bytes, const char **ret_public, const char **ret_secret)
{
	const char *secret = text + 3 + TOKEN_PUBLIC_BYTES + 1;

	if (bytes != TOKEN_BYTES || memcmp(text, "rl_", 3) != 0 || secret[-1] != '_' ||
	    !token_public_is_valid(text + 3, TOKEN_PUBLIC_BYTES) || !secret_is_valid(secret))
		return false;
	*ret_public = text + 3;
	*ret_secret = secret;
	return true;
}

/* Writes `count` characters of so many bits each; behind the last byte there are zeros. */
static char *write_digits(char *out, const unsigned char *bytes, size_t byte_count,
			  const char *digits, unsigned bits, int count)
{
	unsigned held = 0, held_bits = 0;
	size_t at = 0;

	for (int i = 0; i < count; i++) {
		for (; held_bits < bits; held_bits += 8) {
			held = held << 8 | (at < byte_count ? bytes[at] : 0);
			at++;
		}
		held_bits -= bits;
		*out++ = digits[held >> held_bits];
		held &= (1U << held_bits) - 1;
	}
	return out;
}

void token_write(const unsigned char random[TOKEN_RANDOM_BYTES], char ret[TOKEN_BYTES + 1])
{
	enum { PUBLIC_RANDOM_BYTES = 7, SECRET_RANDOM_BYTES = 32 };
	_Static_assert(PUBLIC_RANDOM_BYTES + SECRET_RANDOM_BYTES == TOKEN_RANDOM_BYTES, "both");
	char *out = ret;

	memcpy(out, "rl_", 3);
	out = write_digits(out + 3, random, PUBLIC_RANDOM_BYTES, base32, 5, TOKEN_PUBLIC_BYTES);
	*out++ = '_';
	out = write_digits(out, random + PUBLIC_RANDOM_BYTES, SECRET_RANDOM_BYTES, base64, 6,
			   TOKEN_SECRET_BYTES);
	*out = '\0';
	CHECK(out == ret + TOKEN_BYTES);
}

bool token_name_is_valid(const char *text, size_t bytes)
{
	const struct actor *taken[] = { &actor_local, &actor_service, &actor_sqlite };

	for (size_t i = 0; i < LENGTH_OF(taken); i++)
		if (strlen(taken[i]->name) == bytes && memcmp(taken[i]->name, text, bytes) == 0)
			return false;
	return code_is_valid(text, bytes);
}
