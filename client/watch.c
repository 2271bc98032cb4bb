#include "client/watch.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "client/display.h"
#include "client/memory.h"
#include "client/metric.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- what is known */

void watch_init(struct watch *w, const char *url, const char *sku, const char *location)
{
	*w = (struct watch){ .url = url, .sku = sku, .location = location };
	map_init(&w->rows, w->buckets, WATCHED_BUCKETS);
	list_init(&w->latest);
}

static void row_forget(struct watch *w, struct watched_row *row)
{
	list_remove(&row->latest_link);
	map_remove(&w->rows, &row->node);
	free(row);
}

void watch_forget_rows(struct watch *w)
{
	LIST_EACH_SAFE (it, &w->latest)
		row_forget(w, CONTAINER_OF(it, struct watched_row, latest_link));
}

void watch_fini(struct watch *w)
{
	watch_forget_rows(w);
	json_decref(w->locks);
	w->locks = NULL;
}

static struct watched_row *row_find(const struct watch *w, uint64_t hash, const char *sku,
				    const char *location)
{
	for (struct map_node *n = map_find(&w->rows, hash); n != NULL; n = map_find_next(n)) {
		struct watched_row *row = CONTAINER_OF(n, struct watched_row, node);

		if (strcmp(row->sku, sku) == 0 && strcmp(row->location, location) == 0)
			return row;
	}
	return NULL;
}

/*
 * The row at the front: it is moved there, or begun in place of the one that changed longest ago.
 */
static struct watched_row *row_to_front(struct watch *w, const char *sku, const char *location)
{
	uint64_t hash = hash_pair(sku, location, 0);
	struct watched_row *row = row_find(w, hash, sku, location);

	if (row == NULL) {
		if (w->rows.count == WATCHED_ROWS_MAX)
			row_forget(w,
				   CONTAINER_OF(w->latest.prev, struct watched_row, latest_link));
		row = memory_or_exit(calloc(1, sizeof(*row)));
		snprintf(row->sku, sizeof(row->sku), "%s", sku);
		snprintf(row->location, sizeof(row->location), "%s", location);
		list_init(&row->latest_link);
		map_insert(&w->rows, &row->node, hash);
	}
	list_remove(&row->latest_link);
	list_insert_before(w->latest.next, &row->latest_link);
	return row;
}

void watch_movement(struct watch *w, const json_t *movement, int64_t now_ns, bool is_old)
{
	struct watched_row *row = row_to_front(w, json_member_text(movement, "sku"),
					       json_member_text(movement, "location"));

	row->on_hand = json_member_int(movement, "on_hand");
	row->reserved = json_member_int(movement, "reserved");
	row->available = json_member_int(movement, "available");
	row->delta = json_member_int(movement, "on_hand_delta") -
		     json_member_int(movement, "reserved_delta");
	row->seq = json_member_int(movement, "seq");
	row->seen_ns = is_old ? 0 : now_ns;
	row->changes += !is_old;
	snprintf(row->kind, sizeof(row->kind), "%s", json_member_text(movement, "kind"));
	snprintf(row->reason, sizeof(row->reason), "%s", json_member_text(movement, "reason"));
	snprintf(row->actor, sizeof(row->actor), "%s", json_member_text(movement, "actor"));
}

static void measure_rows(struct watch *w, double seconds)
{
	LIST_EACH (it, &w->latest) {
		struct watched_row *row = CONTAINER_OF(it, struct watched_row, latest_link);

		row->changes_per_s = (double)(row->changes - row->changes_before) / seconds;
		row->changes_before = row->changes;
	}
}

bool watch_metrics(struct watch *w, const char *metrics, int64_t now_ns)
{
	struct watched_numbers n = { .at_ns = now_ns };

	/* clang-format off */
	const struct {
		const char *name, *suffix;
		double *value;
	} wanted[] = {
		{ "rowlock_movements",      "_total", &n.movements    },
		{ "rowlock_stock_seq",      "",       &n.seq          },
		{ "rowlock_writes_waiting", "",       &n.waiting      },
		{ "rowlock_leases",         "",       &n.leases       },
		{ "rowlock_reservations",   "",       &n.reservations },
		{ "rowlock_group_commands", "_count", &n.groups       },
		{ "rowlock_group_commands", "_sum",   &n.grouped      },
	};
	/* clang-format on */
	for (size_t i = 0; i < LENGTH_OF(wanted); i++)
		if (!metric_find(metrics, wanted[i].name, wanted[i].suffix, wanted[i].value))
			return false;
	w->numbers_before = w->numbers;
	w->numbers = n;
	/* Another process counts from 0. */
	if (w->numbers_before.movements > n.movements || w->numbers_before.groups > n.groups)
		w->numbers_before.at_ns = 0;
	if (w->numbers_before.at_ns != 0)
		measure_rows(w, (double)(now_ns - w->numbers_before.at_ns) / (double)NS_PER_S);
	return true;
}

bool watch_locks(struct watch *w, const json_t *answer)
{
	json_t *rows = json_object_get(answer, "data");

	if (!json_is_array(rows))
		return false;
	json_decref(w->locks);
	w->locks = json_incref(rows);
	return true;
}

void watch_lose(struct watch *w, const char *reason, int64_t now_ns)
{
	if (w->lost_ns == 0)
		w->lost_ns = now_ns;
	snprintf(w->lost_reason, sizeof(w->lost_reason), "%s", reason);
}

void watch_find(struct watch *w)
{
	w->lost_ns = 0;
}

/* ---------------------------------------------------------------- lines */

enum colour { PLAIN, BOLD, DIM, RED, GREEN, YELLOW, COLOURS };

static const char *const escapes[] = {
	[PLAIN] = "\033[0m", [BOLD] = "\033[1m",   [DIM] = "\033[2m",
	[RED] = "\033[31m",  [GREEN] = "\033[32m", [YELLOW] = "\033[33m"
};
_Static_assert(LENGTH_OF(escapes) == COLOURS, "every colour has its escape");

/* A line under way: what does not fit the screen is left out. */
struct page {
	const struct watch_style *style;
	struct text *text;
	int column; /* in the line */
	int rows;   /* that were ended */
};

static void add(struct page *p, enum colour colour, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Appends what fits of it. Its width is that of its characters: one column each, or two. */
static void add_cut(struct page *p, const char *s)
{
	while (*s != '\0' && p->column < p->style->columns) {
		char one[8] = { *s++ };
		struct text shown;
		size_t bytes = 1;

		while (((unsigned char)*s & 0xC0) == 0x80 && bytes < sizeof(one) - 1)
			one[bytes++] = *s++;
		text_init(&shown);
		if (bytes > 1 && !p->style->is_utf8)
			strcpy(one, "?");
		int columns = display_add(&shown, one);
		if (p->column + columns <= p->style->columns)
			text_add(p->text, shown.data);
		p->column += columns;
		text_fini(&shown);
	}
}

static void add(struct page *p, enum colour colour, const char *format, ...)
{
	bool is_coloured = p->style->is_coloured && colour != PLAIN;
	char piece[512];
	va_list values;

	va_start(values, format);
	vsnprintf(piece, sizeof(piece), format, values);
	va_end(values);
	if (is_coloured)
		text_add(p->text, escapes[colour]);
	add_cut(p, piece);
	if (is_coloured)
		text_add(p->text, escapes[PLAIN]);
}

static void end_line(struct page *p)
{
	text_add_char(p->text, '\n');
	p->column = 0;
	p->rows++;
}

static int rows_left(const struct page *p)
{
	return p->style->rows - p->rows;
}

static int width_of(const char *s)
{
	struct text shown;

	text_init(&shown);
	int columns = display_add(&shown, s);
	text_fini(&shown);
	return columns;
}

/* Pads a text that display_add() has measured. */
static void add_padded(struct page *p, enum colour colour, const char *s, int columns)
{
	int missing = columns - width_of(s);

	add(p, colour, "%s%*s", s, missing > 0 ? missing : 0, "");
}

/* ---------------------------------------------------------------- the head */

static void draw_title(struct page *p, const struct watch *w, int64_t now_ns)
{
	add(p, BOLD, "rowlock watch");
	add(p, PLAIN, "  %s", w->url);
	if (w->sku != NULL)
		add(p, PLAIN, "  sku %s", w->sku);
	if (w->location != NULL)
		add(p, PLAIN, "  location %s", w->location);
	end_line(p);
	if (w->lost_ns != 0) {
		add(p, RED, "LOST for %.0f s: %s", (double)(now_ns - w->lost_ns) / (double)NS_PER_S,
		    w->lost_reason);
		end_line(p);
	}
}

static void draw_numbers(struct page *p, const struct watch *w)
{
	const struct watched_numbers *n = &w->numbers, *b = &w->numbers_before;
	double seconds = (double)(n->at_ns - b->at_ns) / (double)NS_PER_S;
	double groups = n->groups - b->groups;
	enum colour colour = w->lost_ns != 0 ? DIM : PLAIN;

	if (n->at_ns == 0)
		return;
	add(p, colour, "seq %.0f", n->seq);
	if (b->at_ns != 0 && seconds > 0)
		add(p, colour, "   updates/s %.0f", (n->movements - b->movements) / seconds);
	if (b->at_ns != 0)
		add(p, colour, "   group %.1f",
		    groups > 0 ? (n->grouped - b->grouped) / groups : 0.0);
	add(p, n->waiting > 0 && colour != DIM ? YELLOW : colour, "   waiting %.0f", n->waiting);
	add(p, colour, "   leases %.0f   reservations %.0f", n->leases, n->reservations);
	end_line(p);
}

/* ---------------------------------------------------------------- lanes */

static bool is_wanted(const struct watch *w, const json_t *lock)
{
	return (w->sku == NULL || strcmp(w->sku, json_member_text(lock, "sku")) == 0) &&
	       (w->location == NULL ||
		strcmp(w->location, json_member_text(lock, "location")) == 0);
}

static double seconds_of(const json_t *object, const char *name)
{
	return (double)json_member_int(object, name) / (double)MS_PER_S;
}

static void draw_holder(struct page *p, const json_t *holder)
{
	const char *id = json_member_text(holder, "id");
	bool is_lease = strcmp(json_member_text(holder, "kind"), "lease") == 0;

	if (!json_is_object(holder)) {
		add(p, DIM, "[nobody]");
	} else if (is_lease) {
		add(p, YELLOW, "[lease %s %s, %.0f s left]", id,
		    json_member_text(holder, "purpose"), seconds_of(holder, "expires_in_ms"));
	} else {
		add(p, GREEN, "[command %s, %.1f s]", id, seconds_of(holder, "age_ms"));
	}
}

static void draw_lane(struct page *p, const json_t *lock, int name_columns)
{
	enum { COUNT_COLUMNS = 8, WAITER_COLUMNS = 9 };
	const json_t *waiters = json_object_get(lock, "waiters");
	int64_t left = json_member_int(lock, "waiter_count");
	char name[2 * WATCHED_TEXT_BYTES];
	size_t i;
	json_t *waiter;

	snprintf(name, sizeof(name), "%s/%s", json_member_text(lock, "sku"),
		 json_member_text(lock, "location"));
	add_padded(p, BOLD, name, name_columns);
	add(p, PLAIN, "  ");
	draw_holder(p, json_object_get(lock, "holder"));
	json_array_foreach (waiters, i, waiter) {
		double waited = seconds_of(waiter, "age_ms");

		if (p->column + WAITER_COLUMNS + COUNT_COLUMNS > p->style->columns)
			break;
		add(p, waited >= 1.0 ? RED : PLAIN, " %s %.1f s", p->style->is_utf8 ? "◀" : "<",
		    waited);
		left--;
	}
	if (left > 0)
		add(p, PLAIN, "  +%lld", (long long)left);
	end_line(p);
}

static void draw_locks(struct page *p, const struct watch *w, int rows_max)
{
	int name_columns = 0;
	long long lanes = 0, waiting = 0;
	size_t i;
	json_t *lock;

	if (w->locks == NULL || rows_max < 2)
		return;
	json_array_foreach (w->locks, i, lock) {
		int columns = width_of(json_member_text(lock, "sku")) + 1 +
			      width_of(json_member_text(lock, "location"));

		if (!is_wanted(w, lock))
			continue;
		lanes++;
		waiting += json_member_int(lock, "waiter_count");
		name_columns = columns > name_columns ? columns : name_columns;
	}
	add(p, BOLD, "LOCKS");
	add(p, PLAIN, "  %lld held or queued for, %lld waiting", lanes, waiting);
	end_line(p);
	rows_max--;
	json_array_foreach (w->locks, i, lock) {
		if (!is_wanted(w, lock))
			continue;
		if (rows_max == 1 && lanes > 1) {
			add(p, DIM, "... and %lld rows more", lanes);
			end_line(p);
			break;
		}
		draw_lane(p, lock, name_columns);
		rows_max--;
		lanes--;
	}
	if (rows_left(p) > 2)
		end_line(p);
}

/* ---------------------------------------------------------------- stock */

enum { STOCK_COLUMNS = 8, CELL_BYTES = 160 };

static const struct {
	const char *heading;
	bool is_number;
} stock_columns[STOCK_COLUMNS] = { { "SKU", false },      { "LOCATION", false },
				   { "ON_HAND", true },   { "RESERVED", true },
				   { "AVAILABLE", true }, { "LAST", true },
				   { "CHANGES/S", true }, { "BY", false } };

static void fill_cells(char cells[STOCK_COLUMNS][CELL_BYTES], const struct watched_row *row,
		       int64_t now_ns)
{
	bool names_actor = row->actor[0] != '\0' && strcmp(row->actor, "local") != 0;
	bool says_more = row->reason[0] != '\0' && strcmp(row->reason, row->kind) != 0;
	int used;

	snprintf(cells[0], CELL_BYTES, "%s", row->sku);
	snprintf(cells[1], CELL_BYTES, "%s", row->location);
	snprintf(cells[2], CELL_BYTES, "%lld", (long long)row->on_hand);
	snprintf(cells[3], CELL_BYTES, "%lld", (long long)row->reserved);
	snprintf(cells[4], CELL_BYTES, "%lld", (long long)row->available);
	snprintf(cells[5], CELL_BYTES, "%+lld", (long long)row->delta);
	snprintf(cells[6], CELL_BYTES, "%.1f", row->changes_per_s);
	used = snprintf(cells[7], CELL_BYTES, "%s%s%s%s%s", row->kind, says_more ? " " : "",
			says_more ? row->reason : "", names_actor ? " by " : "",
			names_actor ? row->actor : "");
	if (row->seen_ns != 0)
		snprintf(cells[7] + used, CELL_BYTES - (size_t)used, ", %.1f s ago",
			 (double)(now_ns - row->seen_ns) / (double)NS_PER_S);
}

static void draw_cells(struct page *p, char cells[STOCK_COLUMNS][CELL_BYTES],
		       const int widths[STOCK_COLUMNS], enum colour colour)
{
	for (int i = 0; i < STOCK_COLUMNS; i++) {
		if (i > 0)
			add(p, PLAIN, "  ");
		if (stock_columns[i].is_number)
			add(p, colour, "%*s", widths[i], cells[i]);
		else if (i == STOCK_COLUMNS - 1)
			add(p, colour, "%s", cells[i]);
		else
			add_padded(p, colour, cells[i], widths[i]);
	}
	end_line(p);
}

static void draw_rows(struct page *p, const struct watch *w, int shown, int64_t now_ns,
		      const int widths[STOCK_COLUMNS])
{
	char cells[STOCK_COLUMNS][CELL_BYTES];

	for (int i = 0; i < STOCK_COLUMNS; i++)
		snprintf(cells[i], CELL_BYTES, "%s", stock_columns[i].heading);
	draw_cells(p, cells, widths, DIM);
	LIST_EACH (it, &w->latest) {
		const struct watched_row *row = CONTAINER_OF(it, struct watched_row, latest_link);
		bool is_fresh = row->seen_ns != 0 && now_ns - row->seen_ns < NS_PER_S;

		if (shown-- == 0)
			break;
		fill_cells(cells, row, now_ns);
		draw_cells(p, cells, widths, is_fresh ? GREEN : PLAIN);
	}
}

static void draw_stock(struct page *p, const struct watch *w, int64_t now_ns)
{
	int shown = rows_left(p) - 2, measured = 0;
	char cells[STOCK_COLUMNS][CELL_BYTES];
	int widths[STOCK_COLUMNS];

	if (shown < 1 || list_is_empty(&w->latest))
		return;
	add(p, BOLD, "STOCK");
	add(p, PLAIN, "  what changes, the latest first");
	end_line(p);
	for (int i = 0; i < STOCK_COLUMNS; i++)
		widths[i] = width_of(stock_columns[i].heading);
	LIST_EACH (it, &w->latest) {
		if (measured++ == shown)
			break;
		fill_cells(cells, CONTAINER_OF(it, struct watched_row, latest_link), now_ns);
		for (int i = 0; i < STOCK_COLUMNS; i++)
			if (width_of(cells[i]) > widths[i])
				widths[i] = width_of(cells[i]);
	}
	draw_rows(p, w, shown, now_ns, widths);
}

void watch_draw(const struct watch *w, const struct watch_style *style, int64_t now_ns,
		struct text *into)
{
	struct page page = { .style = style, .text = into };

	draw_title(&page, w, now_ns);
	draw_numbers(&page, w);
	if (rows_left(&page) > 4)
		end_line(&page);
	/* At most half of what is left is lanes where there is stock to show. */
	draw_locks(&page, w,
		   list_is_empty(&w->latest) ? rows_left(&page) - 1 : rows_left(&page) / 2);
	draw_stock(&page, w, now_ns);
	if (into->failed)
		exit_out_of_memory();
}
