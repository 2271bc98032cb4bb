/*
 * stream - Server-Sent Events: a client that is told of movements for as long as it listens.
 *
 *     t = stream_create(x, &filter);            // NULL: memory is short
 *     ...the headers of the answer...
 *     stream_open(t, after);                    // instead of an answer
 *
 *     id: 990018
 *     event: movement
 *     data: {"seq":990018,...}
 *
 * The request stays parked, and its answer is sent bit by bit: its head, then events, at most one
 * write every STREAM_PAUSE_MS, or as fast as the client reads while it is behind. An id without
 * data tells where the stream stands, first of all and with each comment that keeps it alive, so
 * that a client that comes back with Last-Event-ID misses nothing.
 *
 * A stream holds at most one page of events. What its client does not take stays in the ledger;
 * one that takes nothing for the time that any answer may take is cut. When the server stops, each
 * stream ends with a comment.
 *
 * Threads: the loop's.
 */
#pragma once
#include "waiting/movements.h"

enum {
	STREAM_PAUSE_MS = 100,
	STREAM_BEAT_S = 15,
	STREAM_BYTES = 65536, /* gathered for one write; the event that passes it is the last */
	STREAM_PAGE_ROWS = 250,
};

/* Does the client want one? */
bool stream_is_wanted(const struct exchange *x);

struct stream;

/* In the request's arena; NULL: memory is short. */
struct stream *stream_create(struct exchange *x, const struct subscriber_filter *f);

/* Takes the request over: it is parked from now on. Status and type of the answer are set here. */
void stream_open(struct stream *t, int64_t after);
