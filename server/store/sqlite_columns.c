/*
 * sqlite_columns - from the columns of a row to a record: what the writer, the point reads and the
 * lists share.
 */
#include "store/sqlite_private.h"

int sqlite_read_item(sqlite3_stmt *s, struct arena *texts, struct item *ret)
{
	int r = sqlite_column_code(s, 1, &ret->sku);

	if (r < 0)
		return r;
	ret->id = sqlite3_column_int64(s, 0);
	ret->backorder_limit = sqlite3_column_int64(s, 4);
	ret->has_reorder_point = sqlite3_column_type(s, 5) != SQLITE_NULL;
	ret->reorder_point = sqlite3_column_int64(s, 5);
	ret->is_archived = sqlite3_column_int(s, 7) != 0;
	ret->version = sqlite3_column_int64(s, 8);
	ret->created_at_ms = sqlite3_column_int64(s, 9);
	ret->updated_at_ms = sqlite3_column_int64(s, 10);
	ret->name = ret->unit = ret->attributes = NULL;
	if (texts == NULL)
		return 0;
	r = sqlite_column_copy(s, 2, texts, &ret->name);
	if (r == 0)
		r = sqlite_column_copy(s, 3, texts, &ret->unit);
	if (r == 0)
		r = sqlite_column_copy(s, 6, texts, &ret->attributes);
	return r;
}

int sqlite_read_location(sqlite3_stmt *s, struct arena *texts, struct location *ret)
{
	int r = sqlite_column_code(s, 1, &ret->code);

	if (r < 0)
		return r;
	ret->id = sqlite3_column_int64(s, 0);
	ret->is_archived = sqlite3_column_int(s, 3) != 0;
	ret->version = sqlite3_column_int64(s, 4);
	ret->created_at_ms = sqlite3_column_int64(s, 5);
	ret->updated_at_ms = sqlite3_column_int64(s, 6);
	ret->name = NULL;
	return texts == NULL ? 0 : sqlite_column_copy(s, 2, texts, &ret->name);
}

int sqlite_read_movement(sqlite3_stmt *s, struct arena *a, struct movement_view *ret)
{
	struct movement *m = &ret->movement;
	const char *kind = (const char *)sqlite3_column_text(s, 2);

	*m = (struct movement){ .seq = sqlite3_column_int64(s, 0),
				.stock_id = sqlite3_column_int64(s, 1),
				.kind = kind == NULL ? MOVEMENT_KINDS : movement_kind_by_text(kind),
				.on_hand_delta = sqlite3_column_int64(s, 3),
				.reserved_delta = sqlite3_column_int64(s, 4),
				.on_hand = sqlite3_column_int64(s, 5),
				.reserved = sqlite3_column_int64(s, 6),
				.version = sqlite3_column_int64(s, 7),
				.is_oversubscribed = sqlite3_column_int(s, 12) != 0,
				.is_low_stock = sqlite3_column_int(s, 13) != 0,
				.at_ms = sqlite3_column_int64(s, 14),
				.prev_seq = sqlite3_column_int64(s, 15) };
	if (m->kind == MOVEMENT_KINDS)
		return FAULT(-EBADMSG);

	int r = sqlite_column_code(s, 16, &ret->sku);

	if (r == 0)
		r = sqlite_column_code(s, 17, &ret->location);
	if (r < 0 || a == NULL)
		return r;
	r = sqlite_column_copy(s, 8, a, &m->reason);
	if (r == 0)
		r = sqlite_column_copy(s, 9, a, &m->reference);
	if (r == 0)
		r = sqlite_column_copy(s, 10, a, &m->reservation);
	if (r == 0)
		r = sqlite_column_copy(s, 11, a, &m->request_id);
	if (r == 0)
		r = sqlite_column_copy(s, 20, a, &m->actor);
	if (r == 0)
		r = sqlite_column_copy(s, 21, a, &m->note);
	return r;
}
