#include "server.h"
#include "base/clock.h"
#include "unit.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_S_MAX = 30, STOP_S_MAX = 60, LOG_BYTES_MAX = 1 << 16 };

static void path_in(const struct server *s, const char *name, char ret[128])
{
	snprintf(ret, 128, "%s/%s", s->folder, name);
}

static const char *log_text(const struct server *s)
{
	static char text[LOG_BYTES_MAX];
	char path[128];
	ssize_t bytes = 0;
	int fd;

	path_in(s, "log", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		bytes = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[bytes > 0 ? bytes : 0] = '\0';
	return text;
}

void server_init(struct server *s, const char *program, const char *release)
{
	*s = (struct server){ .program = program, .release = release };
	strcpy(s->folder, "/tmp/rowlock-race-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
}

static void run_program(const struct server *s)
{
	char store[128], path[128];
	int fd;

	path_in(s, "store.db", store);
	path_in(s, "log", path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(127);
	execl(s->program, s->program, "--store", store, "--listen", "127.0.0.1:0", "--row-release",
	      s->release, "--drain-ms", "200", (char *)NULL);
	_exit(127);
}

/* True once it ended, with *ret_status, or false when the time is up first. */
static bool wait_for_end(const struct server *s, int64_t until_ns, int *ret_status)
{
	int pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	int64_t left_ns = until_ns - clock_monotonic_ns();
	int r;

	assert_true(pidfd >= 0);
	r = poll(&ended, 1, left_ns > 0 ? (int)(left_ns / NS_PER_MS) : 0);
	close(pidfd);
	if (r <= 0)
		return false;
	assert_int_equal(waitpid(s->pid, ret_status, 0), s->pid);
	return true;
}

void server_start(struct server *s)
{
	static const char said[] = "listening on http://127.0.0.1:";
	int64_t until_ns = clock_monotonic_ns() + START_S_MAX * NS_PER_S;
	const char *at = NULL;
	char log[128];
	int status;

	path_in(s, "log", log);
	unlink(log); /* an earlier start's */
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0)
		run_program(s);
	while ((at = strstr(log_text(s), said)) == NULL || strchr(at, '\n') == NULL) {
		if (wait_for_end(s, clock_monotonic_ns() + 5 * NS_PER_MS, &status)) {
			s->pid = 0;
			fail_msg("rowlockd ended while starting:\n%s", log_text(s));
		}
		if (clock_monotonic_ns() > until_ns)
			fail_msg("rowlockd did not start:\n%s", log_text(s));
	}
	s->port = atoi(at + strlen(said));
}

void server_stop(struct server *s)
{
	int status;

	kill(s->pid, SIGTERM);
	if (!wait_for_end(s, clock_monotonic_ns() + STOP_S_MAX * NS_PER_S, &status))
		fail_msg("rowlockd did not stop:\n%s", log_text(s));
	s->pid = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
	    strstr(log_text(s), "runtime error:") != NULL) /* UBSan's, which goes on unless told */
		fail_msg("rowlockd ended with status %#x:\n%s", (unsigned)status, log_text(s));
}

void server_kill(struct server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

void server_fini(struct server *s)
{
	static const char *const names[] = { "store.db", "store.db-wal", "store.db-shm",
					     "store.db.lock", "log" };
	char path[128];

	if (s->pid > 0)
		server_kill(s);
	for (size_t i = 0; i < LENGTH_OF(names); i++) {
		path_in(s, names[i], path);
		unlink(path);
	}
	rmdir(s->folder);
}

long long server_query(const struct server *s, const char *sql)
{
	sqlite3 *database;
	sqlite3_stmt *statement;
	char path[128];
	long long number;

	assert_int_equal(s->pid, 0);
	path_in(s, "store.db", path);
	assert_int_equal(sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(database);
	return number;
}
