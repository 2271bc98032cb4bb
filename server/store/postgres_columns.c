#include "store/postgres_columns.h"
#include "base/check.h"
#include "base/fault.h"
#include <string.h>

struct text_column {
	int column;
	const char **ret;
};

static int read_texts(const PGresult *result, int row, struct arena *a,
		      const struct text_column texts[], size_t count)
{
	int r = 0;

	CHECK(a != NULL);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = postgres_text(result, row, texts[i].column, a, texts[i].ret);
	return r;
}

int postgres_read_item(const PGresult *result, int row, struct arena *a, struct item *ret)
{
	const struct text_column texts[] = { { 2, &ret->name },
					     { 3, &ret->unit },
					     { 6, &ret->attributes } };

	CHECK(PQnfields(result) >= ITEM_COLUMNS);
	*ret = (struct item){ .id = postgres_int(result, row, 0),
			      .backorder_limit = postgres_int(result, row, 4),
			      .reorder_point = postgres_int(result, row, 5),
			      .has_reorder_point = !postgres_is_null(result, row, 5),
			      .is_archived = postgres_bool(result, row, 7),
			      .version = postgres_int(result, row, 8),
			      .created_at_ms = postgres_int(result, row, 9),
			      .updated_at_ms = postgres_int(result, row, 10) };
	postgres_code(result, row, 1, &ret->sku);
	return read_texts(result, row, a, texts, LENGTH_OF(texts));
}

int postgres_read_location(const PGresult *result, int row, struct arena *a, struct location *ret)
{
	CHECK(PQnfields(result) >= LOCATION_COLUMNS);
	*ret = (struct location){ .id = postgres_int(result, row, 0),
				  .is_archived = postgres_bool(result, row, 3),
				  .version = postgres_int(result, row, 4),
				  .created_at_ms = postgres_int(result, row, 5),
				  .updated_at_ms = postgres_int(result, row, 6) };
	postgres_code(result, row, 1, &ret->code);
	return postgres_text(result, row, 2, a, &ret->name);
}

int postgres_read_movement(const PGresult *result, int row, struct arena *a,
			   struct movement_view *ret)
{
	struct movement *m = &ret->movement;
	const char *kind = postgres_peek_text(result, row, 2);
	const struct text_column texts[] = { { 12, &m->reason },      { 13, &m->reference },
					     { 14, &m->reservation }, { 15, &m->request_id },
					     { 16, &m->actor },       { 17, &m->note } };

	CHECK(PQnfields(result) >= MOVEMENT_COLUMNS);
	*m = (struct movement){ .seq = postgres_int(result, row, 0),
				.stock_id = postgres_int(result, row, 1),
				.kind = kind == NULL ? MOVEMENT_KINDS : movement_kind_by_text(kind),
				.on_hand_delta = postgres_int(result, row, 3),
				.reserved_delta = postgres_int(result, row, 4),
				.on_hand = postgres_int(result, row, 5),
				.reserved = postgres_int(result, row, 6),
				.version = postgres_int(result, row, 7),
				.prev_seq = postgres_int(result, row, 8),
				.at_ms = postgres_int(result, row, 9),
				.is_oversubscribed = postgres_bool(result, row, 10),
				.is_low_stock = postgres_bool(result, row, 11) };
	postgres_code(result, row, 18, &ret->sku);
	postgres_code(result, row, 19, &ret->location);
	if (m->kind == MOVEMENT_KINDS)
		return FAULT(-EBADMSG);
	return read_texts(result, row, a, texts, LENGTH_OF(texts));
}

struct stock postgres_read_stock(const PGresult *result, int row, int column)
{
	CHECK(column + STOCK_COLUMNS <= PQnfields(result));
	if (postgres_is_null(result, row, column + 4))
		return (struct stock){ 0 };
	return (struct stock){ .id = postgres_int(result, row, column),
			       .on_hand = postgres_int(result, row, column + 1),
			       .reserved = postgres_int(result, row, column + 2),
			       .version = postgres_int(result, row, column + 3),
			       .seq = postgres_int(result, row, column + 4),
			       .updated_at_ms = postgres_int(result, row, column + 5) };
}

/* ---------------------------------------------------------------- reservations */

static void read_line(const PGresult *result, int row, struct reservation_line *ret)
{
	CHECK(PQnfields(result) >= RESERVATION_COLUMNS + LINE_COLUMNS);
	*ret = (struct reservation_line){
		.item_id = postgres_int(result, row, RESERVATION_COLUMNS + 2),
		.location_id = postgres_int(result, row, RESERVATION_COLUMNS + 3),
		.quantity = postgres_int(result, row, RESERVATION_COLUMNS + 4),
		.committed = postgres_int(result, row, RESERVATION_COLUMNS + 5),
	};
	postgres_code(result, row, RESERVATION_COLUMNS, &ret->sku);
	postgres_code(result, row, RESERVATION_COLUMNS + 1, &ret->location);
}

static int read_lines(const PGresult *result, int *row, struct arena *a, struct reservation *ret)
{
	struct reservation_line lines[COMMAND_ROWS_MAX];
	int count = PQntuples(result);

	CHECK(ret->line_count == 0);
	for (; *row < count && postgres_int(result, *row, 0) == ret->id; ++*row) {
		int n = RESERVATION_COLUMNS + LINE_COLUMNS - 1;

		if (postgres_is_null(result, *row, n))
			continue; /* it has none */
		if (ret->line_count == COMMAND_ROWS_MAX)
			return FAULT(-EBADMSG);
		ret->lacks_lines =
			ret->lacks_lines || postgres_int(result, *row, n) != ret->line_count;
		read_line(result, *row, &lines[ret->line_count++]);
	}
	ret->lines = (struct reservation_line *)arena_copy(
		a, lines, sizeof(lines[0]) * (size_t)ret->line_count);
	return ret->lines != NULL ? 0 : FAULT(-ENOMEM);
}

int postgres_read_reservation(const PGresult *result, int *row, struct arena *a,
			      struct reservation *ret)
{
	const char *state = postgres_peek_text(result, *row, 2);
	const struct text_column texts[] = { { 1, &ret->name },
					     { 3, &ret->owner },
					     { 4, &ret->reference } };
	int r;

	CHECK(*row < PQntuples(result));
	*ret = (struct reservation){ .id = postgres_int(result, *row, 0),
				     .created_at_ms = postgres_int(result, *row, 5),
				     .expires_at_ms = postgres_int(result, *row, 6),
				     .resolved_at_ms = postgres_int(result, *row, 7) };
	ret->state = state == NULL ? RESERVATION_STATES : reservation_state_by_text(state);
	if (ret->state == RESERVATION_STATES)
		return FAULT(-EBADMSG);
	r = read_texts(result, *row, a, texts, LENGTH_OF(texts));
	return r < 0 ? r : read_lines(result, row, a, ret);
}
