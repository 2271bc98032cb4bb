/* lab: the race laboratory, in this process; it needs no server. */
#include "base/check.h"
#include "base/text.h"
#include "client/command.h"
#include "client/lab_report.h"
#include "client/lab_show.h"
#include "client/session.h"
#include "client/memory.h"
#include "wire/json_write.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One call of the laboratory. */
struct visit {
	struct lab_plan plan;
	struct lab_watch watch;
	bool is_screen; /* the progress line is on a terminal: it overwrites itself */
	int shown_index;
	int count;
	struct lab_result results[LAB_PICKS_MAX];
};

/* ---------------------------------------------------------------- interrupted */

static struct visit visit; /* one for each process; the signal handler has to find it */
static volatile sig_atomic_t caught;

/* The races end, and what they left lying about is removed; then the signal does its work. */
static void on_signal(int number)
{
	caught = number;
	atomic_store(&visit.watch.must_stop, true);
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

/* ---------------------------------------------------------------- progress */

static void show_progress(void *context, int pick_index, double fraction)
{
	struct visit *v = context;
	const struct lab_pick *pick = &v->plan.picks[pick_index];

	if (v->is_screen)
		fprintf(stderr, "\r[%d/%d] %s: %s, %.0f %%\033[K", pick_index + 1,
			v->plan.pick_count, pick->scenario->name, pick->strategy->name,
			fraction * 100);
	else if (v->shown_index != pick_index)
		fprintf(stderr, "[%d/%d] %s: %s\n", pick_index + 1, v->plan.pick_count,
			pick->scenario->name, pick->strategy->name);
	v->shown_index = pick_index;
}

static void keep_result(void *context, int pick_index, const struct lab_result *result)
{
	struct visit *v = context;

	CHECK(pick_index == v->count);
	v->results[v->count++] = *result;
}

/* ---------------------------------------------------------------- what was asked */

/* A number that the laboratory bounds. */
static enum exit_code read_number(const struct args *a, enum option o, int64_t least, int64_t most,
				  int64_t *number)
{
	*number = args_number(a, o, *number);
	if (*number >= least && *number <= most)
		return EXIT_DONE;
	return exit_usage("--%s is %lld to %lld", option_row(o)->flag, (long long)least,
			  (long long)most);
}

static enum exit_code read_terms(const struct args *a, struct lab_terms *t)
{
	enum exit_code code = read_number(a, OPTION_CLIENTS, 2, LAB_CLIENTS_MAX, &t->clients);

	if (code == EXIT_DONE)
		code = read_number(a, OPTION_SECONDS, 1, LAB_SECONDS_MAX, &t->seconds);
	if (code == EXIT_DONE)
		code = read_number(a, OPTION_THINK_US, 0, LAB_THINK_US_MAX, &t->think_us);
	if (code == EXIT_DONE)
		code = read_number(a, OPTION_SEED, 0, INT64_MAX, &t->seed);
	return code;
}

static enum exit_code read_plan(const struct args *a, struct lab_plan *plan)
{
	char complaint[LAB_COMPLAINT_BYTES];

	plan->terms = lab_terms_default;
	if (!lab_plan_pick(plan, a->values[OPTION_SCENARIO], a->values[OPTION_STRATEGY], complaint))
		return exit_usage("%s: rowlock help lab lists them", complaint);
	return read_terms(a, &plan->terms);
}

/* ---------------------------------------------------------------- what came out */

static void print_json(void)
{
	struct text t;
	struct json j = json_begin(&t);

	text_init(&t);
	lab_results_write(&j, &visit.plan.terms, visit.results, visit.count);
	if (t.failed)
		exit_out_of_memory();
	puts(t.data);
	text_fini(&t);
}

/* A right way that does harm is a defect of this program, and worth an exit code. */
static enum exit_code judge(void)
{
	for (int i = 0; i < visit.count; i++)
		if (visit.results[i].pick.strategy->is_right &&
		    lab_result_harm(&visit.results[i]) > 0)
			return exit_failed("%s did harm, and never should: please report it",
					   visit.results[i].pick.strategy->name);
	return EXIT_DONE;
}

static enum exit_code show(const struct session *s)
{
	const char *report = s->args.values[OPTION_REPORT];
	enum exit_code code = EXIT_DONE;

	if (args_has(&s->args, OPTION_JSON))
		print_json();
	else
		lab_show(visit.results, visit.count);
	if (report != NULL)
		code = lab_report_write(report, &visit.plan.terms, visit.results, visit.count);
	return code == EXIT_DONE ? judge() : code;
}

enum exit_code verb_lab(struct session *s)
{
	enum exit_code code = read_plan(&s->args, &visit.plan);
	int r;

	if (code != EXIT_DONE)
		return code;
	visit.shown_index = -1;
	visit.is_screen = isatty(STDERR_FILENO);
	visit.watch.progress = show_progress;
	visit.watch.finished = keep_result;
	visit.watch.context = &visit;
	catch_signals();
	r = lab_run(&visit.plan, &visit.watch);
	if (visit.is_screen)
		fputs("\r\033[K", stderr);
	if (caught != 0)
		raise(caught);
	if (r < 0)
		return exit_failed("the race ended early: %s", strerror(-r));
	return show(s);
}
