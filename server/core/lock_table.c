#include "core/lock_table.h"

/* ------------------------------------------------------------------ entries */

static struct row_entry *entry_of(struct map_node *node)
{
	return CONTAINER_OF(node, struct row_entry, node);
}

static struct claim_slot *slot_of(struct list *link)
{
	return CONTAINER_OF(link, struct claim_slot, queue_link);
}

static struct row_entry *entry_find(const struct lock_table *t, uint64_t row)
{
	struct map_node *node = map_find(&t->rows, row);

	return node == NULL ? NULL : entry_of(node);
}

static struct row_entry *entry_add(struct lock_table *t, struct row_entry *lent, uint64_t row)
{
	list_init(&lent->slots);
	lent->slot_count = 0;
	lent->gate = NULL;
	map_insert(&t->rows, &lent->node, row);
	return lent;
}

/* From its lender, who leaves, to another one. If that was a gate, the row is open now. */
static struct row_entry *entry_move(struct lock_table *t, struct row_entry *from,
				    struct row_entry *lent)
{
	CHECK(from != lent);
	map_remove(&t->rows, &from->node);
	entry_add(t, lent, from->node.key);
	list_splice_back(&lent->slots, &from->slots);
	lent->slot_count = from->slot_count;
	return lent;
}

/* Its lender leaves: into the newest claim, which will be the last to go, or into nothing. */
static void entry_hand_on(struct lock_table *t, struct row_entry *e)
{
	CHECK((e->slot_count == 0) == list_is_empty(&e->slots));
	if (e->slot_count == 0)
		map_remove(&t->rows, &e->node);
	else
		entry_move(t, e, &slot_of(e->slots.prev)->lent);
}

/* ------------------------------------------------------------------ claims in queues */

static struct claim *claim_of_granted(struct list *link)
{
	return CONTAINER_OF(link, struct claim, granted_link);
}

/* By arrival; nearly always at the end. */
static void claim_add_granted(struct claim *c, struct list *granted)
{
	struct list *at = granted;

	while (at->prev != granted && claim_of_granted(at->prev)->arrival > c->arrival)
		at = at->prev;
	list_insert_before(at, &c->granted_link);
}

/* Joins every queue at its end, in one step. Bounds and gates have been looked at. */
static void claim_join(struct lock_table *t, struct claim *c)
{
	CHECK(c->blocked_count == 0);
	for (int i = 0; i < c->row_count; i++) {
		struct claim_slot *s = &c->slots[i];
		struct row_entry *e = entry_find(t, s->row);

		if (e == NULL)
			e = entry_add(t, &s->lent, s->row);
		s->is_first = e->slot_count == 0;
		c->blocked_count += !s->is_first;
		list_push_back(&e->slots, &s->queue_link);
		e->slot_count++;
	}
	c->state = c->blocked_count == 0 ? CLAIM_GRANTED : CLAIM_QUEUED;
}

/* The one ahead of it has left. A claim on its way to a gate is still there, but gets nothing. */
static void slot_promote(struct claim_slot *s, struct list *granted)
{
	struct claim *c = s->claim;

	CHECK(!s->is_first);
	CHECK(c->blocked_count > 0);
	s->is_first = true;
	if (--c->blocked_count > 0 || c->state != CLAIM_QUEUED)
		return;
	c->state = CLAIM_GRANTED;
	claim_add_granted(c, granted);
}

static void slot_leave(struct lock_table *t, struct claim_slot *s, struct list *granted)
{
	struct row_entry *e = entry_find(t, s->row);

	CHECK(e != NULL);
	CHECK(s->is_first == (s->queue_link.prev == &e->slots));
	CHECK(e->slot_count > 0);
	list_remove(&s->queue_link);
	e->slot_count--;
	if (s->is_first && !list_is_empty(&e->slots))
		slot_promote(slot_of(e->slots.next), granted);
	if (e == &s->lent)
		entry_hand_on(t, e);
}

static void claim_leave_queues(struct lock_table *t, struct claim *c, struct list *granted)
{
	for (int i = 0; i < c->row_count; i++)
		slot_leave(t, &c->slots[i], granted);
	c->blocked_count = 0;
}

/* ------------------------------------------------------------------ claims at gates */

static struct claim *claim_of_gate(struct list *link)
{
	return CONTAINER_OF(link, struct claim, gate_link);
}

static bool gate_lets_through(const struct gate *g, const int64_t fences[], int fence_count)
{
	for (int i = 0; i < fence_count; i++)
		if (fences[i] == g->fence)
			return true;
	return false;
}

/* The gate that closes this row to whoever brings these fences, or NULL. */
static struct gate *gate_of_entry(const struct row_entry *e, const int64_t fences[],
				  int fence_count)
{
	if (e == NULL || e->gate == NULL || gate_lets_through(e->gate, fences, fence_count))
		return NULL;
	return e->gate;
}

static struct gate *gate_of_claim(const struct lock_table *t, const struct claim *c)
{
	struct gate *g = NULL;

	for (int i = 0; i < c->row_count && g == NULL; i++)
		g = gate_of_entry(entry_find(t, c->slots[i].row), c->fences, c->fence_count);
	return g;
}

/* Joins the line at the gate, by arrival. */
static void claim_wait_at(struct claim *c, struct gate *g)
{
	struct list *at = &g->claims;

	while (at->prev != &g->claims && claim_of_gate(at->prev)->arrival > c->arrival)
		at = at->prev;
	list_insert_before(at, &c->gate_link);
	g->claim_count++;
	c->gate = g;
	c->state = CLAIM_AT_GATE;
}

static void claim_leave_gate(struct claim *c)
{
	CHECK(c->gate != NULL);
	CHECK(c->gate->claim_count > 0);
	list_remove(&c->gate_link);
	c->gate->claim_count--;
	c->gate = NULL;
}

/* ------------------------------------------------------------------ the table */

void lock_table_init(struct lock_table *t)
{
	t->arrival_last = 0;
	t->claim_count = 0;
	map_init(&t->rows, t->buckets, LOCK_TABLE_BUCKETS);
}

void lock_table_fini(struct lock_table *t)
{
	CHECK(t->claim_count == 0);
	CHECK(t->rows.count == 0);
}

void claim_init(struct claim *c, struct claim_slot slots[], const uint64_t rows[], int row_count,
		const int64_t fences[], int fence_count)
{
	bool is_ascending = true; /* so far: then only the last one can be equal */

	CHECK(row_count >= 1);
	CHECK(row_count <= CLAIM_PART_ROWS_MAX);
	CHECK(fence_count >= 0);
	CHECK(fence_count <= CLAIM_FENCES_MAX);

	*c = (struct claim){
		.state = CLAIM_OUT, .slots = slots, .fences = fences, .fence_count = fence_count
	};
	list_init(&c->gate_link);
	list_init(&c->granted_link);
	for (int i = 0; i < row_count; i++) {
		int same;

		is_ascending = is_ascending &&
			       (c->row_count == 0 || rows[i] >= slots[c->row_count - 1].row);
		same = is_ascending && c->row_count > 0 ? c->row_count - 1 : 0;
		while (same < c->row_count && slots[same].row != rows[i])
			same++;
		if (same < c->row_count)
			continue;
		slots[c->row_count] = (struct claim_slot){ .row = rows[i], .claim = c };
		list_init(&slots[c->row_count].queue_link);
		c->row_count++;
	}
}

/* The length of the longest of its queues. */
static int claim_longest_queue(const struct lock_table *t, const struct claim *c)
{
	int longest = 0;

	for (int i = 0; i < c->row_count; i++) {
		const struct row_entry *e = entry_find(t, c->slots[i].row);

		if (e != NULL && e->slot_count > longest)
			longest = e->slot_count;
	}
	return longest;
}

enum claim_state lock_table_enter(struct lock_table *t, struct claim *c)
{
	CHECK(c->state == CLAIM_OUT);

	struct gate *g = gate_of_claim(t, c);
	int ahead_count = g != NULL ? g->claim_count : claim_longest_queue(t, c);

	if (ahead_count >= ROW_QUEUE_MAX)
		return CLAIM_REFUSED;
	c->ahead_count = ahead_count;
	c->arrival = ++t->arrival_last;
	t->claim_count++;
	if (g != NULL)
		claim_wait_at(c, g);
	else
		claim_join(t, c);
	return c->state;
}

void lock_table_leave(struct lock_table *t, struct claim *c, struct list *granted)
{
	struct list promoted;

	if (c->state == CLAIM_OUT)
		return;
	list_init(&promoted);
	if (c->state == CLAIM_AT_GATE)
		claim_leave_gate(c);
	else
		claim_leave_queues(t, c, &promoted);
	list_remove(&c->granted_link); /* it may leave before anybody looked at the list */
	c->state = CLAIM_OUT;
	CHECK(t->claim_count > 0);
	t->claim_count--;
	list_splice_back(granted, &promoted);
}

/* ------------------------------------------------------------------ gates */

void gate_init(struct gate *g, struct gate_row gate_rows[], const uint64_t rows[], int row_count,
	       int64_t fence)
{
	bool is_ascending = true; /* so far: then only the last one can be equal */

	CHECK(row_count >= 1);
	*g = (struct gate){ .fence = fence, .rows = gate_rows };
	list_init(&g->claims);
	for (int i = 0; i < row_count; i++) {
		int last = g->row_count - 1, same;

		is_ascending = is_ascending && (last < 0 || rows[i] >= gate_rows[last].row);
		same = is_ascending && last >= 0 ? last : 0;
		while (same < g->row_count && gate_rows[same].row != rows[i])
			same++;
		if (same == g->row_count)
			gate_rows[g->row_count++] = (struct gate_row){ .row = rows[i] };
	}
}

struct gate *lock_table_gate_of(const struct lock_table *t, const uint64_t rows[], int row_count,
				const int64_t fences[], int fence_count)
{
	struct gate *g = NULL;

	for (int i = 0; i < row_count && g == NULL; i++)
		g = gate_of_entry(entry_find(t, rows[i]), fences, fence_count);
	return g;
}

/* Lends the row's entry for as long as the gate is closed. */
static struct row_entry *gate_row_close(struct lock_table *t, struct gate *g, struct gate_row *r)
{
	struct row_entry *e = entry_find(t, r->row);

	if (e == NULL) {
		e = entry_add(t, &r->lent, r->row);
	} else {
		CHECK(e->gate == NULL);
		e = entry_move(t, e, &r->lent);
	}
	e->gate = g;
	return e;
}

void lock_table_close(struct lock_table *t, struct gate *g, struct list *granted)
{
	struct list promoted;

	CHECK(!g->is_closed);
	CHECK(g->claim_count == 0);
	g->is_closed = true;

	/*
	 * All are lined up before the first one leaves its queues, so that none of them becomes an
	 * owner by the leaving of another.
	 */
	for (int i = 0; i < g->row_count; i++) {
		struct row_entry *e = gate_row_close(t, g, &g->rows[i]);

		LIST_EACH (it, &e->slots) {
			struct claim *c = slot_of(it)->claim;

			if (c->state == CLAIM_QUEUED &&
			    !gate_lets_through(g, c->fences, c->fence_count))
				claim_wait_at(c, g);
		}
	}
	list_init(&promoted);
	LIST_EACH (it, &g->claims)
		claim_leave_queues(t, claim_of_gate(it), &promoted);
	list_splice_back(granted, &promoted);
}

void lock_table_open(struct lock_table *t, struct gate *g, struct list *granted)
{
	struct list waiting;

	CHECK(g->is_closed);
	g->is_closed = false;
	for (int i = 0; i < g->row_count; i++) {
		CHECK(g->rows[i].lent.gate == g);
		entry_hand_on(t, &g->rows[i].lent);
	}

	list_init(&waiting);
	list_splice_back(&waiting, &g->claims);
	g->claim_count = 0;
	while (!list_is_empty(&waiting)) {
		struct claim *c = claim_of_gate(list_pop_front(&waiting));
		struct gate *next = gate_of_claim(t, c);

		c->gate = NULL;
		if (next != NULL)
			claim_wait_at(c, next);
		else
			claim_join(t, c);
		if (c->state == CLAIM_GRANTED)
			list_push_back(granted, &c->granted_link);
	}
}

bool lock_table_step_back(struct lock_table *t, struct claim *c, struct list *granted)
{
	struct gate *g = gate_of_claim(t, c);
	struct list promoted;

	CHECK(c->state == CLAIM_GRANTED);
	if (g == NULL)
		return false;
	list_init(&promoted);
	claim_leave_queues(t, c, &promoted);
	claim_wait_at(c, g);
	list_splice_back(granted, &promoted);
	return true;
}

/* ------------------------------------------------------------------ looking */

static int slot_ahead(const struct claim_slot *s)
{
	int ahead = 0;

	for (; !s->is_first; s = slot_of(s->queue_link.prev))
		ahead++;
	return ahead;
}

int lock_table_ahead(const struct claim *c)
{
	int ahead = 0;

	if (c->state == CLAIM_AT_GATE)
		for (struct list *it = c->gate_link.prev; it != &c->gate->claims; it = it->prev)
			ahead++;
	if (c->state == CLAIM_QUEUED)
		for (int i = 0; i < c->row_count; i++) {
			int here = slot_ahead(&c->slots[i]);

			ahead = here > ahead ? here : ahead;
		}
	return ahead;
}

void lock_table_each(const struct lock_table *t,
		     void (*see)(void *context, const struct row_entry *entry), void *context)
{
	for (size_t i = 0; i <= t->rows.bucket_mask; i++)
		for (struct map_node *n = t->rows.buckets[i]; n != NULL; n = n->next)
			see(context, entry_of(n));
}
