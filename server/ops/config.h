/*
 * config - every setting of the daemon, from schema/settings.def: flag > environment > default.
 *
 * `--store-busy-ms 500` or `--store-busy-ms=500`, ROWLOCK_STORE_BUSY_MS=500. Unknown flags and
 * values that cannot be read are errors that name the flag. --help, --version and --print-config
 * (each value and where it came from) are made from the same rows.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config {
	/* One field per row of settings.def: TEXT const char *, NUMBER int64_t, SWITCH bool. */
#define SETTING_TEXT(field, flag, value, argument, help)                const char *field;
#define SETTING_JUDGED(field, flag, value, argument, judge, must, help) const char *field;
#define SETTING_NUMBER(field, flag, value, least, most, argument, help) int64_t field;
#define SETTING_SWITCH(field, flag, help)                               bool field;
#define SETTING_CHOICE(field, flag, value, choices, help)               const char *field;
#include "schema/settings.def"
#undef SETTING_TEXT
#undef SETTING_JUDGED
#undef SETTING_NUMBER
#undef SETTING_SWITCH
#undef SETTING_CHOICE
};

enum config_result {
	CONFIG_RUN,   /* go on */
	CONFIG_SHOWN, /* --help, --version or --print-config was answered on stdout: exit 0 */
	CONFIG_WRONG, /* the message is on stderr: exit 64 for flags, 78 for the environment */
};

/* Texts point into argv, the environment or constants. exit_code is set with SHOWN and WRONG. */
enum config_result config_read(struct config *c, int argc, char *argv[], int *ret_exit_code);
