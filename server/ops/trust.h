/*
 * trust - whom a connection is believed, as an operator types it: --trust-proxy and --socket-role.
 *
 *     struct trusted_proxies p;
 *     struct socket_role roles[SOCKET_ROLES_MAX];
 *
 *     trusted_proxies_read("10.0.0.2, ::1, unix", &p);
 *     int count = socket_roles_read("anna=clerk,backup=admin", roles);
 *
 * Only the shape is judged, and that a role is one; whether somebody is called so, whoever uses it
 * asks the system.
 *
 * Threads: any. Nothing is kept.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PROXIES_MAX = 32,
	IP_BYTES = 16,
	SOCKET_ROLES_MAX = 32,
	LOCAL_USER_BYTES = 33,
	ROLE_BYTES = 8,
};

struct trusted_proxies {
	bool is_unix; /* whoever comes by a unix socket */
	int count;
	uint8_t addresses[PROXIES_MAX][IP_BYTES]; /* IPv6, or IPv4 as ::ffff:a.b.c.d */
};

struct socket_role {
	char user[LOCAL_USER_BYTES]; /* a name or a number */
	char role[ROLE_BYTES];       /* "reader", "clerk", "writer", "admin" */
};

/* Addresses and the word unix, separated by commas; none is fine. */
bool trusted_proxies_read(const char *list, struct trusted_proxies *ret);
bool trusted_proxies_are_valid(const char *list);

/* USER=ROLE, separated by commas: how many, each user once, or -1; none is fine. */
int socket_roles_read(const char *list, struct socket_role ret[SOCKET_ROLES_MAX]);
bool socket_roles_are_valid(const char *list);
