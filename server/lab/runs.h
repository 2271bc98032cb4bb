/*
 * runs - the laboratory of a server: runs in a thread beside the service, one at a time, and what
 * became of the newest ones.
 *
 *     lab_runs_open(folder, &runs);
 *     switch (lab_runs_start(runs, &plan, &number)) ...        // POST /v1/lab/runs
 *     if (!lab_runs_write(runs, number, &json)) ...             // GET /v1/lab/runs/lab_<number>
 *     lab_runs_stop(runs);                                      // draining: cancels, takes no more
 *     lab_runs_close(runs);                                     // waits for it to end
 *
 *     RUNNING ──> DONE | FAILED | CANCELLED
 *
 * Memory: the results of LAB_RUNS_KEPT runs. Threads: any, but lab_runs_close(), which is the last.
 */
#pragma once
#include "lab/lab.h"

struct lab_runs;

/* Scratch databases are made in the folder, whose name must live on. 0 or a fault. */
int lab_runs_open(const char *folder, struct lab_runs **ret);
void lab_runs_stop(struct lab_runs *l);  /* NULL is fine, here and below */
void lab_runs_close(struct lab_runs *l); /* after lab_runs_stop() or without */

enum lab_start {
	LAB_STARTED,
	LAB_BUSY,      /* another one runs */
	LAB_STOPPING,  /* lab_runs_stop() was called */
	LAB_NO_MEMORY, /* or no thread */
};

/* *ret_number, from 1, names the run. The plan is copied; its folder is the runs' own. */
enum lab_start lab_runs_start(struct lab_runs *l, const struct lab_plan *plan, int64_t *ret_number);

/* False: there is no such run (any more). One that is over stays as it is. */
bool lab_runs_cancel(struct lab_runs *l, int64_t number);

/* The run as an object; false: there is none. */
bool lab_runs_write(struct lab_runs *l, int64_t number, struct json *j);

/* All of them, newest first: the elements of an array. */
void lab_runs_write_all(struct lab_runs *l, struct json *j);

/* What the laboratory has, and how it is switched on where it is not: GET /v1/lab. */
void lab_offer_write(struct json *j, bool is_enabled);
