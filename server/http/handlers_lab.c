/*
 * handlers_lab - the race laboratory over HTTP, for the dashboard: what there is, runs, and what
 * became of them. All but the first want `rowlockd --lab`.
 */
#include "http/audited.h"
#include "http/page.h"
#include "lab/runs.h"
#include "wire/messages_lab.h"
#include "wire/problems.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct lab_runs *runs_of_server(void)
{
	return calls_configuration()->lab;
}

/* NULL: it was answered that there is none. */
static struct lab_runs *runs_or_refuse(struct exchange *x)
{
	if (runs_of_server() == NULL)
		reply_refuse(x, OUTCOME_LAB_DISABLED, NULL);
	return runs_of_server();
}

/* "lab_7", which the path names; 0: no run has such an id. */
static int64_t run_number(struct exchange *x)
{
	const char *id = call_of(x)->names[0];
	int64_t number;

	return strncmp(id, "lab_", 4) == 0 && integer_read(id + 4, &number) ? number : 0;
}

void handle_lab_show(struct exchange *x)
{
	struct json j = json_begin(&x->reply);

	lab_offer_write(&j, runs_of_server() != NULL);
	text_add_char(&x->reply, '\n');
	reply_json(x, 200, service_seq(x->service));
}

/* ---------------------------------------------------------------- starting */

/* False: it was answered. */
static bool read_plan(struct exchange *x, struct lab_plan *plan)
{
	struct lab_message m = { .clients = lab_terms_default.clients,
				 .seconds = lab_terms_default.seconds,
				 .think_us = lab_terms_default.think_us,
				 .seed = lab_terms_default.seed };
	char complaint[LAB_COMPLAINT_BYTES];
	struct message_error e;

	if (!message_read_lab(message_of(x->body, x->body_bytes), &x->arena, &m, &e)) {
		reply_message_error(x, &e);
		return false;
	}
	*plan = (struct lab_plan){ .terms = { .clients = m.clients,
					      .seconds = m.seconds,
					      .think_us = m.think_us,
					      .seed = m.seed } };
	if (lab_plan_pick(plan, m.scenario, m.strategy, complaint))
		return true;
	reply_problem(x, &(struct problem){ .outcome = OUTCOME_MEANINGLESS, .detail = complaint });
	return false;
}

static void reply_started(struct exchange *x, struct lab_runs *runs, int64_t number)
{
	struct json j = json_begin(&x->reply);
	char path[64];
	int bytes = snprintf(path, sizeof(path), "/v1/lab/runs/lab_%" PRId64, number);
	char *location = arena_copy(&x->arena, path, (size_t)bytes);

	if (location != NULL)
		exchange_header_add(x, "Location", location);
	lab_runs_write(runs, number, &j);
	text_add_char(&x->reply, '\n');
	reply_untimed(x, 202);
}

void handle_lab_run_start(struct exchange *x)
{
	struct lab_runs *runs = runs_or_refuse(x);
	struct lab_plan plan;
	int64_t number;

	if (runs == NULL || !read_plan(x, &plan))
		return;
	switch (lab_runs_start(runs, &plan, &number)) {
	case LAB_STARTED:
		audited_note(x, "lab-run", NULL);
		reply_started(x, runs, number);
		break;
	case LAB_BUSY:
		reply_refuse(x, OUTCOME_LAB_BUSY, NULL);
		break;
	case LAB_STOPPING:
		reply_refuse(x, OUTCOME_DRAINING, NULL);
		break;
	case LAB_NO_MEMORY:
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		break;
	}
}

/* ---------------------------------------------------------------- looking, cancelling */

void handle_lab_run_show(struct exchange *x)
{
	struct lab_runs *runs = runs_or_refuse(x);
	struct json j = json_begin(&x->reply);

	if (runs == NULL)
		return;
	if (!lab_runs_write(runs, run_number(x), &j)) {
		reply_refuse(x, OUTCOME_UNKNOWN_LAB_RUN, NULL);
		return;
	}
	text_add_char(&x->reply, '\n');
	reply_json(x, 200, service_seq(x->service));
}

void handle_lab_run_list(struct exchange *x)
{
	struct lab_runs *runs = runs_or_refuse(x);
	struct text rows;
	struct json j = json_begin(&rows);

	if (runs == NULL)
		return;
	text_init(&rows);
	lab_runs_write_all(runs, &j);
	page_reply(x, &rows, false, NULL, service_seq(x->service));
	text_fini(&rows);
}

void handle_lab_run_cancel(struct exchange *x)
{
	struct lab_runs *runs = runs_or_refuse(x);

	if (runs == NULL)
		return;
	if (lab_runs_cancel(runs, run_number(x)))
		reply_untimed(x, 204);
	else
		reply_refuse(x, OUTCOME_UNKNOWN_LAB_RUN, NULL);
}
