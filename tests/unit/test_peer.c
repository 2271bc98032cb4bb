#include "exchange/peer.h"
#include "unit.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

/* clang-format off */
static const struct row {
	const char *what;
	int         family;
	const char *address; /* NULL: the family alone */
	int         port;
	enum peer_kind kind;
	bool        is_loopback, is_ipv4;
	const char *text;
} rows[] = {
	{ "IPv4 of this machine",     AF_INET,  "127.0.0.1",          40312, PEER_TCP,    true,  true,  "127.0.0.1:40312" },
	{ "another of its loopbacks", AF_INET,  "127.255.3.4",        1,     PEER_TCP,    true,  true,  "127.255.3.4:1" },
	{ "just below it",            AF_INET,  "126.255.255.255",    1,     PEER_TCP,    false, true,  "126.255.255.255:1" },
	{ "just above it",            AF_INET,  "128.0.0.1",          1,     PEER_TCP,    false, true,  "128.0.0.1:1" },
	{ "IPv4 of another",          AF_INET,  "192.0.2.7",          65535, PEER_TCP,    false, true,  "192.0.2.7:65535" },
	{ "IPv6 of this machine",     AF_INET6, "::1",                8080,  PEER_TCP,    true,  false, "[::1]:8080" },
	{ "IPv6 of another",          AF_INET6, "2001:db8::7",        8080,  PEER_TCP,    false, false, "[2001:db8::7]:8080" },
	{ "nearly ::1",               AF_INET6, "::1:0:1",            8080,  PEER_TCP,    false, false, "[::1:0:1]:8080" },
	{ "IPv4 by an IPv6 socket",   AF_INET6, "::ffff:127.0.0.1",   7,     PEER_TCP,    true,  true,  "127.0.0.1:7" },
	{ "of another, likewise",     AF_INET6, "::ffff:192.0.2.7",   7,     PEER_TCP,    false, true,  "192.0.2.7:7" },
	{ "what is not mapped",       AF_INET6, "::127.0.0.1",        7,     PEER_TCP,    false, false, "[::127.0.0.1]:7" },
	{ "a unix socket",            AF_UNIX,  NULL,                 0,     PEER_UNIX,   true,  false, "uid -1" },
	{ "something else",           AF_UNSPEC, NULL,                0,     PEER_NOBODY, false, false, "nobody" },
	{ "IPv4, cut off",            AF_INET,  NULL,                 0,     PEER_NOBODY, false, false, "nobody" },
	{ "IPv6, cut off",            AF_INET6, NULL,                 0,     PEER_NOBODY, false, false, "nobody" },
};
/* clang-format on */

static socklen_t address_make(const struct row *row, struct sockaddr_storage *ret)
{
	struct sockaddr_in *four = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;

	ret->ss_family = (sa_family_t)row->family;
	if (row->address == NULL)
		return sizeof(sa_family_t);
	if (row->family == AF_INET) {
		four->sin_port = htons((uint16_t)row->port);
		assert_int_equal(inet_pton(AF_INET, row->address, &four->sin_addr), 1);
		return sizeof(*four);
	}
	six->sin6_port = htons((uint16_t)row->port);
	assert_int_equal(inet_pton(AF_INET6, row->address, &six->sin6_addr), 1);
	return sizeof(*six);
}

static void addresses_are_read(void **state)
{
	(void)state;
	for (const struct row *row = rows; row < rows + LENGTH_OF(rows); row++) {
		struct sockaddr_storage address = { 0 };
		socklen_t byte_count = address_make(row, &address);
		char text[PEER_TEXT_BYTES];
		struct peer p;

		peer_of_address((struct sockaddr *)&address, byte_count, &p);
		peer_text(&p, text);
		ROW_EXPECT(row->what, p.kind == row->kind);
		ROW_EXPECT(row->what, p.is_loopback == row->is_loopback);
		ROW_EXPECT(row->what, peer_is_ipv4(&p) == row->is_ipv4);
		ROW_EXPECT(row->what, !p.is_trusted_proxy);
		ROW_EXPECT(row->what, p.uid == (uid_t)PEER_NO_ID);
		ROW_EXPECT(row->what, p.kind != PEER_TCP || p.port == row->port);
		ROW_EXPECT(row->what, strcmp(text, row->text) == 0);
	}
}

static void a_unix_socket_has_a_user(void **state)
{
	int fds[2];
	char text[PEER_TEXT_BYTES], expected[PEER_TEXT_BYTES];
	struct peer p;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	peer_of_socket(fds[0], &p);
	assert_int_equal(p.kind, PEER_UNIX);
	assert_int_equal(p.uid, geteuid());
	assert_int_equal(p.gid, getegid());
	assert_int_equal(p.pid, getpid());
	snprintf(expected, sizeof(expected), "uid %u", geteuid());
	peer_text(&p, text);
	assert_string_equal(text, expected);
	close(fds[0]);
	close(fds[1]);
}

/* What is no connection, or none any more, is nobody's. */
static void nobody_is_there(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct peer p;

	(void)state;
	assert_true(fd >= 0);
	peer_of_socket(fd, &p);
	assert_int_equal(p.kind, PEER_NOBODY);
	close(fd);
	peer_of_socket(fd, &p);
	assert_memory_equal(&p, &peer_nobody, sizeof(p));
}

/* clang-format off */
static const struct hash_row {
	const char *what;
	const char *a, *b; /* addresses, or numbers of users */
	bool        is_same;
} hash_rows[] = {
	{ "an address",                     "192.0.2.7", "192.0.2.7", true },
	{ "two addresses of IPv4",          "192.0.2.7", "192.0.2.8", false },
	{ "one in other clothes",           "192.0.2.7", "::ffff:192.0.2.7", true },
	{ "two in other clothes",           "::ffff:192.0.2.7", "::ffff:192.0.2.8", false },
	{ "two addresses of a network",     "2001:db8:0:1::7", "2001:db8:0:1:ffff:ffff:ffff:ffff", true },
	{ "two networks",                   "2001:db8:0:1::7", "2001:db8:0:2::7", false },
	{ "two networks of one site",       "2001:db8::", "2001:db8:0:1::", false },
	{ "this machine by IPv4 and IPv6",  "127.0.0.1", "::1", false },
	{ "a user",                         "1000", "1000", true },
	{ "two users",                      "1000", "1001", false },
	{ "a user and an address",          "0", "::", false },
	{ "a user and nobody",              "1000", "-1", false },
};
/* clang-format on */

static struct peer peer_made(const char *text)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(1) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(2) };
	struct peer p = { .kind = PEER_UNIX, .uid = (uid_t)atoi(text) };

	if (inet_pton(AF_INET6, text, &six.sin6_addr) == 1)
		peer_of_address((const struct sockaddr *)&six, sizeof(six), &p);
	else if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
		peer_of_address((const struct sockaddr *)&four, sizeof(four), &p);
	return p;
}

static void what_somebody_has_has_one_hash(void **state)
{
	(void)state;
	for (const struct hash_row *r = hash_rows; r < hash_rows + LENGTH_OF(hash_rows); r++) {
		struct peer a = peer_made(r->a), b = peer_made(r->b);

		b.port = 7; /* another connection */
		b.pid = 7;
		ROW_EXPECT(r->what, (peer_hash(&a) == peer_hash(&b)) == r->is_same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read),
		cmocka_unit_test(a_unix_socket_has_a_user),
		cmocka_unit_test(nobody_is_there),
		cmocka_unit_test(what_somebody_has_has_one_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
