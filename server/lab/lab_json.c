/* lab_json - results as JSON: what --json prints, and what the server answers. */
#include "lab/lab.h"
#include "wire/json_write.h"
#include <stdio.h>

static void json_decimal(struct json *j, double value, int decimals)
{
	char digits[64];

	snprintf(digits, sizeof(digits), "%.*f", decimals, value);
	json_raw(j, digits);
}

void lab_result_write(struct json *j, const struct lab_result *r)
{
	json_open(j, '{');
	JSON_NAME(j, "scenario"), json_text(j, r->pick.scenario->name);
	JSON_NAME(j, "strategy"), json_text(j, r->pick.strategy->name);
	JSON_NAME(j, "reads"), json_text(j, r->pick.strategy->reads);
	JSON_NAME(j, "clients"), json_int(j, r->clients);
	JSON_NAME(j, "attempts"), json_int(j, r->attempts);
	JSON_NAME(j, "committed"), json_int(j, r->committed);
	JSON_NAME(j, "refused"), json_int(j, r->refused);
	JSON_NAME(j, "lost_updates"), json_int(j, r->lost_updates);
	JSON_NAME(j, "oversold"), json_int(j, r->oversold);
	JSON_NAME(j, "double_effects"), json_int(j, r->double_effects);
	JSON_NAME(j, "deadlocks"), json_int(j, r->deadlocks);
	JSON_NAME(j, "updates_per_s"), json_decimal(j, r->updates_per_s, 1);
	JSON_NAME(j, "reads_per_s"), json_decimal(j, r->reads_per_s, 1);
	JSON_NAME(j, "p50_ms"), json_decimal(j, r->p50_ms, 3);
	JSON_NAME(j, "p99_ms"), json_decimal(j, r->p99_ms, 3);
	JSON_NAME(j, "retries"), json_int(j, r->retries);
	json_close(j, '}');
}

void lab_results_write(struct json *j, const struct lab_terms *terms,
		       const struct lab_result results[], int count)
{
	json_open(j, '{');
	JSON_NAME(j, "build"), json_text(j, lab_build);
	JSON_NAME(j, "seed"), json_int(j, terms->seed);
	JSON_NAME(j, "runs"), json_open(j, '[');
	for (int i = 0; i < count; i++)
		lab_result_write(j, &results[i]);
	json_close(j, ']');
	json_close(j, '}');
}
