#include "http/cookie.h"
#include "base/check.h"
#include "exchange/peer.h"
#include "exchange/request.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { PORT_OF_TLS = 0, PORT_OF_HTTP = 80 };

/* ---------------------------------------------------------------- by whom it was asked */

static const char *host_of(struct exchange *x)
{
	const struct request *r = request_of(x);
	const char *host = r->authority != NULL ? r->authority : exchange_header(x, "Host");

	return host != NULL ? host : "";
}

static bool origin_is(struct exchange *x, const char *scheme)
{
	const char *origin = exchange_header(x, "Origin");
	size_t bytes = strlen(scheme);

	return origin != NULL && exchange_header_count(x, "Origin") == 1 &&
	       strncasecmp(origin, scheme, bytes) == 0 &&
	       strcasecmp(origin + bytes, host_of(x)) == 0;
}

/* Without an Origin: something is read, by this page, or by whoever typed the address. */
static bool is_own_read(struct exchange *x)
{
	const char *site = exchange_header(x, "Sec-Fetch-Site");

	return exchange_header(x, "Origin") == NULL &&
	       (x->method == HTTP_GET || x->method == HTTP_HEAD) &&
	       (site == NULL || strcasecmp(site, "same-origin") == 0 ||
		strcasecmp(site, "none") == 0);
}

/* The bytes of an authority's host that is this machine; 0: it is not, or somewhere else. */
static size_t loopback_bytes(const char *host)
{
	static const char *const names[] = { "localhost", "[::1]" };
	size_t digits = strspn(host, "0123456789.");

	for (size_t i = 0; i < LENGTH_OF(names); i++)
		if (strncasecmp(host, names[i], strlen(names[i])) == 0)
			return strlen(names[i]);
	return strncmp(host, "127.", 4) == 0 ? digits : 0;
}

/* The port by which this machine's own browser calls us; -1: it does not. */
static int loopback_port(struct exchange *x)
{
	const char *host = host_of(x);
	size_t bytes = loopback_bytes(host);
	char *end;
	long port;

	if (!x->peer->is_loopback || bytes == 0)
		return -1;
	if (host[bytes] == '\0')
		return PORT_OF_HTTP;
	if (host[bytes] != ':' || host[bytes + 1] < '0' || host[bytes + 1] > '9')
		return -1;
	port = strtol(host + bytes + 1, &end, 10);
	return *end == '\0' && port > 0 && port <= UINT16_MAX ? (int)port : -1;
}

/* ---------------------------------------------------------------- which one counts */

/* In all Cookie headers: a proxy may have split them. */
static int count_named(struct exchange *x, struct cookie *c)
{
	const struct request *r = request_of(x);
	int count = 0;

	for (int i = 0; i < r->header_count && i < HEADER_COUNT_MAX; i++)
		if (strcasecmp(r->headers[i].name, "Cookie") == 0)
			count += session_find(r->headers[i].value, c->name, &c->value, &c->bytes);
	return count;
}

static enum cookie_found find_at(struct exchange *x, int port, struct cookie *ret)
{
	int count;

	if (port < 0)
		return COOKIE_NONE;
	session_name(port, ret->name);
	count = count_named(x, ret);
	if (count != 1)
		return count == 0 ? COOKIE_NONE : COOKIE_TWICE;
	return origin_is(x, port == PORT_OF_TLS ? "https://" : "http://") || is_own_read(x)
		       ? COOKIE_COUNTS
		       : COOKIE_FOREIGN;
}

/*
 * On loopback both may come, since browsers send there what is for TLS only. Where no Origin tells
 * them apart it is the one of the way by which the request came.
 */
enum cookie_found cookie_find(struct exchange *x, struct cookie *ret)
{
	int ports[2] = { PORT_OF_TLS, -1 };
	enum cookie_found found = COOKIE_NONE;

	if (exchange_header(x, "Cookie") == NULL)
		return COOKIE_NONE;
	ports[1] = loopback_port(x);
	if (!exchange_is_proxied(x)) {
		ports[0] = ports[1];
		ports[1] = PORT_OF_TLS;
	}
	for (size_t i = 0; i < LENGTH_OF(ports) && found != COOKIE_COUNTS; i++) {
		enum cookie_found one = find_at(x, ports[i], ret);

		if (one != COOKIE_NONE)
			found = one;
	}
	return found;
}

/* ---------------------------------------------------------------- given and taken */

bool cookie_name_of_login(struct exchange *x, char ret_name[SESSION_NAME_BYTES_MAX + 1],
			  const char **ret_reason)
{
	int port = loopback_port(x);

	if (origin_is(x, "https://")) {
		session_name(PORT_OF_TLS, ret_name);
		return true;
	}
	if (port > 0 && origin_is(x, "http://")) {
		session_name(port, ret_name);
		return true;
	}
	*ret_reason = exchange_header(x, "Origin") == NULL
			      ? "There is no Origin: the page of a browser has one. A program "
				"sends its token with each request."
			      : "This page came without TLS, from another machine: whoever is on "
				"the way could take the login.";
	return false;
}

bool cookie_set(struct exchange *x, const char *name, const char *value, int64_t seconds)
{
	char text[256];
	bool is_of_tls = name[0] == '_';
	int bytes = snprintf(text, sizeof(text),
			     "%s=%s; Path=/; Max-Age=%" PRId64 "; HttpOnly; SameSite=Strict%s",
			     name, value, seconds, is_of_tls ? "; Secure" : "");
	const char *kept;

	CHECK(bytes > 0 && (size_t)bytes < sizeof(text));
	kept = arena_copy(&x->arena, text, (size_t)bytes);
	if (kept != NULL)
		exchange_header_add(x, "Set-Cookie", kept);
	return kept != NULL;
}
