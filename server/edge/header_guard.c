#include "edge/header_guard.h"
#include "base/check.h"
#include "edge/framing.h"
#include <string.h>
#include <strings.h>

/* ---------------------------------------------------------------- authorities: host[:port] */

struct authority {
	const char *host; /* brackets of an IPv6 address included */
	size_t host_bytes;
	int port; /* 0: not given */
};

static bool port_read(const char *text, int *ret_port)
{
	int port = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		port = port * 10 + (*text - '0');
		if (port > UINT16_MAX)
			return false;
	}
	*ret_port = port;
	return port > 0;
}

static bool authority_read(const char *text, struct authority *ret)
{
	struct authority a = { .host = text };

	if (text[0] == '[')
		a.host_bytes = strcspn(text, "]") + 1;
	else
		a.host_bytes = strcspn(text, ":");
	if (a.host_bytes == 0 || a.host_bytes > strlen(text))
		return false;
	text += a.host_bytes;
	if (*text == ':' && !port_read(text + 1, &a.port))
		return false;
	if (*text != ':' && *text != '\0')
		return false;
	*ret = a;
	return true;
}

static bool host_is(const struct authority *a, const char *name)
{
	return strlen(name) == a->host_bytes && strncasecmp(a->host, name, a->host_bytes) == 0;
}

/* An address cannot be rebound by a name server: the browser itself was told to go there. */
static bool host_is_address(const struct authority *a)
{
	size_t span =
		strspn(a->host, a->host[0] == '[' ? "[]0123456789abcdefABCDEF:." : "0123456789.");

	return span >= a->host_bytes;
}

/* A name that the operator gave; one with a port stands for that port only. */
static bool is_host_name(const struct header_guard *g, const struct authority *a, int port)
{
	for (const char *const *name = g->host_names; name != NULL && *name != NULL; name++) {
		struct authority own;

		if (authority_read(*name, &own) && own.host_bytes == a->host_bytes &&
		    strncasecmp(own.host, a->host, a->host_bytes) == 0 &&
		    (own.port == 0 || own.port == port))
			return true;
	}
	return false;
}

static bool host_is_always_ours(const struct authority *a)
{
	static const char *const always[] = { "localhost", "127.0.0.1", "[::1]" };

	for (size_t i = 0; i < LENGTH_OF(always); i++)
		if (host_is(a, always[i]))
			return true;
	return false;
}

static bool host_is_of(const struct listener *l, const struct authority *a)
{
	return !l->is_unix &&
	       (host_is(a, l->name) || host_is(a, l->host) || (l->is_any && host_is_address(a)));
}

/* With a port it is the listener's that has it; without one any may be meant. */
static bool host_is_ours(const struct header_guard *g, const struct authority *a)
{
	bool is_always = host_is_always_ours(a);

	for (int i = 0; i < g->listeners->count; i++) {
		const struct listener *l = &g->listeners->all[i];

		if ((is_always || host_is_of(l, a)) && (a->port == 0 || a->port == l->port))
			return true;
	}
	return false;
}

static bool authority_is_ours(const struct header_guard *g, const char *text, bool is_by_unix)
{
	struct authority a;

	if (!authority_read(text, &a))
		return false;
	return host_is_ours(g, &a) || (is_by_unix && host_is_always_ours(&a)) ||
	       is_host_name(g, &a, a.port);
}

/*
 * A page's origin always has a port, said or not (80, 443), so "http://localhost" is another server
 * than ours on 8080, unless the browser called us by just that name, through a proxy.
 */
static bool origin_is_ours(const struct header_guard *g, const char *origin, const char *host)
{
	bool is_secure = strncasecmp(origin, "https://", 8) == 0;
	const char *text = origin + (is_secure ? 8 : 7);
	struct authority a;

	if (!is_secure && strncasecmp(origin, "http://", 7) != 0)
		return false;
	if (host != NULL && strcasecmp(text, host) == 0)
		return true;
	if (!authority_read(text, &a))
		return false;
	if (a.port != 0 && host_is_ours(g, &a))
		return true;
	return is_host_name(g, &a, a.port != 0 ? a.port : is_secure ? 443 : 80);
}

/* ---------------------------------------------------------------- the judgement */

/* The headers that count here, found in one pass. */
struct tally {
	const char *host;
	int host_count;
	const char *coding;
	const char *expect;
	const char *origin;
	const char *fetch_site;
	const char *fetch_destination;
};

static void tally_add(struct tally *t, const struct header *h)
{
	switch (h->name[0] | 0x20) {
	case 'c':
		if (strcasecmp(h->name, "Content-Encoding") == 0)
			t->coding = h->value;
		break;
	case 'h':
		if (strcasecmp(h->name, "Host") == 0) {
			t->host = h->value;
			t->host_count++;
		}
		break;
	case 'e':
		if (strcasecmp(h->name, FRAMING_EXPECT) == 0)
			t->expect = h->value;
		break;
	case 'o':
		if (strcasecmp(h->name, "Origin") == 0)
			t->origin = h->value;
		break;
	case 's':
		if (strcasecmp(h->name, "Sec-Fetch-Site") == 0)
			t->fetch_site = h->value;
		else if (strcasecmp(h->name, "Sec-Fetch-Dest") == 0)
			t->fetch_destination = h->value;
		break;
	}
}

static enum outcome refuse(enum outcome o, const char *detail, const char **ret_detail)
{
	*ret_detail = detail;
	return o;
}

/*
 * A link on another page was followed: the answer becomes a page of its own, which that other page
 * cannot see. Browsers say "document" of nothing else; of a frame they say "iframe".
 */
static bool is_link(const struct request_head *head, const struct tally *t)
{
	return head->is_read && t->fetch_destination != NULL &&
	       strcasecmp(t->fetch_destination, "document") == 0;
}

static enum outcome origin_judge(const struct header_guard *g, const struct request_head *head,
				 const struct tally *t, const char *host, const char **ret_detail)
{
	if (t->origin != NULL && !origin_is_ours(g, t->origin, host))
		return refuse(OUTCOME_FOREIGN_ORIGIN, "The Origin header names another origin.",
			      ret_detail);
	if (t->fetch_site != NULL && strcasecmp(t->fetch_site, "cross-site") == 0 &&
	    !is_link(head, t))
		return refuse(OUTCOME_FOREIGN_ORIGIN, "Sec-Fetch-Site is cross-site.", ret_detail);
	return OUTCOME_DONE;
}

enum outcome header_guard_judge(const struct header_guard *g, const struct request_head *head,
				const char **ret_detail)
{
	struct tally t = { 0 };
	const char *host;

	for (int i = 0; i < head->header_count; i++)
		tally_add(&t, &head->headers[i]);
	*ret_detail = NULL;
	if (t.host_count > 1)
		return refuse(OUTCOME_MALFORMED_REQUEST, "There is more than one Host header.",
			      ret_detail);
	if (t.host_count == 0 && strcmp(head->version, "HTTP/1.1") == 0)
		return refuse(OUTCOME_MALFORMED_REQUEST, "An HTTP/1.1 request needs a Host header.",
			      ret_detail);
	if (t.expect != NULL && strcasecmp(t.expect, "100-continue") != 0)
		return OUTCOME_EXPECTATION_FAILED;
	if (!head->knows_method)
		return OUTCOME_NOT_IMPLEMENTED;
	if (t.coding != NULL && !head->is_read && strcasecmp(t.coding, "identity") != 0)
		return OUTCOME_UNSUPPORTED_CODING;

	host = head->authority != NULL ? head->authority : t.host;
	if (host != NULL && !authority_is_ours(g, host, head->is_by_unix))
		return OUTCOME_MISDIRECTED;
	return origin_judge(g, head, &t, host, ret_detail);
}
