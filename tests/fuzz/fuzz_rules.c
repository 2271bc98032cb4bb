/*
 * Random commands on a few rows of two items: whatever is decided, the books balance.
 *
 * The oracle knows no rule but the promises: a row is the sum of its movements, versions and seqs
 * have no gaps, a transfer makes and loses nothing, only a set takes stock below what an item's
 * backorder limit allows, and a refusal changes nothing.
 */
#include "core/rules.h"
#include "fuzz.h"
#include <string.h>

enum { ITEMS = 2, LOCATIONS = 3 };

struct books {
	int64_t on_hand; /* sum of the movements */
	int64_t movement_count;
	int64_t last_seq;
};

static struct item items[ITEMS];
static struct location locations[LOCATIONS];
static struct stock stocks[ITEMS][LOCATIONS];
static struct stock before[ITEMS][LOCATIONS];
static struct books books[ITEMS][LOCATIONS];
static struct rules_clock now;

static int64_t total_of(const struct stock rows[LOCATIONS])
{
	int64_t total = 0;

	for (int l = 0; l < LOCATIONS; l++)
		total += rows[l].on_hand;
	return total;
}

/* Mostly small, so that rows run out; sometimes the largest there is. */
static int64_t draw_quantity(struct fuzz *f)
{
	return fuzz_below(f, 50) == 0 ? QUANTITY_MAX : 1 + (int64_t)fuzz_below(f, 12);
}

static struct command draw_command(struct fuzz *f, const struct stock *s)
{
	static const enum command_kind kinds[] = { COMMAND_ADJUST, COMMAND_ADJUST, COMMAND_TRANSFER,
						   COMMAND_SET,    COMMAND_COUNT,  COMMAND_READ };
	struct command c = { .kind = kinds[fuzz_below(f, LENGTH_OF(kinds))], .row_count = 1 };

	c.quantity = draw_quantity(f);
	if (c.kind == COMMAND_ADJUST && fuzz_below(f, 3) > 0)
		c.quantity = -c.quantity;
	if (c.kind == COMMAND_TRANSFER)
		c.row_count = 2;
	if (c.kind == COMMAND_COUNT)
		c.past.on_hand = s->on_hand + (int64_t)fuzz_below(f, 9) - 4;
	c.is_up_to = fuzz_below(f, 4) == 0;
	c.condition.has_version = fuzz_below(f, 8) == 0;
	c.condition.version = s->version + (int64_t)fuzz_below(f, 2);
	c.condition.has_on_hand = fuzz_below(f, 8) == 0;
	c.condition.on_hand = s->on_hand + (int64_t)fuzz_below(f, 2);
	c.condition.must_exist = fuzz_below(f, 8) == 0;
	c.reason = "fuzz";
	c.request_id = "r";
	c.actor = &actor_local;
	return c;
}

static void book(struct fuzz *f, const struct movement *m, const struct stock *row)
{
	int place = (int)(row - &stocks[0][0]);
	struct books *b = &books[place / LOCATIONS][place % LOCATIONS];

	EXPECT(f, m->seq == now.seq + 1);
	EXPECT(f, m->prev_seq == b->last_seq);
	EXPECT(f, m->at_ms == now.now_ms);
	now.seq = m->seq;
	b->on_hand += m->on_hand_delta;
	b->movement_count++;
	b->last_seq = m->seq;
	EXPECT(f, m->on_hand == b->on_hand);
	EXPECT(f, m->version == b->movement_count);
	EXPECT(f, m->reserved_delta == 0);
	EXPECT(f, m->reserved == row->reserved);
}

static void expect_allowed(struct fuzz *f, const struct command *c, const struct item *item,
			   const struct stock *row, const struct movement *m)
{
	EXPECT(f, !item->is_archived || m->on_hand_delta <= 0);
	if (c->kind == COMMAND_SET)
		EXPECT(f, m->on_hand == c->quantity);
	else if (c->kind == COMMAND_COUNT)
		EXPECT(f, m->on_hand_delta == c->quantity - c->past.on_hand);
	else if (m->on_hand_delta < 0)
		EXPECT(f, stock_available(row) >= -item->backorder_limit);
	if (c->kind == COMMAND_ADJUST && !c->is_up_to)
		EXPECT(f, m->on_hand_delta == c->quantity);
	if (c->kind == COMMAND_ADJUST && c->is_up_to && c->quantity < 0) {
		EXPECT(f, m->on_hand_delta < 0);
		EXPECT(f, m->on_hand_delta >= c->quantity);
		EXPECT(f, m->on_hand_delta == c->quantity || stock_available(row) == 0);
	}
}

static void expect_books(struct fuzz *f)
{
	for (int i = 0; i < ITEMS; i++)
		for (int l = 0; l < LOCATIONS; l++) {
			const struct stock *s = &stocks[i][l];

			EXPECT(f, stock_is_sound(s));
			EXPECT(f, s->on_hand == books[i][l].on_hand);
			EXPECT(f, s->version == books[i][l].movement_count);
			EXPECT(f, s->seq == books[i][l].last_seq);
		}
}

static void begin(struct fuzz *f)
{
	memset(stocks, 0, sizeof(stocks));
	memset(books, 0, sizeof(books));
	now = (struct rules_clock){ .now_ms = 1 };
	for (int i = 0; i < ITEMS; i++)
		items[i] = (struct item){ .id = fuzz_below(f, 20) == 0 ? 0 : 1,
					  .backorder_limit = (int64_t)fuzz_below(f, 2) * 5 };
	for (int l = 0; l < LOCATIONS; l++)
		locations[l] = (struct location){ .id = 1 };
}

/* What is outside of the rules: catalogue changes and, one day, reservations. */
static void disturb(struct fuzz *f)
{
	int i = (int)fuzz_below(f, ITEMS), l = (int)fuzz_below(f, LOCATIONS);

	items[i].is_archived = fuzz_below(f, 4) == 0;
	locations[l].is_archived = fuzz_below(f, 4) == 0;
	if (stocks[i][l].version > 0)
		stocks[i][l].reserved = (int64_t)fuzz_below(f, 10);
	now.now_ms += (int64_t)fuzz_below(f, 3);
}

static void decide(struct fuzz *f)
{
	int i = (int)fuzz_below(f, ITEMS), l = (int)fuzz_below(f, LOCATIONS);
	int to = (l + 1 + (int)fuzz_below(f, LOCATIONS - 1)) % LOCATIONS;
	struct rules_row rows[] = { { &items[i], &locations[l], &stocks[i][l], 0 },
				    { &items[i], &locations[to], &stocks[i][to], 0 } };
	struct command c = draw_command(f, rows[0].stock);
	struct answer a;
	int64_t total = total_of(stocks[i]);

	memcpy(before, stocks, sizeof(before));
	rules_decide(&c, rows, &now, &a);
	if (a.outcome != OUTCOME_DONE || c.kind == COMMAND_READ) {
		EXPECT(f, memcmp(before, stocks, sizeof(before)) == 0);
		EXPECT(f, a.movement_count == 0);
		return;
	}
	EXPECT(f, items[i].id != 0);
	EXPECT(f, a.movement_count == c.row_count);
	EXPECT(f, IMPLIES(c.kind == COMMAND_TRANSFER, total_of(stocks[i]) == total));
	for (int m = 0; m < a.movement_count; m++) {
		EXPECT(f, !rows[m].location->is_archived || a.movements[m].on_hand_delta <= 0);
		book(f, &a.movements[m], rows[m].stock);
		expect_allowed(f, &c, &items[i], rows[m].stock, &a.movements[m]);
	}
}

static void run(struct fuzz *f)
{
	begin(f);
	while (fuzz_step(f)) {
		if (fuzz_below(f, 20) == 0)
			disturb(f);
		decide(f);
		expect_books(f);
	}
}

int main(int argc, char **argv)
{
	return fuzz_main(argc, argv, 200, 5000, run);
}
