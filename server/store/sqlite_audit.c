/* sqlite_audit - what a verification reads. No join leaves out what lacks its other half. */
#include "base/utf8.h"
#include "store/sqlite_private.h"
#include <stdio.h>
#include <string.h>

typedef int see_columns(sqlite3_stmt *s, void *context);

/* Calls `see` for each row that the bound statement yields. */
static int walk(struct sqlite_connection *c, sqlite3_stmt *s, see_columns *see, void *context)
{
	int code, r;

	CHECK(see != NULL);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		r = see(s, context);
		if (r < 0)
			return r;
	}
	return code == SQLITE_DONE ? 0 : sqlite_raise(c);
}

/* ---------------------------------------------------------------- movements */

static enum movement_kind kind_of(const unsigned char *word)
{
	return word == NULL ? MOVEMENT_KINDS : movement_kind_by_text((const char *)word);
}

static void read_movement(sqlite3_stmt *s, struct audit_movement *ret)
{
	*ret = (struct audit_movement){ .seq = sqlite3_column_int64(s, 0),
					.stock_id = sqlite3_column_int64(s, 1),
					.on_hand_delta = sqlite3_column_int64(s, 2),
					.reserved_delta = sqlite3_column_int64(s, 3),
					.on_hand = sqlite3_column_int64(s, 4),
					.reserved = sqlite3_column_int64(s, 5),
					.version = sqlite3_column_int64(s, 6),
					.prev_seq = sqlite3_column_int64(s, 7),
					.kind = kind_of(sqlite3_column_text(s, 8)),
					.reservation_id = sqlite3_column_int64(s, 9) };
}

struct movement_walk {
	int (*see)(void *context, const struct audit_movement *m);
	void *context;
};

static int see_movement(sqlite3_stmt *s, void *context)
{
	const struct movement_walk *w = context;
	struct audit_movement m;

	read_movement(s, &m);
	return w->see(w->context, &m);
}

static int movements(struct reader *reader, int64_t after_seq, int64_t limit,
		     bool with_reservations,
		     int (*see)(void *context, const struct audit_movement *m), void *context)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	struct movement_walk w = { see, context };
	int r = sqlite_statement(c, AUDIT_MOVEMENTS, &s);

	CHECK(limit >= 1);
	CHECK(see != NULL);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, after_seq);
	sqlite3_bind_int64(s, 2, limit);
	sqlite3_bind_int(s, 3, with_reservations);
	return walk(c, s, see_movement, &w);
}

static int movement(struct reader *reader, int64_t seq, struct audit_movement *ret)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int code, r = sqlite_statement(c, AUDIT_MOVEMENT, &s);

	if (r < 0)
		return r;
	*ret = (struct audit_movement){ 0 };
	sqlite3_bind_int64(s, 1, seq);
	code = sqlite3_step(s);
	if (code == SQLITE_ROW)
		read_movement(s, ret);
	return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : sqlite_raise(c);
}

/* ---------------------------------------------------------------- rows */

static void read_row(sqlite3_stmt *s, struct audit_row *ret)
{
	*ret = (struct audit_row){ .id = sqlite3_column_int64(s, 0),
				   .on_hand = sqlite3_column_int64(s, 1),
				   .reserved = sqlite3_column_int64(s, 2),
				   .version = sqlite3_column_int64(s, 3),
				   .seq = sqlite3_column_int64(s, 4),
				   .backorder_limit = sqlite3_column_int64(s, 5),
				   .item_version = sqlite3_column_int64(s, 6),
				   .has_names = sqlite3_column_int(s, 7) != 0 };
}

struct row_walk {
	int (*see)(void *context, const struct audit_row *row);
	void *context;
};

static int see_row(sqlite3_stmt *s, void *context)
{
	const struct row_walk *w = context;
	struct audit_row row;

	read_row(s, &row);
	return w->see(w->context, &row);
}

static int rows(struct reader *reader, int64_t after_id, int64_t limit,
		int (*see)(void *context, const struct audit_row *row), void *context)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	struct row_walk w = { see, context };
	int r = sqlite_statement(c, AUDIT_ROWS, &s);

	CHECK(limit >= 1);
	CHECK(see != NULL);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, after_id);
	sqlite3_bind_int64(s, 2, limit);
	return walk(c, s, see_row, &w);
}

static int row(struct reader *reader, int64_t id, struct audit_row *ret)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int code, r = sqlite_statement(c, AUDIT_ROW, &s);

	if (r < 0)
		return r;
	*ret = (struct audit_row){ 0 };
	sqlite3_bind_int64(s, 1, id);
	code = sqlite3_step(s);
	if (code == SQLITE_ROW)
		read_row(s, ret);
	return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : sqlite_raise(c);
}

/* Names may be damaged, too: then there is none. */
static int row_names(struct reader *reader, int64_t id, struct code *ret_sku,
		     struct code *ret_location)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int code, r = sqlite_statement(c, AUDIT_ROW_NAMES, &s);

	*ret_sku = *ret_location = (struct code){ "" };
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, id);
	code = sqlite3_step(s);
	if (code == SQLITE_ROW &&
	    (sqlite_column_code(s, 0, ret_sku) < 0 || sqlite_column_code(s, 1, ret_location) < 0))
		*ret_sku = *ret_location = (struct code){ "" };
	return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : sqlite_raise(c);
}

/* ---------------------------------------------------------------- reservations */

struct id_walk {
	int (*see)(void *context, int64_t id);
	void *context;
};

static int see_id(sqlite3_stmt *s, void *context)
{
	const struct id_walk *w = context;

	return w->see(w->context, sqlite3_column_int64(s, 0));
}

static int active_reservations(struct reader *reader, int (*see)(void *context, int64_t id),
			       void *context, int64_t *ret_last_id)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	CLEANUP(sqlite_park) sqlite3_stmt *last = NULL;
	struct id_walk w = { see, context };
	int r = sqlite_statement(c, AUDIT_ACTIVE, &s);

	CHECK(see != NULL);
	if (r == 0)
		r = sqlite_statement(c, AUDIT_LAST_RESERVATION, &last);
	if (r < 0)
		return r;
	if (sqlite3_step(last) != SQLITE_ROW)
		return sqlite_raise(c);
	*ret_last_id = sqlite3_column_int64(last, 0);
	return walk(c, s, see_id, &w);
}

struct line_walk {
	int (*see)(void *context, const struct audit_line *line);
	void *context;
	bool is_active;
};

/* An active reservation without lines yields one row without a quantity. */
static int see_line(sqlite3_stmt *s, void *context)
{
	struct line_walk *w = context;
	struct audit_line line = { .stock_id = sqlite3_column_int64(s, 0),
				   .quantity = sqlite3_column_int64(s, 1),
				   .is_open = sqlite3_column_int(s, 2) != 0 };

	w->is_active = true;
	return sqlite3_column_type(s, 1) == SQLITE_NULL ? 0 : w->see(w->context, &line);
}

static int active_lines(struct reader *reader, int64_t reservation_id, bool *ret_is_active,
			int (*see)(void *context, const struct audit_line *line), void *context)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	struct line_walk w = { see, context, false };
	int r = sqlite_statement(c, AUDIT_LINES, &s);

	CHECK(see != NULL);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, reservation_id);
	r = walk(c, s, see_line, &w);
	*ret_is_active = w.is_active;
	return r;
}

static int lines_left_open(struct reader *reader, int (*see)(void *context, int64_t reservation_id),
			   void *context)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	struct id_walk w = { see, context };
	int r = sqlite_statement(c, AUDIT_OPEN_LINES, &s);

	CHECK(see != NULL);
	return r < 0 ? r : walk(c, s, see_id, &w);
}

static int reservation_name(struct reader *reader, int64_t id, char ret[ID_BYTES_MAX + 1])
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int code, r = sqlite_statement(c, AUDIT_RESERVATION_NAME, &s);

	ret[0] = '\0';
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, id);
	code = sqlite3_step(s);
	if (code == SQLITE_ROW && sqlite3_column_text(s, 0) != NULL)
		snprintf(ret, ID_BYTES_MAX + 1, "%s", (const char *)sqlite3_column_text(s, 0));
	return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : sqlite_raise(c);
}

/* ---------------------------------------------------------------- keys and leases */

struct key_walk {
	int (*see)(void *context, const struct audit_key *key);
	void *context;
};

static int see_key(sqlite3_stmt *s, void *context)
{
	const struct key_walk *w = context;
	struct audit_key key = { .id = sqlite3_column_int64(s, 0),
				 .key = (const char *)sqlite3_column_text(s, 1),
				 .stock_seq = sqlite3_column_int64(s, 2),
				 .first_seq = sqlite3_column_int64(s, 3),
				 .movement_count = sqlite3_column_int64(s, 4),
				 .movements_there = sqlite3_column_int64(s, 5) };

	return key.key != NULL ? w->see(w->context, &key) : FAULT(-ENOMEM);
}

static int keys(struct reader *reader, int64_t after_id, int64_t limit,
		int (*see)(void *context, const struct audit_key *key), void *context)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	struct key_walk w = { see, context };
	int r = sqlite_statement(c, AUDIT_KEYS, &s);

	CHECK(limit >= 1);
	CHECK(see != NULL);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, after_id);
	sqlite3_bind_int64(s, 2, limit);
	return walk(c, s, see_key, &w);
}

struct lease_walk {
	int (*see)(void *context, const struct audit_lease *lease);
	void *context;
};

static int see_lease(sqlite3_stmt *s, void *context)
{
	const struct lease_walk *w = context;
	struct audit_lease lease = { .lease = (const char *)sqlite3_column_text(s, 0),
				     .fence = sqlite3_column_int64(s, 1),
				     .next_fence = sqlite3_column_int64(s, 2),
				     .fence_first = sqlite3_column_int64(s, 3),
				     .expires_at_ms = sqlite3_column_int64(s, 4),
				     .expires_first_ms = sqlite3_column_int64(s, 5),
				     .has_names = sqlite3_column_int(s, 6) != 0 };

	return lease.lease != NULL ? w->see(w->context, &lease) : FAULT(-ENOMEM);
}

static int leases(struct reader *reader, int (*see)(void *context, const struct audit_lease *lease),
		  void *context)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	struct lease_walk w = { see, context };
	int r = sqlite_statement(c, AUDIT_LEASES, &s);

	CHECK(see != NULL);
	return r < 0 ? r : walk(c, s, see_lease, &w);
}

/* ---------------------------------------------------------------- texts */

/* Is it UTF-8, without a NUL, of so many characters? */
static bool text_is_sound(sqlite3_stmt *s, int column, size_t least, size_t most)
{
	const char *text = (const char *)sqlite3_column_text(s, column);
	size_t bytes = (size_t)sqlite3_column_bytes(s, column);

	CHECK(least <= most);
	return text != NULL && bytes >= least && utf8_is_sound(text, bytes) &&
	       utf8_prefix_bytes(text, most) == bytes;
}

static bool code_is_sound(const struct audit_name *n)
{
	return code_is_valid(n->code.text, strlen(n->code.text));
}

struct name_walk {
	int (*see)(void *context, const struct audit_name *name);
	void *context;
};

static int see_item(sqlite3_stmt *s, void *context)
{
	const struct name_walk *w = context;
	struct audit_name n = { .id = sqlite3_column_int64(s, 0) };
	int r = sqlite_column_code(s, 1, &n.code);

	if (r < 0)
		return r;
	if (!code_is_sound(&n))
		n.wrong = "sku";
	else if (!text_is_sound(s, 2, 1, NAME_CHARACTERS_MAX))
		n.wrong = "name";
	else if (!text_is_sound(s, 3, 1, UNIT_CHARACTERS_MAX))
		n.wrong = "unit";
	else if (sqlite3_column_type(s, 4) != SQLITE_NULL &&
		 (sqlite3_column_bytes(s, 4) > ATTRIBUTES_BYTES_MAX ||
		  !text_is_sound(s, 4, 2, ATTRIBUTES_BYTES_MAX) || !sqlite3_column_int(s, 5)))
		n.wrong = "attributes";
	return w->see(w->context, &n);
}

static int see_location(sqlite3_stmt *s, void *context)
{
	const struct name_walk *w = context;
	struct audit_name n = { .id = sqlite3_column_int64(s, 0) };
	int r = sqlite_column_code(s, 1, &n.code);

	if (r < 0)
		return r;
	if (!code_is_sound(&n))
		n.wrong = "code";
	else if (!text_is_sound(s, 2, 1, NAME_CHARACTERS_MAX))
		n.wrong = "name";
	return w->see(w->context, &n);
}

static int walk_names(struct reader *reader, int statement, see_columns *see_one, int64_t after_id,
		      int64_t limit, struct name_walk *w)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	int r = sqlite_statement(c, statement, &s);

	CHECK(w->see != NULL);
	CHECK(limit >= 1);
	CHECK(statement == AUDIT_ITEMS || statement == AUDIT_LOCATIONS);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, after_id);
	sqlite3_bind_int64(s, 2, limit);
	return walk(c, s, see_one, w);
}

static int items(struct reader *reader, int64_t after_id, int64_t limit,
		 int (*see)(void *context, const struct audit_name *name), void *context)
{
	return walk_names(reader, AUDIT_ITEMS, see_item, after_id, limit,
			  &(struct name_walk){ see, context });
}

static int locations(struct reader *reader, int64_t after_id, int64_t limit,
		     int (*see)(void *context, const struct audit_name *name), void *context)
{
	return walk_names(reader, AUDIT_LOCATIONS, see_location, after_id, limit,
			  &(struct name_walk){ see, context });
}

/* ---------------------------------------------------------------- tokens */

struct access_walk {
	int (*see)(void *context, enum audit_access what, const char *which);
	void *context;
};

static int see_access(sqlite3_stmt *s, void *context)
{
	const struct access_walk *w = context;
	const char *which = (const char *)sqlite3_column_text(s, 1);

	CHECK(w->see != NULL);
	if (which == NULL)
		return sqlite_raise_no_text(s);
	return w->see(w->context, (enum audit_access)sqlite3_column_int(s, 0), which);
}

static int access_rows(struct reader *reader,
		       int (*see)(void *context, enum audit_access what, const char *which),
		       void *context)
{
	struct sqlite_connection *c = &sqlite_reader_of(reader)->connection;
	CLEANUP(sqlite_park) sqlite3_stmt *s = NULL;
	struct access_walk w = { see, context };
	int r = sqlite_statement(c, AUDIT_ACCESS, &s);

	return r < 0 ? r : walk(c, s, see_access, &w);
}

const struct audit_ops sqlite_audit_ops = {
	.movements = movements,
	.movement = movement,
	.rows = rows,
	.row = row,
	.row_names = row_names,
	.active_reservations = active_reservations,
	.active_lines = active_lines,
	.lines_left_open = lines_left_open,
	.reservation_name = reservation_name,
	.keys = keys,
	.leases = leases,
	.items = items,
	.locations = locations,
	.access = access_rows,
};
