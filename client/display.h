/*
 * display - text from elsewhere, made fit for a terminal.
 *
 * Control characters become '?', so that the name of an item cannot recolour or rewrite the screen,
 * and a cell never breaks its line. Needs a UTF-8 locale (main.c sets it).
 */
#pragma once
#include "base/text.h"
#include <stdio.h>

/* Appends s without its control characters. Returns the columns that it takes on a screen. */
int display_add(struct text *t, const char *s);

/*
 * Prints s without its control characters; on stderr without secrets of tokens, too, since
 * messages repeat what was typed.
 */
void display_print(FILE *out, const char *s);
