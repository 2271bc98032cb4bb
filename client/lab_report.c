#include "client/lab_report.h"
#include "base/check.h"
#include "base/text.h"
#include "client/lab_show.h"
#include "client/memory.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Of a chart, in its own units. */
enum { CHART_WIDTH = 720, NAME_WIDTH = 110, BAR_WIDTH = 380, ROW_HEIGHT = 26, BAR_HEIGHT = 18 };

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<title>Rowlock: the race laboratory</title>\n<style>\n"
	":root { color-scheme: light dark; --right: #1a7f4b; --wrong: #c0392b; --line: #8884; }\n"
	"@media (prefers-color-scheme: dark) { :root { --right: #4cc38a; --wrong: #ff7b6b; } }\n"
	"body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto;"
	" padding: 0 1rem; }\n"
	"svg { max-width: 100%; height: auto; font: 13px system-ui, sans-serif; }\n"
	"svg text { fill: currentColor; }\n"
	".right { fill: var(--right); } .wrong { fill: var(--wrong); }\n"
	".scroll { overflow-x: auto; }\n"
	"table { border-collapse: collapse; font-variant-numeric: tabular-nums;"
	" font-size: .85rem; margin-top: 1rem; }\n"
	"th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: right; "
	"}\n"
	"th:first-child, td:first-child { text-align: left; }\n"
	"dl { display: grid; grid-template-columns: max-content auto; gap: 0 1rem; }\n"
	"dt { font-weight: 600; } dd { margin: 0; }\n"
	"td.harm { color: var(--wrong); font-weight: 600; }\n"
	"</style>\n</head>\n<body>\n<h1>The race laboratory</h1>\n"
	"<p>The same race by different ways of locking: real threads, real databases, durable "
	"commits. Harm is what the clients were told against what the database holds afterwards; "
	"nothing is staged.</p>\n";

/* Text of ours, and yet: what stands in a page is escaped. */
static void add_escaped(struct text *t, const char *s)
{
	for (; *s != '\0'; s++) {
		switch (*s) {
		case '<':
			text_add(t, "&lt;");
			break;
		case '>':
			text_add(t, "&gt;");
			break;
		case '&':
			text_add(t, "&amp;");
			break;
		case '"':
			text_add(t, "&quot;");
			break;
		default:
			text_add_char(t, *s);
			break;
		}
	}
}

/* ---------------------------------------------------------------- charts */

static double rate_of(const struct lab_result *r)
{
	return r->updates_per_s;
}

static double reads_of(const struct lab_result *r)
{
	return r->reads_per_s;
}

static double p99_of(const struct lab_result *r)
{
	return r->p99_ms;
}

struct chart {
	const char *title;
	double (*value_of)(const struct lab_result *r);
	bool shows_harm;
};

static const struct chart of_updates[] = { { "updates/s", rate_of, true },
					   { "p99 of an update, ms", p99_of, false } };
static const struct chart of_reads[] = { { "p99 of a read, ms", p99_of, true },
					 { "reads/s", reads_of, false },
					 { "updates/s beside them", rate_of, false } };

static void add_bar(struct text *t, const struct chart *c, const struct lab_result *r, int row,
		    double most)
{
	bool is_harmful = lab_result_harm(r) > 0;
	double value = c->value_of(r), width = most > 0 ? value / most * BAR_WIDTH : 0;
	int top = row * ROW_HEIGHT, baseline = top + 14;
	char number[32], harm[96];

	text_add_format(t, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", NAME_WIDTH - 8,
			baseline);
	add_escaped(t, r->pick.strategy->name);
	text_add_format(t,
			"</text><rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\""
			" rx=\"2\"/>",
			is_harmful ? "wrong" : "right", NAME_WIDTH, top, width < 1 ? 1 : width,
			BAR_HEIGHT);
	text_add_format(t, "<text x=\"%.1f\" y=\"%d\">%s", NAME_WIDTH + width + 8, baseline,
			lab_number(number, value));
	if (is_harmful && c->shows_harm)
		text_add_format(t, " · %s", lab_harm(harm, r));
	text_add(t, "</text>\n");
}

static void add_chart(struct text *t, const struct chart *c, const struct lab_result results[],
		      int count)
{
	const struct lab_scenario *s = results[0].pick.scenario;
	double most = 0;

	for (int i = 0; i < count; i++)
		most = c->value_of(&results[i]) > most ? c->value_of(&results[i]) : most;
	text_add_format(t, "<h3>%s</h3>\n<svg viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\">",
			c->title, CHART_WIDTH, count * ROW_HEIGHT, CHART_WIDTH);
	text_add_format(t, "<title>%s: %s of each strategy</title>\n", s->name, c->title);
	for (int i = 0; i < count; i++)
		add_bar(t, c, &results[i], i, most);
	text_add(t, "</svg>\n");
}

static void add_charts(struct text *t, const struct lab_result results[], int count)
{
	bool is_of_reads = results[0].pick.strategy->reads != NULL;
	const struct chart *charts = is_of_reads ? of_reads : of_updates;
	size_t chart_count = is_of_reads ? LENGTH_OF(of_reads) : LENGTH_OF(of_updates);

	for (size_t i = 0; i < chart_count; i++)
		add_chart(t, &charts[i], results, count);
}

/* ---------------------------------------------------------------- the table */

static void add_harm_cell(struct text *t, int64_t count)
{
	text_add_format(t, "<td%s>%" PRId64 "</td>", count > 0 ? " class=\"harm\"" : "", count);
}

static void add_row(struct text *t, const struct lab_result *r)
{
	text_add(t, "<tr><td>");
	add_escaped(t, r->pick.strategy->name);
	text_add_format(t, "</td><td>%" PRId64 "</td><td>%" PRId64 "</td><td>%" PRId64 "</td>",
			r->attempts, r->committed, r->refused);
	add_harm_cell(t, r->lost_updates);
	add_harm_cell(t, r->oversold);
	add_harm_cell(t, r->double_effects);
	add_harm_cell(t, r->deadlocks);
	text_add_format(t,
			"<td>%.0f</td><td>%.0f</td><td>%.3f</td><td>%.3f</td><td>%" PRId64
			"</td><td>%" PRId64 "</td></tr>\n",
			r->updates_per_s, r->reads_per_s, r->p50_ms, r->p99_ms, r->retries,
			r->longest_queue);
}

static void add_table(struct text *t, const struct lab_result results[], int count)
{
	text_add(t, "<div class=\"scroll\"><table>\n<tr><th>strategy</th><th>attempts</th>"
		    "<th>committed</th><th>refused</th><th>lost updates</th><th>oversold units</th>"
		    "<th>double effects</th><th>deadlocks</th><th>updates/s</th><th>reads/s</th>"
		    "<th>p50 ms</th><th>p99 ms</th><th>retries</th><th>longest queue</th>"
		    "<th>how</th></tr>\n");
	for (int i = 0; i < count; i++)
		add_row(t, &results[i]);
	text_add(t, "</table></div>\n");
}

/* ---------------------------------------------------------------- the page */

static void add_strategies(struct text *t, const struct lab_result results[], int count)
{
	text_add(t, "<dl>\n");
	for (int i = 0; i < count; i++) {
		const struct lab_strategy *s = results[i].pick.strategy;

		text_add(t, "<dt>");
		add_escaped(t, s->name);
		text_add(t, s->is_right ? "</dt><dd>right: " : "</dt><dd>wrong: ");
		add_escaped(t, s->text);
		text_add(t, "</dd>\n");
	}
	text_add(t, "</dl>\n");
}

/* Its lines as a list. */
static void add_reading(struct text *t, const struct lab_result results[], int count)
{
	struct text reading;
	char *rest = NULL;

	text_init(&reading);
	lab_read_results(&reading, results, count);
	t->failed = t->failed || reading.failed;
	text_add(t, "<ul>\n");
	for (char *line = reading.data == NULL ? NULL : strtok_r(reading.data, "\n", &rest);
	     line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		text_add(t, "<li>");
		add_escaped(t, line);
		text_add(t, "</li>\n");
	}
	text_add(t, "</ul>\n");
	text_fini(&reading);
}

static void add_scenario(struct text *t, const struct lab_result results[], int count)
{
	const struct lab_scenario *s = results[0].pick.scenario;

	text_add_format(t, "<section>\n<h2 id=\"%s\">%s: ", s->name, s->name);
	add_escaped(t, s->title);
	text_add(t, "</h2>\n<p>");
	add_escaped(t, s->text);
	text_add(t, " Counted: ");
	add_escaped(t, s->counted);
	text_add(t, ".</p>\n");
	add_strategies(t, results, count);
	add_reading(t, results, count);
	add_charts(t, results, count);
	add_table(t, results, count);
	text_add(t, "</section>\n");
}

static void add_terms(struct text *t, const struct lab_terms *terms)
{
	time_t now = time(NULL);
	struct tm utc;
	char date[32];

	strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", gmtime_r(&now, &utc));
	text_add_format(t,
			"<p>%" PRId64 " clients, %" PRId64 " s for each race, %" PRId64
			" µs to think, seed %" PRId64 ". Made on %s by rowlock <code>",
			terms->clients, terms->seconds, terms->think_us, terms->seed, date);
	add_escaped(t, lab_build);
	text_add(t, "</code>.</p>\n");
}

static void add_page(struct text *t, const struct lab_terms *terms,
		     const struct lab_result results[], int count)
{
	int begin = 0;

	text_add(t, head);
	add_terms(t, terms);
	for (int i = 1; i <= count; i++) {
		if (i < count && results[i].pick.scenario == results[begin].pick.scenario)
			continue;
		add_scenario(t, &results[begin], i - begin);
		begin = i;
	}
	text_add(t, "</body>\n</html>\n");
	if (t->failed)
		exit_out_of_memory();
}

enum exit_code lab_report_write(const char *path, const struct lab_terms *terms,
				const struct lab_result results[], int count)
{
	FILE *file = fopen(path, "w");
	struct text page;
	bool is_written;

	if (file == NULL)
		return exit_failed("cannot write %s: %s", path, strerror(errno));
	text_init(&page);
	add_page(&page, terms, results, count);
	is_written = fwrite(page.data, 1, page.byte_count, file) == page.byte_count;
	is_written = fclose(file) == 0 && is_written;
	text_fini(&page);
	return is_written ? EXIT_DONE : exit_failed("cannot write %s: %s", path, strerror(errno));
}
