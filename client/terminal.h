/*
 * terminal - what the terminal behind stdout can show.
 */
#pragma once
#include <stdbool.h>

/* By LC_ALL, LC_CTYPE or LANG. What main.c sets is for measuring text only. */
bool terminal_shows_utf8(void);

/* On a terminal that is not dumb, unless NO_COLOR is set (https://no-color.org). */
bool terminal_shows_colour(void);
