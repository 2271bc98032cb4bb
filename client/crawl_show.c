#include "base/check.h"
#include "base/clock.h"
#include "client/crawl.h"
#include "client/memory.h"
#include "client/terminal.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- the picture */

enum { PLOT_COLUMNS = 36, PLOT_ROWS = 12, LIST_COLUMNS = 78, LABEL_COLUMNS = 10 };

/*
 * One point for each request: to the right in the order asked, down in the order answered. As
 * asked, so answered is a straight line from the upper left to the lower right.
 */
struct plot {
	unsigned char cells[PLOT_ROWS]
			   [PLOT_COLUMNS]; /* dots of a Braille character, one bit each */
};

/* Unicode numbers the dots of a Braille character so: 2 columns of 4. */
static const unsigned char dots[4][2] = { { 1, 8 }, { 2, 16 }, { 4, 32 }, { 64, 128 } };

static void plot_fill(struct plot *p, const int order[], int count)
{
	memset(p, 0, sizeof(*p));
	for (int i = 0; i < count; i++) {
		int x = (int)((int64_t)order[i] * PLOT_COLUMNS * 2 / count);
		int y = (int)((int64_t)i * PLOT_ROWS * 4 / count);

		p->cells[y / 4][x / 2] |= dots[y % 4][x % 2];
	}
}

static void cell_print(unsigned char cell, bool is_utf8)
{
	if (cell == 0)
		putchar(' ');
	else if (is_utf8)
		printf("\xE2%c%c", 0xA0 | cell >> 6,
		       0x80 | (cell & 0x3F)); /* U+2800 and the dots */
	else
		putchar((cell & (cell - 1)) == 0 ? '.' : '*');
}

static void row_print(const struct plot *p, int row, const char *colour, bool is_utf8)
{
	fputs(" |", stdout);
	fputs(colour, stdout);
	for (int i = 0; i < PLOT_COLUMNS; i++)
		cell_print(p->cells[row][i], is_utf8);
	fputs(colour[0] == '\0' ? "" : "\033[0m", stdout);
	fputs("|", stdout);
}

static void edge_print(void)
{
	fputs(" +", stdout);
	for (int i = 0; i < PLOT_COLUMNS; i++)
		putchar('-');
	putchar('+');
}

static void plots_print(const struct plot *reads, const struct plot *updates)
{
	bool is_utf8 = terminal_shows_utf8(), is_coloured = terminal_shows_colour();

	printf(" %-*s %s\n", PLOT_COLUMNS + 2, "reads: answered", "updates: served");
	edge_print();
	edge_print();
	putchar('\n');
	for (int row = 0; row < PLOT_ROWS; row++) {
		row_print(reads, row, is_coloured ? "\033[33m" : "", is_utf8);
		row_print(updates, row, is_coloured ? "\033[32m" : "", is_utf8);
		putchar('\n');
	}
	edge_print();
	edge_print();
	puts("\n to the right: the order asked; downwards: the order answered, or served\n");
}

/* ---------------------------------------------------------------- the numbers */

static const struct order_row {
	const char *label;
	const char *field;
	enum crawl_place by;
	bool is_of_updates_only;
} order_rows[] = {
	{ "in line", "in_line", PLACE_IN_LINE, true },
	{ "served", "served", PLACE_OF_SERVICE, true },
	{ "answered", "answered", PLACE_OF_ANSWER, false },
};

/* The first of them, counted from 1, as many as fit a line. */
static void order_print(const char *label, const int order[], int count)
{
	int columns = printf("  %-*s", LABEL_COLUMNS, label);

	for (int i = 0; i < count; i++) {
		if (columns > LIST_COLUMNS - 8) {
			fputs(" ...", stdout);
			break;
		}
		columns += printf(" %d", order[i] + 1);
	}
	putchar('\n');
}

static void disorder_print(const int order[], int count)
{
	struct disorder d = disorder_of(order, count);

	if (d.pairs == 0) {
		printf("  %-*s in the order asked, all %d\n", LABEL_COLUMNS, "", count);
		return;
	}
	printf("  %-*s %" PRId64 " of %" PRId64
	       " pairs the wrong way round: %.1f %% (a shuffle: 50 %%)\n",
	       LABEL_COLUMNS, "", d.pairs, (int64_t)count * (count - 1) / 2, d.pairs_share * 100);
	printf("  %-*s %d in place, %.1f places off on average, %d at most\n", LABEL_COLUMNS, "",
	       d.in_place, d.moved_mean, d.moved_max);
}

static void lane_print(const struct crawl_lane *lane)
{
	int order[CRAWL_COUNT_MAX];

	for (int i = 0; i < lane->count; i++)
		order[i] = i;
	order_print("asked", order, lane->count);
	for (size_t i = 0; i < LENGTH_OF(order_rows); i++) {
		if (order_rows[i].is_of_updates_only && !lane->is_of_updates)
			continue;
		if (!lane_order(lane, order_rows[i].by, order))
			continue;
		order_print(order_rows[i].label, order, lane->count);
		disorder_print(order, lane->count);
	}
	printf("  %-*s half of them were answered within %.1f ms\n\n", LABEL_COLUMNS, "",
	       (double)lane_median_ns(lane) / (double)NS_PER_MS);
}

void crawl_show(const struct crawl_result *r)
{
	int reads[CRAWL_COUNT_MAX], updates[CRAWL_COUNT_MAX];
	struct plot read_plot, update_plot;

	printf("%d reads, and %d updates of %s/%s, asked at once on %d connections\n\n",
	       r->reads->count, r->updates->count, r->sku, r->location,
	       r->reads->count + r->updates->count);
	if (lane_order(r->reads, PLACE_OF_ANSWER, reads) &&
	    lane_order(r->updates, PLACE_OF_SERVICE, updates)) {
		plot_fill(&read_plot, reads, r->reads->count);
		plot_fill(&update_plot, updates, r->updates->count);
		plots_print(&read_plot, &update_plot);
	}
	puts("reads: nobody orders them, and none waits for another");
	lane_print(r->reads);
	puts("updates: the row's queue orders them, and each finds what the one before has left");
	lane_print(r->updates);
	if (!r->is_in_line)
		puts("Not all updates stood in line before the first was served.");
	else if (crawl_is_in_order(r))
		puts("Every update was served at its place in the line, one after the other.\n"
		     "The answers of one group leave together, each on its own way: each says its\n"
		     "place, and none was lost.");
	else if (!crawl_is_alone(r))
		puts("Other clients stood in line, too: places in it cannot be compared.");
}

/* ---------------------------------------------------------------- for programs */

static json_t *order_json(const int order[], int count)
{
	json_t *numbers = memory_or_exit(json_array());

	for (int i = 0; i < count; i++)
		if (json_array_append_new(numbers, json_integer(order[i] + 1)) != 0)
			exit_out_of_memory();
	return numbers;
}

static json_t *disorder_json(const int order[], int count)
{
	struct disorder d = disorder_of(order, count);
	json_t *object = memory_or_exit(json_object());

	json_put(object, "pairs", json_integer(d.pairs));
	json_put(object, "pairs_share", json_real(d.pairs_share));
	json_put(object, "in_place", json_integer(d.in_place));
	json_put(object, "moved_mean", json_real(d.moved_mean));
	json_put(object, "moved_max", json_integer(d.moved_max));
	return object;
}

static json_t *lane_json(const struct crawl_lane *lane)
{
	json_t *object = memory_or_exit(json_object());
	int order[CRAWL_COUNT_MAX];

	json_put(object, "count", json_integer(lane->count));
	json_put(object, "failures", json_integer(lane->failures));
	json_put(object, "median_ms", json_real((double)lane_median_ns(lane) / (double)NS_PER_MS));
	for (size_t i = 0; i < LENGTH_OF(order_rows); i++) {
		char name[32];

		if (order_rows[i].is_of_updates_only && !lane->is_of_updates)
			continue;
		if (!lane_order(lane, order_rows[i].by, order))
			continue;
		snprintf(name, sizeof(name), "%s_disorder", order_rows[i].field);
		json_put(object, order_rows[i].field, order_json(order, lane->count));
		json_put(object, name, disorder_json(order, lane->count));
	}
	return object;
}

void crawl_show_json(const struct crawl_result *r)
{
	JSON_CLEANUP json_t *object = memory_or_exit(json_object());

	json_put(object, "server", json_string(r->server));
	json_put(object, "sku", json_string(r->sku));
	json_put(object, "location", json_string(r->location));
	json_put(object, "seed", json_integer((json_int_t)r->seed));
	json_put(object, "connections", json_integer(r->reads->count + r->updates->count));
	json_put(object, "is_in_line", json_boolean(r->is_in_line));
	json_put(object, "is_alone", json_boolean(crawl_is_alone(r)));
	json_put(object, "is_in_order", json_boolean(crawl_is_in_order(r)));
	json_put(object, "reads", lane_json(r->reads));
	json_put(object, "updates", lane_json(r->updates));
	char *line = json_line(object);
	puts(line);
	free(line);
}
