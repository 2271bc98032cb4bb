/*
 * daemon_phrase - the words behind a status, as microhttpd has them.
 *
 * Threads: any.
 */
#pragma once

/* "Not Found" for 404. */
const char *daemon_phrase(int status);
