/*
 * answer_scan - where the first answer in some bytes ends, and whether it says no.
 *
 *     switch (answer_scan(ANSWERS_HTTP, bytes, byte_count, &answer)) {
 *     case ANSWER_WHOLE:   ... answer.byte_count of them are the first answer ...
 *     case ANSWER_PARTIAL: ... wait for more ...
 *     case ANSWER_STRANGE: ... give this connection up ...
 *     }
 *
 * HTTP: an answer of HTTP/1.1 with a Content-Length, or without a body (204); one that is not a 2xx
 * is a refusal. Chunked ones are strange: no measured call is answered so. RESP: version 2 of the
 * protocol of Redis; an error is a refusal, whatever else comes is not.
 *
 * Cost: one walk over the head; scanning again when more bytes are there begins anew. No memory.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum answer_protocol {
	ANSWERS_HTTP,
	ANSWERS_RESP,
};

enum answer_verdict {
	ANSWER_WHOLE,
	ANSWER_PARTIAL,
	ANSWER_STRANGE,
};

struct scanned_answer {
	size_t byte_count;
	bool is_refusal;
};

/* *ret is written when the answer is whole. */
enum answer_verdict answer_scan(enum answer_protocol protocol, const char *bytes, size_t byte_count,
				struct scanned_answer *ret);
