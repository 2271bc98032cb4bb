/*
 * screen - the whole terminal for a live view, and back as it was on every way out.
 *
 *     struct screen s;
 *     screen_open(&s);
 *     while (!s.is_over) {
 *             screen_show(&s, frame);                    // if the frame is due
 *             ...poll screen_descriptors()...
 *             screen_read(&s);                           // keys and signals
 *     }
 *     screen_close(&s);                                  // and ends by the signal that ended it
 *
 * The view has the terminal's other page, so that what was there before is there again afterwards.
 * q ends it, and so do SIGINT, SIGTERM, SIGHUP and SIGQUIT, except those that were ignored when it
 * started (nohup, a script's `&`). Ctrl-Z gives the terminal back for as long as the process is
 * stopped. After a failed CHECK, and when the process exits from elsewhere, the terminal is given
 * back, too.
 *
 * Where stdout is no terminal nothing of this happens, and signals do what they always do.
 *
 * One at a time. Threads: one.
 */
#pragma once
#include "base/text.h"
#include <poll.h>

enum { SCREEN_DESCRIPTORS = 2 };

struct screen {
	bool is_terminal;
	int columns, rows; /* its size; a wide page of no end where it is no terminal */
	bool must_redraw;  /* its size has changed, or somebody else has used it */
	bool is_over;
	int ended_by; /* the signal; 0: a key */
	int signal_fd;
};

void screen_open(struct screen *s);

/* The terminal as it was. What ended the view by a signal ends the process by it. */
void screen_close(struct screen *s);

/* What to wait for: keys and signals. The descriptors have fd -1 where stdout is no terminal. */
void screen_descriptors(const struct screen *s, struct pollfd ret[SCREEN_DESCRIPTORS]);
void screen_read(struct screen *s);

/* Replaces what is shown by these lines, or writes them behind it where it is no terminal. */
void screen_show(struct screen *s, const struct text *lines);
