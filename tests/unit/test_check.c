#include "base/check.h"
#include "unit.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int times;

static bool count(bool answer)
{
	times++;
	return answer;
}

static void what_holds_is_looked_at_once(void **state)
{
	(void)state;
	times = 0;
	CHECK(count(true));
	assert_int_equal(times, 1);
	CHECK(IMPLIES(true, true));
	CHECK(IMPLIES(false, false));
	CHECK(IMPLIES(false, true));
	assert_false(IMPLIES(true, false));
}

static void say_what_was_logged(void)
{
	(void)!write(STDERR_FILENO, "event=logged\n", 13);
}

/* In a child: says which and where on stderr, and ends by SIGABRT. */
static void what_does_not_hold_ends_the_process(void **state)
{
	int pipe_ends[2], status;
	char said[512] = "";

	(void)state;
	assert_int_equal(pipe(pipe_ends), 0);

	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		check_speak("<2>", say_what_was_logged);
		dup2(pipe_ends[1], STDERR_FILENO);
		CHECK(times < 0);
		_exit(0);
	}
	close(pipe_ends[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(read(pipe_ends[0], said, sizeof(said) - 1) > 0);
	close(pipe_ends[0]);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	/* Behind what was logged before, and with its priority. */
	assert_memory_equal(said, "event=logged\n<2>level=crit ", 27);
	assert_non_null(strstr(said, "test_check.c:"));
	assert_non_null(strstr(said, "condition=\"times < 0\"\n"));
}

static int cleaned;

static void clean(const int *what)
{
	cleaned = *what;
}

static void cleanup_runs_when_the_scope_ends(void **state)
{
	(void)state;
	{
		CLEANUP(clean) int what = 7;

		cleaned = what - 1;
	}
	assert_int_equal(cleaned, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_holds_is_looked_at_once),
		cmocka_unit_test(what_does_not_hold_ends_the_process),
		cmocka_unit_test(cleanup_runs_when_the_scope_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
