#include "lab/courses.h"
#include "lab/front_ends.h"
#include "lab/till.h"

enum {
	PLENTY = 1000000000, /* units that no race sells out */
	LIMITED_ROWS = 20000,
	SHELF_UNITS = 50000, /* bounds what a store in memory keeps of a race */
	TRANSFER_ROWS = 2,
	TRANSFER_UNITS_MAX = 3,
};

/* ---------------------------------------------------------------- what the database holds */

struct audit {
	struct race *race;
	struct lab_result *result;
	int row;
};

/* The level of the next row, against what the clients were told of it. */
static void audit_row(void *context, int64_t level)
{
	struct audit *a = context;
	int64_t units = a->race->course->units;
	int64_t expected = units + atomic_load(&a->race->told[a->row++]);

	a->result->lost_updates += level > expected ? level - expected : expected - level;
	a->result->oversold += expected < 0 ? -expected : 0;
}

static int query(struct race *race, const char *at_till, const char *at_desk,
		 void (*see)(void *context, int64_t number), void *context)
{
	return shop_query(race->path, race->way->is_at_desk ? at_desk : at_till, see, context);
}

/* Every sale is of one unit: a unit that is there and should not be is one update that is lost. */
static int settle_levels(struct race *race, struct lab_result *result)
{
	struct audit a = { .race = race, .result = result };
	int r = query(race, "SELECT on_hand FROM shelf ORDER BY id",
		      "SELECT on_hand FROM stock ORDER BY id", audit_row, &a);

	CHECK(IMPLIES(r == 0, a.row == race->course->row_count));
	return r;
}

/* A store of two front ends has no file that could be asked. */
static int settle_front_ends(struct race *race, struct lab_result *result)
{
	struct audit a = { .race = race, .result = result };
	int64_t level;
	int r;

	if (!race->way->has_front_ends)
		return settle_levels(race, result);
	r = front_ends_level(race, &level);
	if (r == 0)
		audit_row(&a, level);
	return r;
}

static void take_number(void *context, int64_t number)
{
	*(int64_t *)context = number;
}

static int settle_orders(struct race *race, struct lab_result *result)
{
	return query(race, "SELECT count(*) - count(DISTINCT number) FROM placed",
		     "SELECT count(reference) - count(DISTINCT reference) FROM movement",
		     take_number, &result->double_effects);
}

/* What a count overwrote is known to who counted: his books. */
static int settle_counts(struct race *race, struct lab_result *result)
{
	(void)race;
	(void)result;
	return 0;
}

/* ---------------------------------------------------------------- sales */

static void wish_for_one(struct wish *w, enum race_part part, int row)
{
	*w = (struct wish){ .part = part,
			    .change_count = 1,
			    .changes = { { .row = row, .delta = -1 } } };
}

/* Raises a number that racers share; another one may have raised it further. */
static void move_on(atomic_int_fast64_t *shared, int64_t behind)
{
	int64_t seen = atomic_load(shared);

	while (seen <= behind && !atomic_compare_exchange_weak(shared, &seen, behind + 1))
		;
}

/*
 * Rows hold one unit each, and come up for sale one after the other: when somebody has got it, or
 * was told that it is gone, he turns to the next one.
 */
static bool next_last_unit(struct racer *r, struct wish *ret)
{
	int64_t row = atomic_load(&r->race->on_sale[0]);

	if (row >= r->race->course->row_count)
		return false;
	wish_for_one(ret, PART_UPDATE, (int)row);
	return true;
}

static void after_last_unit(struct racer *r, const struct wish *w, enum verdict v)
{
	if (v == VERDICT_DONE || v == VERDICT_REFUSED)
		move_on(&r->race->on_sale[0], w->changes[0].row);
}

static bool next_hot_row(struct racer *r, struct wish *ret)
{
	(void)r;
	wish_for_one(ret, PART_UPDATE, 0);
	return true;
}

/* Until as many units were sold as there are; who comes later is to be refused. */
static bool next_of_shelf(struct racer *r, struct wish *ret)
{
	wish_for_one(ret, PART_UPDATE, 0);
	return -atomic_load(&r->race->told[0]) < r->race->course->units;
}

static bool next_transfer(struct racer *r, struct wish *ret)
{
	int from = (int)racer_choose(r, TRANSFER_ROWS);
	int64_t units = 1 + racer_choose(r, TRANSFER_UNITS_MAX);

	*ret = (struct wish){ .part = PART_UPDATE,
			      .change_count = 2,
			      .changes = { { .row = from, .delta = -units },
					   { .row = 1 - from, .delta = units } } };
	return true;
}

/*
 * Racers come in pairs that send the same order, like two taps of one finger. Who has his
 * answer goes on to the next order of the pair.
 */
static bool next_order(struct racer *r, struct wish *ret)
{
	int64_t pair = r->index / 2;

	wish_for_one(ret, PART_UPDATE, 0);
	ret->order = (pair + 1) * PLENTY + atomic_load(&r->race->on_sale[pair]);
	return true;
}

static void after_order(struct racer *r, const struct wish *w, enum verdict v)
{
	int64_t pair = r->index / 2;

	if (v == VERDICT_DONE || v == VERDICT_REFUSED)
		move_on(&r->race->on_sale[pair], w->order - (pair + 1) * PLENTY);
}

/* ---------------------------------------------------------------- more than sales */

/* The first one counts the shelf, again and again; the others sell from it. */
static bool next_count(struct racer *r, struct wish *ret)
{
	wish_for_one(ret, r->index == 0 ? PART_COUNT : PART_UPDATE, 0);
	return true;
}

/* Every other one reads the row that the others sell from. */
static bool next_read(struct racer *r, struct wish *ret)
{
	wish_for_one(ret, r->index % 2 == 1 ? PART_READ : PART_UPDATE, 0);
	return true;
}

static void after_read(struct racer *r, const struct wish *w, enum verdict v)
{
	(void)v;
	if (w->part == PART_READ)
		racer_think(r);
}

/* ---------------------------------------------------------------- the courses */

const struct course course_last_unit = { .row_count = LIMITED_ROWS,
					 .units = 1,
					 .next = next_last_unit,
					 .after = after_last_unit,
					 .settle = settle_levels };
const struct course course_hot_row = {
	.row_count = 1, .units = PLENTY, .next = next_hot_row, .settle = settle_levels
};
const struct course course_transfer = {
	.row_count = TRANSFER_ROWS, .units = PLENTY, .next = next_transfer, .settle = settle_levels
};
const struct course course_double_submit = { .row_count = 1,
					     .units = PLENTY,
					     .next = next_order,
					     .after = after_order,
					     .settle = settle_orders };
const struct course course_count = {
	.row_count = 1, .units = PLENTY, .next = next_count, .settle = settle_counts
};
const struct course course_read = { .row_count = 1,
				    .units = PLENTY,
				    .next = next_read,
				    .after = after_read,
				    .settle = settle_levels };
const struct course course_two_front_ends = {
	.row_count = 1, .units = SHELF_UNITS, .next = next_of_shelf, .settle = settle_front_ends
};
