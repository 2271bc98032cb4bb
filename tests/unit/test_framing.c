#include "core/limits.h"
#include "edge/framing.h"
#include "unit.h"
#include <stdlib.h>

#define POST    "POST /x HTTP/1.1\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define GET     "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

/* A text of a table, which may hold NULs. */
#define BYTES(text) text, sizeof(text) - 1

enum { MALFORMED = OUTCOME_MALFORMED_REQUEST, FINE = OUTCOME_DONE };

/* clang-format off */
static const struct row {
	const char *what;
	const char *bytes;
	size_t      byte_count;
	int         outcome;
	const char *detail;        /* a word of it; NULL: there is none */
	unsigned    request_count; /* that ended */
} rows[] = {
	{ "a request without headers",        BYTES("GET / HTTP/1.1\r\n\r\n"),               FINE, NULL, 1 },
	{ "half a request",                   BYTES("GET / HTTP/1.1\r\nHos"),                FINE, NULL, 0 },
	{ "two requests in one piece",        BYTES(GET GET),                                FINE, NULL, 2 },
	{ "every mark that a token may have", BYTES("A!#$%&'*+-.^_`|~9 / HTTP/1.1\r\n\r\n"), FINE, NULL, 1 },
	{ "HTTP/1.0",                         BYTES("GET / HTTP/1.0\r\n\r\n"),               FINE, NULL, 1 },
	{ "a value with blanks and bytes above 0x7f", BYTES("GET / HTTP/1.1\r\nA: \t x y\xc3\xa4 \r\n\r\n"), FINE, NULL, 1 },
	{ "an empty value",                   BYTES("GET / HTTP/1.1\r\nA:\r\nB: \r\n\r\n"),  FINE, NULL, 1 },
	{ "a target above 0x7f",              BYTES("GET /\xc3\xa4 HTTP/1.1\r\n\r\n"),       FINE, NULL, 1 },
	{ "four blank lines before it",       BYTES("\r\n\r\n\r\n\r\n" GET),                 FINE, NULL, 1 },
	{ "a blank line behind a body",       BYTES(POST "Content-Length: 1\r\n\r\nx\r\n" GET), FINE, NULL, 2 },

	{ "five blank lines before it",       BYTES("\r\n\r\n\r\n\r\n\r\n" GET), MALFORMED, "method", 0 },
	{ "a CR alone before it",             BYTES("\rGET"),                    MALFORMED, "method", 0 },
	{ "a blank before it",                BYTES(" GET / HTTP/1.1\r\n"),      MALFORMED, "method", 0 },
	{ "TLS",                              BYTES("\x16\x03\x01"),             MALFORMED, "method", 0 },
	{ "a second request that is none",    BYTES(GET "\x01"),                 MALFORMED, "method", 1 },
	{ "a method with a bracket",          BYTES("G(T / HTTP/1.1\r\n"),       MALFORMED, "method", 0 },
	{ "a method and nothing more",        BYTES("GET\r\n"),                  MALFORMED, "method", 0 },
	{ "HTTP/0.9",                         BYTES("GET /\r\n"),                MALFORMED, "version", 0 },
	{ "two blanks before the target",     BYTES("GET  / HTTP/1.1\r\n"),      MALFORMED, "blank", 0 },
	{ "two blanks before the version",    BYTES("GET /  HTTP/1.1\r\n"),      MALFORMED, "HTTP/1.1", 0 },
	{ "a blank behind the version",       BYTES("GET / HTTP/1.1 \r\n"),      MALFORMED, "HTTP/1.1", 0 },
	{ "a blank in the target",            BYTES("GET /a b HTTP/1.1\r\n"),    MALFORMED, "HTTP/1.1", 0 },
	{ "a NUL in the target",              BYTES("GET /a\0b HTTP/1.1\r\n"),   MALFORMED, "control", 0 },
	{ "a tab in the target",              BYTES("GET /a\tb HTTP/1.1\r\n"),   MALFORMED, "control", 0 },
	{ "DEL in the target",                BYTES("GET /a\x7f HTTP/1.1\r\n"),  MALFORMED, "control", 0 },
	{ "a version in small letters",       BYTES("GET / http/1.1\r\n"),       MALFORMED, "HTTP/1.1", 0 },
	{ "a version without a dot",          BYTES("GET / HTTP/11\r\n"),        MALFORMED, "HTTP/1.1", 0 },
	{ "a version that is too long",       BYTES("GET / HTTP/1.10\r\n"),      MALFORMED, "HTTP/1.1", 0 },
	{ "a version that ends in LF",        BYTES("GET / HTTP/1.1\n"),         MALFORMED, "CR LF", 0 },
	{ "a CR without LF",                  BYTES("GET / HTTP/1.1\rX"),        MALFORMED, "LF", 0 },
	{ "HTTP/1.2",                         BYTES("GET / HTTP/1.2\r\n"),       OUTCOME_VERSION_UNSUPPORTED, NULL, 0 },
	{ "HTTP/2.0",                         BYTES("PRI * HTTP/2.0\r\n"),       OUTCOME_VERSION_UNSUPPORTED, NULL, 0 },
	{ "HTTP/0.9 by name",                 BYTES("GET / HTTP/0.9\r\n"),       OUTCOME_VERSION_UNSUPPORTED, NULL, 0 },

	{ "a folded line",                    BYTES(POST "A: b\r\n c\r\n"),          MALFORMED, "folded", 0 },
	{ "a folded line with a tab",         BYTES(POST "A: b\r\n\tc\r\n"),         MALFORMED, "folded", 0 },
	{ "a first line that is folded",      BYTES(POST " A: b\r\n"),               MALFORMED, "folded", 0 },
	{ "a blank before the colon",         BYTES(POST "Content-Length : 1\r\n"),  MALFORMED, "colon", 0 },
	{ "a tab before the colon",           BYTES(POST "Content-Length\t: 1\r\n"), MALFORMED, "colon", 0 },
	{ "a name with a NUL",                BYTES(POST "A\0B: c\r\n"),             MALFORMED, "colon", 0 },
	{ "a line without a colon",           BYTES(POST "Abc\r\n"),                 MALFORMED, "colon", 0 },
	{ "a line without a name",            BYTES(POST ": c\r\n"),                 MALFORMED, "name", 0 },
	{ "a value with a NUL",               BYTES(POST "A: b\0c\r\n"),             MALFORMED, "control", 0 },
	{ "a value with a CR",                BYTES(POST "A: b\rc\r\n"),             MALFORMED, "LF", 0 },
	{ "a value that ends in LF",          BYTES(POST "A: b\nC: d\r\n"),          MALFORMED, "CR LF", 0 },
	{ "an empty line that ends in LF",    BYTES(POST "A: b\r\n\n"),              MALFORMED, "name", 0 },

	{ "a body of known length",           BYTES(POST "Content-Length: 3\r\n\r\nabc" GET),       FINE, NULL, 2 },
	{ "a length of 0",                    BYTES(POST "content-LENGTH:0\r\n\r\n" GET),           FINE, NULL, 2 },
	{ "leading zeros",                    BYTES(POST "Content-Length: 0003\r\n\r\nabc" GET),    FINE, NULL, 2 },
	{ "a body that is yet to come",       BYTES(POST "Content-Length: 4\r\n\r\nabc"),           FINE, NULL, 0 },
	{ "two lengths that agree",           BYTES(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n"), MALFORMED, "Content-Length", 0 },
	{ "two lengths that do not",          BYTES(POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\n"), MALFORMED, "Content-Length", 0 },
	{ "a list of lengths",                BYTES(POST "Content-Length: 3, 3\r\n\r\n"),   MALFORMED, "Content-Length", 0 },
	{ "a length with a sign",             BYTES(POST "Content-Length: +3\r\n\r\n"),     MALFORMED, "Content-Length", 0 },
	{ "a negative length",                BYTES(POST "Content-Length: -3\r\n\r\n"),     MALFORMED, "Content-Length", 0 },
	{ "a hexadecimal length",             BYTES(POST "Content-Length: 0x3\r\n\r\n"),    MALFORMED, "Content-Length", 0 },
	{ "a length with a blank in it",      BYTES(POST "Content-Length: 1 2\r\n\r\n"),    MALFORMED, "Content-Length", 0 },
	{ "a length with blanks behind it",   BYTES(POST "Content-Length: 3 \t \r\n\r\nabc" GET), FINE, NULL, 2 },
	{ "a length with a NUL behind blanks", BYTES(POST "Content-Length: 3 \0\r\n\r\n"),  MALFORMED, "control", 0 },
	{ "a length without a value",         BYTES(POST "Content-Length:\r\n\r\n"),        MALFORMED, "Content-Length", 0 },
	{ "a length of 19 digits",            BYTES(POST "Content-Length: 1000000000000000000\r\n"), OUTCOME_BODY_TOO_LARGE, NULL, 0 },

	{ "both framings, chunks first",      BYTES(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"), MALFORMED, "both", 0 },
	{ "both framings, length first",      BYTES(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"), MALFORMED, "both", 0 },
	{ "chunked twice",                    BYTES(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), MALFORMED, "Transfer-Encoding", 0 },
	{ "gzip",                             BYTES(POST "Transfer-Encoding: gzip\r\n\r\n"),           MALFORMED, "Transfer-Encoding", 0 },
	{ "gzip, chunked",                    BYTES(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"),  MALFORMED, "Transfer-Encoding", 0 },
	{ "chunked with blanks behind it",    BYTES(POST "Transfer-Encoding:\tchunked \t\r\n\r\n0\r\n\r\n" GET), FINE, NULL, 2 },
	{ "chunked with a word behind it",    BYTES(POST "Transfer-Encoding: chunked x\r\n\r\n"),      MALFORMED, "Transfer-Encoding", 0 },
	{ "chunked with a blank in it",       BYTES(POST "Transfer-Encoding: c hunked\r\n\r\n"),       MALFORMED, "Transfer-Encoding", 0 },
	{ "no coding at all",                 BYTES(POST "Transfer-Encoding:\r\n\r\n"),                MALFORMED, "Transfer-Encoding", 0 },
	{ "chunks in HTTP/1.0",               BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), MALFORMED, "HTTP/1.0", 0 },

	{ "chunks",                           BYTES(CHUNKED "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n" GET),        FINE, NULL, 2 },
	{ "CHUNKED",                          BYTES(POST "transfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n"),            FINE, NULL, 1 },
	{ "chunks with extensions and trailers", BYTES(CHUNKED "3;a=\"b\"\r\nabc\r\n000\r\nContent-Length: 9\r\n\r\n" GET), FINE, NULL, 2 },
	{ "a size that is no number",         BYTES(CHUNKED "zz\r\n"),                  MALFORMED, "hexadecimal", 0 },
	{ "no size",                          BYTES(CHUNKED "\r\n"),                    MALFORMED, "size", 0 },
	{ "an extension without a size",      BYTES(CHUNKED ";a\r\n"),                  MALFORMED, "size", 0 },
	{ "a negative size",                  BYTES(CHUNKED "-1\r\n"),                  MALFORMED, "hexadecimal", 0 },
	{ "a size with 0x",                   BYTES(CHUNKED "0x3\r\nabc\r\n"),          MALFORMED, "hexadecimal", 0 },
	{ "a size with a blank",              BYTES(CHUNKED "3 \r\nabc\r\n"),           MALFORMED, "hexadecimal", 0 },
	{ "a size that ends in LF",           BYTES(CHUNKED "3\nabc\r\n"),              MALFORMED, "hexadecimal", 0 },
	{ "a chunk that is longer",           BYTES(CHUNKED "3\r\nabcd\r\n"),           MALFORMED, "longer", 0 },
	{ "a chunk that ends in LF",          BYTES(CHUNKED "3\r\nabc\n"),              MALFORMED, "longer", 0 },
	{ "an extension with a control character", BYTES(CHUNKED "3;\x01\r\n"),         MALFORMED, "extension", 0 },
	{ "a folded trailer",                 BYTES(CHUNKED "0\r\nA: b\r\n c\r\n"),     MALFORMED, "folded", 0 },
	{ "a size of 17 digits",              BYTES(CHUNKED "fffffffffffffffff\r\n"),   OUTCOME_BODY_TOO_LARGE, NULL, 0 },
	{ "a size of 4 GiB",                  BYTES(CHUNKED "ffffffff\r\n"),            OUTCOME_BODY_TOO_LARGE, NULL, 0 },
	{ "more zeros than a size has digits", BYTES(CHUNKED "0000000000000000\r\n"),   OUTCOME_BODY_TOO_LARGE, NULL, 0 },
};
/* clang-format on */

/* Feeds the bytes in two pieces; returns how many of all were called good. */
static size_t feed(struct framing *f, const char *bytes, size_t byte_count, size_t cut)
{
	char *copy = malloc(byte_count + 1);
	size_t good;

	assert_non_null(copy);
	memcpy(copy, bytes, byte_count);
	framing_init(f);
	good = framing_take(f, copy, cut);
	if (f->outcome == OUTCOME_DONE)
		good += framing_take(f, copy + cut, byte_count - cut);
	free(copy);
	return good;
}

static void expect_row(const struct row *r, const struct framing *f)
{
	ROW_EXPECT(r->what, (int)f->outcome == r->outcome);
	ROW_EXPECT(r->what, f->request_count == r->request_count);
	ROW_EXPECT(r->what, (f->detail != NULL) == (r->detail != NULL));
	if (r->detail != NULL)
		ROW_EXPECT(r->what, strstr(f->detail, r->detail) != NULL);
}

static void each_shape_is_judged(void **state)
{
	struct framing f;

	(void)state;
	for (const struct row *r = rows; r < rows + LENGTH_OF(rows); r++) {
		feed(&f, r->bytes, r->byte_count, r->byte_count);
		expect_row(r, &f);
	}
}

static void wherever_it_is_cut_the_judgement_is_the_same(void **state)
{
	struct framing f;

	(void)state;
	for (const struct row *r = rows; r < rows + LENGTH_OF(rows); r++) {
		for (size_t cut = 0; cut < r->byte_count; cut++) {
			feed(&f, r->bytes, r->byte_count, cut);
			expect_row(r, &f);
		}
	}
}

/* What is called good ends where the refused request begins, however it arrived. */
static void requests_before_a_bad_one_pass(void **state)
{
	static const char stream[] =
		GET CHUNKED "3\r\nabc\r\n0\r\n\r\n" GET "GET / HTTP/9.9\r\n\r\n";
	size_t good = sizeof(GET CHUNKED "3\r\nabc\r\n0\r\n\r\n" GET) - 1;
	struct framing f;

	(void)state;
	for (size_t cut = 0; cut <= good; cut++)
		assert_int_equal(feed(&f, stream, sizeof(stream) - 1, cut), good);
	/* Its beginning had passed already: then nothing of the rest is good. */
	assert_int_equal(feed(&f, stream, sizeof(stream) - 1, good + 3), good + 3);
	assert_int_equal(f.request_count, 3);
	assert_int_equal(f.outcome, OUTCOME_VERSION_UNSUPPORTED);
}

/* clang-format off */
static const struct bound {
	const char *what;
	const char *before, *piece, *after;
	int         times; /* at which it still passes */
	int         outcome;
} bounds[] = {
	{ "a target",   "GET /",                   "a",       " HTTP/1.1\r\n\r\n", PATH_BYTES_MAX - 1,   OUTCOME_URI_TOO_LONG },
	{ "parameters", "GET /?a",                 "&a",      " HTTP/1.1\r\n\r\n", PARAMETERS_MAX - 1,   OUTCOME_URI_TOO_LONG },
	{ "a method",   "",                        "A",       " / HTTP/1.1\r\n\r\n", 32,                 OUTCOME_NOT_IMPLEMENTED },
	{ "headers",    "GET / HTTP/1.1\r\n",      "A: b\r\n", "\r\n",             HEADER_COUNT_MAX,     OUTCOME_HEADERS_TOO_LARGE },
	{ "a value",    "GET / HTTP/1.1\r\nA: ",   "a",       "\r\n\r\n",          HEADER_BYTES_MAX - 7, OUTCOME_HEADERS_TOO_LARGE },
	{ "a name",     "GET / HTTP/1.1\r\nA",     "a",       ": \r\n\r\n",        HEADER_BYTES_MAX - 7, OUTCOME_HEADERS_TOO_LARGE },
	{ "blanks",     POST "Content-Length: 0",  " ",       "\r\n\r\n",          HEADER_BYTES_MAX - 21, OUTCOME_HEADERS_TOO_LARGE },
	{ "trailers",   CHUNKED "0\r\n",           "A: b\r\n", "\r\n",             HEADER_COUNT_MAX - 1, OUTCOME_HEADERS_TOO_LARGE },
	{ "an extension", CHUNKED "1;",            "a",       "\r\nx\r\n0\r\n\r\n", 256,                 OUTCOME_MALFORMED_REQUEST },
	{ "digits",     CHUNKED,                   "0",       "\r\n\r\n",          15,                   OUTCOME_BODY_TOO_LARGE },
};
/* clang-format on */

static void feed_repeated(struct framing *f, const struct bound *b, int times)
{
	size_t piece_bytes = strlen(b->piece);
	size_t byte_count = strlen(b->before) + piece_bytes * (size_t)times + strlen(b->after);
	char *bytes = malloc(byte_count + 1), *at = bytes;

	assert_non_null(bytes);
	at = stpcpy(at, b->before);
	for (int i = 0; i < times; i++, at += piece_bytes)
		memcpy(at, b->piece, piece_bytes);
	stpcpy(at, b->after);
	feed(f, bytes, byte_count, byte_count);
	free(bytes);
}

static void bounds_hold_to_the_byte(void **state)
{
	struct framing f;

	(void)state;
	for (const struct bound *b = bounds; b < bounds + LENGTH_OF(bounds); b++) {
		feed_repeated(&f, b, b->times);
		ROW_EXPECT(b->what, f.outcome == OUTCOME_DONE);
		ROW_EXPECT(b->what, f.request_count == 1);
		feed_repeated(&f, b, b->times + 1);
		ROW_EXPECT(b->what, (int)f.outcome == b->outcome);
		ROW_EXPECT(b->what, f.request_count == 0);
	}
}

static void a_request_has_its_own_bounds(void **state)
{
	struct framing f;

	(void)state;
	framing_init(&f);
	for (int i = 0; i < 10000; i++) {
		char bytes[] = "GET /?a&b&c HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n";

		assert_int_equal(framing_take(&f, bytes, sizeof(bytes) - 1), sizeof(bytes) - 1);
	}
	assert_int_equal(f.outcome, OUTCOME_DONE);
	assert_int_equal(f.request_count, 10000);
	assert_int_equal(f.head_count, 10000);
}

/* What microhttpd gets to see, wherever the client's bytes are cut. */
static void expect_passed_on(const char *sent, const char *seen)
{
	size_t byte_count = strlen(sent);
	struct framing f;

	for (size_t cut = 0; cut <= byte_count; cut++) {
		char *copy = strdup(sent);
		size_t first, second;

		assert_non_null(copy);
		framing_init(&f);
		first = framing_take(&f, copy, cut);
		second = framing_take(&f, copy + cut, byte_count - cut);
		memmove(copy + first, copy + cut, second);
		copy[first + second] = '\0';
		assert_string_equal(copy, seen);
		free(copy);
	}
}

static void what_is_passed_on_is_what_it_may_know(void **state)
{
	(void)state;
	expect_passed_on("GET / HTTP/1.1\r\nCOOKIE: a=b\r\nX-Cookie: c\r\n\r\n",
			 "GET / HTTP/1.1\r\nCOOKI_: a=b\r\nX-Cookie: c\r\n\r\n");
	expect_passed_on("GET / HTTP/1.1\r\nexpect: 100-continue\r\nX-Expect: c\r\n\r\n",
			 "GET / HTTP/1.1\r\nexpec_: 100-continue\r\nX-Expect: c\r\n\r\n");
	expect_passed_on(POST "Transfer-Encoding: \tchunked \t \r\nA: b c \r\n\r\n1\r\nx\r\n",
			 POST "Transfer-Encoding: \tchunked\r\nA: b c \r\n\r\n1\r\nx\r\n");
	expect_passed_on(POST "Content-Length:1 \r\n\r\n GET / HTTP/1.1\r\n\r\n",
			 POST "Content-Length:1\r\n\r\n GET / HTTP/1.1\r\n\r\n");
}

static void inside_is_between_the_first_byte_and_the_last(void **state)
{
	char bytes[] = "\r\n" POST "Content-Length: 1\r\n\r\nx";
	struct framing f;

	(void)state;
	framing_init(&f);
	for (size_t at = 0; at < sizeof(bytes) - 1; at++) {
		assert_int_equal(framing_is_inside(&f), at > 2);
		framing_take(&f, &bytes[at], 1);
	}
	assert_false(framing_is_inside(&f));
}

/* ---------------------------------------------------------------- what is taken in pieces */

/* By byte nothing is there as a whole, so that everything is looked at by itself. */
static size_t feed_in_pieces(struct framing *f, char *bytes, size_t byte_count, size_t piece_bytes)
{
	size_t good = 0;

	framing_init(f);
	for (size_t at = 0; at < byte_count && f->outcome == OUTCOME_DONE; at += piece_bytes) {
		size_t count = byte_count - at < piece_bytes ? byte_count - at : piece_bytes;
		size_t taken = framing_take(f, &bytes[at], count);

		memmove(&bytes[good], &bytes[at], taken);
		good += taken;
	}
	return good;
}

/* Where something is refused, what of it had passed before is a matter of the pieces. */
static void expect_same(const char *what, const struct framing *a, const struct framing *b)
{
	ROW_EXPECT(what, a->state == b->state);
	ROW_EXPECT(what, a->outcome == b->outcome);
	ROW_EXPECT(what, a->detail == b->detail);
	ROW_EXPECT(what, a->head_count == b->head_count);
	ROW_EXPECT(what, a->request_count == b->request_count);
	ROW_EXPECT(what, a->head_bytes == b->head_bytes);
	ROW_EXPECT(what, a->header_count == b->header_count);
	ROW_EXPECT(what, a->line_bytes == b->line_bytes);
	ROW_EXPECT(what, a->parameter_count == b->parameter_count);
	ROW_EXPECT(what, a->blank_lines == b->blank_lines);
	ROW_EXPECT(what, a->is_old == b->is_old);
	ROW_EXPECT(what, a->is_in_trailers == b->is_in_trailers);
	ROW_EXPECT(what, a->body_left == b->body_left);
}

static void expect_pieces_alike(const char *bytes, size_t byte_count)
{
	char whole[2048], pieces[2048];
	struct framing f, g;
	size_t good, good_in_pieces;

	assert_true(byte_count <= sizeof(whole));
	memcpy(whole, bytes, byte_count);
	memcpy(pieces, bytes, byte_count);
	good = feed_in_pieces(&f, whole, byte_count, byte_count);
	good_in_pieces = feed_in_pieces(&g, pieces, byte_count, 1);
	expect_same(bytes, &f, &g);
	ROW_EXPECT(bytes, good <= good_in_pieces);
	ROW_EXPECT(bytes, memcmp(whole, pieces, good) == 0);
	if (f.outcome == OUTCOME_DONE)
		ROW_EXPECT(bytes, good == good_in_pieces);
}

static const char *const heads[] = {
	"POST /v1/stock/SKU-0001/WH1/adjust HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
	"Authorization: Bearer rl_k3v7q2mwza_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG\r\n"
	"Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"delta\":-1}"
	"GET / HTTP/1.1\r\nHost:a\r\nX-Long-Name-Of-A-Header_2:\r\n\r\n",
	"PUT /a?b=c&d=e&f HTTP/1.0\r\nCookie: a=b\r\nExpect: 100-continue\r\nCookies: d\r\n"
	"content-length:  3  \r\nAccept: \tx;q=0.1\r\n\r\nabcDELETE /x HTTP/1.1\r\n\r\n",
	"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
	"Content-Length: 5\r\nTrailer: abcdefghijklmnopqrst\r\n\r\n\r\nGET /y HTTP/1.1\r\n\r\n",
};

/* Each byte of them replaced by each of those that mean something, and left out. */
static void in_pieces_or_as_a_whole_it_is_the_same(void **state)
{
	static const char marks[] = "\r\n\t :&;-_0aZ\x01\x1f\x7f\x80\xff";

	(void)state;
	for (const struct row *r = rows; r < rows + LENGTH_OF(rows); r++)
		expect_pieces_alike(r->bytes, r->byte_count);
	for (size_t h = 0; h < LENGTH_OF(heads); h++) {
		size_t byte_count = strlen(heads[h]);
		char bytes[1024];

		for (size_t at = 0; at < byte_count; at++) {
			for (size_t m = 0; m < sizeof(marks); m++) { /* its NUL, too */
				strcpy(bytes, heads[h]);
				bytes[at] = marks[m];
				expect_pieces_alike(bytes, byte_count);
			}
			strcpy(bytes, heads[h]);
			memmove(&bytes[at], &bytes[at + 1], byte_count - at);
			expect_pieces_alike(bytes, byte_count - 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_shape_is_judged),
		cmocka_unit_test(wherever_it_is_cut_the_judgement_is_the_same),
		cmocka_unit_test(requests_before_a_bad_one_pass),
		cmocka_unit_test(bounds_hold_to_the_byte),
		cmocka_unit_test(a_request_has_its_own_bounds),
		cmocka_unit_test(what_is_passed_on_is_what_it_may_know),
		cmocka_unit_test(inside_is_between_the_first_byte_and_the_last),
		cmocka_unit_test(in_pieces_or_as_a_whole_it_is_the_same),
	};

	return cmocka_run_group_tests_name("framing", tests, NULL, NULL);
}
