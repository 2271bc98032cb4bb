/*
 * loop_recv - what microhttpd reads passes through framing.h first; see loop_recv.c for how.
 *
 * Threads: the loop's; a loop marks when it lets microhttpd run.
 */
#pragma once
#include "http/connection.h"

void loop_recv_begin(struct loop *l);
void loop_recv_end(struct loop *l);
