#include "edge/framing.h"
#include "edge/header_guard.h"
#include "unit.h"

static const char *const names[] = { "shop.example", "proxy.example:443", NULL };

static const struct listeners local_listeners = {
	1, { { .name = "localhost", .host = "127.0.0.1", .port = 8080 } }
};
static const struct listeners lan_listeners = {
	1, { { .name = "shop.lan", .host = "192.168.1.7", .port = 8080 } }
};
static const struct listeners any_listeners = {
	1, { { .name = "0.0.0.0", .host = "0.0.0.0", .is_any = true, .port = 8080 } }
};
static const struct listeners unix_listeners = { 1, { { .is_unix = true } } };
static const struct listeners several_listeners = {
	3,
	{ { .name = "127.0.0.1", .host = "127.0.0.1", .port = 8080 },
	  { .is_unix = true },
	  { .name = "shop.lan", .host = "192.168.1.7", .port = 80 } }
};

static const struct header_guard local = { .listeners = &local_listeners, .host_names = names };
static const struct header_guard lan = { .listeners = &lan_listeners };
static const struct header_guard anywhere = { .listeners = &any_listeners };
static const struct header_guard unix_only = { .listeners = &unix_listeners, .host_names = names };
static const struct header_guard several = { .listeners = &several_listeners };

/* clang-format off */
enum { OURS = OUTCOME_DONE, FOREIGN = OUTCOME_MISDIRECTED };

static const struct host_row {
	const struct header_guard *guard;
	const char                *host;
	int                        outcome;
} hosts[] = {
	{ &local,    "localhost",             OURS },
	{ &local,    "LOCALHOST:8080",        OURS },
	{ &local,    "127.0.0.1",             OURS },
	{ &local,    "127.0.0.1:8080",        OURS },
	{ &local,    "[::1]",                 OURS },
	{ &local,    "[::1]:8080",            OURS },
	{ &local,    "localhost:80",          FOREIGN },
	{ &local,    "localhost:8081",        FOREIGN },
	{ &local,    "localhost:",            FOREIGN },
	{ &local,    "localhost:80x",         FOREIGN },
	{ &local,    "localhost:0",           FOREIGN },
	{ &local,    "localhost:73616",       FOREIGN }, /* 8080 modulo 65536 */
	{ &local,    "localhost.",            FOREIGN },
	{ &local,    "localhost.example.com", FOREIGN },
	{ &local,    "user@localhost",        FOREIGN },
	{ &local,    "localhost, localhost",  FOREIGN },
	{ &local,    "",                      FOREIGN },
	{ &local,    ":8080",                 FOREIGN },
	{ &local,    "[",                     FOREIGN },
	{ &local,    "[]",                    FOREIGN },
	{ &local,    "[::1",                  FOREIGN },
	{ &local,    "[::1]x",                FOREIGN },
	{ &local,    "::1",                   FOREIGN },
	{ &local,    "[::2]",                 FOREIGN },
	{ &local,    "127.0.0.2",             FOREIGN },
	{ &local,    "example.com",           FOREIGN },
	{ &local,    "shop.example",          OURS },
	{ &local,    "Shop.Example:443",      OURS },
	{ &local,    "proxy.example:443",     OURS },
	{ &local,    "proxy.example:444",     FOREIGN },
	{ &local,    "proxy.example",         FOREIGN },
	{ &lan,      "192.168.1.7:8080",      OURS },
	{ &lan,      "shop.lan",              OURS },
	{ &lan,      "192.168.1.8",           FOREIGN },
	{ &lan,      "shop.example",          FOREIGN },
	{ &anywhere, "192.168.1.8:8080",      OURS },
	{ &anywhere, "[fe80::1]:8080",        OURS },
	{ &anywhere, "192.168.1.8:8081",      FOREIGN },
	{ &anywhere, "1.2.3.4.example.com",   FOREIGN },
	{ &anywhere, "[fe80::1%eth0]",        FOREIGN },
	{ &anywhere, "example.com",           FOREIGN },
	{ &several,  "127.0.0.1:8080",        OURS },
	{ &several,  "localhost:8080",        OURS },
	{ &several,  "localhost:80",          OURS }, /* of a listener that is elsewhere, too */
	{ &several,  "localhost:81",          FOREIGN },
	{ &several,  "shop.lan",              OURS },
	{ &several,  "shop.lan:80",           OURS },
	{ &several,  "192.168.1.7:80",        OURS },
	{ &several,  "shop.lan:8080",         FOREIGN }, /* the port is another's */
	{ &several,  "192.168.1.7:8080",      FOREIGN },
	{ &several,  "192.168.1.8",           FOREIGN },
	{ &several,  "example.com",           FOREIGN },
	{ &several,  "",                      FOREIGN },
};

/* What came by a unix socket. */
static const struct host_row unix_hosts[] = {
	{ &unix_only, "localhost",            OURS },
	{ &unix_only, "localhost:8080",       OURS }, /* a tunnel's own port */
	{ &unix_only, "[::1]:9",              OURS },
	{ &unix_only, "127.0.0.1",            OURS },
	{ &unix_only, "shop.example",         OURS },
	{ &unix_only, "proxy.example:443",    OURS },
	{ &unix_only, "proxy.example:444",    FOREIGN },
	{ &unix_only, "example.com",          FOREIGN },
	{ &unix_only, "192.168.1.7",          FOREIGN },
	{ &unix_only, "",                     FOREIGN },
	{ &several,   "localhost:81",         OURS },
	{ &several,   "shop.lan:80",          OURS },
	{ &several,   "shop.lan:8080",        FOREIGN },
	{ &anywhere,  "192.168.1.8:8080",     OURS },
	{ &anywhere,  "192.168.1.8:8081",     FOREIGN },
};
/* clang-format on */

static enum outcome judge_by(const struct header_guard *g, bool is_by_unix,
			     const struct header headers[], int count)
{
	struct request_head head = { .knows_method = true,
				     .version = "HTTP/1.1",
				     .is_by_unix = is_by_unix,
				     .headers = headers,
				     .header_count = count };
	const char *detail;

	return header_guard_judge(g, &head, &detail);
}

static enum outcome judge(const struct header_guard *g, const struct header headers[], int count)
{
	return judge_by(g, false, headers, count);
}

static void hosts_are_told_apart(void **state)
{
	(void)state;
	for (const struct host_row *r = hosts; r < hosts + LENGTH_OF(hosts); r++) {
		struct header host = { "Host", r->host };

		ROW_EXPECT(r->host, (int)judge(r->guard, &host, 1) == r->outcome);
	}
}

static void a_unix_socket_has_no_port(void **state)
{
	(void)state;
	for (const struct host_row *r = unix_hosts; r < unix_hosts + LENGTH_OF(unix_hosts); r++) {
		struct header host = { "Host", r->host };

		ROW_EXPECT(r->host, (int)judge_by(r->guard, true, &host, 1) == r->outcome);
	}
}

/* clang-format off */
static const struct tunnel_row {
	const char *what, *host, *origin;
	int         outcome;
} tunnels[] = {
	{ "the page that it shows",    "localhost:9000", "http://localhost:9000",  OURS },
	{ "a proxy's page",            "localhost",      "https://shop.example",   OURS },
	{ "another server's page",     "localhost:9000", "http://localhost:3000",  OUTCOME_FOREIGN_ORIGIN },
	{ "that of the one on port 80", "localhost:9000", "http://localhost",      OUTCOME_FOREIGN_ORIGIN },
	{ "another site's",            "localhost:9000", "http://example.com",     OUTCOME_FOREIGN_ORIGIN },
};
/* clang-format on */

static void a_tunnel_to_a_unix_socket_has_one_origin(void **state)
{
	(void)state;
	for (const struct tunnel_row *r = tunnels; r < tunnels + LENGTH_OF(tunnels); r++) {
		struct header headers[] = { { "Host", r->host }, { "Origin", r->origin } };

		ROW_EXPECT(r->what, (int)judge_by(&unix_only, true, headers, 2) == r->outcome);
	}
}

/* clang-format off */
static const struct origin_row {
	const char *what;
	const char *host;
	const char *name, *value;
	int         outcome;
} origins[] = {
	{ "our own page",                     "localhost:8080", "Origin", "http://localhost:8080",  OURS },
	{ "our own page by another name",     "localhost:8080", "Origin", "HTTP://127.0.0.1:8080",  OURS },
	{ "behind a proxy on port 80",        "shop.example",   "Origin", "http://shop.example",    OURS },
	{ "behind a proxy with TLS",          "localhost:8080", "Origin", "https://shop.example",   OURS },
	{ "behind a proxy, with a port",      "localhost:8080", "Origin", "https://proxy.example",  OURS },
	{ "the name for another port only",   "localhost:8080", "Origin", "http://proxy.example",   OUTCOME_FOREIGN_ORIGIN },
	{ "another server on this machine",   "localhost:8080", "Origin", "http://localhost:3000",  OUTCOME_FOREIGN_ORIGIN },
	{ "the one on port 80",               "localhost:8080", "Origin", "http://localhost",       OUTCOME_FOREIGN_ORIGIN },
	{ "another site",                     "localhost:8080", "Origin", "http://example.com",     OUTCOME_FOREIGN_ORIGIN },
	{ "a name that only begins like ours", "localhost:8080", "Origin", "http://localhost:8080.example.com", OUTCOME_FOREIGN_ORIGIN },
	{ "a sandbox or a file",              "localhost:8080", "Origin", "null",                   OUTCOME_FOREIGN_ORIGIN },
	{ "nothing",                          "localhost:8080", "Origin", "",                       OUTCOME_FOREIGN_ORIGIN },
	{ "another scheme",                   "localhost:8080", "Origin", "ftp://localhost:8080",   OUTCOME_FOREIGN_ORIGIN },
	{ "a request across sites",           "localhost:8080", "Sec-Fetch-Site", "cross-site",     OUTCOME_FOREIGN_ORIGIN },
	{ "in other letters",                 "localhost:8080", "sec-fetch-site", "Cross-Site",     OUTCOME_FOREIGN_ORIGIN },
	{ "a request of the same origin",     "localhost:8080", "Sec-Fetch-Site", "same-origin",    OURS },
	{ "an address that was typed",        "localhost:8080", "Sec-Fetch-Site", "none",           OURS },
	{ "what can be expected",             "localhost:8080", FRAMING_EXPECT, "100-Continue",     OURS },
	{ "what cannot",                      "localhost:8080", FRAMING_EXPECT, "200-ok",           OUTCOME_EXPECTATION_FAILED },
	{ "a body that is packed",            "localhost:8080", "Content-Encoding", "gzip",         OUTCOME_UNSUPPORTED_CODING },
	{ "packed twice",                     "localhost:8080", "content-encoding", "br, identity", OUTCOME_UNSUPPORTED_CODING },
	{ "a coding without a name",          "localhost:8080", "Content-Encoding", "",             OUTCOME_UNSUPPORTED_CODING },
	{ "a body as it is",                  "localhost:8080", "Content-Encoding", "Identity",     OURS },
	{ "a second Host",                    "localhost:8080", "host", "localhost:8080",           OUTCOME_MALFORMED_REQUEST },
};
/* clang-format on */

static void origins_are_told_apart(void **state)
{
	(void)state;
	for (const struct origin_row *r = origins; r < origins + LENGTH_OF(origins); r++) {
		struct header headers[] = { { "Host", r->host }, { r->name, r->value } };

		ROW_EXPECT(r->what, (int)judge(&local, headers, 2) == r->outcome);
	}
}

/* clang-format off */
static const struct link_row {
	const char *what;
	bool        is_read;
	const char *destination;
	int         outcome;
} links[] = {
	{ "a link that is followed",              true,  "document", OURS },
	{ "a frame around us",                    true,  "iframe",   OUTCOME_FOREIGN_ORIGIN },
	{ "a request of a script",                true,  "empty",    OUTCOME_FOREIGN_ORIGIN },
	{ "a form that is sent here",             false, "document", OUTCOME_FOREIGN_ORIGIN },
};
/* clang-format on */

static void links_may_be_followed_across_sites(void **state)
{
	(void)state;
	for (const struct link_row *r = links; r < links + LENGTH_OF(links); r++) {
		struct header headers[] = { { "Host", "localhost:8080" },
					    { "Sec-Fetch-Site", "cross-site" },
					    { "Sec-Fetch-Dest", r->destination } };
		struct request_head head = { .knows_method = true,
					     .is_read = r->is_read,
					     .version = "HTTP/1.1",
					     .headers = headers,
					     .header_count = LENGTH_OF(headers) };
		const char *detail;

		ROW_EXPECT(r->what, (int)header_guard_judge(&local, &head, &detail) == r->outcome);
	}
}

static void only_old_requests_may_lack_a_host(void **state)
{
	struct request_head head = { .knows_method = true, .version = "HTTP/1.1" };
	const char *detail;

	(void)state;
	assert_int_equal(header_guard_judge(&local, &head, &detail), OUTCOME_MALFORMED_REQUEST);
	assert_non_null(strstr(detail, "Host"));
	head.version = "HTTP/1.0";
	assert_int_equal(header_guard_judge(&local, &head, &detail), OUTCOME_DONE);
	assert_null(detail);
}

static void an_absolute_target_replaces_host(void **state)
{
	struct header host = { "Host", "localhost" };
	struct request_head head = { .knows_method = true,
				     .version = "HTTP/1.1",
				     .authority = "example.com",
				     .headers = &host,
				     .header_count = 1 };
	const char *detail;

	(void)state;
	assert_int_equal(header_guard_judge(&local, &head, &detail), OUTCOME_MISDIRECTED);
	head.authority = "localhost:8080";
	host.value = "example.com";
	assert_int_equal(header_guard_judge(&local, &head, &detail), OUTCOME_DONE);
}

static void a_method_that_is_not_known_is_said_first(void **state)
{
	struct header host = { "Host", "example.com" };
	struct request_head head = { .version = "HTTP/1.1", .headers = &host, .header_count = 1 };
	const char *detail;

	(void)state;
	assert_int_equal(header_guard_judge(&local, &head, &detail), OUTCOME_NOT_IMPLEMENTED);
}

static void headers_are_found_in_any_case(void **state)
{
	static const struct header headers[] = { { "If-Match", "1" },
						 { "ETAG", "2" },
						 { "if-match", "3" } };

	(void)state;
	assert_string_equal(header_find(headers, 3, "IF-MATCH"), "1");
	assert_string_equal(header_find(headers, 3, "etag"), "2");
	assert_null(header_find(headers, 3, "If"));
	assert_int_equal(header_times(headers, 3, "if-Match"), 2);
	assert_int_equal(header_times(headers, 3, "If-Match-Not"), 0);
	assert_true(header_mark("If-Match", 8) == header_mark("iF-mATCH", 8));
	assert_true(header_mark("If-Match", 8) != header_mark("If-None-Match", 13));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_are_told_apart),
		cmocka_unit_test(a_unix_socket_has_no_port),
		cmocka_unit_test(a_tunnel_to_a_unix_socket_has_one_origin),
		cmocka_unit_test(origins_are_told_apart),
		cmocka_unit_test(links_may_be_followed_across_sites),
		cmocka_unit_test(only_old_requests_may_lack_a_host),
		cmocka_unit_test(an_absolute_target_replaces_host),
		cmocka_unit_test(a_method_that_is_not_known_is_said_first),
		cmocka_unit_test(headers_are_found_in_any_case),
	};

	return cmocka_run_group_tests_name("header_guard", tests, NULL, NULL);
}
