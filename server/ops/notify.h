/*
 * notify - what a service manager is told (sd_notify(3), by libsystemd).
 *
 *     notify_starting(bytes);           // before the store is opened
 *     ...open, migrate, recover...
 *     notify_started();
 *     notify_ready("listening on http://127.0.0.1:8080");
 *     ...
 *     notify_feed();                    // at least every notify_watchdog_ns()
 *     notify_reloading(); ... notify_ready(...);
 *     notify_stopping();
 *
 * Without NOTIFY_SOCKET nobody is told anything, and nothing costs anything.
 *
 * A start may take longer than the manager's patience: the schema is brought up to date, or a log
 * of gigabytes is taken in. A thread of its own asks for more time until notify_started(), but not
 * for ever: as long as reading so many bytes a few times may take on a slow disk. A start that
 * hangs is ended by the manager after that.
 *
 * Threads: the main one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* `store_bytes`: of the store and its log, as they are. Called once. */
void notify_starting(int64_t store_bytes);
void notify_started(void);

/* One line that `systemctl status` shows. */
void notify_ready(const char *status);
void notify_status(const char *status);
void notify_reloading(void);
void notify_stopping(void);

/* How often it is to be fed; 0: there is no watchdog. */
int64_t notify_watchdog_ns(void);
void notify_feed(void);
