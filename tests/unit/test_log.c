#include "ops/log.h"
#include "unit.h"
#include <errno.h>
#include <fcntl.h>
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
	const char *line;

	log_write(LOG_INFO, "stopped", "%s", "");
	line = written(*state);
	assert_string_equal(strstr(line, "event="), "event=stopped\n");
}

static void what_is_less_important_is_dropped(void **state)
{
	log_write(LOG_DEBUG, "hidden", "%d", 1);
	assert_string_equal(written(*state), "");
	log_set_level(LOG_ERROR);
	log_write(LOG_WARN, "hidden", "%d", 2);
	assert_string_equal(written(*state), "");
	log_write(LOG_ERROR, "seen", "%d", 3);
	assert_non_null(strstr(written(*state), "level=error event=seen 3\n"));
	log_set_level(LOG_DEBUG);
	log_write(LOG_DEBUG, "seen", "%d", 4);
	assert_non_null(strstr(written(*state), "level=debug event=seen 4\n"));
}

static void one_call_is_one_line(void **state)
{
	const char *line;

	log_write(LOG_INFO, "text", "a=%s", "x\nts=forged\r\x1b[2J\x7f");
	line = written(*state);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	assert_non_null(strstr(line, "a=x ts=forged  [2J \n"));
}

static void a_long_line_is_cut(void **state)
{
	char text[10000];
	const char *line;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_write(LOG_INFO, "long", "%s", text);
	line = written(*state);
	assert_int_equal(strlen(line), 2048);
	assert_int_equal(line[2047], '\n');
}

/* As many as a pipe never holds: each of them would block here for good. */
static void a_full_pipe_loses_lines_and_says_so(void **state)
{
	enum { LINES = 5000 };
	char count[64];
	const char *text;
	int in_pipe = 0;

	for (int i = 0; i < LINES; i++)
		log_write(LOG_INFO, "flood", "%d", i);
	text = written(*state);
	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		in_pipe++;
	assert_true(in_pipe > 100);
	assert_true(in_pipe < LINES);

	log_write(LOG_INFO, "after", "%s", "a=1");
	text = written(*state);
	snprintf(count, sizeof(count), "event=log_lines_lost count=%d\n", LINES - in_pipe);
	assert_non_null(strstr(text, count));
	assert_non_null(strstr(text, "event=after a=1\n"));
	log_write(LOG_INFO, "again", "%s", "a=2");
	assert_null(strstr(written(*state), "lost"));
}

static void a_reader_that_left_does_no_harm(void **state)
{
	struct fixture *f = *state;

	close(f->read_fd);
	f->read_fd = -1;
	errno = EXDEV;
	log_write(LOG_INFO, "unheard", "%d", 1);
	assert_int_equal(errno, EXDEV);
}

/* clang-format off */
static const struct row {
	const char *value;
	size_t      room;
	const char *quoted;
} rows[] = {
	{ "plain",       64, "plain" },
	{ "/v1/a-b_c:d", 64, "/v1/a-b_c:d" },
	{ "",            64, "\"\"" },
	{ "a b",         64, "\"a b\"" },
	{ "a=b",         64, "\"a=b\"" },
	{ "a\"b",        64, "\"a\\\"b\"" },
	{ "a\\b",        64, "\"a\\\\b\"" },
	{ "a\nb\x7f",    64, "\"a\\x0ab\\x7f\"" },
	{ "\xc3\xa4",    64, "\"\xc3\xa4\"" },
	{ "1234567",      8, "1234567" },
	{ "12345678",     8, "\"12345\"" },
	{ "12 45678",     8, "\"12 45\"" },
	{ "1234\n",       8, "\"1234\"" },
	{ "1\n34",        8, "\"1\\x0a\"" },
};
/* clang-format on */

static void values_from_outside_are_quoted(void **state)
{
	char buffer[64];

	(void)state;
	for (const struct row *r = rows; r < rows + LENGTH_OF(rows); r++) {
		memset(buffer, '#', sizeof(buffer));
		ROW_EXPECT(r->value, log_quote(buffer, r->room, r->value) == buffer);
		ROW_EXPECT(r->value, strcmp(buffer, r->quoted) == 0);
		ROW_EXPECT(r->value, r->room == sizeof(buffer) || buffer[r->room] == '#');
	}
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
		cmocka_unit_test(values_from_outside_are_quoted),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
