/*
 * fuzz_json_readers - documents near those that are read most, by both readers: they must say the
 * same of each, command for command, error for error, fingerprint for fingerprint.
 *
 *     fuzz_json_readers [SEED [STEPS]]      as every fuzzer here
 *     fuzz_json_readers --file FILE...      what the files hold, in every shape: for a fuzzer that
 *                                           brings its documents (afl-fuzz … --file @@)
 *     clang -fsanitize=fuzzer,address …     calls LLVMFuzzerTestOneInput (-DHAS_OWN_MAIN)
 */
#include "both_readers.h"
#include "fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOCUMENT_BYTES_MAX = 16384, LONG_BYTES = 4000 };

struct document {
	char bytes[DOCUMENT_BYTES_MAX];
	size_t byte_count;
};

static long document_count, plain_count, fine_count;

/* ---------------------------------------------------------------- pieces */

static void add_bytes(struct document *d, const char *bytes, size_t byte_count)
{
	if (d->byte_count + byte_count > sizeof(d->bytes))
		return;
	memcpy(d->bytes + d->byte_count, bytes, byte_count);
	d->byte_count += byte_count;
}

static void add(struct document *d, const char *s)
{
	add_bytes(d, s, strlen(s));
}

/* A piece of a document, which may hold NULs. */
struct piece {
	const char *bytes;
	size_t byte_count;
};

/* clang-format off */
#define P(text) { text, sizeof(text) - 1 }

static const struct piece numbers[] = {
	P("1"), P("2"), P("-3"), P("12"), P("60"), P("40"), P("0"), P("999999999999"), P("1000000000000"),
	P("1000000000001"), P("-1000000000000"), P("-1000000000001"), P("-0"), P("+1"), P("01"), P("-01"), P("00"),
	P("1e2"), P("1E2"), P("1e+2"), P("1.0"), P("0.5"), P("1."), P(".5"), P("-"), P("1e"), P("-1e-2"),
	P("9007199254740991"), P("9007199254740993"), P("999999999999999999"), P("1000000000000000000"),
	P("9223372036854775807"), P("9223372036854775808"), P("-9223372036854775808"),
	P("-9223372036854775809"), P("18446744073709551616"), P("123456789012345678901234567890"),
	P("1e400"), P("0x10"), P("NaN"), P("Infinity"), P("-Infinity"), P("1_0"), P("1\0"), P("1 2"), P("1/**/"), P("--1"),
	P("\xef\xbc\x91"), P("86400"), P("86401"),
};

static const struct piece texts[] = {
	P("\"A-1\""), P("\"WH1\""), P("\"WH2\""), P("\"sale\""), P("\"Sale_2\""), P("\"order 4711\""), P("\"\""), P("\"-\""), P("\"A 1\""),
	P("\"M\xc3\xbcller\""), P("\"\xe2\x98\x95 \xf0\x9f\x98\x80\""), P("\"\\u004d\""), P("\"a\\\"b\""), P("\"a\\\\\""),
	P("\"a\\/b\""), P("\"\\b\\f\\n\\r\\t\""), P("\"\\u0000\""), P("\"a\\u0000b\""), P("\"\\ud83d\\ude00\""),
	P("\"\\ud83d\""), P("\"\\ude00\""), P("\"\\ude00\\ud83d\""), P("\"\\ud83dx\""), P("\"\\ud83d\\n\""), P("\"\\uD83D\\u0041\""),
	P("\"\\x41\""), P("\"\\u12\""), P("\"\\u12g4\""), P("\"\\U0041\""), P("\"\\'\""), P("\"\\"), P("\"\\\""), P("\"abc"),
	P("'A-1'"), P("A-1"), P("\"a\nb\""), P("\"a\tb\""), P("\"a\0b\""), P("\"\x1f\""), P("\"\x7f\""), P("\"\x80\""),
	P("\"\xc3\""), P("\"\xc0\xaf\""), P("\"\xc1\xbf\""), P("\"\xe0\x80\xaf\""), P("\"\xed\xa0\x80\""), P("\"\xed\xbf\xbf\""),
	P("\"\xef\xbf\xbf\""), P("\"\xf4\x8f\xbf\xbf\""), P("\"\xf4\x90\x80\x80\""), P("\"\xf5\x80\x80\x80\""),
	P("\"\xf0\x80\x80\xaf\""), P("\"\xff\""), P("\"\xfe\xff\""), P("\"\xe2\x98\""), P("\"\xe2\x80\xa8\""), P("\"\\ufeff\""),
	P("\"x\" \"y\""), P("\"r_1\""), P("\"l_1\""), P("\"c-1\""), P("\"adjust\""), P("\"set\""), P("\"reserve\""), P("\"commit\""),
	P("\"count\""), P("\"transfer\""), P("\"extend\""), P("\"release\""), P("\"item\""), P("\"steal\""), P("\"ad\\u006aust\""),
};

static const struct piece others[] = {
	P("null"), P("true"), P("false"), P("nul"), P("nulll"), P("True"), P("NULL"), P("tru"), P("[]"), P("{}"), P("[1]"), P("{\"a\":1}"),
	P("{\"a\":{\"b\":[1,{}]}}"), P("[[[[1]]]]"), P("[}"), P("{]"), P(""), P("undefined"), P("/*1*/null"), P("null//"), P("[null]"),
	P("[{\"sku\":\"A\",\"location\":\"W\"}]"), P("[{\"sku\":\"A\",\"location\":\"W\",\"quantity\":1}]"), P("[{}]"), P("[,]"),
	P("[{\"sku\":\"A\",\"sku\":\"A\",\"location\":\"W\",\"quantity\":1}]"), P("[{\"sku\":\"A\",\"location\":\"W\",\"quantity\":1},]"),
	P("[{\"sku\":\"A\",\"location\":\"W\",\"quantity\":0}]"), P("[{\"sku\":\"A\",\"location\":\"W\",\"quantity\":1,\"a\":1}]"),
	P("[{\"sku\":\"A\",\"location\":\"W\",\"quantity\":[]}]"), P("[{\"sku\":\"A\",\"location\":\"W\" \"quantity\":1}]"),
};

static const struct piece blanks[] = {
	P(" "), P("\t"), P("\n"), P("\r"), P("  \r\n\t"), P("\v"), P("\f"), P("\xc2\xa0"), P("\xe2\x80\x83"), P("\xef\xbb\xbf"),
	P("/* c */"), P("// c\n"), P("#c\n"), P("\0"), P("\x1e"),
};

static const struct piece strange_names[] = {
	P("\"del\\u0074a\""), P("\"\""), P("\"Delta\""), P("\"delta \""), P("\"delta\\u0000\""), P("\"delta\0\""), P("delta"), P("'delta'"),
	P("\"d\xc3\xa9lta\""), P("\"\xff\""), P("1"), P("null"), P("\"a/b~c\""), P("\"expected_version_\""), P("\"__proto__\""),
	P("\"deltadeltadeltadeltadeltadeltadeltadelta\""), P("\"delta\""), P("\"op\""), P("\"id\""), P("\"create\""), P("\"line\""), P("{}"),
};

/* Names that some shape knows. */
static const char *const names[] = {
	"delta", "reason", "reference", "note", "up_to", "expected", "expected_version", "on_hand", "lines", "ttl_s", "owner",
	"supersedes", "op", "id", "sku", "location", "reservation", "counted", "as_of_seq", "from", "to", "quantity", "rows",
	"purpose", "name", "unit", "backorder_limit", "reorder_point", "attributes", "archived",
};

/* What each shape has to say, and may say; t: text of the client's, c: code, n: number, b: boolean, l: lines, r: rows,
 * i: an id, o: object, a to z of others: this very op. */
static const struct member_row {
	enum shape shape;
	const char *name;
	char kind;
	bool is_needed;
} members[] = {
	{ SHAPE_ADJUST, "delta", 'n', true }, { SHAPE_ADJUST, "reason", 'e', false }, { SHAPE_ADJUST, "reference", 't', false }, { SHAPE_ADJUST, "note", 't', false },
	{ SHAPE_ADJUST, "up_to", 'b', false }, { SHAPE_ADJUST, "expected", 'n', false }, { SHAPE_ADJUST, "expected_version", 'n', false },
	{ SHAPE_SET, "on_hand", 'n', true }, { SHAPE_SET, "expected", 'n', true }, { SHAPE_SET, "reason", 'e', false },
	{ SHAPE_SET, "reference", 't', false }, { SHAPE_SET, "note", 't', false }, { SHAPE_SET, "expected_version", 'n', false },
	{ SHAPE_RESERVE, "lines", 'l', true }, { SHAPE_RESERVE, "ttl_s", 'n', true }, { SHAPE_RESERVE, "owner", 't', false },
	{ SHAPE_RESERVE, "reference", 't', false }, { SHAPE_RESERVE, "note", 't', false }, { SHAPE_RESERVE, "supersedes", 'i', false },
	{ SHAPE_TRANSFER, "sku", 'c', true }, { SHAPE_TRANSFER, "from", 'c', true }, { SHAPE_TRANSFER, "to", 'c', true },
	{ SHAPE_TRANSFER, "quantity", 'n', true }, { SHAPE_TRANSFER, "reference", 't', false }, { SHAPE_TRANSFER, "note", 't', false },
	{ SHAPE_COUNT, "counted", 'n', true }, { SHAPE_COUNT, "as_of_seq", 'n', true }, { SHAPE_COUNT, "reason", 'e', false }, { SHAPE_COUNT, "note", 't', false },
	{ SHAPE_COMMIT, "lines", 'l', false }, { SHAPE_COMMIT, "note", 't', false }, { SHAPE_EXTEND, "ttl_s", 'n', true },
	{ SHAPE_RELEASE, "note", 't', false },
	{ SHAPE_LEASE, "rows", 'r', true }, { SHAPE_LEASE, "ttl_s", 'n', true }, { SHAPE_LEASE, "purpose", 't', false },
	{ SHAPE_ITEM, "name", 't', true }, { SHAPE_ITEM, "unit", 't', false }, { SHAPE_ITEM, "archived", 'b', false },
	{ SHAPE_ITEM, "attributes", 'o', false }, { SHAPE_ITEM, "reorder_point", 'n', false },
};

/* The lines of a batch: their op, and the shape of the rest. */
static const struct op_row {
	const char *op;
	enum shape rest;
	const char *names[2]; /* that its path would say */
} ops[] = {
	{ "adjust", SHAPE_ADJUST, { "sku", "location" } }, { "set", SHAPE_SET, { "sku", "location" } },
	{ "reserve", SHAPE_RESERVE, { "reservation" } }, { "count", SHAPE_COUNT, { "sku", "location" } },
	{ "transfer", SHAPE_TRANSFER, { NULL } }, { "commit", SHAPE_COMMIT, { "reservation" } },
	{ "extend", SHAPE_EXTEND, { "reservation" } }, { "release", SHAPE_RELEASE, { "reservation" } },
	{ "item", SHAPE_ITEM, { "sku" } },
};
/* clang-format on */

#define ANY_OF(f, table) (&(table)[fuzz_below((f), LENGTH_OF(table))])

static bool one_in(struct fuzz *f, uint64_t n)
{
	return fuzz_below(f, n) == 0;
}

static void add_piece(struct document *d, const struct piece *p)
{
	add_bytes(d, p->bytes, p->byte_count);
}

/* ---------------------------------------------------------------- documents */

/* How strange a document is: each of its places is left as it should be, but for one in so many. */
struct maker {
	struct fuzz *f;
	struct document *d;
	uint64_t oddity;
};

static void add_blank(struct maker *m)
{
	if (one_in(m->f, m->oddity * 4))
		add_piece(m->d, ANY_OF(m->f, blanks));
	else if (one_in(m->f, 8))
		add_piece(m->d, &blanks[fuzz_below(m->f, 5)]);
}

static void add_mark(struct maker *m, char mark)
{
	static const char marks[] = "{}[]:,\"\\/+-0e.";
	char other = marks[fuzz_below(m->f, sizeof(marks) - 1)];

	add_blank(m);
	if (!one_in(m->f, m->oddity * 8))
		add_bytes(m->d, &mark, 1);
	if (one_in(m->f, m->oddity * 8))
		add_bytes(m->d, &other, 1);
	add_blank(m);
}

static void add_name(struct maker *m, const char *name)
{
	if (one_in(m->f, m->oddity * 4)) {
		add_piece(m->d, ANY_OF(m->f, strange_names));
	} else {
		add(m->d, "\"");
		add(m->d, one_in(m->f, m->oddity * 4) ? *ANY_OF(m->f, names) : name);
		add(m->d, "\"");
	}
	add_mark(m, ':');
}

static void add_long_text(struct maker *m)
{
	uint64_t bytes = fuzz_below(m->f, one_in(m->f, 4) ? LONG_BYTES : 140);

	add(m->d, "\"");
	for (uint64_t i = 0; i < bytes; i++)
		add(m->d, one_in(m->f, 100) ? "\xc3\xa4" : "x");
	add(m->d, "\"");
}

static void add_strange_value(struct maker *m)
{
	switch (fuzz_below(m->f, 4)) {
	case 0:
		add_piece(m->d, ANY_OF(m->f, numbers));
		break;
	case 1:
		add_piece(m->d, ANY_OF(m->f, texts));
		break;
	case 2:
		add_piece(m->d, ANY_OF(m->f, others));
		break;
	default:
		add_long_text(m);
	}
}

static void add_lines(struct maker *m, bool has_quantities);

static void add_value(struct maker *m, char kind)
{
	struct fuzz *f = m->f;

	if (one_in(f, m->oddity * 2)) {
		add_strange_value(m);
		return;
	}
	switch (kind) {
	case 'n':
		add_piece(m->d, &numbers[fuzz_below(f, 6)]);
		break;
	case 'b':
		add_piece(m->d, &others[1 + fuzz_below(f, 2)]);
		break;
	case 'c':
		add_piece(m->d, &texts[fuzz_below(f, 3)]);
		break;
	case 'e':
		add_piece(m->d, &texts[3]);
		break;
	case 'i':
		add(m->d, "\"c-1\"");
		break;
	case 'l':
	case 'r':
		add_lines(m, kind == 'l');
		break;
	case 'o':
		add(m->d, "{\"a\":[1,0.10]}");
		break;
	default:
		add_piece(m->d, &texts[fuzz_below(f, 10)]);
	}
}

static void add_member(struct maker *m, const char *name, char kind)
{
	add_name(m, name);
	add_value(m, kind);
}

static void add_lines(struct maker *m, bool has_quantities)
{
	uint64_t count = one_in(m->f, 20) ? fuzz_below(m->f, 70) : 1 + fuzz_below(m->f, 3);

	add_mark(m, '[');
	for (uint64_t i = 0; i < count; i++) {
		if (i > 0)
			add_mark(m, ',');
		add_mark(m, '{');
		add_member(m, "sku", 'c');
		add_mark(m, ',');
		add_member(m, "location", 'c');
		if (has_quantities) {
			add_mark(m, ',');
			add_member(m, "quantity", 'n');
		}
		add_mark(m, '}');
	}
	add_mark(m, ']');
}

/* The members of a shape, those that it may leave out now and then; behind `count` others. */
static void add_members(struct maker *m, enum shape shape, int count)
{
	size_t first = fuzz_below(m->f, LENGTH_OF(members));

	for (size_t i = 0; i < LENGTH_OF(members); i++) {
		const struct member_row *row = &members[(first + i) % LENGTH_OF(members)];

		if (row->shape != shape || (!row->is_needed && !one_in(m->f, 3)) ||
		    one_in(m->f, m->oddity * 8))
			continue;
		if (count++ > 0)
			add_mark(m, ',');
		add_member(m, row->name, row->kind);
		if (one_in(m->f, m->oddity * 8)) {
			add_mark(m, ',');
			add_member(m, row->name, row->kind);
		}
	}
}

/* An op and what its path would say, here or behind what its body would say. */
static void add_line_members(struct maker *m)
{
	const struct op_row *op = ANY_OF(m->f, ops);
	int count = 1;

	add_name(m, "op");
	add(m->d, "\"");
	add(m->d, op->op);
	add(m->d, "\"");
	for (size_t i = 0; i < LENGTH_OF(op->names) && op->names[i] != NULL; i++, count++) {
		add_mark(m, ',');
		add_member(m, op->names[i], 'c');
	}
	if (one_in(m->f, 4)) {
		add_mark(m, ',');
		add_member(m, "id", 't');
		count++;
	}
	add_members(m, op->rest, count);
}

static void mutate(struct maker *m)
{
	struct document *d = m->d;
	static const char marks[] =
		"{}[]\",:\\/+-.0123456789eEunft \t\n\r\x7f\x80\xc3\xed\xff\x00\x1f";
	size_t at = fuzz_below(m->f, d->byte_count + 1);
	char c = marks[fuzz_below(m->f, sizeof(marks) - 1)];

	if (at == d->byte_count || d->byte_count == sizeof(d->bytes))
		return;
	switch (fuzz_below(m->f, 3)) {
	case 0:
		d->bytes[at] = c;
		break;
	case 1:
		memmove(d->bytes + at, d->bytes + at + 1, d->byte_count - at - 1);
		d->byte_count--;
		break;
	default:
		memmove(d->bytes + at + 1, d->bytes + at, d->byte_count - at);
		d->bytes[at] = c;
		d->byte_count++;
	}
}

static void make_document(struct fuzz *f, enum shape shape, struct document *d)
{
	static const uint64_t oddities[] = { 3, 10, 40, 1000 };
	struct maker m = { .f = f, .d = d, .oddity = *ANY_OF(f, oddities) };

	d->byte_count = 0;
	add_mark(&m, '{');
	if (shape == SHAPE_LINE)
		add_line_members(&m);
	else
		add_members(&m, shape, 0);
	if (one_in(f, m.oddity * 8))
		add_mark(&m, ',');
	add_mark(&m, '}');
	if (one_in(f, m.oddity * 4))
		add_strange_value(&m);
	if (one_in(f, 4))
		for (uint64_t n = fuzz_below(f, 4); n > 0; n--)
			mutate(&m);
	if (one_in(f, 20))
		d->byte_count = fuzz_below(f, d->byte_count + 1);
}

/* ---------------------------------------------------------------- the oracle: each the other's */

/* NULL: they agree. */
static const char *try(enum shape shape, const char *bytes, size_t byte_count)
{
	struct both both;
	const char *difference;

	both_read(&both, shape, bytes, byte_count);
	difference = both_difference(&both);
	document_count++;
	plain_count += both.plain.is_plain;
	fine_count += both.plain.is_read;
	both_forget(&both);
	return difference;
}

static void show(enum shape shape, const char *bytes, size_t byte_count, const char *difference)
{
	fprintf(stderr, "%s: %.*s\n  plain: %s\n", shape_text(shape), (int)byte_count, bytes,
		difference);
}

static void run(struct fuzz *f)
{
	static struct document d;

	while (fuzz_step(f)) {
		/* The first four are what is read most. */
		enum shape shape = (enum shape)fuzz_below(f, one_in(f, 3) ? SHAPES : 4);
		const char *difference;

		make_document(f, shape, &d);
		difference = try(shape, d.bytes, d.byte_count);
		if (difference != NULL)
			show(shape, d.bytes, d.byte_count, difference);
		EXPECT(f, difference == NULL);
	}
}

/* Fuzzers bring anything: every shape looks at it. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count)
{
	for (enum shape shape = 0; shape < SHAPES; shape++) {
		const char *text = (const char *)bytes;
		const char *difference = try(shape, text, byte_count);

		if (difference != NULL) {
			show(shape, text, byte_count, difference);
			abort();
		}
	}
	return 0;
}

#ifndef HAS_OWN_MAIN
static int try_file(const char *path)
{
	static uint8_t bytes[DOCUMENT_BYTES_MAX];
	FILE *in = fopen(path, "rb");

	if (in == NULL) {
		fprintf(stderr, "%s cannot be read\n", path);
		return 1;
	}

	size_t byte_count = fread(bytes, 1, sizeof(bytes), in);

	fclose(in);
	return LLVMFuzzerTestOneInput(bytes, byte_count);
}

int main(int argc, char **argv)
{
	int result = 0;

	if (argc > 1 && strcmp(argv[1], "--file") == 0) {
		for (int i = 2; i < argc; i++)
			result |= try_file(argv[i]);
		return result;
	}
	result = fuzz_main(argc, argv, 100, 4000, run);
	printf("%ld documents: %ld fine, %ld read without the strict reader\n", document_count,
	       fine_count, plain_count);
	/* Otherwise it has compared the strict reader with itself. */
	CHECK(plain_count > document_count / 10);
	CHECK(fine_count < document_count);
	return result;
}
#endif
