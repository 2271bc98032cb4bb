/*
 * json_readers - how fast each reader of bodies is (wire/json_read.h), with what is read most.
 *
 *     bench_json_readers [SECONDS]      prints ns and documents/s of each, for each document
 *
 * Linked with --wrap=json_plain_parse, so that the strict reader can be had alone. What is measured
 * is all of it: from the text to a command whose row is named, in an arena of its own.
 */
#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "wire/json_plain.h"
#include "wire/message_readers.h"
#include "wire/messages_batch.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT "\"sku\":\"BATCH-137\",\"location\":\"WH1\""

static const struct document_row {
	const char *what;
	bool is_line;
	const char *text;
} documents[] = {
	{ "line: adjust", true, "{\"op\":\"adjust\"," AT ",\"delta\":-1}" },
	{ "line: set", true, "{\"op\":\"set\"," AT ",\"on_hand\":40,\"expected\":null}" },
	{ "line: reserve", true,
	  "{\"op\":\"reserve\",\"ttl_s\":60,\"lines\":[{" AT ",\"quantity\":2}]}" },
	{ "line: adjust, an escape", true,
	  "{\"op\":\"adjust\"," AT ",\"delta\":-1,\"id\":\"\\u0061\"}" },
	{ "body: adjust", false, "{\"delta\":-1}" },
	{ "body: adjust, all of it", false,
	  "{\"delta\":-1,\"reason\":\"sale\",\"reference\":\"order 4711\",\"expected\":12}" },
};

static bool is_strict_only;

bool __real_json_plain_parse(const char *text, size_t byte_count, struct json_plain *ret);
bool __wrap_json_plain_parse(const char *text, size_t byte_count, struct json_plain *ret);
bool __wrap_json_plain_parse(const char *text, size_t byte_count, struct json_plain *ret)
{
	return !is_strict_only && __real_json_plain_parse(text, byte_count, ret);
}

static void read_once(const struct document_row *row, size_t byte_count)
{
	struct command c = { .kind = COMMAND_ADJUST, .lease_id = "", .purpose = "" };
	struct message_error e;
	struct arena a;
	const char *id;

	arena_init(&a);
	CHECK(row->is_line ? batch_line_read(row->text, byte_count, &a, &c, &id, &e)
			   : message_read_adjust(message_of(row->text, byte_count), &a, &c, &e));
	arena_fini(&a);
}

/* ns a document. */
static double measure(const struct document_row *row, bool with_strict_only, double seconds)
{
	size_t byte_count = strlen(row->text);
	int64_t begin_ns = clock_monotonic_ns(), end_ns;
	long count = 0;

	is_strict_only = with_strict_only;
	do {
		for (int i = 0; i < 1000; i++)
			read_once(row, byte_count);
		count += 1000;
		end_ns = clock_monotonic_ns();
	} while ((double)(end_ns - begin_ns) < seconds * NS_PER_S);
	return (double)(end_ns - begin_ns) / (double)count;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.3;

	printf("%-26s%12s%16s%12s%16s\n", "", "plain ns", "documents/s", "strict ns",
	       "documents/s");
	for (size_t i = 0; i < LENGTH_OF(documents); i++) {
		double plain = measure(&documents[i], false, seconds);
		double strict = measure(&documents[i], true, seconds);

		printf("%-26s%12.0f%16.0f%12.0f%16.0f\n", documents[i].what, plain, 1e9 / plain,
		       strict, 1e9 / strict);
	}
	return 0;
}
