/*
 * crash - what the process says when it dies of itself: a CHECK that fails, or a signal.
 *
 *     crash_begin("rowlockd 0.2.0");                       // first of all, in main()
 *
 *     struct crash_stack stack;                            // first of all, in each thread
 *     crash_thread_begin(&stack, "loop", index);           // named loop-0
 *
 *     crash_note_request(x->request_id);                   // while it is worked on
 *     crash_note_doing("stock_adjust");
 *     ...
 *     crash_note_request(NULL);
 *
 * On SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT one line says which thread died, what it was at,
 * which event was logged last and which fault this thread met last; then a line for each frame of
 * the stack, by its place in the file that it is from; then the command that makes lines of source
 * of them. The signal takes its course after that: its exit status, and a core dump where there is
 * one, with the registers as they were. docs/operating.md reads such a print line by line.
 *
 * Nothing is allocated and no lock is taken: write(2) only. The unwinder is loaded at the start,
 * and each thread brings a stack for the case that its own is what ended. A second thread that dies
 * meanwhile waits; a print that dies itself leaves what was printed. A call through a bad pointer
 * has no frame to unwind from: then the frame pointers are followed, which all our own code keeps.
 *
 * Under a sanitizer this does nothing: its own report says more.
 *
 * Cost: a note is one store. Threads: a note belongs to its thread; the last event to all of them.
 */
#pragma once
#include <stdatomic.h>
#include <stddef.h>

struct crash_note {
	const char *request_id; /* valid as long as it is noted; NULL: none is at hand */
	const char *doing;      /* a constant; NULL: nothing in particular */
};

extern _Thread_local struct crash_note crash_note;

/* The unwinder wants some KiB, and a processor's state may be as large again. */
struct crash_stack {
	_Alignas(64) char bytes[65536];
};

/* `program` is a constant: a name and a version. The calling thread is ready, too. Once. */
void crash_begin(const char *program);

/*
 * Names the thread, "name" or "name-number" where number >= 0, of at most 15 bytes, and unblocks
 * the signals of a crash: blocked, they would kill without a word. *stack stays until the thread
 * ends.
 */
void crash_thread_begin(struct crash_stack *stack, const char *name, int number);

static inline void crash_note_request(const char *request_id)
{
	crash_note.request_id = request_id;
}

static inline void crash_note_doing(const char *doing)
{
	crash_note.doing = doing;
}

/* A constant: what was logged. Any thread. */
void crash_note_event(const char *event);
