#include "base/crash.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

enum {
	FRAMES_MAX = 48,
	MODULES_MAX = 32,
	LINE_BYTES_MAX = 1024,
	/* A frame larger than that is no frame: the chain has left the stack. */
	FRAME_BYTES_MAX = 1 << 20,
	/* If the print itself hangs, which nothing in it should: die all the same. */
	PATIENCE_S = 10,
};

static const struct {
	int number;
	const char *name;
} crashes[] = { { SIGSEGV, "SEGV" },
		{ SIGBUS, "BUS" },
		{ SIGFPE, "FPE" },
		{ SIGILL, "ILL" },
		{ SIGABRT, "ABRT" } };

/* A file that code was loaded from: the program and its libraries. */
struct module {
	uintptr_t begin, end;
	uintptr_t base; /* address 0 of the file is here */
	const char *name;
};

_Thread_local struct crash_note crash_note;

/* Written once, before there are threads. */
static const char *program_name = "?";
static struct module modules[MODULES_MAX];
static int module_count;
static struct crash_stack first_stack;

static _Atomic(const char *) last_event;
static atomic_int_fast64_t last_event_ns;
static const char *line_prefix = ""; /* the dying thread's */
static atomic_int dying_thread;      /* its number in the kernel; 0: nobody dies */

void crash_note_event(const char *event)
{
	atomic_store_explicit(&last_event, event, memory_order_relaxed);
	atomic_store_explicit(&last_event_ns, clock_monotonic_ns(), memory_order_relaxed);
}

/* ---------------------------------------------------------------- a line of text */

struct line {
	char text[LINE_BYTES_MAX];
	size_t byte_count;
};

/* What does not fit is cut, and nothing in it can begin a line or colour a terminal. */
static void line_add(struct line *l, const char *text)
{
	for (; *text != '\0' && l->byte_count < sizeof(l->text) - 1; text++)
		l->text[l->byte_count++] = *text >= ' ' && *text < 0x7f ? *text : '?';
}

static void line_add_number(struct line *l, uint64_t number, unsigned base)
{
	char digits[24];
	char *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do {
		*--at = "0123456789abcdef"[number % base];
		number /= base;
	} while (number != 0);
	line_add(l, base == 16 ? "0x" : "");
	line_add(l, at);
}

static void line_add_integer(struct line *l, int64_t number)
{
	line_add(l, number < 0 ? "-" : "");
	line_add_number(l, number < 0 ? -(uint64_t)number : (uint64_t)number, 10);
}

static void line_add_field(struct line *l, const char *name, const char *value)
{
	if (value == NULL)
		return;
	line_add(l, name);
	line_add(l, value);
}

static void line_begin(struct line *l)
{
	line_add(l, line_prefix);
}

static void line_write(struct line *l)
{
	l->text[l->byte_count++] = '\n';
	(void)!write(STDERR_FILENO, l->text, l->byte_count);
	l->byte_count = 0;
}

/* ---------------------------------------------------------------- where in which file */

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static int note_module(struct dl_phdr_info *info, size_t bytes, void *unused)
{
	(void)bytes, (void)unused;
	for (int i = 0; i < info->dlpi_phnum && module_count < MODULES_MAX; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_LOAD && (p->p_flags & PF_X) != 0)
			modules[module_count++] = (struct module){
				.begin = begin,
				.end = begin + p->p_memsz,
				.base = info->dlpi_addr,
				.name = info->dlpi_name[0] != '\0' ? file_name(info->dlpi_name)
								   : program_invocation_short_name,
			};
	}
	return 0;
}

static const struct module *module_of(uintptr_t address)
{
	for (int i = 0; i < module_count; i++)
		if (address >= modules[i].begin && address < modules[i].end)
			return &modules[i];
	return NULL;
}

/* The program itself was noted first. */
static bool is_ours(uintptr_t address)
{
	const struct module *m = module_of(address);

	return m != NULL && m->name == modules[0].name;
}

/* ---------------------------------------------------------------- the stack */

struct trace {
	uintptr_t places[FRAMES_MAX]; /* the innermost first */
	int count;
};

static void trace_add(struct trace *t, uintptr_t place)
{
	if (t->count < FRAMES_MAX)
		t->places[t->count++] = place;
}

/* By the unwinder: what lies below the frame that the signal hit. False: it did not get there. */
static bool trace_unwind(struct trace *t, uintptr_t hit)
{
	void *frames[FRAMES_MAX];
	int count = backtrace(frames, FRAMES_MAX);
	int i = 0;

	while (i < count && (uintptr_t)frames[i] != hit)
		i++;
	for (; i < count; i++)
		/* What is returned to may belong to the line behind the call. */
		trace_add(t, (uintptr_t)frames[i] - ((uintptr_t)frames[i] != hit));
	return t->count > 1;
}

/*
 * By the frame pointers: each frame begins with the last one's, and what is returned to. The call
 * that went wrong has made no frame yet: its return address is what the stack pointer points at.
 */
static void trace_follow(struct trace *t, uintptr_t hit, uintptr_t stack, uintptr_t frame)
{
	t->count = 0;
	trace_add(t, hit);
	if (module_of(hit) == NULL && module_of(*(uintptr_t *)stack) != NULL)
		trace_add(t, *(uintptr_t *)stack - 1);
	while (frame % sizeof(uintptr_t) == 0 && frame >= stack &&
	       frame - stack < FRAME_BYTES_MAX && t->count < FRAMES_MAX) {
		uintptr_t back = ((uintptr_t *)frame)[1];

		if (module_of(back) == NULL)
			return;
		trace_add(t, back - 1);
		stack = frame + sizeof(uintptr_t);
		frame = *(uintptr_t *)frame;
	}
}

static void trace_take(struct trace *t, const ucontext_t *at)
{
#if defined(__x86_64__)
	uintptr_t hit = (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
	uintptr_t stack = (uintptr_t)at->uc_mcontext.gregs[REG_RSP];
	uintptr_t frame = (uintptr_t)at->uc_mcontext.gregs[REG_RBP];
#elif defined(__aarch64__)
	uintptr_t hit = (uintptr_t)at->uc_mcontext.pc;
	uintptr_t stack = (uintptr_t)at->uc_mcontext.sp;
	uintptr_t frame = (uintptr_t)at->uc_mcontext.regs[29];
#else
	uintptr_t hit = 0, stack = 0, frame = 0;
	(void)at;
#endif
	t->count = 0;
	if (!trace_unwind(t, hit) && stack != 0)
		trace_follow(t, hit, stack, frame);
}

/* ---------------------------------------------------------------- the print */

static const char *signal_name(int number)
{
	for (size_t i = 0; i < LENGTH_OF(crashes); i++)
		if (crashes[i].number == number)
			return crashes[i].name;
	return "?";
}

static void print_what(struct line *l, int number, const siginfo_t *info)
{
	char thread[16] = "";

	prctl(PR_GET_NAME, thread);
	line_begin(l);
	line_add(l, "level=crit event=crash signal=");
	line_add(l, signal_name(number));
	if (info->si_code > 0) {
		line_add(l, " address=");
		line_add_number(l, (uintptr_t)info->si_addr, 16);
	} else if (info->si_pid != getpid()) {
		line_add(l, " sent_by=");
		line_add_integer(l, info->si_pid);
	}
	line_add_field(l, " thread=", thread);
	line_add_field(l, " doing=", crash_note.doing);
	line_add_field(l, " request_id=", crash_note.request_id);
}

static void print_past(struct line *l)
{
	const struct fault *f = fault_latest();

	line_add_field(l, " last_event=", atomic_load(&last_event));
	if (atomic_load(&last_event) != NULL) {
		line_add(l, " last_event_ms=");
		line_add_integer(l,
				 (clock_monotonic_ns() - atomic_load(&last_event_ns)) / NS_PER_MS);
	}
	if (f->error != 0) {
		line_add(l, " last_fault=");
		line_add_integer(l, f->error);
		line_add(l, " detail=");
		line_add_integer(l, f->detail);
		line_add_field(l, " at=", f->file);
		line_add(l, ":");
		line_add_integer(l, f->line);
	}
	line_add_field(l, " program=\"", program_name);
	line_add(l, "\"");
	line_write(l);
}

static void print_frame(struct line *l, int number, uintptr_t place)
{
	const struct module *m = module_of(place);

	line_begin(l);
	line_add(l, "level=crit event=crash_frame number=");
	line_add_integer(l, number);
	line_add(l, " at=");
	line_add_field(l, "", m != NULL ? m->name : NULL);
	line_add(l, m != NULL ? "+" : "");
	line_add_number(l, place - (m != NULL ? m->base : 0), 16);
	line_write(l);
}

/* The command for the frames of our own file. Others have debug symbols of their own. */
static void print_help(struct line *l, const struct trace *t)
{
	line_begin(l);
	line_add(l, "level=crit event=crash_end lines=\"addr2line -Cfpie ");
	line_add(l, modules[0].name);
	for (int i = 0; i < t->count; i++)
		if (is_ours(t->places[i])) {
			line_add(l, " ");
			line_add_number(l, t->places[i] - modules[0].base, 16);
		}
	line_add(l, "\"");
	line_write(l);
}

static void print_crash(int number, const siginfo_t *info, const ucontext_t *at)
{
	struct line l = { .byte_count = 0 };
	struct trace t;

	print_what(&l, number, info);
	print_past(&l);
	trace_take(&t, at);
	for (int i = 0; i < t.count; i++)
		print_frame(&l, i, t.places[i]);
	print_help(&l, &t);
}

/* ---------------------------------------------------------------- the signal */

/* The signal comes again as soon as the handler returns, and is not handled then. */
static void let_die(int number, const siginfo_t *info)
{
	struct sigaction untouched = { .sa_handler = SIG_DFL };

	sigaction(number, &untouched, NULL);
	if (info->si_code <= 0) /* somebody sent it: nothing would happen again */
		syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), number);
}

static void on_crash(int number, siginfo_t *info, void *context)
{
	int me = (int)syscall(SYS_gettid), nobody = 0;

	if (atomic_compare_exchange_strong(&dying_thread, &nobody, me)) {
		alarm(PATIENCE_S);
		line_prefix = check_say();
		print_crash(number, info, context);
	} else {
		while (nobody != me)
			pause(); /* the other one takes the process with it */
	}
	let_die(number, info);
}

/* ---------------------------------------------------------------- beginning */

static void stack_use(struct crash_stack *stack)
{
	stack_t s = { .ss_sp = stack->bytes, .ss_size = sizeof(stack->bytes) };

	CHECK(sigaltstack(&s, NULL) == 0);
}

static void signals_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < LENGTH_OF(crashes); i++)
		sigaddset(set, crashes[i].number);
}

void crash_begin(const char *program)
{
	struct sigaction action = { .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	void *frame;

	CHECK(module_count == 0);
	program_name = program;
	(void)backtrace(&frame, 1); /* loads the unwinder, which a crash must not */
	(void)dl_iterate_phdr(note_module, NULL);
	CHECK(module_count > 0);
	if (IS_SANITIZED)
		return;
	stack_use(&first_stack);
	for (size_t i = 0; i < LENGTH_OF(crashes); i++)
		CHECK(sigaction(crashes[i].number, &action, NULL) == 0);
}

void crash_thread_begin(struct crash_stack *stack, const char *name, int number)
{
	char text[16];
	sigset_t set;
	int bytes = number < 0 ? snprintf(text, sizeof(text), "%s", name)
			       : snprintf(text, sizeof(text), "%s-%d", name, number);

	CHECK(bytes < (int)sizeof(text));
	CHECK(pthread_setname_np(pthread_self(), text) == 0);
	signals_set(&set);
	CHECK(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
	if (!IS_SANITIZED && module_count > 0)
		stack_use(stack);
}
