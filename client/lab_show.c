#include "client/lab_show.h"
#include "base/check.h"
#include "base/text.h"
#include "client/memory.h"
#include "client/table.h"
#include "client/terminal.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAR_COLUMNS = 40, NAME_COLUMNS = 12 };

static const char red[] = "\033[31m", green[] = "\033[32m", plain[] = "\033[0m";

static const struct column columns[] = {
	{ "STRATEGY", NULL, false }, { "ATTEMPTS", NULL, true },  { "COMMITTED", NULL, true },
	{ "REFUSED", NULL, true },   { "LOST", NULL, true },      { "OVERSOLD", NULL, true },
	{ "DOUBLE", NULL, true },    { "DEADLOCKS", NULL, true }, { "UPDATES/S", NULL, true },
	{ "READS/S", NULL, true },   { "P50_MS", NULL, true },    { "P99_MS", NULL, true },
	{ "RETRIES", NULL, true },   { "QUEUE", NULL, true },
};

/* ---------------------------------------------------------------- numbers */

const char *lab_number(char into[32], double number)
{
	char digits[32];
	size_t out = 0;

	if (number < 10) {
		snprintf(into, 32, "%.*f", number < 1 ? 3 : 1, number);
		return into;
	}
	int length = snprintf(digits, 24, "%.0f", number);

	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			into[out++] = ',';
		into[out++] = digits[i];
	}
	into[out] = '\0';
	return into;
}

static double bar_value(const struct lab_result *r)
{
	return r->pick.strategy->reads != NULL ? r->p99_ms : r->updates_per_s;
}

static const char *bar_unit(const struct lab_scenario *s)
{
	return s->strategies[0].reads != NULL ? "p99 of a read, ms" : "updates/s";
}

const char *lab_harm(char into[96], const struct lab_result *r)
{
	const struct {
		int64_t count;
		const char *what;
	} harms[] = {
		{ r->lost_updates, "lost" },
		{ r->oversold, "oversold" },
		{ r->double_effects, "double" },
		{ r->deadlocks, "deadlocks" },
	};
	int at = 0;

	into[0] = '\0';
	for (size_t i = 0; i < LENGTH_OF(harms); i++)
		if (harms[i].count > 0)
			at += snprintf(into + at, 96 - (size_t)at, "%s%" PRId64 " %s",
				       at > 0 ? ", " : "", harms[i].count, harms[i].what);
	return into;
}

/* ---------------------------------------------------------------- the table */

static void add_count(struct table *t, int64_t count)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%" PRId64, count);
	table_add(t, digits);
}

static void add_decimal(struct table *t, double number, int decimals)
{
	char digits[64];

	snprintf(digits, sizeof(digits), "%.*f", decimals, number);
	table_add(t, digits);
}

static void add_row(struct table *t, const struct lab_result *r)
{
	table_add(t, r->pick.strategy->name);
	add_count(t, r->attempts);
	add_count(t, r->committed);
	add_count(t, r->refused);
	add_count(t, r->lost_updates);
	add_count(t, r->oversold);
	add_count(t, r->double_effects);
	add_count(t, r->deadlocks);
	add_decimal(t, r->updates_per_s, 0);
	add_decimal(t, r->reads_per_s, 0);
	add_decimal(t, r->p50_ms, 3);
	add_decimal(t, r->p99_ms, 3);
	add_count(t, r->retries);
	add_count(t, r->longest_queue);
}

static void show_table(const struct lab_result results[], int count)
{
	struct table t;

	table_init(&t, columns, LENGTH_OF(columns));
	for (int i = 0; i < count; i++)
		add_row(&t, &results[i]);
	table_print(&t, stdout);
	table_fini(&t);
}

/* ---------------------------------------------------------------- bars */

/* Eighths of a column where there are characters for that. */
static void print_bar(double share, bool is_utf8)
{
	static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	int units = (int)(share * BAR_COLUMNS * 8 + 0.5);

	if (units == 0 && share > 0)
		units = 1; /* little is not nothing */

	for (int i = 0; i < units / 8; i++)
		fputs(is_utf8 ? "█" : "#", stdout);
	if (is_utf8)
		fputs(eighths[units % 8], stdout);
	else if (units < 8 && units > 0)
		fputs("|", stdout);
}

static void show_bars(const struct lab_result results[], int count)
{
	bool is_utf8 = terminal_shows_utf8(), is_coloured = terminal_shows_colour();
	double most = 0;

	for (int i = 0; i < count; i++)
		most = bar_value(&results[i]) > most ? bar_value(&results[i]) : most;
	printf("\n%s\n", bar_unit(results[0].pick.scenario));
	for (int i = 0; i < count; i++) {
		const struct lab_result *r = &results[i];
		const char *colour = lab_result_harm(r) > 0 ? red : green;
		char number[32], harm[96];

		printf("  %-*s %s", NAME_COLUMNS, r->pick.strategy->name,
		       is_coloured ? colour : "");
		print_bar(most > 0 ? bar_value(r) / most : 0, is_utf8);
		printf("%s %s%s%s\n", is_coloured ? plain : "", lab_number(number, bar_value(r)),
		       lab_result_harm(r) > 0 ? "  " : "", lab_harm(harm, r));
	}
}

/* ---------------------------------------------------------------- all of it */

static void show_reading(const struct lab_result results[], int count)
{
	struct text reading;

	text_init(&reading);
	lab_read_results(&reading, results, count);
	if (reading.failed)
		exit_out_of_memory();
	if (reading.data != NULL)
		printf("\n%s", reading.data);
	text_fini(&reading);
}

static void show_scenario(const struct lab_result results[], int count)
{
	const struct lab_scenario *s = results[0].pick.scenario;

	printf("%s: %s\n%s Counted: %s.\n\n", s->name, s->title, s->text, s->counted);
	show_table(results, count);
	show_bars(results, count);
	show_reading(results, count);
}

void lab_show(const struct lab_result results[], int count)
{
	int begin = 0;

	for (int i = 1; i <= count; i++) {
		if (i < count && results[i].pick.scenario == results[begin].pick.scenario)
			continue;
		if (begin > 0)
			putchar('\n');
		show_scenario(&results[begin], i - begin);
		begin = i;
	}
}
