/*
 * pulse - whether every thread still turns: what a supervisor's watchdog is fed by.
 *
 *     pulse_begin("loop", index);          // in each thread that is watched, first of all
 *     while (...) {
 *             pulse_beat();                // once a turn, and in waits without end
 *             ...
 *     }
 *     pulse_end();
 *
 *     // who watches, again and again:
 *     if (!pulse_is_late(clock_monotonic_ns(), who))
 *             ...feed...
 *     pulse_ask();                         // then wake who sleeps
 *
 * A beat is an answer to the latest question: a thread that sleeps, and does not come when it is
 * woken, is late, just as one that hangs. What cannot beat while it works, but has a limit of its
 * own, says until when it may be silent: a read of the whole store, a long copy of the log.
 *
 *     pulse_excuse(until_ns);  ...  pulse_excuse(0);
 *
 * Threads: all. Slots are never freed memory, so that nothing is locked. A name is written before
 * its slot is watched; threads end only when nobody looks any more (pulse_is_late()), so that no
 * other takes the slot and writes its name under a reader. A thread that finds no slot is not
 * watched. Cost of a beat: two loads, and a store where the question is new.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PULSES_MAX = 192, PULSE_NAME_BYTES = 16 };

struct pulse {
	_Alignas(64) atomic_int state;        /* pulse.c */
	atomic_uint answered;                 /* the question that it has heard last */
	atomic_int_fast64_t excused_until_ns; /* monotonic; 0: it is not */
	char name[PULSE_NAME_BYTES];          /* "loop-0"; written before the first answer */
};

extern _Thread_local struct pulse *pulse_mine; /* NULL: this thread is not watched */
extern atomic_uint pulse_question;

/* Names the thread "name" or, where number >= 0, "name-number". Ended by pulse_end(). */
void pulse_begin(const char *name, int number);
void pulse_end(void);

static inline void pulse_beat(void)
{
	struct pulse *p = pulse_mine;
	unsigned question = atomic_load_explicit(&pulse_question, memory_order_relaxed);

	if (p != NULL && atomic_load_explicit(&p->answered, memory_order_relaxed) != question)
		atomic_store_explicit(&p->answered, question, memory_order_release);
}

/* This thread may be silent until then (monotonic); INT64_MAX: it waits for one that is watched. */
void pulse_excuse(int64_t until_ns);

/* Who has not answered the latest question by now, nor is excused: its name. False: nobody. */
bool pulse_is_late(int64_t now_ns, char ret_name[PULSE_NAME_BYTES]);

/* Puts a new question to every thread. */
void pulse_ask(void);
