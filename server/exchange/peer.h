/*
 * peer - who is at the other end of a connection, as far as the kernel knows.
 *
 *     struct peer p;
 *     char text[PEER_TEXT_BYTES];
 *
 *     peer_of_socket(fd, &p);                           // once, when the connection is made
 *     peer_text(&p, text);                              // "192.0.2.7:40312", "uid 1000"
 *
 * Nothing that the client says goes in here. A peer belongs to its connection, and exchanges refer
 * to it (exchange.peer): a request pays nothing for it. An exchange that has outlived its
 * connection refers to peer_nobody, to whom nothing is allowed.
 *
 * Of a unix socket the kernel says who called connect(), not who writes now: whoever hands such a
 * socket on hands on what it may do.
 *
 * Threads: any; a peer is only read once it stands.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

enum peer_kind {
	PEER_NOBODY, /* nothing is known: the connection is gone */
	PEER_TCP,
	PEER_UNIX,
};

enum {
	PEER_ADDRESS_BYTES = 16,
	PEER_TEXT_BYTES = 64,
	PEER_NO_ID = -1, /* of a peer that has no user, group or process */
};

struct peer {
	enum peer_kind kind;
	bool is_loopback; /* it is on this machine: 127.0.0.0/8, ::1, or a unix socket */
	/* --trust-proxy names it: what it says of whom it speaks for is believed, with a token. */
	bool is_trusted_proxy;
	uint16_t port;                       /* of PEER_TCP */
	uint8_t address[PEER_ADDRESS_BYTES]; /* of PEER_TCP: IPv6, or IPv4 as ::ffff:a.b.c.d */
	uid_t uid;                           /* of PEER_UNIX, as are the next two */
	gid_t gid;
	pid_t pid;
};

extern const struct peer peer_nobody;

/* Never fails: of a connection that broke already it knows nobody. Cost: one or two calls. */
void peer_of_socket(int fd, struct peer *ret);

/* The same of an address that accept() or getpeername() gave; of AF_UNIX without its ids. */
void peer_of_address(const struct sockaddr *address, socklen_t byte_count, struct peer *ret);

/* Is it an IPv4 address, in whatever clothes? */
bool peer_is_ipv4(const struct peer *p);

/*
 * A hash of what one somebody has at least: an IPv4 address, a network of IPv6 (/64), a user of
 * unix sockets. Nobody has one of his own, too.
 */
uint64_t peer_hash(const struct peer *p);

/* "192.0.2.7:40312", "[2001:db8::7]:40312", "uid 1000", "nobody". */
void peer_text(const struct peer *p, char text[PEER_TEXT_BYTES]);
