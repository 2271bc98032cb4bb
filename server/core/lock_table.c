#include "core/lock_table.h"

_Static_assert((int)AHEAD_COUNTED_MAX < (int)ROW_QUEUE_MAX,
	       "a long queue is estimated, not counted");
_Static_assert((int)CLAIM_PART_ROWS_MAX >= (int)COMMAND_ROWS_MAX,
	       "the rows of a command fit one claim");

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
	CHECK(entry_find(t, row) == NULL);
	list_init(&lent->slots);
	list_init(&lent->contended_link);
	lent->slot_count = 0;
	lent->joined_count = 0;
	lent->gate = NULL;
	map_insert(&t->rows, &lent->node, row);
	return lent;
}

/* Walks that stand at this place of the list go on from another one. */
static void move_walks(struct lock_table *t, const struct list *from, struct list *to)
{
	CHECK(from != to);
	LIST_EACH (it, &t->walks) {
		struct lock_walk *w = CONTAINER_OF(it, struct lock_walk, link);

		if (w->at == from)
			w->at = to;
	}
}

/* Somebody waits for the row. A walk that has come to the end sees it, too. */
static void entry_is_contended(struct lock_table *t, struct row_entry *e)
{
	CHECK(e->slot_count > 0 || e->gate != NULL);
	if (list_is_linked(&e->contended_link))
		return;
	list_push_back(&t->contended, &e->contended_link);
	move_walks(t, &t->contended, &e->contended_link);
}

static void entry_is_free(struct lock_table *t, struct row_entry *e)
{
	if (!list_is_linked(&e->contended_link))
		return;
	move_walks(t, &e->contended_link, e->contended_link.next);
	list_remove(&e->contended_link);
}

/* From its lender, who leaves, to another one. If that was a gate, the row is open now. */
static struct row_entry *entry_move(struct lock_table *t, struct row_entry *from,
				    struct row_entry *lent)
{
	CHECK(from != lent);
	CHECK(from->slot_count >= 0);
	map_remove(&t->rows, &from->node);
	entry_add(t, lent, from->node.key);
	list_splice_back(&lent->slots, &from->slots);
	lent->slot_count = from->slot_count;
	lent->joined_count = from->joined_count;
	if (list_is_linked(&from->contended_link))
		list_insert_before(from->contended_link.next, &lent->contended_link);
	entry_is_free(t, from); /* a walk that stood there goes on at its new place */
	return lent;
}

/* Its lender leaves: into the newest claim, which will be the last to go, or into nothing. */
static void entry_hand_on(struct lock_table *t, struct row_entry *e)
{
	CHECK((e->slot_count == 0) == list_is_empty(&e->slots));
	if (e->slot_count == 0) {
		entry_is_free(t, e);
		map_remove(&t->rows, &e->node);
	} else {
		entry_move(t, e, &slot_of(e->slots.prev)->lent);
	}
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

	CHECK(c->state == CLAIM_GRANTED);
	while (at->prev != granted && claim_of_granted(at->prev)->arrival > c->arrival)
		at = at->prev;
	list_insert_before(at, &c->granted_link);
}

/* The claim waits for all of its rows, also for those that would be its own already. */
static void claim_contends(struct lock_table *t, struct claim *c)
{
	CHECK(c->state == CLAIM_QUEUED);
	for (int i = 0; i < c->row_count; i++)
		entry_is_contended(t, entry_find(t, c->slots[i].row));
}

/* Joins every queue at its end, in one step. Bounds and gates have been looked at. */
static void claim_join(struct lock_table *t, struct claim *c)
{
	CHECK(c->blocked_count == 0);
	CHECK(!list_is_linked(&c->gate_link));
	for (int i = 0; i < c->row_count; i++) {
		struct claim_slot *s = &c->slots[i];
		struct row_entry *e = entry_find(t, s->row);

		if (e == NULL)
			e = entry_add(t, &s->lent, s->row);
		s->is_first = e->slot_count == 0;
		s->place = ++e->joined_count;
		c->blocked_count += !s->is_first;
		list_push_back(&e->slots, &s->queue_link);
		e->slot_count++;
	}
	c->state = c->blocked_count == 0 ? CLAIM_GRANTED : CLAIM_QUEUED;
	if (c->state == CLAIM_QUEUED)
		claim_contends(t, c);
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
	CHECK(c->state != CLAIM_OUT);
	CHECK(c->blocked_count <= c->row_count);
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
	CHECK(fence_count <= CLAIM_FENCES_MAX);
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

static struct gate_row *gate_row_of(const struct row_entry *e)
{
	CHECK(e->gate != NULL);
	return CONTAINER_OF(e, struct gate_row, lent);
}

/* The gate's row that this slot waits for; NULL: it is not what the claim waits for here. */
static struct gate_row *gate_row_of_slot(const struct lock_table *t, const struct claim_slot *s)
{
	struct row_entry *e = entry_find(t, s->row);

	return e != NULL && e->gate != NULL && e->gate == s->claim->gate ? gate_row_of(e) : NULL;
}

/* Stands at the end of the line of each of the gate's rows that it names; it is in no queue. */
static void claim_line_up(struct lock_table *t, struct claim *c)
{
	CHECK(c->state == CLAIM_AT_GATE);
	CHECK(c->gate != NULL);
	for (int i = 0; i < c->row_count; i++) {
		struct gate_row *r = gate_row_of_slot(t, &c->slots[i]);

		CHECK(!list_is_linked(&c->slots[i].queue_link));
		if (r == NULL)
			continue;
		list_push_back(&r->slots, &c->slots[i].queue_link);
		r->slot_count++;
		entry_is_contended(t, &r->lent);
	}
}

static void claim_leave_lines(struct lock_table *t, struct claim *c)
{
	for (int i = 0; i < c->row_count; i++) {
		struct claim_slot *s = &c->slots[i];
		struct gate_row *r;

		if (!list_is_linked(&s->queue_link))
			continue;
		list_remove(&s->queue_link);
		r = gate_row_of_slot(t, s);
		CHECK(r != NULL);
		CHECK(r->slot_count > 0);
		r->slot_count--;
	}
}

/* To the end; gate_put_in_order() brings an earlier one that came later to its place. */
static void gate_append(struct lock_table *t, struct gate *g, struct claim *c)
{
	bool is_overtaken =
		!list_is_empty(&g->claims) && claim_of_gate(g->claims.prev)->arrival > c->arrival;

	CHECK(g->is_closed);
	CHECK((g->claim_count == 0) == list_is_empty(&g->claims));
	list_push_back(&g->claims, &c->gate_link);
	g->claim_count++;
	c->gate_place = ++g->joined_count;
	c->gate = g;
	c->state = CLAIM_AT_GATE;
	if (is_overtaken && !list_is_linked(&g->disorder_link))
		list_push_back(&t->disordered, &g->disorder_link);
}

/* The claim has left its queues. */
static void claim_wait_at(struct lock_table *t, struct claim *c, struct gate *g)
{
	CHECK(c->blocked_count == 0);
	gate_append(t, g, c);
	claim_line_up(t, c);
}

static void claim_leave_gate(struct lock_table *t, struct claim *c)
{
	CHECK(c->gate != NULL);
	CHECK(c->gate->claim_count > 0);
	claim_leave_lines(t, c);
	list_remove(&c->gate_link);
	c->gate->claim_count--;
	c->gate = NULL;
}

/* ------------------------------------------------------------------ lines by arrival */

/* Both by arrival; `more` is empty afterwards. */
static void claims_merge(struct list *claims, struct list *more)
{
	struct list *at = claims->next;

	CHECK(claims != more);
	while (!list_is_empty(more)) {
		struct claim *c = claim_of_gate(list_pop_front(more));

		while (at != claims && claim_of_gate(at)->arrival < c->arrival)
			at = at->next;
		list_insert_before(at, &c->gate_link);
	}
}

/* Moves those at the front who are by arrival. */
static void claims_cut_run(struct list *from, struct list *ret)
{
	uint64_t arrival = 0;

	list_init(ret);
	while (!list_is_empty(from) && claim_of_gate(from->next)->arrival > arrival) {
		arrival = claim_of_gate(from->next)->arrival;
		list_push_back(ret, list_pop_front(from));
	}
}

/*
 * A merge sort that begins with the runs that are there (Knuth, TAOCP 3, 5.2.4): queues are nearly
 * in order already. bins[n] is what 2^n runs were merged into, as in a binary counter.
 */
static void claims_sort(struct list *claims)
{
	enum { BINS = 32 };
	struct list bins[BINS], run;

	for (int i = 0; i < BINS; i++)
		list_init(&bins[i]);
	while (!list_is_empty(claims)) {
		int i = 0;

		claims_cut_run(claims, &run);
		for (; !list_is_empty(&bins[i]); i++)
			claims_merge(&run, &bins[i]);
		CHECK(i < BINS);
		list_splice_back(&bins[i], &run);
	}
	for (int i = 0; i < BINS; i++)
		claims_merge(claims, &bins[i]);
}

/* Brings everybody at the gate in order: its line, and those of its rows. */
static void gate_put_in_order(struct lock_table *t, struct gate *g)
{
	CHECK(g->is_closed);
	list_remove(&g->disorder_link);
	LIST_EACH (it, &g->claims)
		claim_leave_lines(t, claim_of_gate(it));
	claims_sort(&g->claims);
	g->joined_count = 0;
	LIST_EACH (it, &g->claims) {
		claim_of_gate(it)->gate_place = ++g->joined_count;
		claim_line_up(t, claim_of_gate(it));
	}
	CHECK((int)g->joined_count == g->claim_count);
}

void lock_table_put_in_order(struct lock_table *t)
{
	while (!list_is_empty(&t->disordered))
		gate_put_in_order(t, CONTAINER_OF(t->disordered.next, struct gate, disorder_link));
}

/* ------------------------------------------------------------------ the table */

void lock_table_init(struct lock_table *t)
{
	t->arrival_last = 0;
	t->claim_count = 0;
	list_init(&t->contended);
	list_init(&t->walks);
	list_init(&t->disordered);
	map_init(&t->rows, t->buckets, LOCK_TABLE_BUCKETS);
}

void lock_table_fini(struct lock_table *t)
{
	CHECK(t->claim_count == 0);
	CHECK(t->rows.count == 0);
	CHECK(list_is_empty(&t->contended));
	CHECK(list_is_empty(&t->walks));
	CHECK(list_is_empty(&t->disordered));
}

/* What it may lend is made ready when it is lent: a part of a batch has a thousand of these. */
static void slot_init(struct claim_slot *s, struct claim *c, uint64_t row)
{
	s->row = row;
	s->claim = c;
	list_init(&s->queue_link);
	s->is_first = false;
	s->place = 0;
}

static void claim_begin(struct claim *c, struct claim_slot slots[], int row_count,
			const int64_t fences[], int fence_count)
{
	CHECK(row_count >= 1);
	CHECK(row_count <= CLAIM_PART_ROWS_MAX);
	CHECK(fence_count >= 0);
	CHECK(fence_count <= CLAIM_FENCES_MAX);
	*c = (struct claim){
		.state = CLAIM_OUT, .slots = slots, .fences = fences, .fence_count = fence_count
	};
	list_init(&c->gate_link);
	list_init(&c->granted_link);
}

void claim_init(struct claim *c, struct claim_slot slots[], const uint64_t rows[], int row_count,
		const int64_t fences[], int fence_count)
{
	bool is_ascending = true; /* so far: then only the last one can be equal */

	claim_begin(c, slots, row_count, fences, fence_count);
	for (int i = 0; i < row_count; i++) {
		int same;

		is_ascending = is_ascending &&
			       (c->row_count == 0 || rows[i] >= slots[c->row_count - 1].row);
		same = is_ascending && c->row_count > 0 ? c->row_count - 1 : 0;
		while (same < c->row_count && slots[same].row != rows[i])
			same++;
		if (same < c->row_count)
			continue;
		slot_init(&slots[c->row_count++], c, rows[i]);
	}
	CHECK(c->row_count <= row_count);
}

void claim_init_distinct(struct claim *c, struct claim_slot slots[], const uint64_t rows[],
			 int row_count, const int64_t fences[], int fence_count)
{
	claim_begin(c, slots, row_count, fences, fence_count);
	while (c->row_count < row_count) {
		slot_init(&slots[c->row_count], c, rows[c->row_count]);
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
	CHECK(c->row_count >= 1);

	struct gate *g = gate_of_claim(t, c);
	int ahead_count = g != NULL ? g->claim_count : claim_longest_queue(t, c);

	if (ahead_count >= ROW_QUEUE_MAX)
		return CLAIM_REFUSED;
	c->ahead_count = ahead_count;
	c->arrival = ++t->arrival_last;
	t->claim_count++;
	if (g != NULL)
		claim_wait_at(t, c, g);
	else
		claim_join(t, c);
	return c->state;
}

void lock_table_leave(struct lock_table *t, struct claim *c, struct list *granted)
{
	struct list promoted;

	CHECK(IMPLIES(c->state == CLAIM_AT_GATE, c->gate != NULL));
	if (c->state == CLAIM_OUT)
		return;
	list_init(&promoted);
	if (c->state == CLAIM_AT_GATE)
		claim_leave_gate(t, c);
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
	list_init(&g->disorder_link);
	for (int i = 0; i < row_count; i++) {
		int last = g->row_count - 1, same;

		is_ascending = is_ascending && (last < 0 || rows[i] >= gate_rows[last].row);
		same = is_ascending && last >= 0 ? last : 0;
		while (same < g->row_count && gate_rows[same].row != rows[i])
			same++;
		if (same == g->row_count)
			gate_rows[g->row_count++] = (struct gate_row){ .row = rows[i] };
	}
	CHECK(g->row_count <= row_count);
}

struct gate *lock_table_gate_of(const struct lock_table *t, const uint64_t rows[], int row_count,
				const int64_t fences[], int fence_count)
{
	struct gate *g = NULL;

	CHECK(row_count > 0);
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
	list_init(&r->slots);
	r->slot_count = 0;
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
				gate_append(t, g, c);
		}
	}
	list_init(&promoted);
	LIST_EACH (it, &g->claims)
		claim_leave_queues(t, claim_of_gate(it), &promoted);
	gate_put_in_order(t, g);
	list_splice_back(granted, &promoted);
}

void lock_table_open(struct lock_table *t, struct gate *g, struct list *granted)
{
	struct list waiting;

	CHECK(g->is_closed);
	CHECK(!list_is_linked(&g->disorder_link));
	g->is_closed = false;
	LIST_EACH (it, &g->claims)
		claim_leave_lines(t, claim_of_gate(it));
	for (int i = 0; i < g->row_count; i++) {
		CHECK(g->rows[i].lent.gate == g);
		CHECK(g->rows[i].slot_count == 0);
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
			claim_wait_at(t, c, next);
		else
			claim_join(t, c);
		if (c->state == CLAIM_GRANTED)
			list_push_back(granted, &c->granted_link);
	}
	lock_table_put_in_order(t);
}

bool lock_table_step_back(struct lock_table *t, struct claim *c, struct list *granted)
{
	struct gate *g = gate_of_claim(t, c);
	struct list promoted;

	CHECK(g != c->gate || g == NULL);
	CHECK(c->state == CLAIM_GRANTED);
	if (g == NULL)
		return false;
	list_init(&promoted);
	claim_leave_queues(t, c, &promoted);
	claim_wait_at(t, c, g);
	list_splice_back(granted, &promoted);
	return true;
}

/* ------------------------------------------------------------------ looking */

/*
 * How many stand before `link` in a line: counted, as far as that is short. Beyond it is what the
 * numbers say that were given when they joined; those who gave up in between count, too.
 */
static int ahead_in_line(const struct list *line, const struct list *link, uint32_t joined_since,
			 int count)
{
	int ahead = 0;

	CHECK(count > 0);
	for (const struct list *it = link->prev; it != line; it = it->prev)
		if (ahead++ == AHEAD_COUNTED_MAX)
			return joined_since < (uint32_t)count ? (int)joined_since : count - 1;
	return ahead;
}

static int slot_ahead(const struct lock_table *t, const struct claim_slot *s)
{
	const struct row_entry *e = entry_find(t, s->row);

	CHECK(e != NULL);
	return ahead_in_line(&e->slots, &s->queue_link, s->place - slot_of(e->slots.next)->place,
			     e->slot_count);
}

int lock_table_ahead(const struct lock_table *t, const struct claim *c)
{
	int ahead = 0;

	if (c->state == CLAIM_AT_GATE)
		return ahead_in_line(&c->gate->claims, &c->gate_link,
				     c->gate_place -
					     claim_of_gate(c->gate->claims.next)->gate_place,
				     c->gate->claim_count);
	for (int i = 0; c->state == CLAIM_QUEUED && i < c->row_count; i++) {
		int here = slot_ahead(t, &c->slots[i]);

		ahead = here > ahead ? here : ahead;
	}
	return ahead;
}

const struct row_entry *lock_table_row(const struct lock_table *t, uint64_t row)
{
	return entry_find(t, row);
}

const struct claim *row_entry_owner(const struct row_entry *e)
{
	const struct claim *first = list_is_empty(&e->slots) ? NULL : slot_of(e->slots.next)->claim;

	CHECK((e->slot_count == 0) == list_is_empty(&e->slots));
	return first != NULL && first->state == CLAIM_GRANTED ? first : NULL;
}

int row_entry_waiter_count(const struct row_entry *e)
{
	int at_gate = e->gate != NULL ? gate_row_of(e)->slot_count : 0;

	CHECK(at_gate >= 0);
	return at_gate + e->slot_count - (row_entry_owner(e) != NULL);
}

/* The first in line who is not the owner, or NULL. */
static const struct claim_slot *first_queued(const struct row_entry *e)
{
	struct list *first = e->slots.next;

	if (row_entry_owner(e) != NULL)
		first = first->next;
	return first == &e->slots ? NULL : slot_of(first);
}

const struct claim_slot *row_entry_waiter_after(const struct row_entry *e,
						const struct claim_slot *s)
{
	const struct list *at_gate = e->gate != NULL ? &gate_row_of(e)->slots : NULL;

	if (s == NULL && at_gate != NULL && !list_is_empty(at_gate))
		return slot_of(at_gate->next);
	if (s == NULL || s->queue_link.next == at_gate)
		return first_queued(e);
	return s->queue_link.next == &e->slots ? NULL : slot_of(s->queue_link.next);
}

const struct claim *row_entry_first_waiter(const struct row_entry *e)
{
	const struct claim_slot *first = row_entry_waiter_after(e, NULL);
	const struct claim_slot *queued = first_queued(e);

	CHECK(IMPLIES(queued != NULL, first != NULL));
	if (queued != NULL && queued->claim->arrival < first->claim->arrival)
		first = queued;
	return first == NULL ? NULL : first->claim;
}

void lock_walk_begin(struct lock_table *t, struct lock_walk *w)
{
	list_init(&w->link);
	list_push_back(&t->walks, &w->link);
	w->at = t->contended.next;
}

bool lock_walk_on(struct lock_table *t, struct lock_walk *w, int limit,
		  void (*see)(void *context, const struct row_entry *entry), void *context)
{
	CHECK(limit >= 0);
	CHECK(list_is_linked(&w->link));
	for (int i = 0; i < limit && w->at != &t->contended; i++) {
		struct row_entry *e = CONTAINER_OF(w->at, struct row_entry, contended_link);

		if (row_entry_first_waiter(e) == NULL) {
			entry_is_free(t, e); /* moves the walk on */
			continue;
		}
		see(context, e);
		w->at = w->at->next;
	}
	return w->at != &t->contended;
}

void lock_walk_end(struct lock_walk *w)
{
	CHECK(list_is_linked(&w->link));
	list_remove(&w->link);
}

void lock_table_each(const struct lock_table *t, int from, int count,
		     void (*see)(void *context, const struct row_entry *entry), void *context)
{
	CHECK(from >= 0);
	CHECK(from + count <= LOCK_TABLE_BUCKETS);
	for (int i = from; i < from + count; i++)
		for (struct map_node *n = t->rows.buckets[i]; n != NULL; n = n->next)
			see(context, entry_of(n));
}
