/*
 * loop_sockets - the system calls that microhttpd makes about a loop's sockets pass through here;
 * see sockets.c for why and how.
 *
 * Threads: the loop's; a loop marks when it lets microhttpd run.
 */
#pragma once
#include "edge/connection.h"

void loop_sockets_begin(struct loop *l);
void loop_sockets_end(struct loop *l);
