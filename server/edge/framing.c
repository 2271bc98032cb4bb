#include "edge/framing.h"
#include "base/block.h"
#include "base/check.h"
#include "core/limits.h"
#include <string.h>
#include <strings.h>

enum {
	BLANK_LINES_MAX = 4, /* before a request (RFC 9112, 2.2) */
	METHOD_BYTES_MAX = 32,
	CHUNK_LINE_BYTES_MAX = 256,
	CHUNK_DIGITS_MAX = 15, /* what fits an int64_t; microhttpd reads 16 */
	LENGTH_DIGITS_MAX = 18,
};

/* ---------------------------------------------------------------- characters */

enum { TOKEN = 1, TARGET = 2, VALUE = 4 };

/* clang-format off */
/*
 * RFC 9110, 5.6.2 and 5.5. A target may hold bytes above 0x7f: whoever decodes the path refuses
 * them by name.
 */
static const uint8_t classes[256] = {
	['\t'] = VALUE, [' '] = VALUE,
	['!'] = 7, ['"'] = 6, ['#'] = 7, ['$'] = 7, ['%'] = 7, ['&'] = 7, ['\''] = 7, ['('] = 6,
	[')'] = 6, ['*'] = 7, ['+'] = 7, [','] = 6, ['-'] = 7, ['.'] = 7, ['/'] = 6,
	['0' ... '9'] = 7,
	[':'] = 6, [';'] = 6, ['<'] = 6, ['='] = 6, ['>'] = 6, ['?'] = 6, ['@'] = 6,
	['A' ... 'Z'] = 7,
	['['] = 6, ['\\'] = 6, [']'] = 6, ['^'] = 7, ['_'] = 7, ['`'] = 7,
	['a' ... 'z'] = 7,
	['{'] = 6, ['|'] = 7, ['}'] = 6, ['~'] = 7,
	[0x80 ... 0xff] = 6,
};
/* clang-format on */

static bool is_a(unsigned char c, int class)
{
	return (classes[c] & class) != 0;
}

static inline block is_control(block b)
{
	return (block)(b < ' ') | (block)(b == 0x7f);
}

/* Of the letters and the hyphen, which most names consist of. */
static inline block is_no_letter(block b)
{
	return ~((block)((b | 0x20) - 'a' < 26) | (block)(b == '-'));
}

/* The bytes in front that a value may hold, up to a tab or a little further. */
static size_t value_span(const char *bytes, size_t byte_count)
{
	size_t span = 0, first = sizeof(block);

	while (first == sizeof(block) && byte_count - span >= sizeof(block)) {
		first = block_first(is_control(block_of(&bytes[span])));
		span += first;
	}
	while (span < byte_count && is_a((unsigned char)bytes[span], VALUE))
		span++;
	return span;
}

/* The same of a target, up to an ampersand. */
static size_t target_span(const char *bytes, size_t byte_count)
{
	size_t span = 0, first = sizeof(block);

	while (first == sizeof(block) && byte_count - span >= sizeof(block)) {
		block b = block_of(&bytes[span]);

		first = block_first(is_control(b) | (block)(b == ' ') | (block)(b == '&'));
		span += first;
	}
	while (span < byte_count && is_a((unsigned char)bytes[span], TARGET) && bytes[span] != '&')
		span++;
	return span;
}

/* The same of a name. */
static size_t name_span(const char *bytes, size_t byte_count)
{
	size_t span = byte_count < sizeof(block) ? 0 : block_first(is_no_letter(block_of(bytes)));

	while (span < byte_count && is_a((unsigned char)bytes[span], TOKEN))
		span++;
	return span;
}

static int digit_of(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---------------------------------------------------------------- steps */

static void refuse(struct framing *f, enum outcome o, const char *detail)
{
	f->state = FRAMING_REFUSED;
	f->outcome = o;
	f->detail = detail;
}

static void malformed(struct framing *f, const char *detail)
{
	refuse(f, OUTCOME_MALFORMED_REQUEST, detail);
}

static void enter(struct framing *f, enum framing_state state)
{
	f->state = state;
	f->line_bytes = 0;
}

/* Keeps a byte of a short word, so that it can be compared at its end. */
static void word_add(struct framing *f, unsigned char c)
{
	if (f->line_bytes < (int)sizeof(f->word))
		f->word[f->line_bytes] = (char)c;
	f->line_bytes++;
}

static bool word_is(const struct framing *f, const char *text)
{
	return strlen(text) == (size_t)f->line_bytes &&
	       memcmp(f->word, text, (size_t)f->line_bytes) == 0;
}

static void request_begin(struct framing *f)
{
	f->parameter_count = 0;
	f->head_bytes = 0;
	f->header_count = 0;
	f->is_old = false;
	f->is_in_trailers = false;
	f->length_count = 0;
	f->encoding_count = 0;
	f->body_left = 0;
	enter(f, FRAMING_METHOD);
}

static void request_end(struct framing *f)
{
	f->request_count++;
	f->blank_lines = 0;
	enter(f, FRAMING_START);
}

static void take_start(struct framing *f, unsigned char c)
{
	if (c == '\r' && f->line_bytes == 0 && f->blank_lines < BLANK_LINES_MAX) {
		f->line_bytes = 1;
	} else if (c == '\n' && f->line_bytes == 1) {
		f->line_bytes = 0;
		f->blank_lines++;
	} else {
		malformed(f, "A request begins with its method.");
	}
}

static void take_method(struct framing *f, unsigned char c)
{
	if (c == ' ' && f->line_bytes > 0)
		enter(f, FRAMING_TARGET);
	else if (!is_a(c, TOKEN))
		malformed(f,
			  "A request line is a method, one blank, a target, one blank, HTTP/1.1.");
	else if (++f->line_bytes > METHOD_BYTES_MAX)
		refuse(f, OUTCOME_NOT_IMPLEMENTED, NULL);
}

static void take_target(struct framing *f, unsigned char c)
{
	f->parameter_count += c == '&';
	if (c == ' ' && f->line_bytes > 0)
		enter(f, FRAMING_VERSION);
	else if (c == '\r' || c == '\n')
		malformed(f, "The request line has no HTTP version.");
	else if (!is_a(c, TARGET))
		malformed(f, "The request target has a blank or a control character.");
	else if (++f->line_bytes > PATH_BYTES_MAX || f->parameter_count >= PARAMETERS_MAX)
		refuse(f, OUTCOME_URI_TOO_LONG, NULL);
}

static void version_judge(struct framing *f)
{
	bool is_version = f->line_bytes == 8 && memcmp(f->word, "HTTP/", 5) == 0 &&
			  digit_of((unsigned char)f->word[5]) >= 0 && f->word[6] == '.' &&
			  digit_of((unsigned char)f->word[7]) >= 0;

	f->is_old = word_is(f, "HTTP/1.0");
	if (f->is_old || word_is(f, "HTTP/1.1"))
		enter(f, FRAMING_VERSION_END);
	else if (is_version)
		refuse(f, OUTCOME_VERSION_UNSUPPORTED, NULL);
	else
		malformed(f, "The request line does not end in HTTP/1.1.");
}

static void take_version(struct framing *f, unsigned char c)
{
	if (c == '\r')
		version_judge(f);
	else if (!is_a(c, TARGET))
		malformed(f, "The request line does not end in HTTP/1.1 and CR LF.");
	else if (f->line_bytes >= 8)
		malformed(f, "The request line does not end in HTTP/1.1.");
	else
		word_add(f, c);
}

/* ---------------------------------------------------------------- header lines */

static void take_line(struct framing *f, unsigned char c)
{
	if (c == '\r')
		enter(f, FRAMING_HEAD_END);
	else if (c == ' ' || c == '\t')
		malformed(f, "A header line begins with a blank (folded lines are not accepted).");
	else if (!is_a(c, TOKEN))
		malformed(f, "A header line does not begin with a name.");
	else if (++f->header_count > HEADER_COUNT_MAX)
		refuse(f, OUTCOME_HEADERS_TOO_LARGE, NULL);
	else
		enter(f, FRAMING_NAME);
}

static void name_end(struct framing *f)
{
	f->is_length = !f->is_in_trailers && word_is(f, "content-length");
	f->is_encoding = !f->is_in_trailers && word_is(f, "transfer-encoding");
	f->length_count += f->is_length;
	f->encoding_count += f->is_encoding;
	enter(f, FRAMING_BLANK);
}

static void take_name(struct framing *f, char *at)
{
	unsigned char c = (unsigned char)*at;

	if (c == ':') {
		name_end(f);
		return;
	}
	if (c == ' ' || c == '\t') {
		malformed(f, "There is a blank before the colon of a header.");
		return;
	}
	if (!is_a(c, TOKEN)) {
		malformed(
			f,
			"A header line has no colon, or a name with a character that names lack.");
		return;
	}
	word_add(f, c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	if (f->line_bytes == 6 && (word_is(f, "cookie") || word_is(f, "expect")))
		*at = '_';
}

static const char bad_value[] =
	"The value of a header has a control character, or its line no CR LF.";
static const char bad_encoding[] = "The only Transfer-Encoding that is understood is chunked.";

static void value_judge(struct framing *f)
{
	if (f->is_length) {
		int64_t length = 0;

		if (f->line_bytes > LENGTH_DIGITS_MAX) {
			refuse(f, OUTCOME_BODY_TOO_LARGE, NULL);
			return;
		}
		for (int i = 0; i < f->line_bytes; i++)
			length = length * 10 + (f->word[i] - '0');
		f->body_left = length;
		if (f->line_bytes == 0) {
			malformed(f, "Content-Length has no value.");
			return;
		}
	}
	if (f->is_encoding && !word_is(f, "chunked")) {
		malformed(f, bad_encoding);
		return;
	}
	enter(f, FRAMING_VALUE_END);
}

static void take_value(struct framing *f, unsigned char c)
{
	if (c == '\r')
		enter(f, FRAMING_VALUE_END);
	else if (!is_a(c, VALUE))
		malformed(f, bad_value);
}

/* One that says where the body ends; the blanks behind it are left out before. */
static void take_word(struct framing *f, unsigned char c)
{
	if (c == '\r')
		value_judge(f);
	else if (!is_a(c, VALUE))
		malformed(f, bad_value);
	else if (f->is_length && (f->has_blank || c < '0' || c > '9'))
		malformed(f,
			  "Content-Length is a whole number in decimal digits, and nothing else.");
	else if (f->has_blank)
		malformed(f, bad_encoding);
	else
		word_add(f, c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static void take_blank(struct framing *f, unsigned char c)
{
	if (c == ' ' || c == '\t')
		return;
	f->has_blank = false;
	if (f->is_length || f->is_encoding) {
		enter(f, FRAMING_WORD);
		take_word(f, c);
	} else {
		enter(f, FRAMING_VALUE);
		take_value(f, c);
	}
}

/* ---------------------------------------------------------------- bodies */

static void head_end(struct framing *f)
{
	if (f->is_in_trailers) {
		request_end(f);
		return;
	}
	f->head_count++;
	if (f->encoding_count > 1 || f->length_count > 1) {
		malformed(f, f->length_count > 1 ? "There is more than one Content-Length."
						 : "There is more than one Transfer-Encoding.");
	} else if (f->encoding_count > 0 && f->length_count > 0) {
		malformed(f, "There is both a Transfer-Encoding and a Content-Length.");
	} else if (f->encoding_count > 0 && f->is_old) {
		malformed(f, "HTTP/1.0 has no Transfer-Encoding.");
	} else if (f->encoding_count > 0) {
		f->body_left = 0;
		enter(f, FRAMING_CHUNK_SIZE);
	} else if (f->body_left > 0) {
		enter(f, FRAMING_BODY);
	} else {
		request_end(f);
	}
}

static void take_chunk_size(struct framing *f, unsigned char c)
{
	int digit = digit_of(c);

	if ((c == ';' || c == '\r') && f->line_bytes == 0)
		malformed(f, "A chunk has no size.");
	else if (c == ';')
		enter(f, FRAMING_CHUNK_EXTENSION);
	else if (c == '\r')
		enter(f, FRAMING_CHUNK_SIZE_END);
	else if (digit < 0)
		malformed(f, "The size of a chunk is a hexadecimal number, then CR LF.");
	else if (++f->line_bytes > CHUNK_DIGITS_MAX)
		refuse(f, OUTCOME_BODY_TOO_LARGE, NULL);
	else
		f->body_left = f->body_left * 16 + digit;
}

static void take_chunk_extension(struct framing *f, unsigned char c)
{
	if (c == '\r')
		enter(f, FRAMING_CHUNK_SIZE_END);
	else if (!is_a(c, VALUE) || ++f->line_bytes > CHUNK_LINE_BYTES_MAX)
		malformed(f, "A chunk extension is too long, or has a control character.");
}

static void chunk_size_end(struct framing *f)
{
	if (f->body_left > BODY_DISCARD_BYTES_MAX) {
		refuse(f, OUTCOME_BODY_TOO_LARGE, NULL);
		return;
	}
	f->is_in_trailers = f->body_left == 0;
	enter(f, f->is_in_trailers ? FRAMING_LINE : FRAMING_CHUNK);
}

/* The LF behind a CR, and what begins then. */
static void take_line_feed(struct framing *f, unsigned char c)
{
	if (c != '\n') {
		malformed(f, "A CR is not followed by LF.");
		return;
	}
	if (f->state == FRAMING_HEAD_END)
		head_end(f);
	else if (f->state == FRAMING_CHUNK_SIZE_END)
		chunk_size_end(f);
	else if (f->state == FRAMING_CHUNK_LF)
		enter(f, FRAMING_CHUNK_SIZE);
	else /* VERSION_END, VALUE_END */
		enter(f, FRAMING_LINE);
}

static void take_byte(struct framing *f, char *at)
{
	unsigned char c = (unsigned char)*at;

	switch (f->state) {
	case FRAMING_START:
		if (is_a(c, TOKEN) && f->line_bytes == 0) {
			request_begin(f);
			take_method(f, c);
		} else {
			take_start(f, c);
		}
		break;
	case FRAMING_METHOD:
		take_method(f, c);
		break;
	case FRAMING_TARGET:
		take_target(f, c);
		break;
	case FRAMING_VERSION:
		take_version(f, c);
		break;
	case FRAMING_LINE:
		take_line(f, c);
		if (f->state == FRAMING_NAME)
			take_name(f, at);
		break;
	case FRAMING_NAME:
		take_name(f, at);
		break;
	case FRAMING_BLANK:
		take_blank(f, c);
		break;
	case FRAMING_VALUE:
		take_value(f, c);
		break;
	case FRAMING_CHUNK_SIZE:
		take_chunk_size(f, c);
		break;
	case FRAMING_CHUNK_EXTENSION:
		take_chunk_extension(f, c);
		break;
	case FRAMING_CHUNK_CR:
		if (c == '\r')
			enter(f, FRAMING_CHUNK_LF);
		else
			malformed(f, "A chunk is longer than its size says.");
		break;
	case FRAMING_VERSION_END:
	case FRAMING_VALUE_END:
	case FRAMING_HEAD_END:
	case FRAMING_CHUNK_SIZE_END:
	case FRAMING_CHUNK_LF:
		take_line_feed(f, c);
		break;
	case FRAMING_WORD:
	case FRAMING_BODY:
	case FRAMING_CHUNK:
	case FRAMING_REFUSED:
		CHECK(!"these are not taken byte by byte");
	}
}

/* Bodies are skipped; the bytes that were. */
static size_t take_body(struct framing *f, size_t byte_count)
{
	size_t taken = byte_count;

	if ((uint64_t)f->body_left < byte_count)
		taken = (size_t)f->body_left;
	f->body_left -= (int64_t)taken;
	if (f->body_left > 0)
		return taken;
	if (f->state == FRAMING_BODY)
		request_end(f);
	else
		enter(f, FRAMING_CHUNK_CR);
	return taken;
}

static bool is_in_headers(const struct framing *f)
{
	return f->state >= FRAMING_LINE && f->state <= FRAMING_HEAD_END;
}

void framing_init(struct framing *f)
{
	*f = (struct framing){ .state = FRAMING_START, .outcome = OUTCOME_DONE };
}

static size_t blanks_at(const char *bytes, size_t byte_count)
{
	size_t count = 0;

	while (count < byte_count && (bytes[count] == ' ' || bytes[count] == '\t'))
		count++;
	return count;
}

/*
 * Nearly all of a head is as nearly all heads are, and is taken in pieces by what follows: each of
 * them takes what it understands as a whole, or nothing (0). What is left, what is wrong, and what
 * is cut into two between reads is taken byte by byte, which also says why.
 */
static size_t take_usual_method(struct framing *f, const char *bytes, size_t byte_count)
{
	size_t span = name_span(bytes, byte_count);

	if (f->line_bytes > 0 || span == 0 || span == byte_count || bytes[span] != ' ' ||
	    span > METHOD_BYTES_MAX)
		return 0;
	request_begin(f);
	enter(f, FRAMING_TARGET);
	return span + 1;
}

/* With the blank behind it. */
static size_t take_usual_target(struct framing *f, const char *bytes, size_t byte_count)
{
	size_t room = (size_t)(PATH_BYTES_MAX - f->line_bytes);
	size_t span = target_span(bytes, byte_count < room ? byte_count : room);

	f->line_bytes += (int)span;
	if (span == byte_count || bytes[span] != ' ' || f->line_bytes == 0)
		return span;
	enter(f, FRAMING_VERSION);
	return span + 1;
}

static size_t take_usual_version(struct framing *f, const char *bytes, size_t byte_count)
{
	static const char usual[] = "HTTP/1.1\r\n";

	if (f->line_bytes > 0 || byte_count < sizeof(usual) - 1 ||
	    memcmp(bytes, usual, sizeof(usual) - 1) != 0)
		return 0;
	enter(f, FRAMING_LINE);
	return sizeof(usual) - 1;
}

/* What is changed on its way, or says where the body ends; a plain Content-Length excepted. */
static bool is_special(const char *name, size_t bytes)
{
	switch (name[0] | 0x20) {
	case 'c':
		return bytes >= 6 && strncasecmp(name, "cookie", 6) == 0;
	case 'e':
		return bytes >= 6 && strncasecmp(name, "expect", 6) == 0;
	case 't':
		return bytes == 17 && strncasecmp(name, "transfer-encoding", 17) == 0;
	default:
		return false;
	}
}

static bool is_line_end(const char *bytes, size_t byte_count)
{
	return byte_count >= 2 && bytes[0] == '\r' && bytes[1] == '\n';
}

/* The value of a Content-Length that is digits and no more: its bytes. */
static size_t take_usual_length(struct framing *f, const char *bytes, size_t byte_count)
{
	size_t at = byte_count > 0 && bytes[0] == ' ';
	size_t begun = at;
	int64_t length = 0;

	for (; at < byte_count && bytes[at] >= '0' && bytes[at] <= '9'; at++) {
		if (at - begun == LENGTH_DIGITS_MAX)
			return 0;
		length = length * 10 + (bytes[at] - '0');
	}
	if (at == begun || f->is_in_trailers || !is_line_end(&bytes[at], byte_count - at))
		return 0;
	f->length_count++;
	f->body_left = length;
	return at;
}

/* A header line, with its end. */
static size_t take_usual_line(struct framing *f, const char *bytes, size_t byte_count)
{
	size_t at = name_span(bytes, byte_count);
	size_t value_bytes;

	if (at == 0 || at == byte_count || bytes[at] != ':' || is_special(bytes, at) ||
	    f->header_count >= HEADER_COUNT_MAX)
		return 0;
	at++;
	if (at == 15 && strncasecmp(bytes, "content-length", 14) == 0) {
		value_bytes = take_usual_length(f, &bytes[at], byte_count - at);
		if (value_bytes == 0)
			return 0;
	} else {
		value_bytes = value_span(&bytes[at], byte_count - at);
	}
	at += value_bytes;
	if (!is_line_end(&bytes[at], byte_count - at))
		return 0;
	f->header_count++;
	return at + 2;
}

/* All of them that are there, with the empty line behind them. */
static size_t take_usual_lines(struct framing *f, const char *bytes, size_t byte_count)
{
	size_t room = (size_t)(HEADER_BYTES_MAX - f->head_bytes);
	size_t at = 0, taken;

	if (byte_count > room)
		byte_count = room;
	while (at < byte_count && bytes[at] != '\r') {
		taken = take_usual_line(f, &bytes[at], byte_count - at);
		if (taken == 0)
			break;
		at += taken;
	}
	f->head_bytes += (int)at;
	if (!is_line_end(&bytes[at], byte_count - at))
		return at;
	f->head_bytes += 2;
	head_end(f);
	return at + 2;
}

static size_t take_usual_value(struct framing *f, const char *bytes, size_t byte_count)
{
	size_t room = (size_t)(HEADER_BYTES_MAX - f->head_bytes);
	size_t span = value_span(bytes, byte_count < room ? byte_count : room);

	f->head_bytes += (int)span;
	return span;
}

/* Each of them may leave the framing where the next one begins. */
static size_t take_usual(struct framing *f, const char *bytes, size_t byte_count)
{
	size_t at = 0;

	if (f->state == FRAMING_START)
		at += take_usual_method(f, bytes, byte_count);
	if (f->state == FRAMING_TARGET)
		at += take_usual_target(f, &bytes[at], byte_count - at);
	if (f->state == FRAMING_VERSION)
		at += take_usual_version(f, &bytes[at], byte_count - at);
	if (f->state == FRAMING_LINE)
		at += take_usual_lines(f, &bytes[at], byte_count - at);
	else if (f->state == FRAMING_VALUE)
		at += take_usual_value(f, bytes, byte_count);
	return at;
}

/*
 * Takes what has a loop of its own; returns its bytes. *byte_count shrinks by what is left out: all
 * blanks in a row at once, since what follows them is moved.
 */
static size_t take_some(struct framing *f, char *bytes, size_t at, size_t *byte_count)
{
	size_t blanks;

	if (f->state != FRAMING_WORD)
		return take_body(f, *byte_count - at);
	blanks = blanks_at(bytes + at, *byte_count - at);
	f->head_bytes += blanks > 0 ? (int)blanks : 1;
	if (f->head_bytes > HEADER_BYTES_MAX) {
		refuse(f, OUTCOME_HEADERS_TOO_LARGE, NULL);
		return 1;
	}
	if (blanks == 0) {
		take_word(f, (unsigned char)bytes[at]);
		return 1;
	}
	f->has_blank = true;
	*byte_count -= blanks;
	memmove(&bytes[at], &bytes[at + blanks], *byte_count - at);
	return 0;
}

size_t framing_take(struct framing *f, char *bytes, size_t byte_count)
{
	size_t begun = 0; /* where the request under way begins in these bytes */
	size_t at = 0;

	while (at < byte_count && f->state != FRAMING_REFUSED) {
		uint64_t request_count = f->request_count;
		size_t taken;

		taken = take_usual(f, &bytes[at], byte_count - at);
		if (taken > 0) {
			at += taken;
		} else if (f->state >= FRAMING_WORD) {
			at += take_some(f, bytes, at, &byte_count);
		} else {
			if (is_in_headers(f) && ++f->head_bytes > HEADER_BYTES_MAX)
				refuse(f, OUTCOME_HEADERS_TOO_LARGE, NULL);
			else
				take_byte(f, &bytes[at]);
			at++;
		}
		if (f->request_count != request_count)
			begun = at;
	}
	return f->state == FRAMING_REFUSED ? begun : byte_count;
}
