/*
 * postgres_audit - what a verification reads. No join leaves out what lacks its other half.
 *
 * A result is all there before the first of its rows is seen, so that whoever sees it may read on.
 */
#include "base/utf8.h"
#include "store/postgres_reader.h"
#include <stdio.h>
#include <string.h>

/* Rows of one result, where a walk has no bound of its own. */
enum { WALK_ROWS = 10000 };

static int64_t rows_at_once(int64_t left)
{
	CHECK(left >= 1);
	return left < WALK_ROWS ? left : WALK_ROWS;
}

/* ---------------------------------------------------------------- movements */

static void read_movement(const PGresult *result, int row, struct audit_movement *ret)
{
	const char *kind = postgres_peek_text(result, row, 8);

	CHECK(ret != NULL);
	*ret = (struct audit_movement){
		.seq = postgres_int(result, row, 0),
		.stock_id = postgres_int(result, row, 1),
		.on_hand_delta = postgres_int(result, row, 2),
		.reserved_delta = postgres_int(result, row, 3),
		.on_hand = postgres_int(result, row, 4),
		.reserved = postgres_int(result, row, 5),
		.version = postgres_int(result, row, 6),
		.prev_seq = postgres_int(result, row, 7),
		.kind = kind == NULL ? MOVEMENT_KINDS : movement_kind_by_text(kind),
		.reservation_id = postgres_int(result, row, 9),
	};
}

static int movements(struct reader *reader, int64_t after_seq, int64_t limit,
		     bool with_reservations,
		     int (*see)(void *context, const struct audit_movement *m), void *context)
{
	int r = 0;
	int64_t count = WALK_ROWS;

	CHECK(limit >= 1);
	CHECK(see != NULL);
	for (; r == 0 && limit > 0 && count == WALK_ROWS; limit -= count) {
		CLEANUP(postgres_clear) PGresult *result = NULL;
		struct postgres_value values[] = { value_int(after_seq),
						   value_int(rows_at_once(limit)),
						   value_bool(with_reservations) };

		r = postgres_read(reader, AUDIT_MOVEMENTS, LENGTH_OF(values), values, &result);
		count = r == 0 ? PQntuples(result) : 0;
		for (int row = 0; r == 0 && row < (int)count; row++) {
			struct audit_movement m;

			read_movement(result, row, &m);
			after_seq = m.seq;
			r = see(context, &m);
		}
	}
	return r;
}

static int movement(struct reader *reader, int64_t seq, struct audit_movement *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_value values[] = { value_int(seq) };
	int r = postgres_read(reader, AUDIT_MOVEMENT, LENGTH_OF(values), values, &result);

	*ret = (struct audit_movement){ 0 };
	if (r == 0 && PQntuples(result) > 0)
		read_movement(result, 0, ret);
	return r;
}

/* ---------------------------------------------------------------- rows */

static void read_row(const PGresult *result, int row, struct audit_row *ret)
{
	CHECK(ret != NULL);
	*ret = (struct audit_row){ .id = postgres_int(result, row, 0),
				   .on_hand = postgres_int(result, row, 1),
				   .reserved = postgres_int(result, row, 2),
				   .version = postgres_int(result, row, 3),
				   .seq = postgres_int(result, row, 4),
				   .backorder_limit = postgres_int(result, row, 5),
				   .item_version = postgres_int(result, row, 6),
				   .has_names = postgres_bool(result, row, 7) };
}

/*
 * `after` and `limit` of a walk by id, in one result: who asks for a walk of rows, keys or names
 * says how many.
 */
static int read_slice(struct reader *reader, enum postgres_read statement, int64_t after_id,
		      int64_t limit, PGresult **ret)
{
	struct postgres_value values[] = { value_int(after_id), value_int(limit) };

	CHECK(limit >= 1);
	return postgres_read(reader, statement, LENGTH_OF(values), values, ret);
}

static int rows(struct reader *reader, int64_t after_id, int64_t limit,
		int (*see)(void *context, const struct audit_row *row), void *context)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = read_slice(reader, AUDIT_ROWS, after_id, limit, &result);

	CHECK(see != NULL);
	for (int i = 0; r == 0 && i < PQntuples(result); i++) {
		struct audit_row row;

		read_row(result, i, &row);
		r = see(context, &row);
	}
	return r;
}

static int row(struct reader *reader, int64_t id, struct audit_row *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_value values[] = { value_int(id) };
	int r = postgres_read(reader, AUDIT_ROW, LENGTH_OF(values), values, &result);

	*ret = (struct audit_row){ 0 };
	if (r == 0 && PQntuples(result) > 0)
		read_row(result, 0, ret);
	return r;
}

static int row_names(struct reader *reader, int64_t id, struct code *ret_sku,
		     struct code *ret_location)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_value values[] = { value_int(id) };
	int r = postgres_read(reader, AUDIT_ROW_NAMES, LENGTH_OF(values), values, &result);

	*ret_sku = *ret_location = (struct code){ "" };
	if (r < 0 || PQntuples(result) == 0)
		return r;
	postgres_code(result, 0, 0, ret_sku);
	postgres_code(result, 0, 1, ret_location);
	return 0;
}

/* ---------------------------------------------------------------- reservations */

static int see_ids(const PGresult *result, int (*see)(void *context, int64_t id), void *context)
{
	int r = 0;

	CHECK(see != NULL);
	for (int i = 0; r == 0 && i < PQntuples(result); i++)
		r = see(context, postgres_int(result, i, 0));
	return r;
}

static int last_reservation(struct reader *reader, int64_t *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = postgres_read(reader, AUDIT_LAST_RESERVATION, 0, NULL, &result);

	if (r == 0)
		*ret = postgres_int(result, 0, 0);
	return r;
}

static int active_reservations(struct reader *reader, int (*see)(void *context, int64_t id),
			       void *context, int64_t *ret_last_id)
{
	int64_t after_id = INT64_MIN;
	int count = WALK_ROWS, r = last_reservation(reader, ret_last_id);

	CHECK(see != NULL);
	while (r == 0 && count == WALK_ROWS) {
		CLEANUP(postgres_clear) PGresult *result = NULL;

		r = read_slice(reader, AUDIT_ACTIVE, after_id, WALK_ROWS, &result);
		count = r == 0 ? PQntuples(result) : 0;
		if (count > 0)
			after_id = postgres_int(result, count - 1, 0);
		if (r == 0)
			r = see_ids(result, see, context);
	}
	return r;
}

/* An active reservation without lines yields one row without a quantity. */
static int active_lines(struct reader *reader, int64_t reservation_id, bool *ret_is_active,
			int (*see)(void *context, const struct audit_line *line), void *context)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_value values[] = { value_int(reservation_id) };
	int r = postgres_read(reader, AUDIT_LINES, LENGTH_OF(values), values, &result);

	CHECK(see != NULL);
	*ret_is_active = r == 0 && PQntuples(result) > 0;
	for (int i = 0; r == 0 && i < PQntuples(result); i++) {
		struct audit_line line = { .stock_id = postgres_int(result, i, 0),
					   .quantity = postgres_int(result, i, 1),
					   .is_open = postgres_bool(result, i, 2) };

		if (!postgres_is_null(result, i, 1))
			r = see(context, &line);
	}
	return r;
}

static int lines_left_open(struct reader *reader, int (*see)(void *context, int64_t reservation_id),
			   void *context)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = postgres_read(reader, AUDIT_OPEN_LINES, 0, NULL, &result);

	CHECK(see != NULL);
	return r < 0 ? r : see_ids(result, see, context);
}

static int reservation_name(struct reader *reader, int64_t id, char ret[ID_BYTES_MAX + 1])
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_value values[] = { value_int(id) };
	int r = postgres_read(reader, AUDIT_RESERVATION_NAME, LENGTH_OF(values), values, &result);
	const char *name =
		r == 0 && PQntuples(result) > 0 ? postgres_peek_text(result, 0, 0) : NULL;

	snprintf(ret, ID_BYTES_MAX + 1, "%s", name != NULL ? name : "");
	return r;
}

/* ---------------------------------------------------------------- keys and leases */

static int keys(struct reader *reader, int64_t after_id, int64_t limit,
		int (*see)(void *context, const struct audit_key *key), void *context)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = read_slice(reader, AUDIT_KEYS, after_id, limit, &result);

	CHECK(see != NULL);
	for (int i = 0; r == 0 && i < PQntuples(result); i++) {
		struct audit_key key = { .id = postgres_int(result, i, 0),
					 .key = postgres_peek_text(result, i, 1),
					 .stock_seq = postgres_int(result, i, 2),
					 .first_seq = postgres_int(result, i, 3),
					 .movement_count = postgres_int(result, i, 4),
					 .movements_there = postgres_int(result, i, 5) };

		r = key.key != NULL ? see(context, &key) : FAULT(-EBADMSG);
	}
	return r;
}

static int leases(struct reader *reader, int (*see)(void *context, const struct audit_lease *lease),
		  void *context)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = postgres_read(reader, AUDIT_LEASES, 0, NULL, &result);

	CHECK(see != NULL);
	for (int i = 0; r == 0 && i < PQntuples(result); i++) {
		struct audit_lease lease = { .lease = postgres_peek_text(result, i, 0),
					     .fence = postgres_int(result, i, 1),
					     .next_fence = postgres_int(result, i, 2),
					     .fence_first = postgres_int(result, i, 3),
					     .expires_at_ms = postgres_int(result, i, 4),
					     .expires_first_ms = postgres_int(result, i, 5),
					     .has_names = postgres_bool(result, i, 6) };

		r = lease.lease != NULL ? see(context, &lease) : FAULT(-EBADMSG);
	}
	return r;
}

/* ---------------------------------------------------------------- texts */

/* Is it of so many characters? That it is UTF-8 is the database's to see. */
static bool text_is_sound(const PGresult *result, int row, int column, size_t least, size_t most)
{
	const char *text = postgres_peek_text(result, row, column);
	size_t bytes = (size_t)PQgetlength(result, row, column);

	CHECK(least <= most);
	return text != NULL && bytes >= least && utf8_is_sound(text, bytes) &&
	       utf8_prefix_bytes(text, most) == bytes;
}

static bool code_is_sound(const struct audit_name *n)
{
	return code_is_valid(n->code.text, strlen(n->code.text));
}

static const char *wrong_in_item(const PGresult *result, int row, const struct audit_name *n)
{
	CHECK(n != NULL);
	if (!code_is_sound(n))
		return "sku";
	if (!text_is_sound(result, row, 2, 1, NAME_CHARACTERS_MAX))
		return "name";
	if (!text_is_sound(result, row, 3, 1, UNIT_CHARACTERS_MAX))
		return "unit";
	if (!postgres_bool(result, row, 5) || PQgetlength(result, row, 4) > ATTRIBUTES_BYTES_MAX)
		return "attributes";
	return NULL;
}

static const char *wrong_in_location(const PGresult *result, int row, const struct audit_name *n)
{
	CHECK(n != NULL);
	if (!code_is_sound(n))
		return "code";
	return text_is_sound(result, row, 2, 1, NAME_CHARACTERS_MAX) ? NULL : "name";
}

static int walk_names(struct reader *reader, enum postgres_read statement,
		      const char *(*wrong)(const PGresult *result, int row,
					   const struct audit_name *n),
		      int64_t after_id, int64_t limit,
		      int (*see)(void *context, const struct audit_name *name), void *context)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = read_slice(reader, statement, after_id, limit, &result);

	CHECK(see != NULL);
	CHECK(statement == AUDIT_ITEMS || statement == AUDIT_LOCATIONS);
	for (int i = 0; r == 0 && i < PQntuples(result); i++) {
		struct audit_name n = { .id = postgres_int(result, i, 0) };

		postgres_code(result, i, 1, &n.code);
		n.wrong = wrong(result, i, &n);
		r = see(context, &n);
	}
	return r;
}

static int items(struct reader *reader, int64_t after_id, int64_t limit,
		 int (*see)(void *context, const struct audit_name *name), void *context)
{
	return walk_names(reader, AUDIT_ITEMS, wrong_in_item, after_id, limit, see, context);
}

static int locations(struct reader *reader, int64_t after_id, int64_t limit,
		     int (*see)(void *context, const struct audit_name *name), void *context)
{
	return walk_names(reader, AUDIT_LOCATIONS, wrong_in_location, after_id, limit, see,
			  context);
}

/* ---------------------------------------------------------------- tokens */

static int access_rows(struct reader *reader,
		       int (*see)(void *context, enum audit_access what, const char *which),
		       void *context)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	int r = postgres_read(reader, AUDIT_ACCESS, 0, NULL, &result);

	CHECK(see != NULL);
	for (int i = 0; r == 0 && i < PQntuples(result); i++) {
		const char *which = postgres_peek_text(result, i, 1);

		r = which != NULL
			    ? see(context, (enum audit_access)postgres_int(result, i, 0), which)
			    : FAULT(-EBADMSG);
	}
	return r;
}

const struct audit_ops postgres_audit_ops = {
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
