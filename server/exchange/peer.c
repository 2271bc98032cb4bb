#include "exchange/peer.h"
#include "base/hash.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

const struct peer peer_nobody = {
	.kind = PEER_NOBODY,
	.uid = (uid_t)PEER_NO_ID,
	.gid = (gid_t)PEER_NO_ID,
	.pid = PEER_NO_ID,
};

static const uint8_t ipv4_prefix[12] = { [10] = 0xff, [11] = 0xff };

bool peer_is_ipv4(const struct peer *p)
{
	return p->kind == PEER_TCP && memcmp(p->address, ipv4_prefix, sizeof(ipv4_prefix)) == 0;
}

static bool address_is_loopback(const struct peer *p)
{
	return peer_is_ipv4(p) ? p->address[sizeof(ipv4_prefix)] == IN_LOOPBACKNET
			       : memcmp(p->address, &in6addr_loopback, PEER_ADDRESS_BYTES) == 0;
}

static void take_ipv4(const struct sockaddr_in *four, struct peer *p)
{
	p->kind = PEER_TCP;
	p->port = ntohs(four->sin_port);
	memcpy(p->address, ipv4_prefix, sizeof(ipv4_prefix));
	memcpy(p->address + sizeof(ipv4_prefix), &four->sin_addr, sizeof(four->sin_addr));
	p->is_loopback = address_is_loopback(p);
}

static void take_ipv6(const struct sockaddr_in6 *six, struct peer *p)
{
	p->kind = PEER_TCP;
	p->port = ntohs(six->sin6_port);
	memcpy(p->address, &six->sin6_addr, PEER_ADDRESS_BYTES);
	p->is_loopback = address_is_loopback(p);
}

/* A client's end of a unix socket has no name as a rule: of that there is the family alone. */
void peer_of_address(const struct sockaddr *address, socklen_t byte_count, struct peer *ret)
{
	*ret = peer_nobody;
	if (byte_count < sizeof(address->sa_family))
		return;
	if (address->sa_family == AF_UNIX) {
		ret->kind = PEER_UNIX;
		ret->is_loopback = true;
	} else if (address->sa_family == AF_INET && byte_count >= sizeof(struct sockaddr_in)) {
		take_ipv4((const struct sockaddr_in *)address, ret);
	} else if (address->sa_family == AF_INET6 && byte_count >= sizeof(struct sockaddr_in6)) {
		take_ipv6((const struct sockaddr_in6 *)address, ret);
	}
}

void peer_of_socket(int fd, struct peer *ret)
{
	struct sockaddr_storage address = { 0 };
	socklen_t byte_count = sizeof(address);
	struct ucred credentials;
	socklen_t credential_bytes = sizeof(credentials);

	*ret = peer_nobody;
	if (getpeername(fd, (struct sockaddr *)&address, &byte_count) != 0)
		return;
	peer_of_address((struct sockaddr *)&address, byte_count, ret);
	if (ret->kind != PEER_UNIX)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &credential_bytes) != 0)
		return;
	ret->uid = credentials.uid;
	ret->gid = credentials.gid;
	ret->pid = credentials.pid;
}

uint64_t peer_hash(const struct peer *p)
{
	size_t bytes = peer_is_ipv4(p) ? PEER_ADDRESS_BYTES : PEER_ADDRESS_BYTES / 2;

	return p->kind == PEER_TCP ? hash_bytes(p->address, bytes, 1)
				   : hash_bytes(&p->uid, sizeof(p->uid), 2);
}

void peer_text(const struct peer *p, char text[PEER_TEXT_BYTES])
{
	char digits[INET6_ADDRSTRLEN] = "";

	switch (p->kind) {
	case PEER_NOBODY:
		strcpy(text, "nobody");
		break;
	case PEER_UNIX:
		snprintf(text, PEER_TEXT_BYTES, "uid %lld",
			 p->uid == (uid_t)PEER_NO_ID ? -1LL : (long long)p->uid);
		break;
	case PEER_TCP:
		if (peer_is_ipv4(p))
			inet_ntop(AF_INET, p->address + sizeof(ipv4_prefix), digits,
				  sizeof(digits));
		else
			inet_ntop(AF_INET6, p->address, digits, sizeof(digits));
		snprintf(text, PEER_TEXT_BYTES, peer_is_ipv4(p) ? "%s:%u" : "[%s]:%u", digits,
			 (unsigned)p->port);
		break;
	}
}
