/* The parts of the instruments that can be held against something simpler: histogram, answers. */
#include "answer_scan.h"
#include "histogram.h"
#include "unit/unit.h"
#include <stdlib.h>

enum { VALUES = 20000 };

static uint64_t random_next(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 11;
}

static int compare_values(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* What the percentile is by its definition: all values in order, and the one at that place. */
static int64_t sorted_percentile(const int64_t sorted[], int64_t count, int per_mille)
{
	int64_t place = (count * per_mille + 999) / 1000;

	return sorted[place == 0 ? 0 : place - 1];
}

static void expect_like_sorted(const char *what, int64_t values[], int64_t count)
{
	static struct histogram h;
	static const int per_milles[] = { 1, 10, 250, 500, 900, 990, 999, 1000 };

	memset(&h, 0, sizeof(h));
	for (int64_t i = 0; i < count; i++)
		histogram_add(&h, values[i]);
	qsort(values, (size_t)count, sizeof(*values), compare_values);
	ROW_EXPECT(what, h.count == count);
	ROW_EXPECT(what, h.most == values[count - 1]);
	for (size_t i = 0; i < LENGTH_OF(per_milles); i++) {
		int64_t exact = sorted_percentile(values, count, per_milles[i]);
		int64_t said = histogram_percentile(&h, per_milles[i] / 10.0);

		ROW_EXPECT(what, said >= exact);
		ROW_EXPECT(what, said <= exact + exact / 128);
	}
}

static void percentiles_are_those_of_a_sort(void **state)
{
	static int64_t values[VALUES];
	uint64_t seed = 4711;

	(void)state;
	for (int bits = 1; bits <= HISTOGRAM_VALUE_BITS; bits++) {
		char what[32];

		snprintf(what, sizeof(what), "values of %d bits", bits);
		for (int i = 0; i < VALUES; i++)
			values[i] = (int64_t)(random_next(&seed) & ((UINT64_C(1) << bits) - 1));
		expect_like_sorted(what, values, VALUES);
	}
	/* As latencies are: most of them alike, a few of another magnitude. */
	for (int i = 0; i < VALUES; i++)
		values[i] = (int64_t)(random_next(&seed) % 1000) * (i % 100 == 0 ? 1000000 : 1000);
	expect_like_sorted("one in a hundred is slow", values, VALUES);
	expect_like_sorted("a single one", values, 1);
}

static void the_ends_of_cells_are_in_them(void **state)
{
	(void)state;
	for (int bits = 0; bits < HISTOGRAM_VALUE_BITS; bits++)
		for (int64_t by = -1; by <= 1; by++) {
			int64_t one[] = { (INT64_C(1) << bits) + by };

			expect_like_sorted("beside a power of two", one, 1);
		}
}

static void what_is_out_of_range_is_held_at_its_end(void **state)
{
	static struct histogram h;

	(void)state;
	assert_int_equal(histogram_percentile(&h, 50), 0);
	histogram_add(&h, -5);
	assert_int_equal(histogram_percentile(&h, 100), 0);
	histogram_add(&h, INT64_MAX);
	assert_true(h.most == INT64_MAX);
	assert_true(histogram_percentile(&h, 100) >= (INT64_C(1) << HISTOGRAM_VALUE_BITS) - 1);
}

#define WHOLE   ANSWER_WHOLE, -1
#define HEAD    "HTTP/1.1 200 OK\r\n"
#define PARTIAL ANSWER_PARTIAL, 0
#define STRANGE ANSWER_STRANGE, 0

static const struct scan_row {
	enum answer_protocol protocol;
	const char *bytes;
	enum answer_verdict verdict;
	int byte_count; /* of the first answer; -1: all of them */
	bool is_refusal;
} scan_rows[] = {
	/* clang-format off */
	{ ANSWERS_HTTP, HEAD "Content-Length: 3\r\n\r\nabc", WHOLE, false },
	{ ANSWERS_HTTP, HEAD "content-length:0\r\nA: b\r\n\r\n", WHOLE, false },
	{ ANSWERS_HTTP, "HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nab", ANSWER_WHOLE, 44, false },
	{ ANSWERS_HTTP, "HTTP/1.1 204 No Content\r\n\r\n", WHOLE, false },
	{ ANSWERS_HTTP, "HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}", WHOLE, true },
	{ ANSWERS_HTTP, "HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n", WHOLE, true },
	{ ANSWERS_HTTP, "", PARTIAL, false },
	{ ANSWERS_HTTP, "HTT", PARTIAL, false },
	{ ANSWERS_HTTP, HEAD "Content-Length: 3\r\n", PARTIAL, false },
	{ ANSWERS_HTTP, HEAD "Content-Length: 3\r\n\r\nab", PARTIAL, false },
	{ ANSWERS_HTTP, HEAD "Content-Lengthy: 3\r\n\r\nabc", STRANGE, false },
	{ ANSWERS_HTTP, HEAD "Content-Length: three\r\n\r\nabc", STRANGE, false },
	{ ANSWERS_HTTP, HEAD "Content-Length:\r\n\r\nabc", STRANGE, false },
	{ ANSWERS_HTTP, HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", STRANGE, false },
	{ ANSWERS_HTTP, HEAD "\r\n", STRANGE, false },
	{ ANSWERS_HTTP, "HTTP/1.1 2\r\n\r\n", STRANGE, false },
	{ ANSWERS_HTTP, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", STRANGE, false },
	{ ANSWERS_HTTP, "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n", STRANGE, false },
	{ ANSWERS_RESP, "+OK\r\n", WHOLE, false },
	{ ANSWERS_RESP, ":12\r\n", WHOLE, false },
	{ ANSWERS_RESP, "-ERR no\r\n", WHOLE, true },
	{ ANSWERS_RESP, "$3\r\nabc\r\n", WHOLE, false },
	{ ANSWERS_RESP, "$0\r\n\r\n", WHOLE, false },
	{ ANSWERS_RESP, "$-1\r\n", WHOLE, false },
	{ ANSWERS_RESP, "*0\r\n", WHOLE, false },
	{ ANSWERS_RESP, "*-1\r\n", WHOLE, false },
	{ ANSWERS_RESP, "*2\r\n*1\r\n:1\r\n$2\r\n\r\n\r\n", WHOLE, false },
	{ ANSWERS_RESP, "+OK\r\n+OK\r\n", ANSWER_WHOLE, 5, false },
	{ ANSWERS_RESP, "", PARTIAL, false },
	{ ANSWERS_RESP, "+OK\r", PARTIAL, false },
	{ ANSWERS_RESP, "$3\r\nab", PARTIAL, false },
	{ ANSWERS_RESP, "$3\r\nabc\r", PARTIAL, false },
	{ ANSWERS_RESP, "*2\r\n:1\r\n", PARTIAL, false },
	{ ANSWERS_RESP, "$3\r\nabcd\r\n", STRANGE, false },
	{ ANSWERS_RESP, "$x\r\n", STRANGE, false },
	{ ANSWERS_RESP, "!\r\n", STRANGE, false },
	{ ANSWERS_RESP, "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", STRANGE, false },
	/* clang-format on */
};

/* In memory that ends where the bytes end, so that a sanitizer sees what reads beyond. */
static enum answer_verdict scan_exactly(const struct scan_row *row, size_t byte_count,
					struct scanned_answer *ret)
{
	char *copy = malloc(byte_count + (byte_count == 0));
	enum answer_verdict verdict;

	assert_non_null(copy);
	memcpy(copy, row->bytes, byte_count);
	verdict = answer_scan(row->protocol, copy, byte_count, ret);
	free(copy);
	return verdict;
}

static void every_answer_ends_where_it_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(scan_rows); i++) {
		const struct scan_row *row = &scan_rows[i];
		size_t bytes = strlen(row->bytes);
		size_t wanted = row->byte_count < 0 ? bytes : (size_t)row->byte_count;
		struct scanned_answer answer = { 0 };

		ROW_EXPECT(row->bytes, scan_exactly(row, bytes, &answer) == row->verdict);
		if (row->verdict != ANSWER_WHOLE)
			continue;
		ROW_EXPECT(row->bytes, answer.byte_count == wanted);
		ROW_EXPECT(row->bytes, answer.is_refusal == row->is_refusal);
		for (size_t part = 0; part < wanted; part++)
			ROW_EXPECT(row->bytes, scan_exactly(row, part, &answer) == ANSWER_PARTIAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles_are_those_of_a_sort),
		cmocka_unit_test(the_ends_of_cells_are_in_them),
		cmocka_unit_test(what_is_out_of_range_is_held_at_its_end),
		cmocka_unit_test(every_answer_ends_where_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
