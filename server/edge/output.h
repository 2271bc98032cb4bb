/*
 * output - what becomes of microhttpd's send(): the answer goes out with the headers and the body
 * that microhttpd was not told of.
 *
 * A response of the library's own costs some twenty allocations: one for itself, three for each
 * header. Most answers are small texts, and need none of it: microhttpd is given an empty response
 * that all of them share, writes the head that belongs to it (the status line, Date, whether the
 * connection stays), and where it sends that, ours is put in:
 *
 *     HTTP/1.1 201 Created            as microhttpd wrote it
 *     Date: ...
 *     X-Request-Id: ...               from the exchange
 *     Content-Type: ...
 *     ...
 *     Content-Length: 464             in place of "Content-Length: 0"
 *
 *     {"movement": ...                from the exchange
 *
 * which is, byte for byte, what the library writes when it is told of them. Everything in it stays
 * where it is until the client has taken it all, so a client that takes it in pieces costs no
 * memory: the answer is put together anew for each.
 *
 * All of that rests on how the library sends a head: in one call of send(), with nothing behind it.
 * One that is linked in another way, or sends it otherwise, does not go on for long with answers
 * that say nothing: when it is through with the first of them, daemon.c ends the program.
 *
 * Threads: the loop's. Cost: a copy of the answer.
 */
#pragma once
#include "edge/sockets/sockets.h"
#include "exchange/exchange.h"

/* Longer answers go microhttpd's way, which does not copy the body. */
enum { OUTPUT_BYTES_MAX = 16384 };

struct connection;

/*
 * May the answer go out this way? One that is sent from a file, that ends its connection, that has
 * no body but says how long it would be (HEAD), or that is long, may not.
 */
bool output_suits(const struct exchange *x);

/* The response that is queued now is that empty one, and stands for this connection's exchange. */
void output_expect(struct connection *c);

/* watched_sockets.write; the socket is a connection's. */
ssize_t output_write(struct watched_socket *s, const void *bytes, size_t byte_count, int flags);
