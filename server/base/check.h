/*
 * check - what the code relies on, asserted in production.
 *
 *     CHECK(queue->length > 0);
 *
 * A CHECK that fails says which one and where on stderr and aborts: better dead than wrong. One
 * condition each, never a side effect, and never about input: input gets a refusal.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

#define IMPLIES(a, b) (!(a) || (b))

/* The struct that `pointer`, its field `member`, lies in. */
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* Runs fn(&variable) when the variable goes out of scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Behind check_say() it writes one line to stderr, then aborts. Any thread; allocates nothing. */
__attribute__((noreturn, cold)) void check_failed(const char *file, int line,
						  const char *condition);

/*
 * What stands before each line of a process that dies, a constant, and what is called before the
 * first one, maybe in a signal handler: it says what was logged and is not written yet.
 */
void check_speak(const char *prefix, void (*say)(void));

/* Lets that be said, and returns what stands before each line; "" before check_speak(). */
const char *check_say(void);
