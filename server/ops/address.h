/*
 * address - where to listen and whom to answer for, as an operator types it.
 *
 *     struct address all[ADDRESSES_MAX];
 *     int count = addresses_read("[::1]:8080,unix:/run/rowlock/rowlock.sock,mode=0660", all);
 *
 *     if (count < 0)
 *             ...it is no such thing...
 *
 * An address is "HOST:PORT", where an IPv6 address stands in brackets, or "unix:PATH", and behind
 * that, in any order, ",mode=OCTAL" and ",group=NAME", which are those of the socket's file.
 *
 * Only the shape is judged: whether a name is known, or an address is one of this machine, the
 * system says when it is used.
 *
 * Threads: any. Nothing is kept.
 */
#pragma once
#include <stdbool.h>

enum {
	ADDRESSES_MAX = 16,
	ADDRESS_HOST_BYTES = 256,
	ADDRESS_TEXT_BYTES = 272,
	ADDRESS_GROUP_BYTES = 33,
	/* What the system takes is 107, and the file has a longer name while it is made. */
	UNIX_PATH_BYTES = 97,
	UNIX_MODE_DEFAULT = 0660,
	HOST_NAMES_MAX = 32,
};

enum address_kind { ADDRESS_TCP, ADDRESS_UNIX };

struct address {
	enum address_kind kind;
	char host[ADDRESS_HOST_BYTES];   /* without brackets; "": every address */
	char port[8];                    /* digits: 0 to 65535 */
	char path[UNIX_PATH_BYTES];      /* of ADDRESS_UNIX; begins with a slash */
	unsigned mode;                   /* of its file, likewise; UNIX_MODE_DEFAULT unless said */
	char group[ADDRESS_GROUP_BYTES]; /* a name or a number; "": that of the process */
	char text[ADDRESS_TEXT_BYTES];   /* as it was typed, without mode and group */
};

/* A list, separated by commas: how many there are, 1 to ADDRESSES_MAX, or -1. */
int addresses_read(const char *list, struct address ret[ADDRESSES_MAX]);
bool addresses_are_valid(const char *list);

/*
 * Names of this server, "a.example, b:8080, [::1]": letters, digits, dots, dashes, underscores, and
 * a port each if that matters; at most HOST_NAMES_MAX, none is fine.
 */
bool host_names_are_valid(const char *names);
