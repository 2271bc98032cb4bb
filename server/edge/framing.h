/*
 * framing - where each request of a connection begins and ends, and whether its bytes are HTTP/1.1
 * that all readers understand alike.
 *
 *     framing_init(&f);
 *     taken = framing_take(&f, bytes, byte_count);
 *     if (f.outcome != OUTCOME_DONE) ...refuse with f.outcome and f.detail, and close...
 *
 * Stricter than RFC 9112 demands, on purpose: lines end in CR LF, a name is followed by its colon
 * at once, no folded lines, no control characters, one framing only (Content-Length or chunked),
 * each at most once. What passes here and what microhttpd makes of it are the same requests; what
 * does not pass it never sees, so that every refusal is ours. For that it is told a little less
 * than the client said: see framing_take().
 *
 *     START -> METHOD -> TARGET -> VERSION -> NAME -> VALUE -> NAME ...
 *                                              └-> BODY | CHUNK_SIZE -> CHUNK -> ... -> trailers
 *
 * Cost: five instructions for each byte of a usual head that is there as a whole, some thirty for
 * each byte of others, nothing for those of a body. Allocates nothing.
 * Threads: none inside.
 */
#pragma once
#include "core/outcome.h"
#include <stdint.h>

enum framing_state {
	FRAMING_START, /* between requests */
	FRAMING_METHOD,
	FRAMING_TARGET,
	FRAMING_VERSION,
	FRAMING_VERSION_END, /* the LF behind it */
	FRAMING_LINE,        /* at the first byte of a header or trailer line */
	FRAMING_NAME,
	FRAMING_BLANK, /* between the colon and the value */
	FRAMING_VALUE,
	FRAMING_VALUE_END,
	FRAMING_HEAD_END, /* the LF of the empty line */
	FRAMING_CHUNK_SIZE,
	FRAMING_CHUNK_EXTENSION,
	FRAMING_CHUNK_SIZE_END,
	FRAMING_CHUNK_CR, /* behind the data */
	FRAMING_CHUNK_LF,

	/* From here on bytes are skipped, or left out: they have loops of their own. */
	FRAMING_WORD, /* the value of Content-Length or Transfer-Encoding */
	FRAMING_BODY,
	FRAMING_CHUNK,
	FRAMING_REFUSED,
};

struct framing {
	enum framing_state state;
	enum outcome outcome; /* OUTCOME_DONE: nothing is wrong so far */
	const char *detail;   /* a constant sentence */

	uint64_t head_count;    /* heads that ended so far */
	uint64_t request_count; /* requests that ended so far, bodies included */

	/* Of the request under way. */
	int blank_lines; /* before it */
	int line_bytes;  /* of the method, target, version, name or chunk size so far */
	int parameter_count;
	int head_bytes; /* of all header lines */
	int header_count;
	bool is_old; /* HTTP/1.0 */
	bool is_in_trailers;
	bool is_length;   /* the value being read is Content-Length's */
	bool is_encoding; /* the value being read is Transfer-Encoding's */
	bool has_blank;   /* behind that value; nothing but blanks may follow */
	int length_count;
	int encoding_count;
	char word[20];     /* version, name (in small letters) or value so far, as far as it fits */
	int64_t body_left; /* of the body or chunk */
};

void framing_init(struct framing *f);

/*
 * The name under which Expect arrives behind the framing. microhttpd would say 100 Continue by
 * itself, also where there is no body to go on with; a request behind such a one would then be
 * taken for its body.
 */
#define FRAMING_EXPECT "Expec_"
/* Likewise, that of Cookie: microhttpd would spend its memory on taking each of them apart. */
#define FRAMING_COOKIE "Cooki_"

/*
 * Follows the next bytes of the stream. Returns how many are left of those that belong to requests
 * in order: of all of them, or, when f->outcome says what is wrong, of those before the first byte
 * of the request that is refused.
 *
 * Two things are changed in place. The names Cookie and Expect are made unreadable to microhttpd:
 * see FRAMING_COOKIE and FRAMING_EXPECT, by which they are known behind it. And blanks
 * behind the value of Content-Length or Transfer-Encoding, which are legal, are left out, so that
 * nobody can take them for a part of it.
 */
size_t framing_take(struct framing *f, char *bytes, size_t byte_count);

/* Are we inside of a request? */
static inline bool framing_is_inside(const struct framing *f)
{
	return f->state != FRAMING_START;
}
