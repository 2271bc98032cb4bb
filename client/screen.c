#include "client/screen.h"
#include "base/check.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

enum { COLUMNS_OF_NO_TERMINAL = 160, ROWS_OF_NO_TERMINAL = 48, COLUMNS_MIN = 20, ROWS_MIN = 4 };

/* The other page, no cursor, no automatic line breaks; and back. */
static const char enter[] = "\033[?1049h\033[?25l\033[?7l\033[2J";
static const char leave[] = "\033[0m\033[?7h\033[?25h\033[?1049l";

/* Signals that end the view, and those that it lives through. */
static const int endings[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
static const int others[] = { SIGTSTP, SIGCONT, SIGWINCH };
/* What a bug ends by. */
static const int crashes[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL };

/* For the way out of a crash, which knows nothing else. */
static struct termios before;
static bool has_keys; /* stdin is a terminal, and `before` is how it was */
static bool is_taken;

/* ---------------------------------------------------------------- on and off */

static void put(const char *bytes, size_t byte_count)
{
	while (byte_count > 0) {
		ssize_t written = write(STDOUT_FILENO, bytes, byte_count);

		if (written <= 0)
			return; /* the terminal is gone, and SIGHUP says so */
		bytes += written;
		byte_count -= (size_t)written;
	}
}

/* Calls only what a signal handler may call. */
static void give_back(void)
{
	if (!is_taken)
		return;
	is_taken = false;
	put(leave, sizeof(leave) - 1);
	if (has_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void on_crash(int number)
{
	give_back();
	raise(number); /* the handler is gone already: SA_RESETHAND */
}

static void screen_on(struct screen *s)
{
	struct termios keys = before;

	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	keys.c_cc[VMIN] = 0;
	keys.c_cc[VTIME] = 0;
	if (has_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &keys);
	put(enter, sizeof(enter) - 1);
	is_taken = true;
	s->must_redraw = true;
}

static void measure(struct screen *s)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
		size = (struct winsize){ .ws_col = 80, .ws_row = 24 };
	s->columns = size.ws_col < COLUMNS_MIN ? COLUMNS_MIN : size.ws_col;
	s->rows = size.ws_row < ROWS_MIN ? ROWS_MIN : size.ws_row;
	s->must_redraw = true;
}

/* ---------------------------------------------------------------- signals */

/* A signal that is ignored would come through a signalfd all the same: it is left out here. */
static void add_signals(sigset_t *set, const int *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct sigaction now;

		if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(set, numbers[i]);
	}
}

static void set_of_signals(sigset_t *ret)
{
	sigemptyset(ret);
	add_signals(ret, endings, LENGTH_OF(endings));
	add_signals(ret, others, LENGTH_OF(others));
}

/* Gives the terminal back and stops; goes on here when somebody says so. */
static void stop_and_go_on(struct screen *s)
{
	give_back();
	raise(SIGSTOP); /* SIGTSTP itself is blocked, and read as a message */
	if (has_keys)
		tcgetattr(STDIN_FILENO, &before);
	measure(s);
	screen_on(s);
}

static void on_signal(struct screen *s, int number)
{
	switch (number) {
	case SIGWINCH:
		measure(s);
		return;
	case SIGTSTP:
		stop_and_go_on(s);
		return;
	case SIGCONT:
		s->must_redraw = true;
		return;
	default:
		s->is_over = true;
		s->ended_by = number;
	}
}

/* ---------------------------------------------------------------- the screen */

void screen_open(struct screen *s)
{
	struct sigaction crash = { .sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND };
	sigset_t signals;

	*s = (struct screen){ .is_terminal = isatty(STDOUT_FILENO) == 1,
			      .columns = COLUMNS_OF_NO_TERMINAL,
			      .rows = ROWS_OF_NO_TERMINAL,
			      .signal_fd = -1 };
	if (!s->is_terminal)
		return;
	fflush(stdout);
	has_keys = tcgetattr(STDIN_FILENO, &before) == 0;
	set_of_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	s->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	CHECK(s->signal_fd >= 0);
	for (size_t i = 0; i < LENGTH_OF(crashes); i++)
		sigaction(crashes[i], &crash, NULL);
	atexit(give_back);
	measure(s);
	screen_on(s);
}

void screen_close(struct screen *s)
{
	sigset_t signals;

	if (!s->is_terminal)
		return;
	give_back();
	for (size_t i = 0; i < LENGTH_OF(crashes); i++)
		signal(crashes[i], SIG_DFL);
	close(s->signal_fd);
	set_of_signals(&signals);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	if (s->ended_by != 0)
		raise(s->ended_by);
}

void screen_descriptors(const struct screen *s, struct pollfd ret[SCREEN_DESCRIPTORS])
{
	bool reads_keys = s->is_terminal && has_keys;

	ret[0] = (struct pollfd){ .fd = s->signal_fd, .events = POLLIN };
	ret[1] = (struct pollfd){ .fd = reads_keys ? STDIN_FILENO : -1, .events = POLLIN };
}

void screen_read(struct screen *s)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	struct signalfd_siginfo info;
	char keys[64];

	if (!s->is_terminal)
		return;
	while (!s->is_over && read(s->signal_fd, &info, sizeof(info)) == sizeof(info))
		on_signal(s, (int)info.ssi_signo);
	if (!has_keys || s->is_over)
		return;
	if (poll(&input, 1, 0) > 0 && (input.revents & (POLLHUP | POLLERR)) != 0)
		s->is_over = true; /* nobody is there any more */
	ssize_t count = read(STDIN_FILENO, keys, sizeof(keys));
	for (ssize_t i = 0; i < count; i++) {
		s->is_over |= keys[i] == 'q' || keys[i] == 'Q';
		s->must_redraw |= keys[i] == '\f'; /* Ctrl-L */
	}
}

/* Every line is written over the one that was there: nothing flickers. */
static void show_on_terminal(const struct text *lines)
{
	struct text out;
	const char *line = lines->data;
	bool is_first = true;

	text_init(&out);
	text_add(&out, "\033[H");
	while (line != NULL && *line != '\0') {
		size_t bytes = strcspn(line, "\n");

		if (!is_first)
			text_add(&out, "\r\n");
		is_first = false;
		text_add_bytes(&out, line, bytes);
		text_add(&out, "\033[K");
		line += bytes + (line[bytes] == '\n');
	}
	text_add(&out, "\033[J");
	if (!out.failed)
		put(out.data, out.byte_count);
	text_fini(&out);
}

void screen_show(struct screen *s, const struct text *lines)
{
	s->must_redraw = false;
	if (s->is_terminal) {
		show_on_terminal(lines);
	} else if (lines->data != NULL) {
		fputs(lines->data, stdout);
		fflush(stdout);
	}
}
