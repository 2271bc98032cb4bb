/*
 * copy_tables - what a copy takes from one kind of store to the other: each table that both have,
 * and each of its columns. What is not here: stock's level, version, seq and time, which follow
 * from the movements; what was noted of a machine's clock; what front ends tell each other.
 */
#include "store/copy_side.h"
#include "base/check.h"
#include <stdio.h>
#include <string.h>

/* clang-format off */
const struct copy_table copy_tables[COPY_TABLES] = {
	{ .name = "movement_kind", .key_count = 1, .may_have_more = true,
	  .put = "INSERT INTO movement_kind (kind) VALUES ($1) ON CONFLICT DO NOTHING",
	  .columns = { { "kind", COPY_TEXT } } },
	{ .name = "item", .key_count = 1,
	  .columns = { { "id", COPY_NUMBER }, { "sku", COPY_TEXT }, { "name", COPY_TEXT },
		       { "unit", COPY_TEXT }, { "backorder_limit", COPY_NUMBER },
		       { "reorder_point", COPY_NUMBER }, { "attributes", COPY_TEXT },
		       { "archived", COPY_FLAG }, { "version", COPY_NUMBER },
		       { "created_at", COPY_NUMBER }, { "updated_at", COPY_NUMBER } } },
	{ .name = "location", .key_count = 1,
	  .columns = { { "id", COPY_NUMBER }, { "code", COPY_TEXT }, { "name", COPY_TEXT },
		       { "archived", COPY_FLAG }, { "version", COPY_NUMBER },
		       { "created_at", COPY_NUMBER }, { "updated_at", COPY_NUMBER } } },
	/* A row that never had a movement is of nobody's concern: over PostgreSQL nobody sees it. */
	{ .name = "stock", .key_count = 1,
	  .only_sqlite = "version > 0",
	  .only_postgres = "EXISTS (SELECT 1 FROM movement WHERE stock_id = stock.id)",
	  .columns = { { "id", COPY_NUMBER }, { "item_id", COPY_NUMBER },
		       { "location_id", COPY_NUMBER } } },
	{ .name = "movement", .key_count = 1,
	  .columns = { { "seq", COPY_NUMBER }, { "stock_id", COPY_NUMBER }, { "kind", COPY_TEXT },
		       { "on_hand_delta", COPY_NUMBER }, { "reserved_delta", COPY_NUMBER },
		       { "on_hand", COPY_NUMBER }, { "reserved", COPY_NUMBER },
		       { "version", COPY_NUMBER }, { "reason", COPY_TEXT },
		       { "reference", COPY_TEXT }, { "reservation", COPY_TEXT },
		       { "request_id", COPY_TEXT }, { "oversubscribed", COPY_FLAG },
		       { "low_stock", COPY_FLAG }, { "at", COPY_NUMBER },
		       { "prev_seq", COPY_NUMBER }, { "actor", COPY_TEXT },
		       { "note", COPY_TEXT } } },
	{ .name = "reservation", .key_count = 1,
	  .columns = { { "id", COPY_NUMBER }, { "name", COPY_TEXT }, { "state", COPY_TEXT },
		       { "owner", COPY_TEXT }, { "reference", COPY_TEXT },
		       { "created_at", COPY_NUMBER }, { "expires_at", COPY_NUMBER },
		       { "resolved_at", COPY_NUMBER } } },
	{ .name = "reservation_line", .key_count = 2,
	  .columns = { { "reservation_id", COPY_NUMBER }, { "n", COPY_NUMBER_32 },
		       { "item_id", COPY_NUMBER }, { "location_id", COPY_NUMBER },
		       { "quantity", COPY_NUMBER }, { "committed", COPY_NUMBER },
		       { "open_until", COPY_NUMBER } } },
	{ .name = "row_lock", .key_count = 1,
	  .columns = { { "id", COPY_NUMBER }, { "lease", COPY_TEXT }, { "fence", COPY_NUMBER },
		       { "item_id", COPY_NUMBER }, { "location_id", COPY_NUMBER },
		       { "purpose", COPY_TEXT }, { "taken_at", COPY_NUMBER },
		       { "expires_at", COPY_NUMBER }, { "token_id", COPY_NUMBER },
		       { "actor", COPY_TEXT } } },
	/* One that was forgotten and then used again is there twice in SQLite, until the first goes. */
	{ .name = "idempotency", .key_count = 1,
	  .only_sqlite = "id IN (SELECT max(id) FROM idempotency GROUP BY token_id, key)",
	  .columns = { { "id", COPY_NUMBER }, { "token_id", COPY_NUMBER }, { "key", COPY_TEXT },
		       { "fingerprint", COPY_NUMBER }, { "status", COPY_NUMBER_32 },
		       { "outcome", COPY_TEXT }, { "stock_seq", COPY_NUMBER },
		       { "first_seq", COPY_NUMBER }, { "movement_count", COPY_NUMBER_32 },
		       { "body", COPY_TEXT }, { "at", COPY_NUMBER } } },
	{ .name = "token", .key_count = 1, .never_again = true,
	  .columns = { { "id", COPY_NUMBER }, { "name", COPY_TEXT }, { "role", COPY_TEXT },
		       { "created_at", COPY_NUMBER }, { "expires_at", COPY_NUMBER },
		       { "revoked_at", COPY_NUMBER } } },
	{ .name = "token_secret", .key_count = 1,
	  .columns = { { "public", COPY_TEXT }, { "token_id", COPY_NUMBER },
		       { "hash", COPY_BYTES }, { "created_at", COPY_NUMBER },
		       { "expires_at", COPY_NUMBER } } },
	{ .name = "token_location", .key_count = 2,
	  .columns = { { "token_id", COPY_NUMBER }, { "code", COPY_TEXT } } },
	{ .name = "audit", .key_count = 1, .never_again = true,
	  .columns = { { "id", COPY_NUMBER }, { "at", COPY_NUMBER }, { "actor", COPY_TEXT },
		       { "action", COPY_TEXT }, { "subject", COPY_TEXT },
		       { "detail", COPY_TEXT }, { "request_id", COPY_TEXT } } },
	/* Its epoch is a matter of its own. */
	{ .name = "store", .key_count = 1,
	  .put = "UPDATE store SET next_fence = $1, next_reservation = $2, access_version = $3, "
		 "had_token = $4, session_key = $5, newest_at = $6, created_at = $7",
	  .columns = { { "next_fence", COPY_NUMBER }, { "next_reservation", COPY_NUMBER },
		       { "access_version", COPY_NUMBER }, { "had_token", COPY_FLAG },
		       { "session_key", COPY_BYTES }, { "newest_at", COPY_NUMBER },
		       { "created_at", COPY_NUMBER } } },
};
/* clang-format on */

int copy_column_count(const struct copy_table *t)
{
	int count = 0;

	while (t->columns[count].name != NULL)
		count++;
	CHECK(count <= COPY_COLUMNS_MAX);
	CHECK(t->key_count >= 1);
	CHECK(t->key_count <= COPY_KEYS_MAX);
	return count;
}

void copy_column_list(const struct copy_table *t, int count, char *text, size_t bytes)
{
	size_t at = strlen(text);

	for (int i = 0; i < count; i++)
		at += (size_t)snprintf(text + at, bytes - at, "%s%s", i == 0 ? "" : ", ",
				       t->columns[i].name);
	CHECK(at < bytes);
}

bool copy_values_are_equal(enum copy_type type, const struct copy_value *a,
			   const struct copy_value *b)
{
	if (a->is_null || b->is_null)
		return a->is_null == b->is_null;
	if (type != COPY_TEXT && type != COPY_BYTES)
		return a->number == b->number;
	return a->byte_count == b->byte_count && memcmp(a->bytes, b->bytes, a->byte_count) == 0;
}
