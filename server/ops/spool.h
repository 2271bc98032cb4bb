/*
 * spool - an unlinked temporary file in which a long answer is collected, and from which it is
 * sent.
 *
 *     struct spool *s = spool_open();
 *     text_add_...(&s->text, ...); spool_settle(s);      // as often as needed: memory stays flat
 *     if (spool_finish(s) == 0)
 *             ...read s->byte_count bytes from s->fd...
 *     spool_close(s);
 *
 * No read transaction, no queue and no memory then waits for a slow client. The file has no name:
 * it is gone with its descriptor, also after kill -9.
 *
 * Threads: one at a time; spool_set_folder() before any other.
 * Faults: -ENOSPC and whatever open(2) and write(2) say. The first is remembered, what follows it
 * is dropped, and spool_finish() returns it.
 * Cost: a write(2) of SPOOL_TEXT_BYTES into the page cache; never flushed.
 */
#pragma once
#include "base/text.h"

enum { SPOOL_TEXT_BYTES = 65536 };

struct spool {
	int fd;
	int fault;          /* the first; 0: none so far */
	int64_t byte_count; /* in the file */
	struct text text;   /* not in the file yet */
};

/* Where spools are made; "": $TMPDIR, or else /var/tmp. The text must live on. */
void spool_set_folder(const char *folder);
const char *spool_folder(void);

/* Removes those with a name whose process was killed: see spool_open_named(). */
void spool_clean_up(void);

/* NULL: fault_latest() says why. */
struct spool *spool_open(void);

/*
 * One whose file is made by somebody who needs a name for it: *ret_path, malloc'ed, an empty file
 * that is there until spool_unname(). The path is freed by that, too.
 */
struct spool *spool_open_named(char **ret_path);
/* The file is complete: its name is gone, its size is known. 0 or a fault. */
int spool_unname(struct spool *s, char *path);

/* Once there is enough text it goes into the file. 0 or the spool's fault. */
int spool_settle(struct spool *s);

/* All of it goes into the file. 0 or the spool's fault. */
int spool_finish(struct spool *s);

/* The descriptor goes to the caller, the rest is freed. After spool_finish(). */
int spool_take_fd(struct spool *s);

/* NULL is fine. Returns NULL. */
struct spool *spool_close(struct spool *s);
