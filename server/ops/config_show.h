/*
 * config_show - what rowlockd prints about its settings: made of their table, on stdout.
 *
 * Threads: one, at the start.
 */
#pragma once
#include "ops/config.h"

/* --help */
void config_show_help(void);

/* --print-config: each value and where it came from, a file with its line; without secrets. */
void config_show_values(const struct config_reading *r);

/*
 * --print-example: a file for --config in which each setting stands with its default and what it
 * is for, behind a #. rowlockd takes it as it is, and with any of the # taken away.
 */
void config_show_example(void);
