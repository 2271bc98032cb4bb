#include "core/lock_table.h"
#include "unit.h"
#include <stdlib.h>

/* Claims are A to H, gates X to Z; a gate's fence is its letter. */
enum { CLAIMS = 8, GATES = 3, STEP_ROWS = 4 };

struct world {
	struct lock_table table;
	struct claim claims[CLAIMS];
	struct claim_slot slots[CLAIMS][STEP_ROWS];
	int64_t fences[CLAIMS][GATES];
	struct gate gates[GATES];
	struct gate_row gate_rows[GATES][STEP_ROWS];
};

/* clang-format off */
static const struct step {
	const char *what;
	char        verb;             /* + enter, - leave, [ close the gate, ] open it */
	char        who;              /* claim or gate */
	uint64_t    rows[STEP_ROWS];  /* 0 ends the list */
	const char *fences;           /* gates whose fences the claim brings */
	const char *granted;          /* who owns its rows by this step, in this order */
	const char *at_gates;         /* who waits at which gate after it */
} steps[] = {
	{ "free rows are granted at once",                  '+', 'A', { 1, 2 }, "",  "A",   "" },
	{ "one shared row is enough to wait",               '+', 'B', { 2, 3 }, "",  "",    "" },
	{ "no overtaking: B is ahead for row 3",            '+', 'C', { 3 },    "",  "",    "" },
	{ "an unrelated row is not held up",                '+', 'D', { 9 },    "",  "D",   "" },
	{ "the first in line goes next",                    '-', 'A', { 0 },    "",  "B",   "" },
	{ "and hands on what it held",                      '-', 'B', { 0 },    "",  "C",   "" },
	{ "leaving an empty queue wakes no one",            '-', 'C', { 0 },    "",  "",    "" },
	{ "nor does leaving twice",                         '-', 'C', { 0 },    "",  "",    "" },
	{ "D goes, too",                                    '-', 'D', { 0 },    "",  "",    "" },

	{ "A owns 1",                                       '+', 'A', { 1 },    "",  "A",   "" },
	{ "B owns 2",                                       '+', 'B', { 2 },    "",  "B",   "" },
	{ "C waits for both",                               '+', 'C', { 1, 2 }, "",  "",    "" },
	{ "one of two is not enough",                       '-', 'A', { 0 },    "",  "",    "" },
	{ "both are",                                       '-', 'B', { 0 },    "",  "C",   "" },

	{ "A queues behind owner C",                        '+', 'A', { 2 },    "",  "",    "" },
	{ "B queues behind A",                              '+', 'B', { 2 },    "",  "",    "" },
	{ "giving up mid-queue promotes no one",            '-', 'A', { 0 },    "",  "",    "" },
	{ "B has moved up",                                 '-', 'C', { 0 },    "",  "B",   "" },

	{ "C waits for 2, and is first for 4",              '+', 'C', { 2, 4 }, "",  "",    "" },
	{ "A waits for 4 behind waiter C",                  '+', 'A', { 4 },    "",  "",    "" },
	{ "a waiter that gives up lets A through",          '-', 'C', { 0 },    "",  "A",   "" },
	{ "B goes",                                         '-', 'B', { 0 },    "",  "",    "" },
	{ "A goes",                                         '-', 'A', { 0 },    "",  "",    "" },

	{ "the same row twice is claimed once",             '+', 'A', { 5, 5, 6, 5 }, "", "A", "" },
	{ "so that A is not in its own way",                '-', 'A', { 0 },    "",  "",    "" },

	{ "A owns 2 and 1",                                 '+', 'A', { 2, 1 }, "",  "A",   "" },
	{ "B came first, for 1",                            '+', 'B', { 1 },    "",  "",    "" },
	{ "C came second, for 2",                           '+', 'C', { 2 },    "",  "",    "" },
	{ "both are freed at once: first come, first named", '-', 'A', { 0 },   "",  "BC",  "" },
	{ "B goes",                                         '-', 'B', { 0 },    "",  "",    "" },
	{ "C goes",                                         '-', 'C', { 0 },    "",  "",    "" },

	{ "a gate closes a free row",                       '[', 'X', { 1 },    "",  "",    "" },
	{ "who has not brought the fence waits at it",      '+', 'A', { 1, 2 }, "",  "",    "X:A" },
	{ "and does not hold up its other row",             '+', 'B', { 2 },    "",  "B",   "X:A" },
	{ "the holder's own claim passes",                  '+', 'C', { 1 },    "X", "C",   "X:A" },
	{ "the holder's claims queue behind each other",    '+', 'D', { 1 },    "X", "",    "X:A" },
	{ "and behind others for its other rows",           '+', 'E', { 2, 3 }, "X", "",    "X:A" },
	{ "leaving goes on as without a gate",              '-', 'C', { 0 },    "",  "D",   "X:A" },
	{ "another fence does not open it",                 '+', 'F', { 1 },    "Y", "",    "X:AF" },
	{ "giving up at the gate",                          '-', 'A', { 0 },    "",  "",    "X:F" },
	{ "opening it: those who waited queue now",         ']', 'X', { 0 },    "",  "",    "" },
	{ "behind the holder's last claim",                 '-', 'D', { 0 },    "",  "F",   "" },
	{ "F goes",                                         '-', 'F', { 0 },    "",  "",    "" },
	{ "B goes, E is next",                              '-', 'B', { 0 },    "",  "E",   "" },
	{ "E goes",                                         '-', 'E', { 0 },    "",  "",    "" },

	{ "A owns 1",                                       '+', 'A', { 1 },    "",  "A",   "" },
	{ "B waits for 1, and is first for 2",              '+', 'B', { 1, 2 }, "",  "",    "" },
	{ "C waits for 2 behind B",                         '+', 'C', { 2 },    "",  "",    "" },
	{ "D waits for 1 with the fence to come",           '+', 'D', { 1 },    "X", "",    "" },
	{ "E waits for 1 and 3",                            '+', 'E', { 3, 1 }, "",  "",    "" },
	{ "F waits for 3 behind E",                         '+', 'F', { 3, 4 }, "",  "",    "" },
	{ "a gate sends waiters away, not the owner",       '[', 'X', { 1 },    "",  "CF",  "X:BE" },
	{ "the owner leaves, the holder is next",           '-', 'A', { 0 },    "",  "D",   "X:BE" },
	{ "the holder is done",                             '-', 'D', { 0 },    "",  "",    "X:BE" },
	{ "open: B is first for 1 and behind C for 2",      ']', 'X', { 0 },    "",  "",    "" },
	{ "C goes, B owns both",                            '-', 'C', { 0 },    "",  "B",   "" },
	{ "B goes, E still waits for 3",                    '-', 'B', { 0 },    "",  "",    "" },
	{ "F goes, E owns both",                            '-', 'F', { 0 },    "",  "E",   "" },
	{ "E goes",                                         '-', 'E', { 0 },    "",  "",    "" },

	{ "A owns 1",                                       '+', 'A', { 1 },    "",  "A",   "" },
	{ "B waits for 1, and is first for 2",              '+', 'B', { 1, 2 }, "",  "",    "" },
	{ "C waits for 2 behind B, and names 3",            '+', 'C', { 2, 3 }, "",  "",    "" },
	{ "one gate for 1 and 2 takes both: C gets nothing", '[', 'X', { 2, 1 }, "", "",    "X:BC" },
	{ "a second gate closes 3",                         '[', 'Y', { 3, 3 }, "",  "",    "X:BC" },
	{ "D waits at the second gate",                     '+', 'D', { 3 },    "",  "",    "X:BC Y:D" },
	{ "X opens: C came before D at the gate behind",    ']', 'X', { 0 },    "",  "",    "Y:CD" },
	{ "B is first in line",                             '-', 'A', { 0 },    "",  "B",   "Y:CD" },
	{ "Y opens: C waits for B, D for C",                ']', 'Y', { 0 },    "",  "",    "" },
	{ "C is next",                                      '-', 'B', { 0 },    "",  "C",   "" },
	{ "then D",                                         '-', 'C', { 0 },    "",  "D",   "" },
	{ "D goes",                                         '-', 'D', { 0 },    "",  "",    "" },

	{ "two gates",                                      '[', 'X', { 1 },    "",  "",    "" },
	{ "over two rows",                                  '[', 'Y', { 2 },    "",  "",    "" },
	{ "one of two fences is not enough",                '+', 'A', { 1, 2 }, "X", "",    "Y:A" },
	{ "both are",                                       '+', 'B', { 1, 2 }, "YX", "B",  "Y:A" },
	{ "the order of the rows decides where to wait",    '+', 'C', { 2, 1 }, "",  "",    "Y:AC" },
	{ "from one gate to the other",                     ']', 'Y', { 0 },    "",  "",    "X:C" },
	{ "A passes X with its fence and waits for B",      '-', 'B', { 0 },    "",  "A",   "X:C" },
	{ "A goes",                                         '-', 'A', { 0 },    "",  "",    "X:C" },
	{ "the last gate opens onto free rows",             ']', 'X', { 0 },    "",  "C",   "" },
	{ "C goes",                                         '-', 'C', { 0 },    "",  "",    "" },

	{ "X closes 1",                                     '[', 'X', { 1 },    "",  "",    "" },
	{ "A waits at it",                                  '+', 'A', { 1 },    "",  "",    "X:A" },
	{ "B waits at it",                                  '+', 'B', { 1, 2 }, "",  "",    "X:AB" },
	{ "C waits at it",                                  '+', 'C', { 3, 1 }, "",  "",    "X:ABC" },
	{ "open: served in the order they came",            ']', 'X', { 0 },    "",  "A",   "" },
	{ "first B",                                        '-', 'A', { 0 },    "",  "B",   "" },
	{ "a gate on the owner's row waits for nobody",     '[', 'X', { 1, 2 }, "",  "",    "X:C" },
	{ "and stays when the owner has left",              '-', 'B', { 0 },    "",  "",    "X:C" },
	{ "C",                                              ']', 'X', { 0 },    "",  "C",   "" },
	{ "C goes",                                         '-', 'C', { 0 },    "",  "",    "" },

	{ "X closes 1",                                     '[', 'X', { 1 },    "",  "",    "" },
	{ "A comes and waits at it",                        '+', 'A', { 1, 2 }, "",  "",    "X:A" },
	{ "B owns 2",                                       '+', 'B', { 2 },    "",  "B",   "X:A" },
	{ "C waits for B",                                  '+', 'C', { 2 },    "",  "",    "X:A" },
	{ "A comes out behind C",                           ']', 'X', { 0 },    "",  "",    "" },
	{ "a new gate lines them up by arrival again",      '[', 'Y', { 2 },    "",  "",    "Y:AC" },
	{ "A and C wait there while B leaves",              '-', 'B', { 0 },    "",  "",    "Y:AC" },
	{ "so A is before C in the end",                    ']', 'Y', { 0 },    "",  "A",   "" },
	{ "then C",                                         '-', 'A', { 0 },    "",  "C",   "" },
	{ "C goes",                                         '-', 'C', { 0 },    "",  "",    "" },
};
/* clang-format on */

static int row_count_of(const struct step *s)
{
	int n = 0;

	while (n < STEP_ROWS && s->rows[n] != 0)
		n++;
	return n;
}

static char name_of(const struct world *w, const struct claim *c)
{
	return (char)('A' + (c - w->claims));
}

static void add_names(const struct world *w, struct list *granted, char *names)
{
	size_t n = strlen(names);
	struct list *link;

	while ((link = list_pop_front(granted)) != NULL) {
		struct claim *c = CONTAINER_OF(link, struct claim, granted_link);

		assert_int_equal(c->state, CLAIM_GRANTED);
		names[n++] = name_of(w, c);
	}
	names[n] = '\0';
}

static void describe_gates(const struct world *w, char *text)
{
	char *end = text;

	for (int i = 0; i < GATES; i++) {
		const struct gate *g = &w->gates[i];

		if (!g->is_closed || g->claim_count == 0)
			continue;
		if (end != text)
			*end++ = ' ';
		*end++ = (char)('X' + i);
		*end++ = ':';
		LIST_EACH (it, &g->claims)
			*end++ = name_of(w, CONTAINER_OF(it, struct claim, gate_link));
	}
	*end = '\0';
}

/* A claim or gate that is out belongs to its caller again, who may write anything there. */
static void scribble(void *memory, size_t bytes)
{
	memset(memory, 0xDB, bytes);
}

static void enter(struct world *w, const struct step *s, char *names)
{
	int i = s->who - 'A';
	int fence_count = (int)strlen(s->fences);

	for (int f = 0; f < fence_count; f++)
		w->fences[i][f] = s->fences[f];
	claim_init(&w->claims[i], w->slots[i], s->rows, row_count_of(s), w->fences[i], fence_count);

	enum claim_state state = lock_table_enter(&w->table, &w->claims[i]);

	ROW_EXPECT(s->what, state == w->claims[i].state);
	ROW_EXPECT(s->what, (state == CLAIM_AT_GATE) == (w->claims[i].gate != NULL));
	if (state == CLAIM_GRANTED)
		strcpy(names, (char[]){ s->who, '\0' });
}

static void do_step(struct world *w, const struct step *s, struct list *granted, char *names)
{
	int gate = s->who - 'X', claim = s->who - 'A';

	switch (s->verb) {
	case '+':
		enter(w, s, names);
		break;
	case '-':
		lock_table_leave(&w->table, &w->claims[claim], granted);
		ROW_EXPECT(s->what, w->claims[claim].state == CLAIM_OUT);
		scribble(w->slots[claim], sizeof(w->slots[claim]));
		break;
	case '[':
		gate_init(&w->gates[gate], w->gate_rows[gate], s->rows, row_count_of(s), s->who);
		lock_table_close(&w->table, &w->gates[gate], granted);
		break;
	default:
		lock_table_open(&w->table, &w->gates[gate], granted);
		scribble(w->gate_rows[gate], sizeof(w->gate_rows[gate]));
	}
}

static void steps_go_as_written(void **state)
{
	static struct world w;

	(void)state;
	lock_table_init(&w.table);
	for (size_t i = 0; i < LENGTH_OF(steps); i++) {
		const struct step *s = &steps[i];
		struct list granted;
		char names[CLAIMS + 1] = "", at_gates[64];

		list_init(&granted);
		do_step(&w, s, &granted, names);
		add_names(&w, &granted, names);
		describe_gates(&w, at_gates);
		if (strcmp(names, s->granted) != 0)
			fail_msg("\"%s\": granted \"%s\"", s->what, names);
		if (strcmp(at_gates, s->at_gates) != 0)
			fail_msg("\"%s\": at gates \"%s\"", s->what, at_gates);
	}
	lock_table_fini(&w.table);
}

/* ------------------------------------------------------------------ how many are ahead */

struct single {
	struct claim claim;
	struct claim_slot slots[2];
};

static struct lock_table table;

static enum claim_state single_enter(struct single *s, uint64_t row, uint64_t other_row)
{
	uint64_t rows[] = { row, other_row };

	claim_init(&s->claim, s->slots, rows, other_row == 0 ? 1 : 2, NULL, 0);
	return lock_table_enter(&table, &s->claim);
}

static void single_leave(struct single *s)
{
	struct list granted;

	list_init(&granted);
	lock_table_leave(&table, &s->claim, &granted);
	while (list_pop_front(&granted) != NULL)
		;
}

static void ahead_is_the_longest_queue(void **state)
{
	struct single a, b, c, d;

	(void)state;
	lock_table_init(&table);
	single_enter(&a, 1, 0);
	single_enter(&b, 1, 0);
	single_enter(&c, 2, 0);
	assert_int_equal(single_enter(&d, 2, 1), CLAIM_QUEUED);
	assert_int_equal(lock_table_ahead(&table, &a.claim), 0);
	assert_int_equal(lock_table_ahead(&table, &b.claim), 1);
	assert_int_equal(lock_table_ahead(&table, &c.claim), 0);
	assert_int_equal(lock_table_ahead(&table, &d.claim), 2);
	assert_int_equal(d.claim.ahead_count, 2);
	single_leave(&a);
	assert_int_equal(lock_table_ahead(&table, &b.claim), 0);
	assert_int_equal(lock_table_ahead(&table, &d.claim), 1);
	assert_int_equal(d.claim.ahead_count, 2);
	single_leave(&b);
	assert_int_equal(lock_table_ahead(&table, &d.claim), 1);
	single_leave(&c);
	assert_int_equal(lock_table_ahead(&table, &d.claim), 0);
	assert_int_equal(d.claim.state, CLAIM_GRANTED);
	single_leave(&d);
	assert_int_equal(lock_table_ahead(&table, &d.claim), 0);
	lock_table_fini(&table);
}

static void ahead_counts_the_line_at_the_gate(void **state)
{
	struct single a, b, c;
	struct gate g;
	struct gate_row rows[1];
	struct list granted;

	(void)state;
	list_init(&granted);
	lock_table_init(&table);
	gate_init(&g, rows, (uint64_t[]){ 7 }, 1, 1);
	lock_table_close(&table, &g, &granted);
	single_enter(&a, 7, 0);
	single_enter(&b, 7, 8);
	single_enter(&c, 8, 7);
	assert_int_equal(lock_table_ahead(&table, &a.claim), 0);
	assert_int_equal(lock_table_ahead(&table, &c.claim), 2);
	assert_int_equal(c.claim.ahead_count, 2);
	single_leave(&b);
	assert_int_equal(lock_table_ahead(&table, &c.claim), 1);
	assert_int_equal(g.claim_count, 2);
	single_leave(&a);
	single_leave(&c);
	lock_table_open(&table, &g, &granted);
	assert_true(list_is_empty(&granted));
	lock_table_fini(&table);
}

/* ------------------------------------------------------------------ bounds */

static struct single crowd[ROW_QUEUE_MAX + 1];

static void a_full_queue_refuses(void **state)
{
	struct single late;

	(void)state;
	lock_table_init(&table);
	for (int i = 0; i < ROW_QUEUE_MAX; i++)
		assert_int_equal(single_enter(&crowd[i], 1, 0),
				 i == 0 ? CLAIM_GRANTED : CLAIM_QUEUED);
	assert_int_equal(single_enter(&late, 2, 1), CLAIM_REFUSED);
	assert_int_equal(late.claim.state, CLAIM_OUT);
	assert_int_equal(table.rows.count, 1);
	assert_int_equal(table.claim_count, ROW_QUEUE_MAX);
	single_leave(&late); /* harmless */

	single_leave(&crowd[ROW_QUEUE_MAX / 2]);
	assert_int_equal(single_enter(&late, 2, 1), CLAIM_QUEUED);
	assert_int_equal(late.claim.ahead_count, ROW_QUEUE_MAX - 1);
	for (int i = 0; i < ROW_QUEUE_MAX; i++)
		single_leave(&crowd[i]);
	assert_int_equal(late.claim.state, CLAIM_GRANTED);
	single_leave(&late);
	lock_table_fini(&table);
}

/* Counted as far as that is short, then by the numbers of those who came. */
static void ahead_of_many_is_an_estimate_that_is_not_too_low(void **state)
{
	enum { LINE = AHEAD_COUNTED_MAX * 3 };
	struct single *line = calloc(LINE, sizeof(*line));
	struct list granted;
	struct gate g;
	struct gate_row rows[1];

	(void)state;
	assert_non_null(line);
	lock_table_init(&table);
	list_init(&granted);
	for (int i = 0; i < LINE; i++)
		single_enter(&line[i], 1, 0);
	for (int is_at_gate = 0; is_at_gate < 2; is_at_gate++) {
		int first = is_at_gate; /* the owner is not at the gate */

		assert_int_equal(lock_table_ahead(&table, &line[50].claim), 50 - first);
		assert_int_equal(lock_table_ahead(&table, &line[LINE - 1].claim), LINE - 1 - first);
		if (is_at_gate)
			break;
		gate_init(&g, rows, (uint64_t[]){ 1 }, 1, 9);
		lock_table_close(&table, &g, &granted);
	}
	for (int i = 100; i < 150; i++) /* in the middle: only a count could know */
		single_leave(&line[i]);
	assert_int_equal(lock_table_ahead(&table, &line[LINE - 1].claim), LINE - 1 - 51);
	assert_in_range(lock_table_ahead(&table, &line[160].claim), 109, 159);
	for (int i = 150; i < 200; i++)
		single_leave(&line[i]);
	assert_in_range(lock_table_ahead(&table, &line[205].claim), 104, LINE - 101);
	for (int i = 0; i < LINE; i++)
		if (line[i].claim.state != CLAIM_OUT)
			single_leave(&line[i]);
	lock_table_open(&table, &g, &granted);
	lock_table_fini(&table);
	free(line);
}

/*
 * However the queues of its rows were filled, the line is by arrival, and so are those of its rows.
 */
static void a_gate_of_many_rows_lines_all_up_by_arrival(void **state)
{
	enum { ROWS = 4, EACH = 50 };
	struct single owner[ROWS], *line = calloc(ROWS * EACH, sizeof(*line));
	struct gate_row rows[ROWS];
	uint64_t keys[ROWS], arrival = 0;
	struct list granted;
	struct gate g;

	(void)state;
	assert_non_null(line);
	lock_table_init(&table);
	list_init(&granted);
	for (int row = 0; row < ROWS; row++) {
		keys[row] = (uint64_t)(row + 1);
		single_enter(&owner[row], keys[row], 0);
	}
	for (int i = 0; i < ROWS * EACH; i++) /* the last row first */
		single_enter(&line[i], keys[ROWS - 1 - i / EACH], 0);
	gate_init(&g, rows, keys, ROWS, 9);
	lock_table_close(&table, &g, &granted);
	assert_int_equal(g.claim_count, ROWS * EACH);
	LIST_EACH (it, &g.claims) {
		assert_true(CONTAINER_OF(it, struct claim, gate_link)->arrival > arrival);
		arrival = CONTAINER_OF(it, struct claim, gate_link)->arrival;
	}
	for (int row = 0; row < ROWS; row++) {
		const struct row_entry *e = lock_table_row(&table, keys[row]);

		assert_int_equal(row_entry_waiter_count(e), EACH);
		assert_ptr_equal(row_entry_first_waiter(e), &line[(ROWS - 1 - row) * EACH].claim);
	}
	for (int i = 0; i < ROWS * EACH; i++)
		single_leave(&line[i]);
	for (int row = 0; row < ROWS; row++)
		single_leave(&owner[row]);
	lock_table_open(&table, &g, &granted);
	lock_table_fini(&table);
	free(line);
}

static void a_full_gate_refuses_but_nobody_is_sent_away_when_it_opens(void **state)
{
	struct gate first, second;
	struct gate_row first_rows[1], second_rows[1];
	struct single passer;
	struct list granted;

	(void)state;
	list_init(&granted);
	lock_table_init(&table);
	gate_init(&first, first_rows, (uint64_t[]){ 1 }, 1, 11);
	gate_init(&second, second_rows, (uint64_t[]){ 2 }, 1, 12);
	lock_table_close(&table, &first, &granted);
	for (int i = 0; i < ROW_QUEUE_MAX; i++)
		assert_int_equal(single_enter(&crowd[i], 1, 2), CLAIM_AT_GATE);
	assert_int_equal(single_enter(&crowd[ROW_QUEUE_MAX], 1, 2), CLAIM_REFUSED);
	assert_int_equal(first.claim_count, ROW_QUEUE_MAX);

	lock_table_close(&table, &second, &granted);
	assert_int_equal(single_enter(&passer, 2, 0), CLAIM_AT_GATE);
	lock_table_open(&table, &first, &granted);
	assert_int_equal(second.claim_count, ROW_QUEUE_MAX + 1);
	assert_ptr_equal(second.claims.prev, &passer.claim.gate_link);
	lock_table_open(&table, &second, &granted);
	assert_ptr_equal(list_pop_front(&granted), &crowd[0].claim.granted_link);
	assert_true(list_is_empty(&granted));
	assert_int_equal(lock_table_ahead(&table, &passer.claim), ROW_QUEUE_MAX);
	for (int i = 0; i < ROW_QUEUE_MAX; i++)
		single_leave(&crowd[i]);
	single_leave(&passer);
	lock_table_fini(&table);
}

/* ------------------------------------------------------------------ looking */

static void gate_of_says_which_gate_is_in_the_way(void **state)
{
	struct gate g;
	struct gate_row rows[2];
	struct list granted;
	const uint64_t asked[] = { 3, 5 };
	const int64_t right[] = { 8, 9 }, wrong[] = { 10 };

	(void)state;
	list_init(&granted);
	lock_table_init(&table);
	gate_init(&g, rows, (uint64_t[]){ 5, 6 }, 2, 9);
	assert_null(lock_table_gate_of(&table, asked, 2, NULL, 0));
	lock_table_close(&table, &g, &granted);
	assert_ptr_equal(lock_table_gate_of(&table, asked, 2, NULL, 0), &g);
	assert_ptr_equal(lock_table_gate_of(&table, asked, 2, wrong, 1), &g);
	assert_null(lock_table_gate_of(&table, asked, 1, NULL, 0));
	assert_null(lock_table_gate_of(&table, asked, 2, right, 2));
	lock_table_open(&table, &g, &granted);
	assert_null(lock_table_gate_of(&table, asked, 2, NULL, 0));
	lock_table_fini(&table);
}

struct sum {
	int rows, slots, gates;
};

static void add_up(void *context, const struct row_entry *e)
{
	struct sum *sum = context;

	sum->rows++;
	sum->slots += e->slot_count;
	sum->gates += e->gate != NULL;
}

static void each_sees_every_queue_and_gate(void **state)
{
	struct single a, b, at_gate;
	struct gate g;
	struct gate_row rows[1];
	struct list granted;
	struct sum sum = { 0 };

	(void)state;
	list_init(&granted);
	lock_table_init(&table);
	single_enter(&a, 1, 2);
	single_enter(&b, 2, 3);
	gate_init(&g, rows, (uint64_t[]){ 4 }, 1, 9);
	lock_table_close(&table, &g, &granted);
	single_enter(&at_gate, 4, 5);
	lock_table_each(&table, 0, LOCK_TABLE_BUCKETS, add_up, &sum);
	assert_int_equal(sum.rows, 4);
	assert_int_equal(sum.slots, 4);
	assert_int_equal(sum.gates, 1);
	single_leave(&at_gate);
	single_leave(&a);
	single_leave(&b);
	lock_table_open(&table, &g, &granted);
	lock_table_fini(&table);
}

/* The gate is there, the owner does not know it yet; who stands behind it waits already. */
static void an_owner_steps_back_to_a_gate_that_closed_behind_it(void **state)
{
	struct single owner, waiter, free;
	struct gate g;
	struct gate_row rows[1];
	struct list granted;

	(void)state;
	list_init(&granted);
	lock_table_init(&table);
	single_enter(&owner, 1, 2);
	single_enter(&waiter, 1, 0);
	single_enter(&free, 2, 0);
	gate_init(&g, rows, (uint64_t[]){ 1 }, 1, 9);
	lock_table_close(&table, &g, &granted);
	assert_int_equal(owner.claim.state, CLAIM_GRANTED);
	assert_int_equal(waiter.claim.state, CLAIM_AT_GATE);

	assert_true(lock_table_step_back(&table, &owner.claim, &granted));
	lock_table_put_in_order(&table);
	assert_int_equal(owner.claim.state, CLAIM_AT_GATE);
	assert_int_equal(lock_table_ahead(&table, &owner.claim), 0); /* it came first */
	assert_int_equal(lock_table_ahead(&table, &waiter.claim), 1);
	assert_int_equal(free.claim.state, CLAIM_GRANTED); /* its other row is free again */
	assert_false(lock_table_step_back(&table, &free.claim, &granted));
	single_leave(&waiter);
	single_leave(&free);
	single_leave(&owner);
	list_init(&granted);
	lock_table_open(&table, &g, &granted);
	lock_table_fini(&table);
}

/* An owner may leave before anybody has looked at the list it was put in. */
static void leaving_takes_a_claim_out_of_granted(void **state)
{
	struct single a, b;
	struct list granted;

	(void)state;
	list_init(&granted);
	lock_table_init(&table);
	single_enter(&a, 1, 0);
	single_enter(&b, 1, 0);
	lock_table_leave(&table, &a.claim, &granted);
	assert_int_equal(b.claim.state, CLAIM_GRANTED);
	assert_false(list_is_empty(&granted));
	lock_table_leave(&table, &b.claim, &granted);
	assert_true(list_is_empty(&granted));
	lock_table_fini(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_go_as_written),
		cmocka_unit_test(ahead_is_the_longest_queue),
		cmocka_unit_test(ahead_counts_the_line_at_the_gate),
		cmocka_unit_test(a_full_queue_refuses),
		cmocka_unit_test(a_full_gate_refuses_but_nobody_is_sent_away_when_it_opens),
		cmocka_unit_test(ahead_of_many_is_an_estimate_that_is_not_too_low),
		cmocka_unit_test(a_gate_of_many_rows_lines_all_up_by_arrival),
		cmocka_unit_test(gate_of_says_which_gate_is_in_the_way),
		cmocka_unit_test(each_sees_every_queue_and_gate),
		cmocka_unit_test(an_owner_steps_back_to_a_gate_that_closed_behind_it),
		cmocka_unit_test(leaving_takes_a_claim_out_of_granted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
