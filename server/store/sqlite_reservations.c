/* sqlite_reservations - reservations and their lines, for the writer and for readers. */
#include "store/records.h"
#include "store/sqlite_private.h"
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- reading columns */

static int read_line(sqlite3_stmt *s, struct reservation_line *ret)
{
	int r = sqlite_column_code(s, 0, &ret->sku);

	if (r == 0)
		r = sqlite_column_code(s, 1, &ret->location);
	ret->item_id = sqlite3_column_int64(s, 2);
	ret->location_id = sqlite3_column_int64(s, 3);
	ret->quantity = sqlite3_column_int64(s, 4);
	ret->committed = sqlite3_column_int64(s, 5);
	return r;
}

static int read_lines(struct sqlite_connection *c, sqlite3_stmt *s, struct arena *a,
		      struct reservation *ret)
{
	struct reservation_line lines[COMMAND_ROWS_MAX];
	int code, r;

	CHECK(a != NULL);
	ret->line_count = 0;
	ret->lacks_lines = false;
	sqlite3_bind_int64(s, 1, ret->id);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		if (ret->line_count == COMMAND_ROWS_MAX)
			return FAULT(-EBADMSG);
		ret->lacks_lines =
			ret->lacks_lines || sqlite3_column_int64(s, 6) != ret->line_count;
		r = read_line(s, &lines[ret->line_count++]);
		if (r < 0)
			return r;
	}
	if (code != SQLITE_DONE)
		return sqlite_raise(c);
	ret->lines = (struct reservation_line *)arena_copy(
		a, lines, sizeof(lines[0]) * (size_t)ret->line_count);
	return ret->lines != NULL ? 0 : FAULT(-ENOMEM);
}

int sqlite_read_reservation(struct sqlite_connection *c, sqlite3_stmt *s, sqlite3_stmt *lines,
			    struct arena *a, struct reservation *ret)
{
	const char *state = (const char *)sqlite3_column_text(s, 2);
	int r;

	CHECK(s != lines);
	CHECK(a != NULL);
	*ret = (struct reservation){ .id = sqlite3_column_int64(s, 0),
				     .created_at_ms = sqlite3_column_int64(s, 5),
				     .expires_at_ms = sqlite3_column_int64(s, 6),
				     .resolved_at_ms = sqlite3_column_int64(s, 7) };
	ret->state = state == NULL ? RESERVATION_STATES : reservation_state_by_text(state);
	if (ret->state == RESERVATION_STATES)
		return FAULT(-EBADMSG);
	r = sqlite_column_copy(s, 1, a, &ret->name);
	if (r == 0)
		r = sqlite_column_copy(s, 3, a, &ret->owner);
	if (r == 0)
		r = sqlite_column_copy(s, 4, a, &ret->reference);
	return r < 0 ? r : read_lines(c, lines, a, ret);
}

/* The one that the statement finds, or id 0. */
static int read_one(struct sqlite_connection *c, sqlite3_stmt *s, int lines_statement,
		    struct arena *a, struct reservation *ret)
{
	CLEANUP(sqlite_park) sqlite3_stmt *lines = NULL;
	int r = sqlite_statement(c, lines_statement, &lines);

	CHECK(s != NULL);
	CHECK(lines_statement == LOAD_RESERVATION_LINES ||
	      lines_statement == READ_RESERVATION_LINES);
	if (r < 0)
		return r;
	*ret = (struct reservation){ 0 };
	switch (sqlite3_step(s)) {
	case SQLITE_ROW:
		return sqlite_read_reservation(c, s, lines, a, ret);
	case SQLITE_DONE:
		return 0;
	default:
		return sqlite_raise(c);
	}
}

/* ---------------------------------------------------------------- the writer */

int sqlite_load_reservation(struct store *store, const char *name, struct arena *a,
			    struct reservation *ret)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, LOAD_RESERVATION, &s);

	CHECK(name != NULL);
	if (r < 0)
		return r;
	sqlite_bind_text(s, 1, name);
	return read_one(c, s, LOAD_RESERVATION_LINES, a, ret);
}

int sqlite_load_reservation_by_id(struct store *store, int64_t id, struct arena *a,
				  struct reservation *ret)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, LOAD_RESERVATION_BY_ID, &s);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, id);
	return read_one(c, s, LOAD_RESERVATION_LINES, a, ret);
}

/* Of a call that has changed something already: its table contradicts its indexes. */
static int contradiction(int r)
{
	CHECK(r <= 0);
	return r == -EBADMSG ? FAULT(-EUCLEAN) : r;
}

static int add_line(struct sqlite_connection *c, const struct reservation *reservation, int n)
{
	const struct reservation_line *line = &reservation->lines[n];
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, INSERT_RESERVATION_LINE, &s);

	CHECK(reservation->id > 0);
	CHECK(n < COMMAND_ROWS_MAX);
	CHECK(line->quantity >= 1);
	CHECK(line->committed == 0);
	CHECK(n < reservation->line_count);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, reservation->id);
	sqlite3_bind_int(s, 2, n);
	sqlite3_bind_int64(s, 3, line->item_id);
	sqlite3_bind_int64(s, 4, line->location_id);
	sqlite3_bind_int64(s, 5, line->quantity);
	sqlite3_bind_int64(s, 6, reservation->expires_at_ms);
	return sqlite_change_one(c, s);
}

static int name_it(struct reservation *reservation, struct arena *a)
{
	char name[32];

	CHECK(reservation->id > 0);

	int bytes = snprintf(name, sizeof(name), "r_%lld", (long long)reservation->id);

	reservation->name = arena_copy(a, name, (size_t)bytes);
	return reservation->name != NULL ? 0 : FAULT(-ENOMEM);
}

/* Ids beyond it were never given out: somebody has typed them. */
static const int64_t reservation_id_max = (int64_t)1 << 61;

/*
 * One that was never given out, though its row may be gone. The next id is counted in memory, and
 * kept in the row of `store` once for each group that makes reservations.
 */
int sqlite_take_reservation_id(struct store *store, int64_t *ret)
{
	struct sqlite_store *s = sqlite_of(store);
	int r = 0;

	CHECK(s->is_in_group);
	if (s->reservation_next == 0)
		r = sqlite_bounded_integer(&s->connection, NEXT_RESERVATION, reservation_id_max,
					   &s->reservation_next);
	if (r < 0)
		return r;
	*ret = s->reservation_next++;
	s->has_new_reservations = true;
	return 0;
}

int sqlite_keep_next_reservation(struct sqlite_store *store)
{
	struct sqlite_connection *c = &store->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r;

	CHECK(IMPLIES(store->has_new_reservations, store->reservation_next > 0));
	if (!store->has_new_reservations)
		return 0;
	r = sqlite_statement(c, KEEP_NEXT_RESERVATION, &s);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, store->reservation_next);
	r = sqlite_run(c, s);
	if (r == 0)
		store->has_new_reservations = false;
	return r;
}

int sqlite_add_reservation(struct store *store, struct reservation *reservation, struct arena *a)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = reservation->id != 0 ? 0 : sqlite_take_reservation_id(store, &reservation->id);

	CHECK(reservation->line_count >= 1);
	CHECK(reservation->expires_at_ms >= reservation->created_at_ms);
	CHECK(reservation->line_count <= COMMAND_ROWS_MAX);
	if (r == 0 && reservation->name == NULL)
		r = name_it(reservation, a);
	if (r == 0)
		r = sqlite_statement(c, INSERT_RESERVATION, &s);
	if (r < 0)
		return r;
	sqlite_bind_text(s, 1, reservation->name);
	sqlite_bind_text(s, 2, reservation->owner);
	sqlite_bind_text(s, 3, reservation->reference);
	sqlite3_bind_int64(s, 4, reservation->created_at_ms);
	sqlite3_bind_int64(s, 5, reservation->expires_at_ms);
	sqlite3_bind_int64(s, 6, reservation->id);
	r = sqlite_change_one(c, s);
	if (r < 0)
		return r;
	for (int i = 0; r == 0 && i < reservation->line_count; i++)
		r = add_line(c, reservation, i);
	return contradiction(r);
}

/* What it promised is booked: all lines that are open yet. */
static int close_lines(struct sqlite_connection *c, int64_t reservation_id)
{
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, CLOSE_LINES, &s);

	CHECK(reservation_id > 0);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, reservation_id);
	return sqlite_run(c, s);
}

static int commit_line(struct sqlite_connection *c, int64_t reservation_id, int n,
		       int64_t committed)
{
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, COMMIT_RESERVATION_LINE, &s);

	CHECK(n < COMMAND_ROWS_MAX);
	CHECK(committed > 0);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, reservation_id);
	sqlite3_bind_int(s, 2, n);
	sqlite3_bind_int64(s, 3, committed);
	return sqlite_change_one(c, s);
}

int sqlite_resolve_reservation(struct store *store, const struct reservation *reservation)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	bool has_open_lines = false;
	int r = sqlite_statement(c, RESOLVE_RESERVATION, &s);

	CHECK(reservation->id > 0);
	CHECK(reservation->state < RESERVATION_STATES);
	CHECK(reservation->state != RESERVATION_ACTIVE);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, reservation->id);
	sqlite_bind_text(s, 2, reservation_state_text(reservation->state));
	sqlite3_bind_int64(s, 3, reservation->resolved_at_ms);
	r = sqlite_change_one(c, s);
	if (r < 0)
		return r;
	for (int i = 0; r == 0 && i < reservation->line_count; i++) {
		bool is_committed = reservation->lines[i].committed > 0;

		has_open_lines = has_open_lines || !is_committed;
		if (is_committed)
			r = commit_line(c, reservation->id, i, reservation->lines[i].committed);
	}
	if (r == 0 && has_open_lines)
		r = close_lines(c, reservation->id);
	return contradiction(r);
}

static int extend_lines(struct sqlite_connection *c, const struct reservation *reservation)
{
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, EXTEND_LINES, &s);

	CHECK(reservation->id > 0);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, reservation->id);
	sqlite3_bind_int64(s, 2, reservation->expires_at_ms);
	return sqlite_run(c, s);
}

int sqlite_extend_reservation(struct store *store, const struct reservation *reservation)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, EXTEND_RESERVATION, &s);

	CHECK(reservation->id > 0);
	CHECK(reservation->expires_at_ms >= 0);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, reservation->id);
	sqlite3_bind_int64(s, 2, reservation->expires_at_ms);
	r = sqlite_change_one(c, s);
	return r < 0 ? r : contradiction(extend_lines(c, reservation));
}

int sqlite_each_active_reservation(struct store *store,
				   int (*see)(void *context, const struct promised_row *row),
				   void *context)
{
	struct sqlite_connection *c = &sqlite_of(store)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int code, r = sqlite_statement(c, EACH_ACTIVE_RESERVATION, &s);

	CHECK(see != NULL);
	if (r < 0)
		return r;
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		r = see(context,
			&(struct promised_row){ .reservation_id = sqlite3_column_int64(s, 0),
						.expires_at_ms = sqlite3_column_int64(s, 1),
						.item_id = sqlite3_column_int64(s, 2),
						.location_id = sqlite3_column_int64(s, 3) });
		if (r < 0)
			return r;
	}
	return code == SQLITE_DONE ? 0 : sqlite_raise(c);
}

/* ---------------------------------------------------------------- readers */

int sqlite_reader_reservation(struct reader *reader, const char *name, struct arena *a,
			      struct reservation *ret)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, READ_RESERVATION, &s);

	CHECK(name != NULL);
	if (r < 0)
		return r;
	sqlite_bind_text(s, 1, name);
	return read_one(c, s, READ_RESERVATION_LINES, a, ret);
}

static void bind_query(sqlite3_stmt *s, const struct reservation_query *q)
{
	CHECK(q->state <= RESERVATION_STATES);

	sqlite3_bind_int64(s, 1, q->after_id);
	sqlite_bind_text(s, 2, q->owner);
	sqlite_bind_text(s, 3,
			 q->state == RESERVATION_STATES ? NULL : reservation_state_text(q->state));
	sqlite_bind_text(s, 4, q->sku);
	sqlite_bind_text(s, 5, q->location);
}

static int add_to_page(struct sqlite_connection *c, sqlite3_stmt *s, struct arena *a,
		       struct page *p)
{
	CLEANUP(sqlite_park) sqlite3_stmt *lines = NULL;
	int r = sqlite_statement(c, READ_RESERVATION_LINES, &lines);

	CHECK(p->reservations != NULL);
	return r < 0 ? r : sqlite_read_reservation(c, s, lines, a, &p->reservations[p->count++]);
}

int sqlite_list_reservations(struct reader *reader, const struct reservation_query *q,
			     struct arena *a, struct page *ret)
{
	CHECK(reservation_query_is_sound(q));
	enum { FITS = 8 };
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	struct sqlite_look look = sqlite_look_begin(reader);
	int code, r = sqlite_statement(c, LIST_RESERVATIONS, &s);

	if (r < 0)
		return r;
	*ret = (struct page){ .next = q->after_id };
	ret->reservations = arena_alloc(a, sizeof(ret->reservations[0]) * (size_t)q->limit);
	if (ret->reservations == NULL)
		return FAULT(-ENOMEM);
	bind_query(s, q);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		bool fits = sqlite3_column_int(s, FITS) != 0;

		if ((fits && ret->count == (size_t)q->limit) || sqlite_look_is_over(&look)) {
			ret->has_next = true;
			return 0;
		}
		look.count++;
		ret->next = sqlite3_column_int64(s, 0);
		r = fits ? add_to_page(c, s, a, ret) : 0;
		if (r < 0)
			return r;
	}
	return code == SQLITE_DONE ? 0 : sqlite_raise(c);
}
