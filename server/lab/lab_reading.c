/* lab_reading - the results in plain words, one sentence a line. */
#include "base/check.h"
#include "base/text.h"
#include "lab/lab.h"
#include <inttypes.h>
#include <string.h>

/* The results of one scenario. */
struct group {
	const struct lab_result *results;
	int count;
};

static const struct lab_result *by_name(const struct group *g, const char *strategy)
{
	for (int i = 0; i < g->count; i++)
		if (strcmp(g->results[i].pick.strategy->name, strategy) == 0)
			return &g->results[i];
	return NULL;
}

static void add_part(struct text *out, int64_t count, const char *one, const char *many,
		     int *part_count)
{
	if (count == 0)
		return;
	text_add(out, (*part_count)++ > 0 ? ", " : "");
	text_add_format(out, "%" PRId64 " %s", count, count == 1 ? one : many);
}

static void read_harm(struct text *out, const struct lab_result *r)
{
	int part_count = 0;

	text_add_format(out, "%s: ", r->pick.strategy->name);
	add_part(out, r->oversold, "unit was sold that was not there",
		 "units were sold that were not there", &part_count);
	add_part(out, r->lost_updates, "acknowledged update is lost",
		 "acknowledged updates are lost", &part_count);
	add_part(out, r->double_effects, "order took effect once too often",
		 "times an order took effect again", &part_count);
	add_part(out, r->deadlocks, "deadlock", "deadlocks", &part_count);
	text_add_format(out, ", in %" PRId64 " committed updates.%s\n", r->committed,
			r->pick.strategy->is_right ? " This must not be: it is a bug." : "");
}

static void read_harmless(struct text *out, const struct group *g)
{
	int name_count = 0;

	for (int i = 0; i < g->count; i++) {
		const struct lab_result *r = &g->results[i];

		if (lab_result_harm(r) > 0 || r->pick.strategy->reads != NULL)
			continue;
		text_add_format(out, "%s%s", name_count++ > 0 ? ", " : "", r->pick.strategy->name);
	}
	if (name_count > 0)
		text_add(out, ": no harm was done.\n");
}

static void read_factor(struct text *out, const struct group *g, const char *fast, const char *slow)
{
	const struct lab_result *a = by_name(g, fast), *b = by_name(g, slow);

	/* Where updates are refused, rates say how soon it was sold out. */
	if (a == NULL || b == NULL || b->updates_per_s <= 0 || a->refused + b->refused > 0)
		return;
	text_add_format(out, "%s made %.1f times as many updates a second as %s.\n", fast,
			a->updates_per_s / b->updates_per_s, slow);
}

static void read_reads(struct text *out, const struct group *g)
{
	const struct lab_result *locked = by_name(g, "locked");
	const struct lab_result *snapshot = by_name(g, "snapshot");

	if (locked == NULL || snapshot == NULL || snapshot->p99_ms <= 0)
		return;
	text_add_format(out,
			"99 of 100 snapshot reads took at most %.3f ms, locked reads %.3f ms: "
			"%.1f times as long.\n",
			snapshot->p99_ms, locked->p99_ms, locked->p99_ms / snapshot->p99_ms);
}

static void read_group(struct text *out, const struct group *g)
{
	for (int i = 0; i < g->count; i++)
		if (lab_result_harm(&g->results[i]) > 0)
			read_harm(out, &g->results[i]);
	read_harmless(out, g);
	read_factor(out, g, "row-group", "row");
	read_factor(out, g, "as-of-seq", "lease");
	read_reads(out, g);
}

void lab_read_results(struct text *out, const struct lab_result results[], int count)
{
	int begin = 0;

	for (int i = 1; i <= count; i++) {
		if (i < count && results[i].pick.scenario == results[begin].pick.scenario)
			continue;
		read_group(out, &(struct group){ .results = &results[begin], .count = i - begin });
		begin = i;
	}
}
