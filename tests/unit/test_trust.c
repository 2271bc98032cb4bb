#include "core/access.h"
#include "ops/trust.h"
#include "unit.h"

/* clang-format off */
static const struct proxies_row {
	const char *list;
	bool        is_valid, is_unix;
	int         count;
} proxies[] = {
	{ "",                          true,  false, 0 },
	{ "  ",                        true,  false, 0 },
	{ "unix",                      true,  true,  0 },
	{ "10.0.0.2",                  true,  false, 1 },
	{ "10.0.0.2, ::1 ,unix",       true,  true,  2 },
	{ "2001:db8::7",               true,  false, 1 },
	{ "::ffff:10.0.0.2",           true,  false, 1 },
	{ "10.0.0.2,",                 false, false, 0 },
	{ ",10.0.0.2",                 false, false, 0 },
	{ "10.0.0",                    false, false, 0 },
	{ "10.0.0.256",                false, false, 0 },
	{ "10.0.0.2:80",               false, false, 0 },
	{ "[::1]",                     false, false, 0 },
	{ "10.0.0.0/8",                false, false, 0 },
	{ "fe80::1%eth0",              false, false, 0 },
	{ "proxy.lan",                 false, false, 0 }, /* a name server's word is no reason to trust */
	{ "*",                         false, false, 0 },
	{ "UNIX",                      false, false, 0 },
};

static const struct roles_row {
	const char *list;
	int         count;
} role_lists[] = {
	{ "",                          0 },
	{ "anna=clerk",                1 },
	{ "anna=clerk, backup=admin",  2 },
	{ "1000=reader",               1 },
	{ "www-data=writer",           1 },
	{ "anna",                      -1 },
	{ "anna=",                     -1 },
	{ "=clerk",                    -1 },
	{ "anna=boss",                 -1 },
	{ "anna=public",               -1 },
	{ "anna=Clerk",                -1 },
	{ "anna=clerk=admin",          -1 },
	{ "anna=clerk,anna=admin",     -1 },
	{ "anna=clerk,",               -1 },
	{ "an na=clerk",               -1 },
	{ "a/b=clerk",                 -1 },
	{ "abcdefghijklmnopqrstuvwxyz0123456=clerk", -1 },
};
/* clang-format on */

static void proxies_are_read(void **state)
{
	(void)state;
	for (const struct proxies_row *r = proxies; r < proxies + LENGTH_OF(proxies); r++) {
		struct trusted_proxies p;

		ROW_EXPECT(r->list, trusted_proxies_read(r->list, &p) == r->is_valid);
		ROW_EXPECT(r->list, trusted_proxies_are_valid(r->list) == r->is_valid);
		ROW_EXPECT(r->list,
			   !r->is_valid || (p.is_unix == r->is_unix && p.count == r->count));
	}
}

static void there_is_room_for_so_many(void **state)
{
	char list[(PROXIES_MAX + 1) * 10] = "10.0.0.1";
	struct trusted_proxies p;

	(void)state;
	for (int i = 1; i < PROXIES_MAX; i++)
		strcat(list, ",10.0.0.1");
	assert_true(trusted_proxies_read(list, &p));
	assert_int_equal(p.count, PROXIES_MAX);
	strcat(list, ",10.0.0.1");
	assert_false(trusted_proxies_read(list, &p));
}

static void roles_are_read(void **state)
{
	struct socket_role roles[SOCKET_ROLES_MAX];

	(void)state;
	for (const struct roles_row *r = role_lists; r < role_lists + LENGTH_OF(role_lists); r++) {
		ROW_EXPECT(r->list, socket_roles_read(r->list, roles) == r->count);
		ROW_EXPECT(r->list, socket_roles_are_valid(r->list) == (r->count >= 0));
	}
	assert_int_equal(socket_roles_read("anna=clerk, 7=admin", roles), 2);
	assert_string_equal(roles[0].user, "anna");
	assert_string_equal(roles[0].role, "clerk");
	assert_string_equal(roles[1].user, "7");
	assert_string_equal(roles[1].role, "admin");
}

static void the_roles_are_those_of_tokens(void **state)
{
	char list[32];

	(void)state;
	for (int role = ROLE_READER; role < ROLES; role++) {
		snprintf(list, sizeof(list), "anna=%s", role_text((enum role)role));
		assert_true(socket_roles_are_valid(list));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proxies_are_read),
		cmocka_unit_test(there_is_room_for_so_many),
		cmocka_unit_test(roles_are_read),
		cmocka_unit_test(the_roles_are_those_of_tokens),
	};

	return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
