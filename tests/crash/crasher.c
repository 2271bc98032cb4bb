/*
 * crasher - dies in the way that is asked for, in the thread that is asked for.
 *
 *     crasher check|segv|null|fpe|ill|bus|deep|two|sent main|loop
 *
 * What it prints is read by explains.py. The frames on the way are not inlined, so that their names
 * can be looked for.
 */
#include "base/check.h"
#include "base/crash.h"
#include "base/fault.h"
#include "ops/log.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __clang__ /* which makes no clones */
#define FRAME __attribute__((noinline))
#else
#define FRAME __attribute__((noinline, noclone))
#endif

typedef int way(int n);

static volatile int zero;
static int *volatile nowhere;
static way *volatile no_way;

static FRAME int die_check(int n)
{
	CHECK(zero == n);
	return 1;
}

static FRAME int die_segv(int n)
{
	return *nowhere + n;
}

static FRAME int die_null(int n)
{
	return no_way(n) + 1;
}

static FRAME int die_fpe(int n)
{
	return n / zero;
}

static FRAME int die_ill(int n)
{
	__builtin_trap();
	return n;
}

/* Behind the end of a file. */
static FRAME int die_bus(int n)
{
	FILE *f = tmpfile();
	int *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(f), 0);

	return page[0] + n;
}

static FRAME int die_deep(int n)
{
	volatile char page[4096];

	page[0] = (char)n;
	if (n == zero) /* it never is: the compiler is not to know */
		return 0;
	return die_deep(n + 1) + page[0];
}

static FRAME int die_sent(int n)
{
	kill(getpid(), SIGSEGV);
	return n;
}

static void *die_too(void *barrier)
{
	struct crash_stack stack;

	crash_thread_begin(&stack, "other", -1);
	pthread_barrier_wait(barrier);
	return (void *)(long)die_segv(1);
}

/* Two threads at once: one of them is told of, whole. */
static FRAME int die_two(int n)
{
	pthread_barrier_t both;
	pthread_t other;

	pthread_barrier_init(&both, NULL, 2);
	pthread_create(&other, NULL, die_too, &both);
	pthread_barrier_wait(&both);
	return die_segv(n);
}

static const struct {
	const char *name;
	way *die;
} ways[] = {
	{ "check", die_check }, { "segv", die_segv }, { "null", die_null },
	{ "fpe", die_fpe },     { "ill", die_ill },   { "bus", die_bus },
	{ "deep", die_deep },   { "two", die_two },   { "sent", die_sent },
};

static FRAME int die_by(const char *name)
{
	for (size_t i = 0; i < LENGTH_OF(ways); i++)
		if (strcmp(ways[i].name, name) == 0)
			return ways[i].die(1) + 1;
	return 0;
}

static void *loop_main(void *name)
{
	struct crash_stack stack;

	crash_thread_begin(&stack, "loop", 3);
	crash_note_request("r-4711\n\x1b[31m");
	crash_note_doing("testing");
	(void)FAULT_DETAIL(-EIO, 522);
	return (void *)(long)die_by(name);
}

int main(int argc, char *argv[])
{
	pthread_t thread;
	sigset_t all;

	CHECK(argc == 3);
	alarm(60);
	crash_begin("crasher 1");
	log_write(LOG_INFO, "crasher_began", "way=%s", argv[1]);
	if (strcmp(argv[2], "main") == 0)
		return die_by(argv[1]);
	/* As the loops are made. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	CHECK(pthread_create(&thread, NULL, loop_main, argv[1]) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	return 0;
}
