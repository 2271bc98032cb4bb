/*
 * credentials - the token that says who asks: of --token-file, else of ROWLOCK_TOKEN.
 *
 * Never of the command line itself, which every user of the machine can read. Nothing here shows a
 * token, nor what was found in its place.
 */
#pragma once
#include "client/exit.h"
#include "core/access.h"

/*
 * `file` is NULL where none was named; ret is "" where there is no token. Complains about a file
 * that cannot be read, that is ours and that others can read, or that holds something else.
 */
enum exit_code credentials_read(const char *file, char ret[TOKEN_BYTES + 1]);
