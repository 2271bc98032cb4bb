/*
 * read_fault - a read has met a fault: the operator is told, and where the file is damaged nothing
 * is written any more.
 *
 * Threads: any.
 */
#pragma once
#include "engine/lock_manager.h"
#include "engine/published.h"

/* Logs it as fault_latest() of this thread has it, as what, of which request (NULL: none). */
void read_fault_note(struct published *p, struct lock_manager *locks, int fault,
		     const char *request_id);
