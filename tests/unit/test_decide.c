/*
 * test_decide - a group is decided, taken back, and decided again: the same comes of it, since
 * deciding uses nothing up. So it does where seqs are relative until they are numbered.
 *
 * All kinds of commands are in the group, most of them about what others of it have made.
 */
#include "base/hash.h"
#include "engine/decide.h"
#include "engine/key_book.h"
#include "engine/wanted.h"
#include "store/sqlite.h"
#include "unit.h"
#include "wire/answers.h"
#include "wire/messages_batch.h"
#include <stdlib.h>
#include <unistd.h>

enum { WORKS_MAX = 32, SEED = 7, NOW_MS = 1700000000 };

static const char *const catalogue[] = {
	"{'op':'item','sku':'A','name':'Anvil','attributes':{'a':1}}",
	"{'op':'item','sku':'B','name':'Bolt'}",
	"{'op':'location','location':'W','name':'West'}",
	"{'op':'location','location':'X','name':'East'}",
	"{'op':'adjust','sku':'A','location':'W','delta':100}",
	"{'op':'adjust','sku':'B','location':'W','delta':100}",
};

static const char *const lines[] = {
	"{'op':'item','sku':'N','name':'new'}",
	"{'op':'adjust','sku':'N','location':'W','delta':7}",
	"{'op':'patch_item','sku':'N','attributes':{'b':2}}",
	"{'op':'adjust','sku':'A','location':'W','delta':-3,'reference':'first'}",
	"{'op':'adjust','sku':'A','location':'W','delta':-1000}",
	"{'op':'set','sku':'B','location':'X','on_hand':9,'expected':null}",
	"{'op':'transfer','sku':'B','from':'W','to':'X','quantity':4}",
	"{'op':'count','sku':'B','location':'X','counted':12,'as_of_seq':0}",
	"{'op':'patch_item','sku':'A','attributes':{'a':null,'c':3}}",
	"{'op':'patch_item','sku':'A','attributes':{'c':3}}",
	"{'op':'item','sku':'A','name':'Other','expected_version':1}",
	"{'op':'location','location':'Y','name':'new'}",
	"{'op':'patch_location','location':'Y','name':'newer'}",
	"{'op':'reserve','reservation':'h','ttl_s':60,'lines':["
	"{'sku':'A','location':'W','quantity':2},{'sku':'N','location':'W','quantity':1}]}",
	"{'op':'reserve','reservation':'h','ttl_s':60,'lines':["
	"{'sku':'A','location':'W','quantity':2},{'sku':'N','location':'W','quantity':1}]}",
	"{'op':'extend','reservation':'h','ttl_s':600}",
	"{'op':'reserve','ttl_s':60,'supersedes':'h','lines':["
	"{'sku':'A','location':'W','quantity':5}]}",
	"{'op':'commit','reservation':'h'}",
	"{'op':'reserve','reservation':'k','ttl_s':60,'lines':["
	"{'sku':'B','location':'W','quantity':6}]}",
	"{'op':'commit','reservation':'k','lines':["
	"{'sku':'B','location':'W','quantity':2}]}",
	"take",   /* a lease of B at X, whose id is made with its fence */
	"delete", /* the item N, which is in use by now */
};

static struct place {
	char folder[64];
	char path[96];
	struct store *store;
	struct store_writer *writer;
	struct store_time time;
	struct lock_manager locks;
	struct key_book keys;
	struct decider decider;
	struct want want;
	struct work *works[WORKS_MAX];
	int work_count;
} place;

/* ---------------------------------------------------------------- works */

static void name_rows(struct row_ref rows[], int count)
{
	for (int i = 0; i < count; i++)
		rows[i].key = hash_pair(rows[i].sku.text, rows[i].location.text, SEED);
}

static void read_word(struct work *w, const char *word)
{
	struct command *c = &w->command;

	c->kind = strcmp(word, "take") == 0 ? COMMAND_LEASE_TAKE : COMMAND_ITEM_DELETE;
	if (c->kind == COMMAND_ITEM_DELETE) {
		assert_true(code_set(&c->item.sku, "N", 1));
		return;
	}
	c->rows = arena_alloc(&w->arena, sizeof(c->rows[0]));
	assert_non_null(c->rows);
	c->rows[0] = (struct row_ref){ 0 };
	assert_true(code_set(&c->rows[0].sku, "B", 1));
	assert_true(code_set(&c->rows[0].location, "X", 1));
	c->row_count = 1;
	c->ttl_ms = 60000;
}

static void add_work(const char *text)
{
	struct work *w = work_create();
	struct message_error e;
	const char *id;
	char line[512];

	assert_non_null(w);
	snprintf(line, sizeof(line), "%s", text);
	for (char *c = line; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	if (line[0] != '{')
		read_word(w, line);
	else if (!batch_line_read(line, strlen(line), &w->arena, &w->command, &id, &e))
		fail_msg("%s: %s", text, e.detail);
	w->command.request_id = "test";
	w->command.actor = &actor_local;
	w->command.lease_id = w->command.purpose = "";
	name_rows(w->command.rows, w->command.row_count);
	place.works[place.work_count++] = w;
}

static void let_works_go(void)
{
	for (int i = 0; i < place.work_count; i++) {
		struct work *w = place.works[i];

		w->lease = lease_release(w->lease);
		work_release(w);
	}
	place.work_count = 0;
}

/* ---------------------------------------------------------------- a group */

static void begin(bool is_relative)
{
	struct decider *d = &place.decider;
	struct store_writer *w = place.writer;
	struct group_begun begun;

	assert_int_equal(w->ops->begin(w, NULL, &begun), 0);
	decider_begin(d, begun.newest_seq, is_relative ? SEQ_RELATIVE : begun.seq);
	d->group++;
	d->now_ms = d->dated_ms = NOW_MS;
	assert_int_equal(w->ops->sweep(w, d->now_ms, &d->found), 0);
	d->effects.rows = d->found.rows;
}

static void find(void)
{
	struct wanted_of_store of = { .leases_are_told = true, .keys_are_told = true };
	struct decider *d = &place.decider;

	want_clear(&place.want);
	place.want.now_ms = d->now_ms;
	place.want.group = d->group;
	for (int i = 0; i < place.work_count; i++)
		wanted_by(&place.want, place.works[i], &of);
	assert_false(place.want.is_short);
	want_sort(&place.want);
	assert_int_equal(place.writer->ops->lock(place.writer, &place.want, 0, &d->found), 0);
	assert_int_equal(decide_overdue(d), 0);
}

static void decide_all(bool is_relative)
{
	begin(is_relative);
	find();
	for (int i = 0; i < place.work_count; i++)
		assert_int_equal(decide(&place.decider, place.works[i]), 0);
}

static void number(void)
{
	struct decider *d = &place.decider;

	d->effects.seq_first = d->seq_begun + 1;
	assert_int_equal(place.writer->ops->number(place.writer, &d->effects), 0);
	assert_int_equal(decide_numbered(d), 0);
	for (int i = 0; i < place.work_count; i++)
		decide_numbered_answer(d, &place.works[i]->answer);
}

static void take_back(void)
{
	decider_take_back(&place.decider);
	assert_int_equal(place.writer->ops->abandon(place.writer, false), 0);
}

static void keep(void)
{
	bool is_durable = false;

	assert_int_equal(place.writer->ops->write(place.writer, &place.decider.effects), 0);
	assert_int_equal(place.writer->ops->commit(place.writer, &is_durable), 0);
	assert_true(is_durable);
}

/* ---------------------------------------------------------------- what came of it */

/* Every answer as it would be sent, and how many effects of each kind there are. */
static char *what_came(void)
{
	const struct effects *e = &place.decider.effects;
	struct text t;

	text_init(&t);
	for (int i = 0; i < place.work_count; i++) {
		const struct answer *a = &place.works[i]->answer;

		text_add_format(&t, "%d %s %d seq %lld: ", i, outcome_row(a->outcome)->code,
				a->status, (long long)a->seq);
		answer_write_body(&t, &place.works[i]->command, a);
		text_add_format(&t, "\n");
	}
	for (size_t i = 0; i < e->movements.count; i++) {
		const struct movement *m = e->movements.all[i].movement;

		text_add_format(&t, "%lld behind %lld: %+lld %+lld = %lld %lld of %s\n",
				(long long)m->seq, (long long)m->prev_seq,
				(long long)m->on_hand_delta, (long long)m->reserved_delta,
				(long long)m->on_hand, (long long)m->reserved,
				m->reservation != NULL ? m->reservation : "-");
	}
	text_add_format(&t, "items %zu locations %zu leases %zu reservations %zu\n", e->items.count,
			e->locations.count, e->leases.count, e->reservations.count);
	assert_false(t.failed);
	return t.data;
}

/* ---------------------------------------------------------------- the tests */

static void add_works(const char *const texts[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		add_work(texts[i]);
}

static int open_place(void **state)
{
	struct store_options options = { .path = place.path, .busy_ms = 20 };
	struct store_open_result result;

	(void)state;
	strcpy(place.folder, "/tmp/rowlock-decide-XXXXXX");
	assert_non_null(mkdtemp(place.folder));
	snprintf(place.path, sizeof(place.path), "%s/store.db", place.folder);
	if (sqlite_open(&options, &place.store, &result) < 0)
		fail_msg("%s", result.message);
	assert_int_equal(place.store->ops->open_writer(place.store, SEED, &place.writer), 0);
	store_time_init(&place.time, NULL, 0);
	assert_int_equal(key_book_init(&place.keys, &place.locks.guard), 0);
	lock_manager_init(&place.locks, &place.time, &place.keys);
	decider_init(&place.decider, &place.locks, true);
	add_works(catalogue, LENGTH_OF(catalogue));
	decide_all(false);
	number();
	keep();
	let_works_go();
	add_works(lines, LENGTH_OF(lines));
	return 0;
}

static int close_place(void **state)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	char path[128];

	(void)state;
	let_works_go();
	decider_fini(&place.decider);
	want_fini(&place.want);
	lock_manager_fini(&place.locks);
	key_book_fini(&place.keys);
	store_time_fini(&place.time);
	place.writer->ops->close(place.writer);
	place.store->ops->close(place.store);
	for (size_t i = 0; i < LENGTH_OF(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", place.path, suffixes[i]);
		unlink(path);
	}
	return rmdir(place.folder);
}

/* By its outcome: the table says what it means to show. */
static void the_group_is_what_it_means_to_be(void **state)
{
	static const struct {
		int index;
		enum outcome outcome;
	} rows[] = {
		{ 1, OUTCOME_DONE },           { 4, OUTCOME_INSUFFICIENT_STOCK },
		{ 7, OUTCOME_COUNT_OUTDATED }, { 10, OUTCOME_PRECONDITION_FAILED },
		{ 16, OUTCOME_DONE },          { 17, OUTCOME_RESERVATION_SUPERSEDED },
		{ 19, OUTCOME_DONE },          { 20, OUTCOME_DONE },
		{ 21, OUTCOME_ITEM_IN_USE },
	};

	(void)state;
	decide_all(false);
	for (size_t i = 0; i < LENGTH_OF(rows); i++)
		assert_string_equal(outcome_row(place.works[rows[i].index]->answer.outcome)->code,
				    outcome_row(rows[i].outcome)->code);
	take_back();
}

static void deciding_again_comes_to_the_same(void **state)
{
	char *first, *again;

	(void)state;
	decide_all(false);
	first = what_came();
	take_back();
	decide_all(false);
	again = what_came();
	take_back();
	assert_string_equal(first, again);
	free(first);
	free(again);
}

static void rows_are_as_they_were_when_it_is_taken_back(void **state)
{
	struct row_ref ref = *place.works[3]->command.rows;
	const struct found_row *row;
	struct stock before;

	(void)state;
	begin(false);
	find();
	row = row_set_row(place.decider.found.rows, &ref);
	assert_non_null(row);
	before = row->stock;
	for (int i = 0; i < place.work_count; i++)
		assert_int_equal(decide(&place.decider, place.works[i]), 0);
	assert_int_not_equal(row->stock.version, before.version);
	decider_take_back(&place.decider);
	assert_memory_equal(&row->stock, &before, sizeof(before));
	assert_int_equal(row_set_item(place.decider.found.rows, "N")->item.id, 0);
	assert_true(effects_are_none(&place.decider.effects));
	take_back();
}

/* What is relative comes to the same once it is numbered; and so it is kept. */
static void relative_seqs_come_to_the_same_when_numbered(void **state)
{
	char *absolute, *relative;

	(void)state;
	decide_all(false);
	number();
	absolute = what_came();
	take_back();
	decide_all(true);
	assert_true(place.works[1]->answer.movements[0].seq > SEQ_RELATIVE);
	number();
	relative = what_came();
	assert_string_equal(absolute, relative);
	keep();
	free(absolute);
	free(relative);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_group_is_what_it_means_to_be),
		cmocka_unit_test(deciding_again_comes_to_the_same),
		cmocka_unit_test(rows_are_as_they_were_when_it_is_taken_back),
		cmocka_unit_test(relative_seqs_come_to_the_same_when_numbered),
	};

	return cmocka_run_group_tests(tests, open_place, close_place);
}
