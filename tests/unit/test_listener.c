#include "edge/listener.h"
#include "unit.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[] = "/tmp/rowlock-listener-XXXXXX";
static char path[64];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/rowlock-listener-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	return 0;
}

/* Whatever a test did, nothing but the socket itself may be left. */
static int teardown(void **state)
{
	(void)state;
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

/* The listeners of this list; 0 or a fault, whether it came early or when they were to listen. */
static int open_all(struct listeners *ls, const char *list)
{
	struct address addresses[ADDRESSES_MAX];
	int count = addresses_read(list, addresses);
	int failed;
	int r;

	assert_true(count > 0);
	r = listeners_bind(ls, addresses, count, &failed);
	return r < 0 ? r : listeners_listen(ls, &failed);
}

static int open_unix(struct listeners *ls, const char *options)
{
	char list[256];

	snprintf(list, sizeof(list), "unix:%s%s", path, options);
	return open_all(ls, list);
}

static struct sockaddr_un unix_address(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strcpy(a.sun_path, path);
	return a;
}

/* 0, or errno. */
static int knock(void)
{
	struct sockaddr_un a = unix_address();
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int r = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 ? 0 : errno;

	close(fd);
	return r;
}

/* A socket that somebody made here who is dead. */
static void leave_stale(void)
{
	struct sockaddr_un a = unix_address();
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
	assert_int_equal(knock(), ECONNREFUSED);
}

static void a_unix_socket_is_made_and_removed(void **state)
{
	static struct listeners ls;
	char text[LISTENER_TEXT_BYTES], expected[LISTENER_TEXT_BYTES];
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(open_unix(&ls, ""), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(knock(), 0);
	fd = listener_accept(&ls.all[0]);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(listener_accept(&ls.all[0]), -EAGAIN);
	listener_text(&ls.all[0], text);
	snprintf(expected, sizeof(expected), "unix:%s", path);
	assert_string_equal(text, expected);
	assert_true(ls.all[0].is_local);
	listeners_close(&ls);
	listeners_close(&ls);
	assert_int_equal(stat(path, &st), -1);
}

static void its_mode_and_group_are_those_that_were_asked_for(void **state)
{
	static struct listeners ls;
	char options[64];
	struct stat st;

	(void)state;
	snprintf(options, sizeof(options), ",mode=0600,group=%u", getegid());
	assert_int_equal(open_unix(&ls, options), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_gid, getegid());
	listeners_close(&ls);
	assert_int_equal(open_unix(&ls, ",group=no-such-group"), -ESRCH);
	assert_int_equal(open_unix(&ls, ",group=-1"), -ESRCH);
	assert_int_equal(open_unix(&ls, ",group=4294967295"), -ESRCH);
}

static void a_dead_servers_socket_is_taken_over(void **state)
{
	static struct listeners ls;

	(void)state;
	leave_stale();
	assert_int_equal(open_unix(&ls, ""), 0);
	assert_int_equal(knock(), 0);
	listeners_close(&ls);
	assert_int_equal(knock(), ENOENT);
}

static void a_living_servers_socket_is_not(void **state)
{
	static struct listeners first, second;
	struct stat before, after;

	(void)state;
	assert_int_equal(open_unix(&first, ""), 0);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(open_unix(&second, ""), -EADDRINUSE);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(knock(), 0);
	listeners_close(&second);
	assert_int_equal(knock(), 0);
	listeners_close(&first);
}

/* Nor is that of one which came to live after the first look. */
static void nor_is_that_of_one_who_was_faster(void **state)
{
	static struct listeners first, second;
	struct address address[ADDRESSES_MAX];
	char list[256];
	int failed = -1;

	(void)state;
	snprintf(list, sizeof(list), "127.0.0.1:0,unix:%s", path);
	assert_int_equal(addresses_read(list, address), 2);
	assert_int_equal(listeners_bind(&second, address, 2, &failed), 0);
	assert_int_equal(open_unix(&first, ""), 0);
	assert_int_equal(listeners_listen(&second, &failed), -EADDRINUSE);
	assert_int_equal(failed, 1);
	assert_int_equal(second.all[0].fd, -1); /* all of them are closed */
	assert_int_equal(knock(), 0);
	listeners_close(&first);
}

static void a_file_that_is_no_socket_stays(void **state)
{
	static struct listeners ls;
	struct stat st;
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(open_unix(&ls, ""), -EEXIST);
	assert_int_equal(stat(path, &st), 0);
	unlink(path);
	assert_int_equal(symlink("/nowhere", path), 0);
	assert_int_equal(open_unix(&ls, ""), -EEXIST);
}

static void a_folder_must_be_there(void **state)
{
	static struct listeners ls;

	(void)state;
	assert_int_equal(open_all(&ls, "unix:/no/such/folder/socket"), -ENOENT);
}

/* Somebody else's file under our name is not removed at the end. */
static void a_file_that_replaced_ours_stays(void **state)
{
	static struct listeners first, second;

	(void)state;
	assert_int_equal(open_unix(&first, ""), 0);
	unlink(path);
	assert_int_equal(open_unix(&second, ""), 0);
	listeners_close(&first);
	assert_int_equal(knock(), 0);
	listeners_close(&second);
}

enum { RIVALS = 8, RACES = 50 };

static void *rival_run(void *listeners)
{
	return open_unix(listeners, "") == 0 ? listeners : NULL;
}

/* All begin at once, over a dead server's socket: one of them has it, and serves. */
static void of_several_one_gets_it(void **state)
{
	static struct listeners all[RIVALS];
	pthread_t threads[RIVALS];

	(void)state;
	for (int race = 0; race < RACES; race++) {
		struct listeners *winner = NULL;

		leave_stale();
		for (int i = 0; i < RIVALS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, rival_run, &all[i]), 0);
		for (int i = 0; i < RIVALS; i++) {
			void *won;

			assert_int_equal(pthread_join(threads[i], &won), 0);
			assert_true(won == NULL || winner == NULL);
			winner = won != NULL ? won : winner;
		}
		assert_non_null(winner);
		assert_int_equal(knock(), 0);
		listeners_close(winner);
		assert_int_equal(knock(), ENOENT);
	}
}

/* clang-format off */
static const struct local_row {
	const char *list;
	int         first_open; /* -1: none */
} locals[] = {
	{ "127.0.0.1:0",               -1 },
	{ "127.0.0.2:0",               -1 },
	{ "localhost:0",               -1 },
	{ "127.0.0.1:0,127.0.0.1:0",   -1 },
	{ "0.0.0.0:0",                 0 },
	{ ":0",                        0 },
	{ "*:0",                       0 },
	{ "127.0.0.1:0,:0",            1 },
};
/* clang-format on */

static void it_is_known_whom_it_lets_in(void **state)
{
	(void)state;
	for (const struct local_row *row = locals; row < locals + LENGTH_OF(locals); row++) {
		static struct listeners ls;
		const struct listener *open_one;

		assert_int_equal(open_all(&ls, row->list), 0);
		open_one = listeners_first_open(&ls);
		ROW_EXPECT(row->list, row->first_open < 0 ? open_one == NULL
							  : open_one == &ls.all[row->first_open]);
		ROW_EXPECT(row->list, listeners_find(&ls, ls.all[0].fd) == &ls.all[0]);
		ROW_EXPECT(row->list, listeners_find(&ls, 9999) == NULL);
		listeners_close(&ls);
	}
}

/* ---------------------------------------------------------------- of a supervisor */

/* Where inherited sockets are put, so that they follow each other; tests have few files open. */
enum { FIRST_FD = 100 };

static void inherit_tcp(int fd, const char *address, bool listens)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int made = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(inet_pton(AF_INET, address, &a.sin_addr), 1);
	assert_int_equal(bind(made, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_true(!listens || listen(made, 8) == 0);
	assert_int_equal(dup2(made, fd), fd);
	close(made);
}

static void inherit_unix(int fd)
{
	struct sockaddr_un a = unix_address();
	int made = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(bind(made, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(made, 8), 0);
	assert_int_equal(dup2(made, fd), fd);
	close(made);
}

static void sockets_of_a_supervisor_are_taken_over(void **state)
{
	static struct listeners ls;
	char text[LISTENER_TEXT_BYTES], expected[LISTENER_TEXT_BYTES];
	struct stat st;
	int failed;

	(void)state;
	inherit_tcp(FIRST_FD, "127.0.0.1", true);
	inherit_unix(FIRST_FD + 1);
	inherit_tcp(FIRST_FD + 2, "0.0.0.0", true);
	assert_int_equal(listeners_inherit(&ls, FIRST_FD, 3, &failed), 0);
	assert_int_equal(listeners_listen(&ls, &failed), 0);
	assert_true(listeners_first_open(&ls) == &ls.all[2]);
	assert_true(ls.all[0].port > 0);
	assert_string_equal(ls.all[0].host, "127.0.0.1");
	assert_string_equal(ls.all[0].name, "127.0.0.1");
	assert_true(ls.all[2].is_any);
	listener_text(&ls.all[1], text);
	snprintf(expected, sizeof(expected), "unix:%s", path);
	assert_string_equal(text, expected);
	for (int i = 0; i < 3; i++) {
		assert_true((fcntl(FIRST_FD + i, F_GETFL) & O_NONBLOCK) != 0);
		assert_true((fcntl(FIRST_FD + i, F_GETFD) & FD_CLOEXEC) != 0);
		assert_int_equal(listener_accept(&ls.all[i]), -EAGAIN);
	}
	listeners_close(&ls);
	/* The file is the supervisor's, who listens on. */
	assert_int_equal(stat(path, &st), 0);
}

static void a_socket_without_a_file_is_named(void **state)
{
	static const struct {
		const char *bytes;
		size_t count;
		const char *text;
	} rows[] = { { "\0rowlock-test", 13, "unix:@rowlock-test" },
		     { "\0row\"\\\n\0lock", 12, "unix:@row????lock" },
		     { "\0", 1, "unix:@" } };
	static struct listeners ls;
	char text[LISTENER_TEXT_BYTES];
	int failed;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sockaddr_un a = { .sun_family = AF_UNIX };
		int made = socket(AF_UNIX, SOCK_STREAM, 0);

		memcpy(a.sun_path, rows[i].bytes, rows[i].count);
		assert_int_equal(bind(made, (struct sockaddr *)&a,
				      (socklen_t)(sizeof(sa_family_t) + rows[i].count)),
				 0);
		assert_int_equal(listen(made, 8), 0);
		assert_int_equal(dup2(made, FIRST_FD), FIRST_FD);
		close(made);
		assert_int_equal(listeners_inherit(&ls, FIRST_FD, 1, &failed), 0);
		listener_text(&ls.all[0], text);
		assert_string_equal(text, rows[i].text);
		listeners_close(&ls);
	}
}

static void what_does_not_listen_is_refused(void **state)
{
	static struct listeners ls;
	int failed = -1;
	int file;

	(void)state;
	inherit_tcp(FIRST_FD, "127.0.0.1", true);
	inherit_tcp(FIRST_FD + 1, "127.0.0.1", false);
	assert_int_equal(listeners_inherit(&ls, FIRST_FD, 2, &failed), -EINVAL);
	assert_int_equal(failed, 1);
	file = open("/dev/null", O_RDONLY);
	assert_int_equal(dup2(file, FIRST_FD), FIRST_FD);
	close(file);
	assert_int_equal(listeners_inherit(&ls, FIRST_FD, 1, &failed), -EINVAL);
	assert_int_equal(failed, 0);
	assert_int_equal(listeners_inherit(&ls, FIRST_FD, LISTENERS_MAX + 1, &failed), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_unix_socket_is_made_and_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(its_mode_and_group_are_those_that_were_asked_for,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_dead_servers_socket_is_taken_over, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_living_servers_socket_is_not, setup, teardown),
		cmocka_unit_test_setup_teardown(nor_is_that_of_one_who_was_faster, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_is_no_socket_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(a_folder_must_be_there, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_replaced_ours_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(of_several_one_gets_it, setup, teardown),
		cmocka_unit_test_setup_teardown(it_is_known_whom_it_lets_in, setup, teardown),
		cmocka_unit_test_setup_teardown(sockets_of_a_supervisor_are_taken_over, setup,
						teardown),
		cmocka_unit_test(a_socket_without_a_file_is_named),
		cmocka_unit_test_setup_teardown(what_does_not_listen_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
