/*
 * event_stream - Server-Sent Events, out of the pieces in which they come.
 *
 *     struct event_stream s = { .event = on_event };
 *     while (...) event_stream_read(&s, bytes, byte_count);
 *     ...s.last_id...                  // where to go on, as Last-Event-ID
 *     event_stream_forget(&s);         // the connection is gone, and with it a half event
 *
 * A line or the data of an event that is longer than EVENT_BYTES_MAX is an error: no server of ours
 * sends it. Memory: one event. Threads: one.
 */
#pragma once
#include "base/text.h"

enum { EVENT_BYTES_MAX = 64 * 1024, EVENT_ID_BYTES = 24 };

struct event_stream {
	/* Called with the data of each event that has some. */
	void (*event)(struct event_stream *s, const char *data);
	char last_id[EVENT_ID_BYTES]; /* "": none came yet */
	char id[EVENT_ID_BYTES];      /* of the event that is being read */
	struct text line, data;
};

/* False: this is no event stream. */
bool event_stream_read(struct event_stream *s, const char *bytes, size_t byte_count);

void event_stream_forget(struct event_stream *s);
