/*
 * log_gate - where long reads stand back for a moment, so that the log can begin anew.
 *
 * SQLite writes its log from the front again only when all of it was copied into the database and
 * nobody reads what stands in it any more. One list behind the other, from two clients, leaves no
 * such moment, and the log grows for as long as somebody writes. So when it has become too long the
 * writer closes the gate: whoever wants to begin a long read waits, those under way come to their
 * end, the log begins anew, and the gate is opened.
 *
 *     reader thread                         writer, between groups
 *     if (!log_gate_enter(g, is_whole, …))  if (log_gate_close(g))      // nobody reads long now
 *             ...refuse: 503...                     ...begin the log anew, log_gate_open(g)...
 *     ...read...
 *     log_gate_leave(g, is_whole)
 *
 * A read of the whole store (an export, a backup) may take minutes, and holds the log for as long.
 * Lists do not wait for that, which would not help: the gate holds up nobody while there is one;
 * the next one waits behind it. Point reads never come by here: loops let go of their snapshots
 * after each turn.
 *
 * Threads: enter and leave from any; close and open from the writer's.
 */
#pragma once
#include "engine/guard.h"

struct log_gate {
	struct guard guard;
	struct signal_flag opened;
	bool is_closed;    /* guarded, as is all below */
	int64_t closed_ns; /* since when it holds somebody up */
	int reading_count; /* who came through and has not left */
	int whole_count;   /* those of them that read the whole store */
	int waiting_count;
};

void log_gate_init(struct log_gate *g);
void log_gate_fini(struct log_gate *g); /* nobody may be in it */

/*
 * Waits while the gate is closed. False: it has been for LOG_GATE_MS_MAX, and the read is not to
 * begin. Whoever is patient waits until it opens.
 */
bool log_gate_enter(struct log_gate *g, bool is_whole, bool is_patient);
void log_gate_leave(struct log_gate *g, bool is_whole);

/* From now on nobody comes through. Says whether everybody has left. */
bool log_gate_close(struct log_gate *g);

/* Harmless when it is open. */
void log_gate_open(struct log_gate *g);

/* How many read long now. */
int log_gate_reading(struct log_gate *g);
