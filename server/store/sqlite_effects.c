#include "store/sqlite_effects.h"
#include "base/check.h"
#include <stdlib.h>
#include <string.h>

/* What SQLite calls a virtual table; `of` says what it shows just now. */
struct effects_table {
	sqlite3_vtab base;
	const struct sqlite_effects *of;
};

struct effects_cursor {
	sqlite3_vtab_cursor base;
	const struct sqlite_effects *of;
	size_t at;
};

static struct effects_cursor *cursor_of(sqlite3_vtab_cursor *c)
{
	return CONTAINER_OF(c, struct effects_cursor, base);
}

/* NULL stays NULL. The text lasts as long as the statement runs. */
static void show_text(sqlite3_context *to, const char *text)
{
	if (text != NULL)
		sqlite3_result_text(to, text, -1, SQLITE_STATIC);
}

/* ---------------------------------------------------------------- columns */

/* Numbers come first, then texts, each in the order of the cases below. */
static const char movement_columns[] =
	"CREATE TABLE effect_movement (stock_id, on_hand_delta, reserved_delta, on_hand, reserved, "
	"version, oversubscribed, low_stock, at, prev_seq, kind, reason, reference, reservation, "
	"request_id, actor, note)";
static const char key_columns[] =
	"CREATE TABLE effect_key (id, fingerprint, status, stock_seq, first_seq, movement_count, "
	"at, token_id, key, outcome, body)";

enum { MOVEMENT_NUMBERS = 10, KEY_NUMBERS = 8 };

static int64_t movement_number(const struct movement *m, int column)
{
	switch (column) {
	case 0:
		return m->stock_id;
	case 1:
		return m->on_hand_delta;
	case 2:
		return m->reserved_delta;
	case 3:
		return m->on_hand;
	case 4:
		return m->reserved;
	case 5:
		return m->version;
	case 6:
		return m->is_oversubscribed;
	case 7:
		return m->is_low_stock;
	case 8:
		return m->at_ms;
	default:
		return m->prev_seq;
	}
}

/* A reason that is the kind's own word is not stored. */
static const char *reason_of(const struct movement *m)
{
	bool says_kind = m->reason != NULL && strcmp(m->reason, movement_kind_text(m->kind)) == 0;

	return says_kind ? NULL : m->reason;
}

static const char *movement_text(const struct movement *m, int column)
{
	switch (column - MOVEMENT_NUMBERS) {
	case 0:
		return movement_kind_text(m->kind);
	case 1:
		return reason_of(m);
	case 2:
		return m->reference;
	case 3:
		return m->reservation;
	case 4:
		return m->request_id;
	case 5:
		return m->actor;
	default:
		return m->note;
	}
}

static int show_movement(sqlite3_vtab_cursor *cursor, sqlite3_context *to, int column)
{
	const struct effects_cursor *c = cursor_of(cursor);
	const struct movement *m = c->of->movements[c->at].movement;

	CHECK(c->at < c->of->count);
	if (column < MOVEMENT_NUMBERS)
		sqlite3_result_int64(to, movement_number(m, column));
	else
		show_text(to, movement_text(m, column));
	return SQLITE_OK;
}

static int64_t key_number(const struct key_record *k, int column)
{
	switch (column) {
	case 0:
		return k->id;
	case 1:
		return (int64_t)k->fingerprint;
	case 2:
		return k->status;
	case 3:
		return k->seq;
	case 4:
		return k->first_seq;
	case 5:
		return k->movement_count;
	case 6:
		return k->at_ms;
	default:
		return k->token_id;
	}
}

static int show_key(sqlite3_vtab_cursor *cursor, sqlite3_context *to, int column)
{
	const struct effects_cursor *c = cursor_of(cursor);
	const struct key_record *k = &c->of->keys[c->at];

	CHECK(c->at < c->of->count);
	if (column < KEY_NUMBERS)
		sqlite3_result_int64(to, key_number(k, column));
	else
		show_text(to, column == KEY_NUMBERS       ? k->key
			      : column == KEY_NUMBERS + 1 ? outcome_row(k->outcome)->code
							  : k->body);
	return SQLITE_OK;
}

/* ---------------------------------------------------------------- walking */

static int choose_plan(sqlite3_vtab *table, sqlite3_index_info *plan)
{
	(void)table;
	plan->estimatedRows = 64;
	plan->estimatedCost = 64;
	return SQLITE_OK;
}

static int cursor_open(sqlite3_vtab *table, sqlite3_vtab_cursor **ret)
{
	struct effects_cursor *c = sqlite3_malloc(sizeof(*c));

	if (c == NULL)
		return SQLITE_NOMEM;
	*c = (struct effects_cursor){ .of = CONTAINER_OF(table, struct effects_table, base)->of };
	*ret = &c->base;
	return SQLITE_OK;
}

static int cursor_close(sqlite3_vtab_cursor *cursor)
{
	sqlite3_free(cursor_of(cursor));
	return SQLITE_OK;
}

static int cursor_begin(sqlite3_vtab_cursor *cursor, int plan, const char *plan_text, int count,
			sqlite3_value **values)
{
	(void)plan, (void)plan_text, (void)count, (void)values;
	cursor_of(cursor)->at = 0;
	return SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *cursor)
{
	cursor_of(cursor)->at++;
	return SQLITE_OK;
}

static int cursor_is_over(sqlite3_vtab_cursor *cursor)
{
	return cursor_of(cursor)->at >= cursor_of(cursor)->of->count;
}

static int cursor_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *ret)
{
	*ret = (sqlite3_int64)cursor_of(cursor)->at;
	return SQLITE_OK;
}

/* ---------------------------------------------------------------- tables */

static int connect(sqlite3 *db, void *of, const char *columns, sqlite3_vtab **ret)
{
	struct effects_table *t = sqlite3_malloc(sizeof(*t));
	int code = t == NULL ? SQLITE_NOMEM : sqlite3_declare_vtab(db, columns);

	if (code == SQLITE_OK)
		code = sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
	if (code != SQLITE_OK) {
		sqlite3_free(t);
		return code;
	}
	*t = (struct effects_table){ .of = of };
	*ret = &t->base;
	return SQLITE_OK;
}

static int connect_movements(sqlite3 *db, void *of, int count, const char *const words[],
			     sqlite3_vtab **ret, char **message)
{
	(void)count, (void)words, (void)message;
	return connect(db, of, movement_columns, ret);
}

static int connect_keys(sqlite3 *db, void *of, int count, const char *const words[],
			sqlite3_vtab **ret, char **message)
{
	(void)count, (void)words, (void)message;
	return connect(db, of, key_columns, ret);
}

static int disconnect(sqlite3_vtab *table)
{
	sqlite3_free(CONTAINER_OF(table, struct effects_table, base));
	return SQLITE_OK;
}

/* Without xCreate there is one table of each, under the module's own name. */
static const sqlite3_module movements_module = { .xConnect = connect_movements,
						 .xBestIndex = choose_plan,
						 .xDisconnect = disconnect,
						 .xOpen = cursor_open,
						 .xClose = cursor_close,
						 .xFilter = cursor_begin,
						 .xNext = cursor_next,
						 .xEof = cursor_is_over,
						 .xColumn = show_movement,
						 .xRowid = cursor_rowid };
static const sqlite3_module keys_module = { .xConnect = connect_keys,
					    .xBestIndex = choose_plan,
					    .xDisconnect = disconnect,
					    .xOpen = cursor_open,
					    .xClose = cursor_close,
					    .xFilter = cursor_begin,
					    .xNext = cursor_next,
					    .xEof = cursor_is_over,
					    .xColumn = show_key,
					    .xRowid = cursor_rowid };

/* ---------------------------------------------------------------- rows of stock */

enum {
	WALK_STEP_MAX = 4, /* ids from one changed row to the next */
	WALK_ROWS_MIN = 4,
};

static int by_id(const void *a, const void *b)
{
	int64_t left = (*(struct found_row *const *)a)->stock.id;
	int64_t right = (*(struct found_row *const *)b)->stock.id;

	return (left > right) - (left < right);
}

bool sqlite_effects_sort(struct found_row *rows[], size_t count)
{
	int64_t low = INT64_MAX, high = 0;

	for (size_t i = 0; i < count; i++) {
		int64_t id = rows[i]->stock.id;

		CHECK(id > 0);
		low = id < low ? id : low;
		high = id > high ? id : high;
	}
	if (count < WALK_ROWS_MIN || (high - low) / (int64_t)count > 2 * WALK_STEP_MAX)
		return false;
	qsort(rows, count, sizeof(rows[0]), by_id);
	return true;
}

size_t sqlite_effects_walk(struct found_row *const rows[], size_t from, size_t count)
{
	size_t to = from + 1;

	CHECK(from < count);
	while (to < count && rows[to]->stock.id - rows[to - 1]->stock.id <= WALK_STEP_MAX)
		to++;
	return to - from < WALK_ROWS_MIN ? 1 : to - from;
}

/* The row of that id, at or behind the one that was looked at last; NULL: it was not changed. */
static const struct found_row *row_by_id(struct sqlite_effects *e, int64_t id)
{
	while (e->at < e->count && e->rows[e->at]->stock.id < id)
		e->at++;
	return e->at < e->count && e->rows[e->at]->stock.id == id ? e->rows[e->at] : NULL;
}

static void row_is_changed(sqlite3_context *to, int count, sqlite3_value **values)
{
	struct sqlite_effects *e = sqlite3_user_data(to);

	CHECK(count == 1);
	sqlite3_result_int(to, row_by_id(e, sqlite3_value_int64(values[0])) != NULL);
}

/*
 * What is asked for is of the row that was asked about last: that is how SQLite walks over a table
 * without a list of its rows. Anything else fails the statement.
 */
static const struct stock *row_to_show(sqlite3_context *to, sqlite3_value **values)
{
	struct sqlite_effects *e = sqlite3_user_data(to);
	const struct found_row *row = row_by_id(e, sqlite3_value_int64(values[0]));

	if (row == NULL)
		sqlite3_result_error(to, "the row was not changed", -1);
	return row == NULL ? NULL : &row->stock;
}

#define ROW_FUNCTION(column)                                                             \
	static void row_##column(sqlite3_context *to, int count, sqlite3_value **values) \
	{                                                                                \
		const struct stock *s = row_to_show(to, values);                         \
		CHECK(count == 1);                                                       \
		if (s != NULL)                                                           \
			sqlite3_result_int64(to, s->column);                             \
	}
ROW_FUNCTION(on_hand)
ROW_FUNCTION(reserved)
ROW_FUNCTION(version)
ROW_FUNCTION(seq)
ROW_FUNCTION(updated_at_ms)
#undef ROW_FUNCTION

static int register_functions(sqlite3 *db, struct sqlite_effects *of)
{
	static const struct {
		const char *name;
		void (*call)(sqlite3_context *, int, sqlite3_value **);
	} all[] = {
		{ "row_is_changed", row_is_changed },
		{ "row_on_hand", row_on_hand },
		{ "row_reserved", row_reserved },
		{ "row_version", row_version },
		{ "row_seq", row_seq },
		{ "row_updated_at", row_updated_at_ms },
	};
	int code = SQLITE_OK;

	CHECK(of != NULL);
	for (size_t i = 0; code == SQLITE_OK && i < LENGTH_OF(all); i++)
		code = sqlite3_create_function(db, all[i].name, 1, SQLITE_UTF8 | SQLITE_DIRECTONLY,
					       of, all[i].call, NULL, NULL);
	return code;
}

int sqlite_effects_register(sqlite3 *db, struct sqlite_effects *of)
{
	int code = sqlite3_create_module(db, "effect_movement", &movements_module, of);

	CHECK(of != NULL);
	if (code == SQLITE_OK)
		code = sqlite3_create_module(db, "effect_key", &keys_module, of);
	return code == SQLITE_OK ? register_functions(db, of) : code;
}
