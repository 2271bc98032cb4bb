/*
 * Random claims and gates over a few rows, against an oracle of plain arrays: after each step every
 * queue, line, state and grant is what the arrays say.
 */
#include "core/lock_table.h"
#include "fuzz.h"
#include <stdlib.h>
#include <string.h>

enum { ROWS = 6, CLAIMS = 14, GATES = 3, CLAIM_ROWS = 5, NOBODY = -1 };

/* ------------------------------------------------------------------ the oracle */

struct numbers {
	int count;
	int at[CLAIMS];
};

static void numbers_append(struct numbers *n, int number)
{
	n->at[n->count++] = number;
}

static bool numbers_has(const struct numbers *n, int number)
{
	for (int i = 0; i < n->count; i++)
		if (n->at[i] == number)
			return true;
	return false;
}

static int numbers_before(const struct numbers *n, int number)
{
	int i = 0;

	while (n->at[i] != number)
		i++;
	return i;
}

static void numbers_take_out(struct numbers *n, int number)
{
	int kept = 0;

	for (int i = 0; i < n->count; i++)
		if (n->at[i] != number)
			n->at[kept++] = n->at[i];
	n->count = kept;
}

/* Claims are their index; rows 0 to ROWS - 1. */
static struct model {
	bool is_inside[CLAIMS];
	bool is_owner[CLAIMS];
	bool names[CLAIMS][ROWS];
	bool brings[CLAIMS][GATES];
	int row_order[CLAIMS][CLAIM_ROWS]; /* as the request names them */
	int row_count[CLAIMS];
	long arrival[CLAIMS];
	long arrival_last;
	int gate_of_row[ROWS]; /* or NOBODY */
	bool is_closed[GATES];
	struct numbers queues[ROWS];
	struct numbers lines[GATES];
} model;

static void sort_by_arrival(struct numbers *n)
{
	for (int i = 0; i < n->count; i++)
		for (int k = i + 1; k < n->count; k++)
			if (model.arrival[n->at[k]] < model.arrival[n->at[i]]) {
				int swapped = n->at[i];

				n->at[i] = n->at[k];
				n->at[k] = swapped;
			}
}

static bool model_is_first_everywhere(int claim)
{
	for (int row = 0; row < ROWS; row++)
		if (model.names[claim][row] &&
		    (model.queues[row].count == 0 || model.queues[row].at[0] != claim))
			return false;
	return true;
}

/* Who owns its rows by now and did not before; by arrival. */
static struct numbers model_new_owners(void)
{
	struct numbers owners = { 0 };

	for (int c = 0; c < CLAIMS; c++) {
		if (!model.is_inside[c] || model.is_owner[c] || !model_is_first_everywhere(c))
			continue;
		model.is_owner[c] = true;
		numbers_append(&owners, c);
	}
	sort_by_arrival(&owners);
	return owners;
}

static int model_gate_in_the_way(int claim)
{
	for (int i = 0; i < model.row_count[claim]; i++) {
		int gate = model.gate_of_row[model.row_order[claim][i]];

		if (gate != NOBODY && !model.brings[claim][gate])
			return gate;
	}
	return NOBODY;
}

static void model_join(int claim)
{
	int gate = model_gate_in_the_way(claim);

	if (gate != NOBODY) {
		numbers_append(&model.lines[gate], claim);
		sort_by_arrival(&model.lines[gate]);
		return;
	}
	for (int row = 0; row < ROWS; row++)
		if (model.names[claim][row])
			numbers_append(&model.queues[row], claim);
}

static void model_enter(int claim)
{
	model.is_inside[claim] = true;
	model.is_owner[claim] = false;
	model.arrival[claim] = ++model.arrival_last;
	model_join(claim);
}

static void model_leave_queues(int claim)
{
	for (int row = 0; row < ROWS; row++)
		numbers_take_out(&model.queues[row], claim);
}

static void model_leave(int claim)
{
	model_leave_queues(claim);
	for (int gate = 0; gate < GATES; gate++)
		numbers_take_out(&model.lines[gate], claim);
	model.is_inside[claim] = false;
	model.is_owner[claim] = false;
}

static void model_close(int gate, const bool closes[ROWS])
{
	struct numbers *line = &model.lines[gate];

	model.is_closed[gate] = true;
	line->count = 0;
	for (int row = 0; row < ROWS; row++) {
		if (!closes[row])
			continue;
		model.gate_of_row[row] = gate;
		for (int i = 0; i < model.queues[row].count; i++) {
			int c = model.queues[row].at[i];

			if (!model.is_owner[c] && !model.brings[c][gate] && !numbers_has(line, c))
				numbers_append(line, c);
		}
	}
	sort_by_arrival(line);
	for (int i = 0; i < line->count; i++)
		model_leave_queues(line->at[i]);
}

static void model_open(int gate)
{
	struct numbers line = model.lines[gate];

	model.is_closed[gate] = false;
	model.lines[gate].count = 0;
	for (int row = 0; row < ROWS; row++)
		if (model.gate_of_row[row] == gate)
			model.gate_of_row[row] = NOBODY;
	for (int i = 0; i < line.count; i++)
		model_join(line.at[i]);
}

static int model_gate_waited_at(int claim)
{
	for (int gate = 0; gate < GATES; gate++)
		if (numbers_has(&model.lines[gate], claim))
			return gate;
	return NOBODY;
}

static int model_longest_queue(int claim)
{
	int longest = 0;

	for (int row = 0; row < ROWS; row++)
		if (model.names[claim][row] && model.queues[row].count > longest)
			longest = model.queues[row].count;
	return longest;
}

static int model_ahead(int claim)
{
	int gate = model_gate_waited_at(claim), most = 0;

	if (gate != NOBODY)
		return numbers_before(&model.lines[gate], claim);
	for (int row = 0; row < ROWS; row++) {
		if (!numbers_has(&model.queues[row], claim))
			continue;

		int ahead = numbers_before(&model.queues[row], claim);

		most = ahead > most ? ahead : most;
	}
	return most;
}

/* ------------------------------------------------------------------ the table */

/* Allocated anew each time and freed when it is out, so that nobody can point to it unnoticed. */
struct party {
	struct claim claim;
	struct claim_slot slots[CLAIM_ROWS];
	int64_t fences[GATES];
	int index;
};

struct barrier {
	struct gate gate;
	struct gate_row rows[ROWS];
};

static struct lock_table table;
static struct party *parties[CLAIMS];
static struct barrier *barriers[GATES];
static uint64_t keys[ROWS];

static int index_of(const struct claim *c)
{
	return CONTAINER_OF(c, struct party, claim)->index;
}

static int64_t fence_of(int gate)
{
	return 1000 + gate;
}

static void release(void *memory, size_t bytes)
{
	memset(memory, 0xDB, bytes);
	free(memory);
}

/* Half of the rows fall into one bucket of the table. */
static uint64_t bucket_of(uint64_t key)
{
	struct map m = { .bucket_mask = LOCK_TABLE_BUCKETS - 1 };

	return (uint64_t)(map_bucket(&m, key) - m.buckets);
}

static void choose_keys(struct fuzz *f)
{
	for (int row = 0; row < ROWS; row++)
		do {
			keys[row] = fuzz_below(f, UINT64_MAX);
		} while (row % 2 == 1 && bucket_of(keys[row]) != bucket_of(keys[1]));
}

/* ------------------------------------------------------------------ comparing */

static void expect_granted(struct fuzz *f, struct list *granted)
{
	struct numbers owners = model_new_owners();

	for (int i = 0; i < owners.count; i++) {
		struct list *link = list_pop_front(granted);

		EXPECT(f, link != NULL);
		EXPECT(f, index_of(CONTAINER_OF(link, struct claim, granted_link)) == owners.at[i]);
	}
	EXPECT(f, list_is_empty(granted));
}

static enum claim_state model_state(int claim)
{
	if (!model.is_inside[claim])
		return CLAIM_OUT;
	if (model_gate_waited_at(claim) != NOBODY)
		return CLAIM_AT_GATE;
	return model_is_first_everywhere(claim) ? CLAIM_GRANTED : CLAIM_QUEUED;
}

static void expect_claim(struct fuzz *f, int index)
{
	const struct claim *c = &parties[index]->claim;
	int gate = model_gate_waited_at(index), blocked = 0;

	EXPECT(f, c->state == model_state(index));
	EXPECT(f, c->gate == (gate == NOBODY ? NULL : &barriers[gate]->gate));
	EXPECT(f, lock_table_ahead(&table, c) == model_ahead(index));
	EXPECT(f, !list_is_linked(&c->granted_link));
	for (int row = 0; row < ROWS; row++) {
		const struct numbers *queue = &model.queues[row];

		blocked += numbers_has(queue, index) && queue->at[0] != index;
	}
	EXPECT(f, c->blocked_count == blocked);
	for (int row = 0; row < ROWS; row++)
		for (int i = 0; i < c->row_count; i++)
			EXPECT(f,
			       IMPLIES(c->slots[i].row == keys[row],
				       list_is_linked(&c->slots[i].queue_link) ==
					       (gate == NOBODY || gate == model.gate_of_row[row])));
}

static void expect_gate(struct fuzz *f, int index)
{
	const struct gate *g = &barriers[index]->gate;
	int n = 0;

	EXPECT(f, g->is_closed);
	EXPECT(f, g->claim_count == model.lines[index].count);
	LIST_EACH (it, &g->claims) {
		EXPECT(f, n < g->claim_count);
		EXPECT(f, index_of(CONTAINER_OF(it, struct claim, gate_link)) ==
				  model.lines[index].at[n]);
		n++;
	}
	EXPECT(f, n == g->claim_count);
}

struct walk {
	struct fuzz *f;
	bool is_seen[ROWS];
};

/* Who waits for the row, those at its gate first. */
static struct numbers model_waiters(int row)
{
	struct numbers waiters = { 0 };
	int gate = model.gate_of_row[row];

	for (int i = 0; gate != NOBODY && i < model.lines[gate].count; i++)
		if (model.names[model.lines[gate].at[i]][row])
			numbers_append(&waiters, model.lines[gate].at[i]);
	for (int i = 0; i < model.queues[row].count; i++)
		if (!model.is_owner[model.queues[row].at[i]])
			numbers_append(&waiters, model.queues[row].at[i]);
	return waiters;
}

static void expect_waiters(struct fuzz *f, const struct row_entry *e, int row)
{
	struct numbers waiters = model_waiters(row);
	const struct claim_slot *s = NULL;
	const struct claim *first = row_entry_first_waiter(e);
	int gate_count = 0;

	EXPECT(f, row_entry_waiter_count(e) == waiters.count);
	for (int i = 0; i < waiters.count; i++) {
		s = row_entry_waiter_after(e, s);
		EXPECT(f, s != NULL);
		EXPECT(f, index_of(s->claim) == waiters.at[i]);
		gate_count += s->claim->state == CLAIM_AT_GATE;
	}
	EXPECT(f, IMPLIES(waiters.count > 0, row_entry_waiter_after(e, s) == NULL));
	EXPECT(f, (first == NULL) == (waiters.count == 0));
	/* The heads of the two lines; who was let out of a gate may stand behind a later one. */
	if (first != NULL) {
		int at_gate = waiters.at[0],
		    queued = waiters.at[gate_count < waiters.count ? gate_count : 0];

		EXPECT(f, index_of(first) == at_gate || index_of(first) == queued);
		EXPECT(f, model.arrival[index_of(first)] <= model.arrival[at_gate]);
	}
}

static void expect_entry(void *context, const struct row_entry *e)
{
	struct walk *walk = context;
	struct fuzz *f = walk->f;
	int row = 0, n = 0;

	while (row < ROWS && keys[row] != e->node.key)
		row++;
	EXPECT(f, row < ROWS);
	EXPECT(f, !walk->is_seen[row]);
	walk->is_seen[row] = true;

	int gate = model.gate_of_row[row];

	EXPECT(f, e->gate == (gate == NOBODY ? NULL : &barriers[gate]->gate));
	EXPECT(f, e->slot_count == model.queues[row].count);
	LIST_EACH (it, &e->slots) {
		const struct claim_slot *s = CONTAINER_OF(it, struct claim_slot, queue_link);

		EXPECT(f, n < e->slot_count);
		EXPECT(f, s->row == keys[row]);
		EXPECT(f, s->is_first == (n == 0));
		EXPECT(f, index_of(s->claim) == model.queues[row].at[n]);
		n++;
	}
	EXPECT(f, n == e->slot_count);
	expect_waiters(f, e, row);
}

static void expect_waiting_row(void *context, const struct row_entry *e)
{
	struct walk *walk = context;
	struct fuzz *f = walk->f;
	int row = 0;

	while (row < ROWS && keys[row] != e->node.key)
		row++;
	EXPECT(f, row < ROWS);
	EXPECT(f, model_waiters(row).count > 0);
	walk->is_seen[row] = true;
}

/*
 * One walk goes on while everything changes; a row that it ought to have seen was waited for all
 * the time.
 */
static struct lock_walk wanderer;
static struct walk wandered;
static bool has_waited[ROWS];

static void wander(struct fuzz *f)
{
	bool goes_on;

	wandered.f = f;
	for (int row = 0; row < ROWS; row++)
		has_waited[row] = has_waited[row] && model_waiters(row).count > 0;
	goes_on = lock_walk_on(&table, &wanderer, (int)fuzz_below(f, 3), expect_waiting_row,
			       &wandered);
	if (goes_on)
		return;
	lock_walk_end(&wanderer);
	lock_walk_begin(&table, &wanderer);
	for (int row = 0; row < ROWS; row++) {
		EXPECT(f, IMPLIES(has_waited[row], wandered.is_seen[row]));
		wandered.is_seen[row] = false;
		has_waited[row] = true;
	}
}

static void expect_entries(struct fuzz *f)
{
	struct walk walk = { .f = f };

	lock_table_each(&table, 0, LOCK_TABLE_BUCKETS, expect_entry, &walk);
	for (int row = 0; row < ROWS; row++)
		EXPECT(f, walk.is_seen[row] == (model.queues[row].count > 0 ||
						model.gate_of_row[row] != NOBODY));
}

static void expect_same(struct fuzz *f)
{
	int inside = 0;

	for (int c = 0; c < CLAIMS; c++) {
		EXPECT(f, (parties[c] != NULL) == model.is_inside[c]);
		inside += model.is_inside[c];
		if (parties[c] != NULL)
			expect_claim(f, c);
	}
	EXPECT(f, table.claim_count == inside);
	for (int g = 0; g < GATES; g++)
		if (barriers[g] != NULL)
			expect_gate(f, g);
}

/* lock_table_gate_of() for what the claim names and brings. */
static void expect_gate_of(struct fuzz *f, int claim, const uint64_t rows[])
{
	int gate = model_gate_in_the_way(claim);
	const struct party *p = parties[claim];

	EXPECT(f, lock_table_gate_of(&table, rows, model.row_count[claim], p->claim.fences,
				     p->claim.fence_count) ==
			  (gate == NOBODY ? NULL : &barriers[gate]->gate));
}

/* ------------------------------------------------------------------ what happens */

static void enter(struct fuzz *f, int index)
{
	struct party *p = malloc(sizeof(*p));
	uint64_t rows[CLAIM_ROWS];
	int fence_count = 0;

	CHECK(p != NULL);
	p->index = index;
	parties[index] = p;
	model.row_count[index] = 1 + (int)fuzz_below(f, 1 + fuzz_below(f, CLAIM_ROWS));
	memset(model.names[index], 0, sizeof(model.names[index]));
	for (int i = 0; i < model.row_count[index]; i++) {
		int row = (int)fuzz_below(f, ROWS);

		model.row_order[index][i] = row;
		model.names[index][row] = true;
		rows[i] = keys[row];
	}
	for (int g = 0; g < GATES; g++) {
		model.brings[index][g] = fuzz_below(f, 4) == 0;
		if (model.brings[index][g])
			p->fences[fence_count++] = fence_of(g);
	}
	claim_init(&p->claim, p->slots, rows, model.row_count[index], p->fences, fence_count);
	expect_gate_of(f, index, rows);

	int gate = model_gate_in_the_way(index);
	int ahead = gate == NOBODY ? model_longest_queue(index) : model.lines[gate].count;
	enum claim_state state = lock_table_enter(&table, &p->claim);

	model_enter(index);
	model_new_owners();
	EXPECT(f, state == p->claim.state);
	EXPECT(f, p->claim.ahead_count == ahead);
}

static void leave(struct fuzz *f, int index)
{
	struct list granted;

	list_init(&granted);
	lock_table_leave(&table, &parties[index]->claim, &granted);
	EXPECT(f, parties[index]->claim.state == CLAIM_OUT);
	model_leave(index);
	expect_granted(f, &granted);
	release(parties[index], sizeof(*parties[index]));
	parties[index] = NULL;
}

/* Of an owner: a gate may have closed behind it. */
static void step_back(struct fuzz *f, int index)
{
	int gate = model_gate_in_the_way(index);
	struct list granted;

	list_init(&granted);
	EXPECT(f,
	       lock_table_step_back(&table, &parties[index]->claim, &granted) == (gate != NOBODY));
	if (gate != NOBODY) {
		model.is_owner[index] = false;
		model_leave_queues(index);
		model_join(index);
	}
	lock_table_put_in_order(&table);
	expect_granted(f, &granted);
}

static void close_gate(struct fuzz *f, int index)
{
	struct barrier *b = malloc(sizeof(*b));
	uint64_t rows[ROWS];
	bool closes[ROWS] = { false };
	int count = 0;
	struct list granted;

	CHECK(b != NULL);
	for (int tries = 1 + (int)fuzz_below(f, ROWS); tries > 0; tries--) {
		int row = (int)fuzz_below(f, ROWS);

		if (model.gate_of_row[row] != NOBODY)
			continue;
		closes[row] = true;
		rows[count++] = keys[row];
	}
	if (count == 0) {
		free(b);
		return;
	}
	list_init(&granted);
	gate_init(&b->gate, b->rows, rows, count, fence_of(index));
	lock_table_close(&table, &b->gate, &granted);
	barriers[index] = b;
	model_close(index, closes);
	expect_granted(f, &granted);
}

static void open_gate(struct fuzz *f, int index)
{
	struct list granted;

	list_init(&granted);
	lock_table_open(&table, &barriers[index]->gate, &granted);
	EXPECT(f, !barriers[index]->gate.is_closed);
	EXPECT(f, barriers[index]->gate.claim_count == 0);
	model_open(index);
	expect_granted(f, &granted);
	release(barriers[index], sizeof(*barriers[index]));
	barriers[index] = NULL;
}

static void begin(struct fuzz *f)
{
	memset(&model, 0, sizeof(model));
	for (int row = 0; row < ROWS; row++)
		model.gate_of_row[row] = NOBODY;
	choose_keys(f);
	lock_table_init(&table);
	lock_walk_begin(&table, &wanderer);
	wandered = (struct walk){ .f = f };
	memset(has_waited, 0, sizeof(has_waited));
}

/* Everybody leaves: nothing may be left behind. */
static void end(struct fuzz *f)
{
	for (int g = 0; g < GATES; g++)
		if (barriers[g] != NULL)
			open_gate(f, g);
	for (int c = 0; c < CLAIMS; c++)
		if (parties[c] != NULL)
			leave(f, c);
	expect_same(f);
	expect_entries(f);
	lock_walk_end(&wanderer);
	lock_table_fini(&table);
}

/* How crowded it gets, and how often gates move, is drawn for each run. */
static void run(struct fuzz *f)
{
	uint64_t enters = 1 + fuzz_below(f, 9), gates = fuzz_below(f, 4);

	begin(f);
	while (fuzz_step(f)) {
		int c = (int)fuzz_below(f, CLAIMS), g = (int)fuzz_below(f, GATES);

		if (fuzz_below(f, 10) < gates) {
			if (barriers[g] == NULL)
				close_gate(f, g);
			else
				open_gate(f, g);
		} else if (parties[c] == NULL && fuzz_below(f, 10) < enters) {
			enter(f, c);
		} else if (parties[c] != NULL && model.is_owner[c] && fuzz_below(f, 4) == 0) {
			step_back(f, c);
		} else if (parties[c] != NULL && fuzz_below(f, 10) >= enters - 1) {
			leave(f, c);
		}
		expect_same(f);
		if (fuzz_below(f, 3) == 0)
			wander(f);
		for (int row = 0; row < ROWS; row++) /* seen between two pieces of the walk */
			has_waited[row] = has_waited[row] && model_waiters(row).count > 0;
		if (f->step % 16 == 0)
			expect_entries(f); /* walks all buckets: far slower than the rest */
	}
	end(f);
}

int main(int argc, char **argv)
{
	return fuzz_main(argc, argv, 400, 1500, run);
}
