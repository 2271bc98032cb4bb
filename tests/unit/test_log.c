#include "ops/log.h"
#include "unit.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* stderr is a pipe while a test runs, so that it can be read, filled and closed. */
struct fixture {
	int kept_fd;
	int read_fd; /* -1: nobody reads any more */
};

static int fixture_begin(void **state)
{
	static struct fixture f;
	int fds[2];

	fflush(stderr);
	f.kept_fd = dup(STDERR_FILENO);
	if (f.kept_fd < 0 || pipe2(fds, O_CLOEXEC) != 0 || dup2(fds[1], STDERR_FILENO) < 0)
		return -1;
	close(fds[1]);
	f.read_fd = fds[0];
	if (fcntl(f.read_fd, F_SETFL, O_NONBLOCK) != 0)
		return -1;
	log_set_level(LOG_INFO);
	*state = &f;
	return 0;
}

static int fixture_end(void **state)
{
	struct fixture *f = *state;

	dup2(f->kept_fd, STDERR_FILENO);
	close(f->kept_fd);
	if (f->read_fd >= 0)
		close(f->read_fd);
	return 0;
}

/* What is in the pipe, as far as it fits. */
static const char *written(const struct fixture *f)
{
	static char text[65536 + 1];
	ssize_t bytes = read(f->read_fd, text, sizeof(text) - 1);

	text[bytes > 0 ? bytes : 0] = '\0';
	return text;
}

static void a_line_is_logfmt(void **state)
{
	const char *line;
	int end = 0;

	log_write(LOG_WARN, "slow_write", "row=%s/%s ms=%.1f", "A-1", "WH1", 2011.0);
	line = written(*state);
	sscanf(line, "ts=%*4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ level=warn event=slow_write %n", &end);
	assert_true(end > 0);
	assert_string_equal(line + end, "row=A-1/WH1 ms=2011.0\n");
}

static void an_event_may_say_nothing_more(void **state)
{
	const char *line, *nothing = state == NULL ? "x" : NULL;

	log_write(LOG_INFO, "stopped", "a=%s", nothing);
	line = written(*state);
	assert_string_equal(strstr(line, "event="), "event=stopped\n");
}

static void what_is_less_important_is_dropped(void **state)
{
	log_write(LOG_DEBUG, "hidden", "n=%d", 1);
	assert_string_equal(written(*state), "");
	log_set_level(LOG_ERROR);
	log_write(LOG_WARN, "hidden", "n=%d", 2);
	assert_string_equal(written(*state), "");
	log_write(LOG_ERROR, "seen", "n=%d", 3);
	assert_non_null(strstr(written(*state), "level=error event=seen n=3\n"));
	log_set_level(LOG_DEBUG);
	log_write(LOG_DEBUG, "seen", "n=%d", 4);
	assert_non_null(strstr(written(*state), "level=debug event=seen n=4\n"));
}

static void one_call_is_one_line(void **state)
{
	const char *line;

	log_write(LOG_INFO, "text", "a=%s", "x\nts=forged\r\x1b[2J\x7f");
	line = written(*state);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	assert_non_null(strstr(line, "a=\"x\\u000ats=forged\\u000d\\u001b[2J\\u007f\"\n"));
}

static void a_long_line_is_cut(void **state)
{
	char text[10000];
	const char *line;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_write(LOG_INFO, "long", "text=%s", text);
	line = written(*state);
	assert_true(strlen(line) >= 2046);
	assert_string_equal(line + strlen(line) - 3, "x\"\n");
}

/* As many as a pipe never holds: each of them would block here for good. */
static void a_full_pipe_loses_lines_and_says_so(void **state)
{
	enum { LINES = 5000 };
	char count[64];
	const char *text;
	int in_pipe = 0;

	for (int i = 0; i < LINES; i++)
		log_write(LOG_INFO, "flood", "n=%d", i);
	text = written(*state);
	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		in_pipe++;
	assert_true(in_pipe > 100);
	assert_true(in_pipe < LINES);

	log_write(LOG_INFO, "after", "a=%d", 1);
	text = written(*state);
	snprintf(count, sizeof(count), "event=log_lines_lost count=%d\n", LINES - in_pipe);
	assert_non_null(strstr(text, count));
	assert_non_null(strstr(text, "event=after a=1\n"));
	log_write(LOG_INFO, "again", "a=%d", 2);
	assert_null(strstr(written(*state), "lost"));
}

static void a_reader_that_left_does_no_harm(void **state)
{
	struct fixture *f = *state;

	close(f->read_fd);
	f->read_fd = -1;
	errno = EXDEV;
	log_write(LOG_INFO, "unheard", "n=%d", 1);
	assert_int_equal(errno, EXDEV);
}

/* clang-format off */
static const struct row {
	const char *value;
	const char *logfmt, *json;
} rows[] = {
	{ "plain",          "plain",                "\"plain\"" },
	{ "/v1/a-b_c:d",    "/v1/a-b_c:d",          "\"/v1/a-b_c:d\"" },
	{ "",               "\"\"",                 "\"\"" },
	{ "a b",            "\"a b\"",              "\"a b\"" },
	{ "a=b",            "\"a=b\"",              "\"a=b\"" },
	{ "a\"b",           "\"a\\\"b\"",           "\"a\\\"b\"" },
	{ "a\\b",           "\"a\\\\b\"",           "\"a\\\\b\"" },
	{ "a\nb\x7f",       "\"a\\u000ab\\u007f\"", "\"a\\u000ab\\u007f\"" },
	{ "\xc3\xa4",       "\"\xc3\xa4\"",         "\"\xc3\xa4\"" },
	{ "a\xff\xc3",      "\"a\xef\xbf\xbd\xef\xbf\xbd\"", "\"a\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "12",             "12",                   "\"12\"" },
	{ "rl_abcdefghij_0123456789", "rl_abcdefghij_***", "\"rl_abcdefghij_***\"" },
};
/* clang-format on */

static void values_from_outside_are_quoted(void **state)
{
	for (const struct row *r = rows; r < rows + LENGTH_OF(rows); r++) {
		char wanted[128];

		log_set_format("logfmt");
		log_write(LOG_INFO, "x", "a=%s b=%d", r->value, 1);
		snprintf(wanted, sizeof(wanted), " event=x a=%s b=1\n", r->logfmt);
		ROW_EXPECT(r->value, strstr(written(*state), wanted) != NULL);
		log_set_format("json");
		log_write(LOG_INFO, "x", "a=%s b=%d", r->value, 1);
		snprintf(wanted, sizeof(wanted), ",\"event\":\"x\",\"a\":%s,\"b\":1}\n", r->json);
		ROW_EXPECT(r->value, strstr(written(*state), wanted) != NULL);
		log_set_format("auto");
	}
}

static void pairs_are_as_the_format_says(void **state)
{
	const char *nothing = state == NULL ? "x" : NULL;

	log_write(LOG_INFO, "x", "a=%s b=%s/%s c=\"%s %d\" d=%.1f e=%lld f=%zu g=%.*s h=%u%%",
		  nothing, "A", "B", "two words", 3, 4.25, 5LL, (size_t)6, 2, "777", 8U);
	assert_non_null(strstr(written(*state),
			       " event=x b=A/B c=\"two words 3\" d=4.2 e=5 f=6 g=77 h=8%\n"));
	log_set_format("json");
	log_write(LOG_INFO, "x", "a=%d b=%d.%d c=%.1f d=1 e=%x", -1, 2, 3, 0.5, 255U);
	assert_non_null(strstr(written(*state),
			       "\"a\":-1,\"b\":\"2.3\",\"c\":0.5,\"d\":\"1\",\"e\":\"ff\"}\n"));
	log_set_format("text");
	log_write(LOG_INFO, "x", "a=%d", 1);
	assert_non_null(strstr(written(*state), " info  x a=1\n"));
	log_set_format("auto");
}

/* However long a value is, before which cut: the line is whole. */
static void each_line_is_whole_whatever_is_cut(void **state)
{
	char text[2100];

	log_set_format("json");
	for (size_t bytes = 1900; bytes < 2080; bytes++) {
		const char *line;

		memset(text, bytes % 2 == 0 ? '"' : 'x', bytes);
		text[bytes] = '\0';
		log_write(LOG_INFO, "x", "a=%s b=%d c=%s", text + bytes % 3, 12, "tail");
		line = written(*state);
		assert_true(strlen(line) <= 2048);
		assert_non_null(strstr(line + strlen(line) - 3, "}\n"));
		assert_true(strchr("\"0123456789", line[strlen(line) - 3]) != NULL);
	}
	log_set_format("auto");
}

/* The thread waits in write(2) for a reader that does not read; whoever logs does not. */
static void a_stopped_reader_costs_lines_and_nothing_else(void **state)
{
	enum { LINES = 20000 };
	struct fixture *f = *state;
	unsigned long long lost = 0;
	int seen = 0;

	assert_true(log_open());
	for (int i = 0; i < LINES; i++)
		log_write(LOG_INFO, "flood", "n=%d", i);
	/* Now it is read: what was kept, how many were not, and what comes then. */
	for (char rest[70000] = ""; seen + (int)lost < LINES;) {
		struct pollfd p = { .fd = f->read_fd, .events = POLLIN };
		const char *text;

		assert_int_equal(poll(&p, 1, 10000), 1);
		text = written(f);
		snprintf(rest + strlen(rest), sizeof(rest) - strlen(rest), "%s", text);
		for (char *end; (end = strchr(rest, '\n')) != NULL;
		     memmove(rest, end + 1, strlen(end + 1) + 1)) {
			const char *count = strstr(rest, "event=log_lines_lost count=");

			seen += strstr(rest, "event=flood n=") != NULL &&
				strstr(rest, "event=flood n=") < end;
			if (count != NULL && count < end)
				lost += strtoull(count + strlen("event=log_lines_lost count="),
						 NULL, 10);
		}
	}
	assert_int_equal(seen + (int)lost, LINES);
	assert_true(lost > 0);
	log_write(LOG_INFO, "after", "a=%d", 1);
	log_close();
	assert_non_null(strstr(written(f), "event=after a=1\n"));
}

/* It ends all the same. */
static void who_closes_does_not_wait_for_ever(void **state)
{
	(void)state;
	assert_true(log_open());
	for (int i = 0; i < 5000; i++)
		log_write(LOG_INFO, "flood", "n=%d", i);
	log_close();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_is_logfmt),
		TEST(an_event_may_say_nothing_more),
		TEST(what_is_less_important_is_dropped),
		TEST(one_call_is_one_line),
		TEST(a_long_line_is_cut),
		TEST(a_full_pipe_loses_lines_and_says_so),
		TEST(a_reader_that_left_does_no_harm),
		TEST(values_from_outside_are_quoted),
		TEST(pairs_are_as_the_format_says),
		TEST(each_line_is_whole_whatever_is_cut),
		TEST(a_stopped_reader_costs_lines_and_nothing_else),
		TEST(who_closes_does_not_wait_for_ever), /* the last: its thread stays */
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
