#include "exchange/speaker.h"
#include "unit.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <unistd.h>

enum { HEADERS_MAX = 4 };

static int header_count(const struct header headers[HEADERS_MAX])
{
	int count = 0;

	while (count < HEADERS_MAX && headers[count].name != NULL)
		count++;
	return count;
}

static struct peer tcp_peer(const char *address)
{
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct peer p = peer_nobody;

	if (inet_pton(AF_INET, address, &four.sin_addr) == 1)
		peer_of_address((struct sockaddr *)&four, sizeof(four), &p);
	else if (inet_pton(AF_INET6, address, &six.sin6_addr) == 1)
		peer_of_address((struct sockaddr *)&six, sizeof(six), &p);
	else
		fail_msg("%s is no address", address);
	return p;
}

static struct peer unix_peer(uid_t uid)
{
	struct peer p = peer_nobody;

	p.kind = PEER_UNIX;
	p.is_loopback = true;
	p.uid = uid;
	return p;
}

static struct speakers opened(const char *proxies, const char *roles)
{
	static struct speakers s;
	char wrong[SPEAKER_WRONG_BYTES] = "";

	if (!speakers_open(&s, proxies, roles, wrong))
		fail_msg("%s", wrong);
	return s;
}

/* ---------------------------------------------------------------- who is trusted */

/* clang-format off */
static const struct trust_row {
	const char *proxies;
	const char *peer; /* an address, "unix", or "" for nobody */
	bool        is_trusted;
} trusts[] = {
	{ "",                  "127.0.0.1",        false },
	{ "127.0.0.1",         "127.0.0.1",        true },
	{ "127.0.0.1",         "127.0.0.2",        false },
	{ "127.0.0.1",         "::1",              false },
	{ "127.0.0.1",         "::ffff:127.0.0.1", true },  /* the same client by an IPv6 socket */
	{ "::ffff:10.0.0.2",   "10.0.0.2",         true },
	{ "::1,10.0.0.2",      "::1",              true },
	{ "::1,10.0.0.2",      "10.0.0.2",         true },
	{ "::1,10.0.0.2",      "10.0.0.3",         false },
	{ "::1",               "unix",             false },
	{ "unix",              "unix",             true },
	{ "unix",              "127.0.0.1",        false },
	{ "unix,::1",          "::1",              true },
	{ "::,unix",           "",                 false }, /* nobody has the address of all zeros */
};
/* clang-format on */

static void a_proxy_is_who_is_named(void **state)
{
	(void)state;
	for (const struct trust_row *r = trusts; r < trusts + LENGTH_OF(trusts); r++) {
		struct speakers s = opened(r->proxies, "");
		struct peer p = strcmp(r->peer, "unix") == 0 ? unix_peer(1000)
				: r->peer[0] == '\0'         ? peer_nobody
							     : tcp_peer(r->peer);

		ROW_EXPECT(r->proxies, speakers_trust(&s, &p) == r->is_trusted);
	}
}

/* ---------------------------------------------------------------- the person */

/* clang-format off */
#define USER "X-Forwarded-User"
static const struct person_row {
	const char   *what;
	bool          is_trusted;
	struct header headers[HEADERS_MAX];
	enum outcome  outcome;
	const char   *name;
} persons[] = {
	{ "nobody is named",            true,  { { 0 } },                                   OUTCOME_DONE, "shop" },
	{ "a person",                   true,  { { USER, "anna" } },                        OUTCOME_DONE, "shop/anna" },
	{ "in other letters",           true,  { { "x-forwarded-USER", "anna" } },          OUTCOME_DONE, "shop/anna" },
	{ "an address",                 true,  { { USER, "anna.b+x@shop-1.example" } },     OUTCOME_DONE, "shop/anna.b+x@shop-1.example" },
	{ "by somebody else",           false, { { USER, "anna" } },                        OUTCOME_DONE, "shop" },
	{ "twice by somebody else",     false, { { USER, "anna" }, { USER, "boss" } },      OUTCOME_DONE, "shop" },
	{ "nonsense by somebody else",  false, { { USER, "a\tb" } },                        OUTCOME_DONE, "shop" },
	{ "twice",                      true,  { { USER, "anna" }, { USER, "anna" } },      OUTCOME_INVALID_HEADER, "shop" },
	{ "twice in other letters",     true,  { { USER, "anna" }, { "x-forwarded-user", "b" } }, OUTCOME_INVALID_HEADER, "shop" },
	{ "twice in one",               true,  { { USER, "anna, boss" } },                  OUTCOME_INVALID_HEADER, "shop" },
	{ "nothing",                    true,  { { USER, "" } },                            OUTCOME_INVALID_HEADER, "shop" },
	{ "a blank",                    true,  { { USER, "anna b" } },                      OUTCOME_INVALID_HEADER, "shop" },
	{ "a slash",                    true,  { { USER, "anna/boss" } },                   OUTCOME_INVALID_HEADER, "shop" },
	{ "a backslash",                true,  { { USER, "SHOP\\anna" } },                  OUTCOME_INVALID_HEADER, "shop" },
	{ "a quote",                    true,  { { USER, "anna\"" } },                      OUTCOME_INVALID_HEADER, "shop" },
	{ "a tag",                      true,  { { USER, "<b>" } },                         OUTCOME_INVALID_HEADER, "shop" },
	{ "a line's end",               true,  { { USER, "anna\n" } },                      OUTCOME_INVALID_HEADER, "shop" },
	{ "bytes above ASCII",          true,  { { USER, "\xc3\xa4" } },                    OUTCOME_INVALID_HEADER, "shop" },
	{ "another header",             true,  { { "X-Forwarded-Username", "boss" } },      OUTCOME_DONE, "shop" },
};
/* clang-format on */

static void a_person_is_named_by_a_trusted_proxy(void **state)
{
	(void)state;
	for (const struct person_row *r = persons; r < persons + LENGTH_OF(persons); r++) {
		struct actor a = { .token_id = 1, .role = ROLE_CLERK, .name = "shop" };
		struct peer p = tcp_peer("10.0.0.2");
		const char *detail = NULL;
		enum outcome o;

		p.is_trusted_proxy = r->is_trusted;
		o = speaker_name_person(&p, r->headers, header_count(r->headers), &a, &detail);
		ROW_EXPECT(r->what, o == r->outcome);
		ROW_EXPECT(r->what, strcmp(a.name, r->name) == 0);
		ROW_EXPECT(r->what, (detail != NULL) == (o != OUTCOME_DONE));
		ROW_EXPECT(r->what, a.role == ROLE_CLERK && a.token_id == 1);
	}
}

static void a_name_has_an_end(void **state)
{
	char user[USER_BYTES_MAX + 2] = "";
	struct actor a = { .token_id = 1, .role = ROLE_CLERK, .name = "shop" };
	struct peer p = unix_peer(33);
	struct header header = { USER, user };
	const char *detail = NULL;

	(void)state;
	p.is_trusted_proxy = true;
	memset(user, 'x', USER_BYTES_MAX + 1);
	assert_int_equal(speaker_name_person(&p, &header, 1, &a, &detail), OUTCOME_INVALID_HEADER);
	assert_string_equal(a.name, "shop");
	user[USER_BYTES_MAX] = '\0';
	assert_int_equal(speaker_name_person(&p, &header, 1, &a, &detail), OUTCOME_DONE);
	assert_int_equal(strlen(a.name), 5 + USER_BYTES_MAX);
}

/* clang-format off */
static const struct forwarded_row {
	const char *name;
	bool        is_forwarded;
} forwarded[] = {
	{ "Forwarded",          true },  { "FORWARDED",            true },
	{ "Via",                true },  { "via",                  true },
	{ "X-Forwarded-For",    true },  { "x-forwarded-host",     true },
	{ "X-Forwarded-User",   true },  { "X-Forwarded-Whatever", true },
	{ "X-Forwarded",        false }, { "X-Request-Id",         false },
	{ "Forwarded-For",      false }, { "Vias",                 false },
	{ "V",                  false }, { "Host",                 false },
};
/* clang-format on */

static void what_a_proxy_adds_is_seen(void **state)
{
	(void)state;
	for (const struct forwarded_row *r = forwarded; r < forwarded + LENGTH_OF(forwarded); r++) {
		struct header headers[] = { { "Host", "localhost" }, { r->name, "x" } };

		ROW_EXPECT(r->name, headers_are_forwarded(headers, 2) == r->is_forwarded);
		ROW_EXPECT(r->name, !headers_are_forwarded(headers, 1));
	}
}

/* ---------------------------------------------------------------- local users */

enum { ANNA = 4711, BERT = 4712 };

/* clang-format off */
static const struct local_row {
	const char   *what;
	const char   *proxies;
	uid_t         uid; /* 0: a peer by TCP */
	struct header headers[HEADERS_MAX];
	const char   *name; /* NULL: he has no role */
} locals[] = {
	{ "a user with a role",               "",     ANNA, { { "Host", "localhost" } },       "local/4711" },
	{ "the other",                        "",     BERT, { { 0 } },                         "local/4712" },
	{ "one without",                      "",     4713, { { 0 } },                         NULL },
	{ "whom the kernel cannot name",      "",     UID_OVERFLOW, { { 0 } },                 NULL },
	{ "somebody by TCP",                  "",     0,    { { 0 } },                         NULL },
	{ "beside a token",                   "",     ANNA, { { "Authorization", "Bearer x" } }, NULL },
	{ "beside an empty one",              "",     ANNA, { { "authorization", "" } },       NULL },
	{ "passed on",                        "",     ANNA, { { "Forwarded", "for=1.2.3.4" } }, NULL },
	{ "passed on, as they say it now",    "",     ANNA, { { "X-Forwarded-For", "1.2.3.4" } }, NULL },
	{ "passed on by a cache",             "",     ANNA, { { "Via", "1.1 cache" } },        NULL },
	{ "where a person is named",          "",     ANNA, { { USER, "boss" } },              NULL },
	{ "where unix sockets are a proxy's", "unix", ANNA, { { 0 } },                         NULL },
	{ "where another is a proxy",         "::1",  ANNA, { { 0 } },                         "local/4711" },
};
/* clang-format on */

static void a_local_user_has_his_role(void **state)
{
	(void)state;
	for (const struct local_row *r = locals; r < locals + LENGTH_OF(locals); r++) {
		struct speakers s = opened(r->proxies, "4711=clerk,4712=admin");
		struct peer p = r->uid != 0 ? unix_peer(r->uid) : tcp_peer("127.0.0.1");
		const struct actor *a;

		p.is_trusted_proxy = speakers_trust(&s, &p);
		a = speaker_local_user(&s, &p, r->headers, header_count(r->headers));
		ROW_EXPECT(r->what, (a != NULL) == (r->name != NULL));
		if (a == NULL)
			continue;
		ROW_EXPECT(r->what, strcmp(a->name, r->name) == 0);
		ROW_EXPECT(r->what, a->role == (r->uid == ANNA ? ROLE_CLERK : ROLE_ADMIN));
		ROW_EXPECT(r->what, a->token_id == LOCAL_TOKEN_ID + (int64_t)r->uid);
		ROW_EXPECT(r->what, actor_is_sound(a));
	}
}

static void users_are_looked_up(void **state)
{
	const struct passwd *me = getpwuid(geteuid());
	char list[128], wrong[SPEAKER_WRONG_BYTES];
	struct speakers s;

	(void)state;
	assert_false(speakers_open(&s, "", "no-such-user=clerk", wrong));
	assert_string_equal(wrong, "no-such-user: no user of this machine is called so");
	assert_false(speakers_open(&s, "", "65534=reader", wrong));
	assert_non_null(strstr(wrong, "cannot name"));
	assert_false(speakers_open(&s, "", "4294967295=reader", wrong));
	assert_true(speakers_open(&s, "", "0=reader", wrong));
	if (me == NULL)
		return;
	snprintf(list, sizeof(list), "%s=writer", me->pw_name);
	assert_true(speakers_open(&s, "", list, wrong));
	assert_int_equal(s.users[0].uid, geteuid());
	snprintf(list, sizeof(list), "%s=writer,%u=reader", me->pw_name, geteuid());
	assert_false(speakers_open(&s, "", list, wrong));
	assert_non_null(strstr(wrong, "under another name"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_proxy_is_who_is_named),
		cmocka_unit_test(a_person_is_named_by_a_trusted_proxy),
		cmocka_unit_test(a_name_has_an_end),
		cmocka_unit_test(what_a_proxy_adds_is_seen),
		cmocka_unit_test(a_local_user_has_his_role),
		cmocka_unit_test(users_are_looked_up),
	};

	return cmocka_run_group_tests_name("speaker", tests, NULL, NULL);
}
