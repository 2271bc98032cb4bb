/*
 * inbox - what wakes a loop: a pipe of sockets that were accepted for it, and the descriptors that
 * it waits for.
 *
 * Threads: inbox_send(), inbox_nudge() and edge_uncount() are for any; the rest is the loop's.
 */
#pragma once
#include "edge/loop.h"

/* 0 or a fault. */
int inbox_open(struct loop *l);

/* Also closes the sockets that were on their way to it. Harmless when it was not opened. */
void inbox_close(struct loop *l);

/* False: it is full. */
bool inbox_send(struct loop *l, int fd);

/* Wakes a loop, so that it looks around. */
void inbox_nudge(struct loop *l);

/* The next socket, or -1. */
int inbox_take(struct loop *l);

/* A connection that was counted in edge.connection_count is gone. */
void edge_uncount(struct edge *e);
