/*
 * address - where to listen and whom to answer for, as an operator types it.
 *
 *     struct address a;
 *     if (!address_read("[::1]:8080", &a))
 *             ...it is no such thing...
 *
 * Only the shape is judged: whether a name is known, or an address is one of this machine, the
 * system says when it is used.
 *
 * Threads: any. Nothing is kept.
 */
#pragma once
#include <stdbool.h>

enum { ADDRESS_HOST_BYTES = 256, HOST_NAMES_MAX = 32 };

struct address {
	char host[ADDRESS_HOST_BYTES]; /* without brackets; "": every address */
	char port[8];                  /* digits: 0 to 65535 */
};

/* "HOST:PORT"; an IPv6 address stands in brackets. */
bool address_read(const char *text, struct address *ret);

/*
 * Names of this server, "a.example, b:8080, [::1]": letters, digits, dots, dashes, underscores, and
 * a port each if that matters; at most HOST_NAMES_MAX, none is fine.
 */
bool host_names_are_valid(const char *names);
