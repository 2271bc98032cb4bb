/*
 * read_admission - where long reads stand back for a moment, so that the log can begin anew.
 *
 * SQLite writes its log from the front again only when all of it was copied into the database and
 * nobody reads what stands in it any more. One list behind the other, from two clients, leaves no
 * such moment, and the log grows for as long as somebody writes. So when it has become too long the
 * writer closes the admission: whoever wants to begin a long read waits, those under way come to
 * their end, the log begins anew, and admission is opened.
 *
 *     reader thread                                  writer, between groups
 *     if (!read_admission_enter(g, is_whole, …))     if (read_admission_close(g))
 *             ...refuse: 503...                              // nobody reads long now
 *     ...read...                                             ...begin the log anew...
 *     read_admission_leave(g, is_whole)              read_admission_open(g)
 *
 * A read of the whole store (an export, a backup) may take minutes, and holds the log for as long.
 * Lists do not wait for that, which would not help: admission holds up nobody while there is one;
 * the next one waits behind it. Point reads never come by here: loops let go of their snapshots
 * after each turn.
 *
 * Threads: enter and leave from any; close and open from the writer's.
 */
#pragma once
#include "engine/guard.h"

struct read_admission {
	struct guard guard;
	struct signal_flag opened;
	bool is_closed;    /* guarded, as is all below */
	int64_t closed_ns; /* since when it holds somebody up */
	int reading_count; /* who came through and has not left */
	int whole_count;   /* those of them that read the whole store */
	int waiting_count;
};

void read_admission_init(struct read_admission *g);
void read_admission_fini(struct read_admission *g); /* nobody may be in it */

/*
 * Waits while admission is closed. False: it has been for READ_ADMISSION_MS_MAX, and the read is
 * not to begin. A patient read waits until it opens.
 */
bool read_admission_enter(struct read_admission *g, bool is_whole, bool is_patient);
void read_admission_leave(struct read_admission *g, bool is_whole);

/* From now on nobody comes through. Says whether everybody has left. */
bool read_admission_close(struct read_admission *g);

/* Harmless when it is open. */
void read_admission_open(struct read_admission *g);

/* How many read long now. */
int read_admission_reading(struct read_admission *g);
