#include "core/access.h"
#include "unit.h"
#include <stdlib.h>

#define PUBLIC     "k3v7q2mwza"
#define SECRET     "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define SIXTY_FOUR "a123456789b123456789c123456789d123456789e123456789f123456789g123"

/* clang-format off */
static const struct token_row {
	const char *what;
	const char *text;
	bool        is_token;
} tokens[] = {
	{ "a token",                           "rl_" PUBLIC "_" SECRET, true },
	{ "all that base64url has",            "rl_abcdefghij_-_AZaz09-_AZaz09-_AZaz09-_AZaz09-_AZaz09-_A", true },
	{ "nothing",                           "", false },
	{ "its beginning",                     "rl_", false },
	{ "another beginning",                 "rx_" PUBLIC "_" SECRET, false },
	{ "one in capitals",                   "RL_" PUBLIC "_" SECRET, false },
	{ "the public part alone",             "rl_" PUBLIC, false },
	{ "no line between the parts",         "rl_" PUBLIC "A" SECRET, false },
	{ "a capital in the public part",      "rl_K3v7q2mwza_" SECRET, false },
	{ "a 1 there",                         "rl_13v7q2mwza_" SECRET, false },
	{ "an 8 there",                        "rl_83v7q2mwza_" SECRET, false },
	{ "a line there",                      "rl__3v7q2mwza_" SECRET, false },
	{ "a + in the secret",                 "rl_" PUBLIC "_+AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", false },
	{ "a / there",                         "rl_" PUBLIC "_/AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", false },
	{ "a = at its end",                    "rl_" PUBLIC "_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh=", false },
	{ "a byte that is no ASCII",           "rl_" PUBLIC "_\xc3" "AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", false },
	{ "the same secret written otherwise", "rl_" PUBLIC "_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", false },
	{ "and with the other spare bit",      "rl_" PUBLIC "_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh-", false },
	{ "one character too few",             "rl_" PUBLIC "_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh", false },
	{ "one too many",                      "rl_" PUBLIC "_" SECRET "A", false },
	{ "a blank behind it",                 "rl_" PUBLIC "_" SECRET " ", false },
};

static const struct name_row {
	const char *what;
	const char *name;
	bool        is_valid;
} names[] = {
	{ "letters",                     "anna",          true  },
	{ "all that it may have",        "Till-7.b_2:x",  true  },
	{ "none",                        "",              false },
	{ "one as long as it may be",    SIXTY_FOUR,      true  },
	{ "one that is longer",          SIXTY_FOUR "4",  false },
	{ "a user's line",               "shop/anna",     false },
	{ "a blank",                     "till 7",        false },
	{ "who has no token",            "local",         false },
	{ "who edits by hand",           "sqlite3",       false },
	{ "the service",                 "rowlock",       false },
	{ "nearly one of those",         "rowlock2",      true  },
	{ "another one nearly",          "loca",          true  },
	{ "no ASCII",                    "b\xc3\xbcro",   false },
};

static const struct user_row {
	const char *what;
	const char *name, *user;
	const char *becomes; /* NULL: refused */
} users[] = {
	{ "somebody behind a proxy",      "shop", "anna",            "shop/anna" },
	{ "an address",                   "shop", "anna@example.org", "shop/anna@example.org" },
	{ "nobody is boss by saying so",  "shop", "boss",            "shop/boss" },
	{ "nor edits by hand",            "shop", "sqlite3",         "shop/sqlite3" },
	{ "a line in it",                 "shop", "a/b",             "shop/a/b" },
	{ "a blank within",               "shop", "Anna B",          "shop/Anna B" },
	{ "other letters",                "shop", "J\xc3\xbcrgen",   "shop/J\xc3\xbcrgen" },
	{ "none",                         "shop", "",                NULL },
	{ "a blank before",               "shop", " anna",           NULL },
	{ "a blank behind",               "shop", "anna ",           NULL },
	{ "a tab",                        "shop", "an\tna",          NULL },
	{ "a line feed",                  "shop", "an\nna",          NULL },
	{ "a DEL",                        "shop", "an\x7fna",        NULL },
	{ "half a character",             "shop", "J\xc3",           NULL },
	{ "somebody who has a user",      "shop/anna", "boss",       NULL },
	{ "as long as it may be",         SIXTY_FOUR, SIXTY_FOUR "a123456789b123456789c123456789d123456789e123456789f123456789g12",
	  SIXTY_FOUR "/" SIXTY_FOUR "a123456789b123456789c123456789d123456789e123456789f123456789g12" },
	{ "longer",                       SIXTY_FOUR, SIXTY_FOUR SIXTY_FOUR, NULL },
};

static const struct touch_row {
	const char *what;
	int         count;
	const char *locations[4];
	const char *location;
	bool        may;
} touches[] = {
	{ "somebody without a limit",     0, { 0 }, "WH1", true },
	{ "the only one he has",          1, { "WH1" }, "WH1", true },
	{ "another one",                  1, { "WH1" }, "WH2", false },
	{ "one that begins as his does",  1, { "WH1" }, "WH10", false },
	{ "the beginning of his",         1, { "WH1" }, "WH", false },
	{ "the first of some",            3, { "A", "C", "E" }, "A", true },
	{ "the middle one",               3, { "A", "C", "E" }, "C", true },
	{ "the last one",                 3, { "A", "C", "E" }, "E", true },
	{ "one between them",             3, { "A", "C", "E" }, "D", false },
	{ "one behind them",              3, { "A", "C", "E" }, "F", false },
	{ "case counts",                  3, { "A", "C", "E" }, "a", false },
	{ "the last of four",             4, { "A", "C", "E", "G" }, "G", true },
};
/* clang-format on */

static void texts_are_tokens_or_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(tokens); i++) {
		const struct token_row *r = &tokens[i];
		const char *public_part = NULL, *secret = NULL;

		ROW_EXPECT(r->what, token_read(r->text, strlen(r->text), &public_part, &secret) ==
					    r->is_token);
		ROW_EXPECT(r->what, (public_part == r->text + 3) == r->is_token);
		ROW_EXPECT(r->what, (secret == r->text + 14) == r->is_token);
	}
}

/* Not one byte of 256 in not one of its places is taken for another. */
static void each_place_takes_only_what_is_written_there(void **state)
{
	const char *digits[2] = {
		"abcdefghijklmnopqrstuvwxyz234567",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	};
	const char *last = "AEIMQUYcgkosw048";

	(void)state;
	for (int at = 0; at < TOKEN_BYTES; at++) {
		for (int byte = 1; byte < 256; byte++) {
			char text[] = "rl_" PUBLIC "_" SECRET;
			const char *may_be = at == TOKEN_BYTES - 1 ? last : digits[at > 13];
			const char *public_part, *secret;
			bool is_fixed = at < 3 || at == 13;
			bool is_same = text[at] == (char)byte;

			text[at] = (char)byte;
			assert_int_equal(token_read(text, TOKEN_BYTES, &public_part, &secret),
					 is_fixed ? is_same : strchr(may_be, byte) != NULL);
		}
	}
}

static void what_is_written_is_read(void **state)
{
	unsigned char random[TOKEN_RANDOM_BYTES];
	char text[TOKEN_BYTES + 1];
	const char *public_part, *secret;

	(void)state;
	for (unsigned bit = 0; bit < 2; bit++) {
		memset(random, bit == 0 ? 0 : 0xff, sizeof(random));
		token_write(random, text);
		assert_true(token_read(text, strlen(text), &public_part, &secret));
		assert_int_equal(strlen(text), TOKEN_BYTES);
	}
	assert_string_equal(text, "rl_7777777777___________________________________________8");
}

/* RFC 4648: base64 of the bytes 0 to 31, of which a decoder makes the same; base32 of 0 to 6. */
static void bytes_are_written_as_the_standard_says(void **state)
{
	unsigned char random[TOKEN_RANDOM_BYTES];
	char text[TOKEN_BYTES + 1];

	(void)state;
	for (int i = 0; i < TOKEN_RANDOM_BYTES; i++)
		random[i] = (unsigned char)(i < 7 ? i : i - 7);
	token_write(random, text);
	assert_string_equal(text, "rl_aaaqeayeau_" SECRET);
}

/* 256 bits of the secret and 50 of the public part: each of them makes another token. */
static void every_random_bit_counts(void **state)
{
	unsigned char random[TOKEN_RANDOM_BYTES] = { 0 };
	char zero[TOKEN_BYTES + 1], text[TOKEN_BYTES + 1];
	int counting = 0;

	(void)state;
	token_write(random, zero);
	for (int bit = 0; bit < TOKEN_RANDOM_BYTES * 8; bit++) {
		random[bit / 8] ^= (unsigned char)(1 << bit % 8);
		token_write(random, text);
		random[bit / 8] = 0;
		counting += strcmp(text, zero) != 0;
	}
	assert_int_equal(counting, 256 + 50);
}

static void tokens_are_called_so_or_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(names); i++)
		ROW_EXPECT(names[i].what,
			   token_name_is_valid(names[i].name, strlen(names[i].name)) ==
				   names[i].is_valid);
}

static void roles_have_words(void **state)
{
	(void)state;
	for (enum role role = 0; role < ROLES; role++)
		assert_int_equal(role_by_text(role_text(role)), role);
	assert_int_equal(role_by_text("boss"), ROLES);
	assert_int_equal(role_by_text(""), ROLES);
	assert_int_equal(role_by_text("Admin"), ROLES);
}

static void a_role_may_what_those_before_it_may(void **state)
{
	(void)state;
	for (enum role has = ROLE_READER; has < ROLES; has++)
		for (enum role needs = ROLE_PUBLIC; needs < ROLES; needs++)
			assert_int_equal(actor_has_role(&(struct actor){ .role = has }, needs),
					 needs <= has);
}

static void users_are_named_or_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(users); i++) {
		const struct user_row *r = &users[i];
		struct actor a = { .role = ROLE_READER };

		strcpy(a.name, r->name);
		ROW_EXPECT(r->what,
			   actor_set_user(&a, r->user, strlen(r->user)) == (r->becomes != NULL));
		ROW_EXPECT(r->what, strcmp(a.name, r->becomes != NULL ? r->becomes : r->name) == 0);
	}
}

/* The place has not a byte more than was asked for, which an address sanitizer knows. */
static struct actor *make_copy(const struct actor *a)
{
	void *place = malloc(actor_bytes(a));

	assert_non_null(place);
	return (struct actor *)actor_copy(a, place);
}

static void a_location_is_touched_or_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(touches); i++) {
		const struct touch_row *r = &touches[i];
		struct code locations[4] = { 0 };
		struct actor a = { .token_id = 3, .role = ROLE_CLERK, .name = "till" };
		struct row_ref row = { 0 };
		struct actor *copy;

		a.locations = locations;
		a.location_count = r->count;
		for (int k = 0; k < r->count; k++)
			strcpy(locations[k].text, r->locations[k]);
		strcpy(row.location.text, r->location);
		ROW_EXPECT(r->what, actor_may_touch(&a, &row) == r->may);
		ROW_EXPECT(r->what, actor_may_touch_location(&a, r->location) == r->may);

		copy = make_copy(&a);
		memset(locations, 'x', sizeof(locations));
		ROW_EXPECT(r->what, actor_may_touch(copy, &row) == r->may);
		ROW_EXPECT(r->what, actor_is_sound(copy));
		ROW_EXPECT(r->what, copy->token_id == 3 && strcmp(copy->name, "till") == 0);
		free(copy);
	}
}

/* clang-format off */
static const struct cover_row {
	const char *what;
	enum role role, other_role;
	const char *locations, *other_locations; /* a letter for each; "": not limited */
	bool covers;
} covers[] = {
	{ "the same",                      ROLE_CLERK,  ROLE_CLERK,  "",   "",   true },
	{ "a higher role",                 ROLE_ADMIN,  ROLE_READER, "",   "",   true },
	{ "a lower role",                  ROLE_READER, ROLE_CLERK,  "",   "",   false },
	{ "the same locations",            ROLE_CLERK,  ROLE_CLERK,  "ab", "ab", true },
	{ "one more",                      ROLE_CLERK,  ROLE_CLERK,  "abc", "ac", true },
	{ "one less",                      ROLE_CLERK,  ROLE_CLERK,  "ac", "abc", false },
	{ "another one",                   ROLE_CLERK,  ROLE_CLERK,  "a",  "b",  false },
	{ "a limit where there was none",  ROLE_ADMIN,  ROLE_CLERK,  "a",  "",   false },
	{ "no limit where there was one",  ROLE_CLERK,  ROLE_CLERK,  "",   "ab", true },
	{ "no limit, but a lower role",    ROLE_READER, ROLE_CLERK,  "",   "ab", false },
};
/* clang-format on */

static void limit(struct actor *a, const char *letters, struct code codes[])
{
	for (int i = 0; letters[i] != '\0'; i++)
		codes[a->location_count++] = (struct code){ { letters[i] } };
	a->locations = codes;
}

static void an_actor_may_do_what_another_may(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(covers); i++) {
		const struct cover_row *r = &covers[i];
		struct code codes[4], other_codes[4];
		struct actor a = { .token_id = 1, .role = r->role };
		struct actor other = { .token_id = 1, .role = r->other_role };

		limit(&a, r->locations, codes);
		limit(&other, r->other_locations, other_codes);
		ROW_EXPECT(r->what, actor_covers(&a, &other) == r->covers);
	}
}

static void those_without_a_token_are_known(void **state)
{
	(void)state;
	assert_true(actor_is_constant(&actor_local));
	assert_true(actor_is_constant(&actor_service));
	assert_true(actor_is_constant(&actor_sqlite));
	assert_false(actor_is_constant(&(struct actor){ .role = ROLE_ADMIN, .name = "local" }));
	assert_true(actor_is_sound(&actor_local));
	assert_true(actor_is_sound(&actor_service));
	assert_true(actor_is_sound(&actor_sqlite));
}

static void what_makes_no_sense_is_seen(void **state)
{
	struct code here = { "WH1" };

	(void)state;
	assert_false(actor_is_sound(&(struct actor){ .role = ROLE_PUBLIC, .name = "a" }));
	assert_false(actor_is_sound(&(struct actor){ .role = ROLES, .name = "a" }));
	assert_false(actor_is_sound(&(struct actor){ .role = ROLE_READER }));
	assert_false(actor_is_sound(
		&(struct actor){ .role = ROLE_READER, .name = "a", .token_id = -1 }));
	assert_false(actor_is_sound(
		&(struct actor){ .role = ROLE_READER, .name = "a", .location_count = 1 }));
	assert_false(actor_is_sound(&(struct actor){ .role = ROLE_READER,
						     .name = "a",
						     .locations = &here,
						     .location_count = TOKEN_LOCATIONS_MAX + 1 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_tokens_or_not),
		cmocka_unit_test(each_place_takes_only_what_is_written_there),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(bytes_are_written_as_the_standard_says),
		cmocka_unit_test(every_random_bit_counts),
		cmocka_unit_test(tokens_are_called_so_or_not),
		cmocka_unit_test(roles_have_words),
		cmocka_unit_test(a_role_may_what_those_before_it_may),
		cmocka_unit_test(users_are_named_or_not),
		cmocka_unit_test(a_location_is_touched_or_not),
		cmocka_unit_test(an_actor_may_do_what_another_may),
		cmocka_unit_test(those_without_a_token_are_known),
		cmocka_unit_test(what_makes_no_sense_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
