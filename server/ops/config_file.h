/*
 * config_file - a file of settings: one `name = value` a line.
 *
 *     # where the store lies
 *     store = /var/lib/rowlock/rowlock.db
 *     slow-ms = 500
 *
 * Blanks around names and values count for nothing; empty lines and those that begin with # or ;
 * are skipped. A value goes to the end of its line: there are no quotes, no comments behind it, no
 * sections and no lines that go on. What is not so is an error of its line, and what cannot be seen
 * (a control character, a NUL) is one, too.
 *
 * Threads: any; nothing is kept here.
 */
#pragma once
#include "ops/settings.h"

enum { CONFIG_FILE_BYTES_MAX = 65536 };

/*
 * What is done with each line. The texts lie in the file's, and end there. False: there is an error
 * in ret_error, without the place.
 */
typedef bool config_file_take(void *context, int line, const char *name, const char *value,
			      char ret_error[SETTING_ERROR_BYTES]);

/*
 * The text of the file, malloc'ed; NULL: it cannot be read, and why is in ret_error: there is no
 * such file, no permission, it is no plain file, it has more than CONFIG_FILE_BYTES_MAX.
 */
char *config_file_read(const char *path, char ret_error[SETTING_ERROR_BYTES]);

/*
 * Takes the text apart, which is cut into its names and values. False at the first error, which
 * begins with PATH:LINE.
 */
bool config_file_parse(const char *path, char *text, config_file_take *take, void *context,
		       char ret_error[SETTING_ERROR_BYTES]);
