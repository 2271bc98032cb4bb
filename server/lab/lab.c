#include "lab/lab.h"
#include "base/check.h"
#include "base/fault.h"
#include "lab/race_run.h"
#include "ops/leftover.h"
#include "ops/metrics.h"
#include "store/sqlite.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER_PREFIX "rowlock-lab-"
#define DATABASE_NAME "race.db"

enum { PATH_BYTES = 4096 };

const struct lab_terms lab_terms_default = {
	.clients = 16, .seconds = 1, .think_us = 200, .seed = 1
};

/* ---------------------------------------------------------------- picking */

/* Is the name one of the words of the list, "a,b"? NULL: any is. */
static bool is_listed(const char *list, const char *name)
{
	size_t bytes = strlen(name);

	if (list == NULL)
		return true;
	for (const char *at = list; *at != '\0';
	     at += strcspn(at, ",") + (at[strcspn(at, ",")] != '\0'))
		if (strcspn(at, ",") == bytes && memcmp(at, name, bytes) == 0)
			return true;
	return false;
}

static bool is_scenario(const char *name)
{
	for (int i = 0; i < lab_scenario_count; i++)
		if (strcmp(lab_scenarios[i].name, name) == 0)
			return true;
	return false;
}

static bool is_strategy(const char *name)
{
	for (int i = 0; i < lab_scenario_count; i++)
		for (int j = 0; j < lab_scenarios[i].strategy_count; j++)
			if (strcmp(lab_scenarios[i].strategies[j].name, name) == 0)
				return true;
	return false;
}

/* Does every word of the list name something? */
static bool list_is_known(const char *list, const char *what, bool (*is_known)(const char *name),
			  char complaint[LAB_COMPLAINT_BYTES])
{
	if (list == NULL)
		return true;
	for (const char *at = list;;) {
		size_t bytes = strcspn(at, ",");
		char word[64];

		snprintf(word, sizeof(word), "%.*s", (int)(bytes < 63 ? bytes : 63), at);
		if (!is_known(word)) {
			snprintf(complaint, LAB_COMPLAINT_BYTES, "there is no %s '%s'", what, word);
			return false;
		}
		if (at[bytes] == '\0')
			return true;
		at += bytes + 1;
	}
}

static void pick_strategies(struct lab_plan *plan, const struct lab_scenario *s,
			    const char *strategies)
{
	for (int i = 0; i < s->strategy_count; i++) {
		if (!is_listed(strategies, s->strategies[i].name))
			continue;
		CHECK(plan->pick_count < LAB_PICKS_MAX);
		plan->picks[plan->pick_count++] =
			(struct lab_pick){ .scenario = s, .strategy = &s->strategies[i] };
	}
}

bool lab_plan_pick(struct lab_plan *plan, const char *scenarios, const char *strategies,
		   char complaint[LAB_COMPLAINT_BYTES])
{
	if (!list_is_known(scenarios, "scenario", is_scenario, complaint) ||
	    !list_is_known(strategies, "strategy", is_strategy, complaint))
		return false;
	plan->pick_count = 0;
	for (int i = 0; i < lab_scenario_count; i++)
		if (is_listed(scenarios, lab_scenarios[i].name))
			pick_strategies(plan, &lab_scenarios[i], strategies);
	if (plan->pick_count > 0)
		return true;
	snprintf(complaint, LAB_COMPLAINT_BYTES, "none of these scenarios has such a strategy");
	return false;
}

/* ---------------------------------------------------------------- running */

static void remove_database(const char *path)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };

	for (size_t i = 0; i < LENGTH_OF(suffixes); i++) {
		char name[PATH_BYTES + 8];

		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
}

static void remove_folder(const char *folder)
{
	char path[PATH_BYTES];

	if (snprintf(path, sizeof(path), "%s/" DATABASE_NAME, folder) >= PATH_BYTES)
		return;
	remove_database(path);
	(void)rmdir(folder);
}

void lab_clean_up(const char *parent)
{
	leftovers_remove(parent, FOLDER_PREFIX, remove_folder);
}

/* A descriptor of it, which holds it; or a fault. */
static int make_folder(const char *parent, char ret_folder[PATH_BYTES])
{
	int fd;

	if (parent == NULL || parent[0] == '\0')
		parent = getenv("TMPDIR");
	if (parent == NULL || parent[0] == '\0')
		parent = "/var/tmp";
	lab_clean_up(parent);
	if (snprintf(ret_folder, PATH_BYTES, "%s/" FOLDER_PREFIX "XXXXXX", parent) >=
	    PATH_BYTES - 32)
		return FAULT(-ENAMETOOLONG);
	if (mkdtemp(ret_folder) == NULL)
		return FAULT(-errno);
	fd = open(ret_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && leftover_hold(fd, ret_folder))
		return fd;
	if (fd >= 0)
		close(fd);
	return FAULT(-EAGAIN);
}

static int run_pick(const struct lab_plan *plan, int index, const char *path,
		    struct lab_watch *watch, struct lab_result *ret)
{
	struct race *race = calloc(1, sizeof(*race)); /* its histograms are too large for a stack */
	const struct lab_pick *pick = &plan->picks[index];
	int64_t race_ms = plan->race_ms > 0 ? plan->race_ms : plan->terms.seconds * 1000;
	int r;

	if (race == NULL)
		return FAULT(-ENOMEM);
	race->pick = *pick;
	race->terms = &plan->terms;
	race->course = pick->scenario->course;
	race->way = pick->strategy->way;
	race->path = path;
	r = race_run(race, race_ms, watch, index, ret);
	free(race);
	remove_database(path);
	return r;
}

int lab_run(const struct lab_plan *plan, struct lab_watch *watch)
{
	char folder[PATH_BYTES], path[PATH_BYTES];
	int fd, r = 0;

	CHECK(plan->pick_count > 0);
	sqlite_prepare();
	metrics_mute_thread();
	fd = make_folder(plan->folder, folder);
	if (fd < 0)
		return fd;
	for (int i = 0; r == 0 && i < plan->pick_count; i++) {
		struct lab_result result = { 0 };

		snprintf(path, sizeof(path), "%.4000s/" DATABASE_NAME, folder);
		r = atomic_load(&watch->must_stop) ? FAULT(-ECANCELED)
						   : run_pick(plan, i, path, watch, &result);
		if (r == 0 && watch->finished != NULL)
			watch->finished(watch->context, i, &result);
	}
	rmdir(folder);
	close(fd);
	return r;
}
