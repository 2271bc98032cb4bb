/* postgres_reader - links that only read, and point reads in their snapshots. */
#include "store/postgres_reader.h"
#include "store/postgres_house.h"
#include "store/records.h"
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- point reads */

static int read_item(struct reader *reader, const char *sku, struct arena *a, struct item *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_value values[] = { value_text(sku) };
	int fault = postgres_read(reader, READ_ITEM, LENGTH_OF(values), values, &result);

	CHECK(sku != NULL);
	if (fault < 0)
		return fault;
	*ret = (struct item){ 0 };
	return PQntuples(result) > 0 ? postgres_read_item(result, 0, a, ret) : 0;
}

static int read_location(struct reader *reader, const char *code, struct arena *a,
			 struct location *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_value values[] = { value_text(code) };
	int fault = postgres_read(reader, READ_LOCATION, LENGTH_OF(values), values, &result);

	CHECK(code != NULL);
	if (fault < 0)
		return fault;
	*ret = (struct location){ 0 };
	return PQntuples(result) > 0 ? postgres_read_location(result, 0, a, ret) : 0;
}

static int take_stock(const PGresult *result, int row, struct stock *ret, bool *ret_has_item,
		      bool *ret_has_location)
{
	CHECK(row >= 0);
	*ret_has_item = !postgres_is_null(result, row, STOCK_COLUMNS);
	*ret_has_location = !postgres_is_null(result, row, STOCK_COLUMNS + 1);
	*ret = postgres_read_stock(result, row, 0);
	return stock_is_sound(ret) ? 0 : FAULT(-EBADMSG);
}

static int read_stock(struct reader *reader, const char *sku, const char *location,
		      struct stock *ret, bool *ret_has_item, bool *ret_has_location)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_reader *r = postgres_reader_of(reader);
	struct postgres_value values[] = { value_text(sku), value_text(location) };
	int fault, row = postgres_expected(r, sku, location);

	CHECK(sku != NULL);
	CHECK(location != NULL);
	if (row >= 0)
		return take_stock(r->stocks, row, ret, ret_has_item, ret_has_location);
	fault = postgres_read(reader, READ_STOCK, LENGTH_OF(values), values, &result);
	return fault < 0 ? fault : take_stock(result, 0, ret, ret_has_item, ret_has_location);
}

static int read_movement(struct reader *reader, int64_t seq, struct arena *a,
			 struct movement_view *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_value values[] = { value_int(seq) };
	int fault = postgres_read(reader, READ_MOVEMENT, LENGTH_OF(values), values, &result);

	if (fault < 0)
		return fault;
	*ret = (struct movement_view){ 0 };
	return PQntuples(result) > 0 ? postgres_read_movement(result, 0, a, ret) : 0;
}

static int read_past_level(struct reader *reader, const char *sku, const char *location,
			   struct past_level *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_value values[] = { value_text(sku), value_text(location),
					   value_int(ret->as_of_seq) };
	int fault = postgres_read(reader, READ_PAST_LEVEL, LENGTH_OF(values), values, &result);
	bool is_there;
	int64_t seq;

	CHECK(sku != NULL);
	CHECK(location != NULL);
	if (fault < 0)
		return fault;
	is_there = PQntuples(result) > 0;
	seq = is_there ? postgres_int(result, 0, 1) : 0;
	ret->seen_seq = is_there ? postgres_int(result, 0, 0) : 0;
	ret->stated_seq = seq > ret->as_of_seq ? seq : 0;
	ret->on_hand = is_there && seq <= ret->as_of_seq ? postgres_int(result, 0, 2) : 0;
	return ret->on_hand >= -LEVEL_MAX && ret->on_hand <= LEVEL_MAX ? 0 : FAULT(-EBADMSG);
}

static int take_key(const PGresult *result, struct arena *a, struct key_record *ret)
{
	const char *outcome = postgres_peek_text(result, 0, 5);
	int fault = postgres_text(result, 0, 2, a, &ret->key);

	if (fault == 0)
		fault = postgres_text(result, 0, 9, a, &ret->body);
	if (fault < 0)
		return fault;
	ret->id = postgres_int(result, 0, 0);
	ret->token_id = postgres_int(result, 0, 1);
	ret->fingerprint = (uint64_t)postgres_int(result, 0, 3);
	ret->status = (int)postgres_int(result, 0, 4);
	ret->outcome = outcome == NULL ? OUTCOME_COUNT : outcome_by_code(outcome);
	ret->seq = postgres_int(result, 0, 6);
	ret->first_seq = postgres_int(result, 0, 7);
	ret->movement_count = (int)postgres_int(result, 0, 8);
	ret->at_ms = postgres_int(result, 0, 10);
	if (!key_record_is_sound(ret))
		return FAULT(-EBADMSG);
	ret->key_hash = key_hash_of(ret->key, strlen(ret->key), ret->token_id);
	return 0;
}

static int read_key(struct reader *reader, int64_t id, struct arena *a, struct key_record *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_value values[] = { value_int(id) };
	int fault = postgres_read(reader, READ_KEY, LENGTH_OF(values), values, &result);

	if (fault < 0)
		return fault;
	*ret = (struct key_record){ 0 };
	return PQntuples(result) > 0 ? take_key(result, a, ret) : 0;
}

static int read_reservation(struct reader *reader, const char *name, struct arena *a,
			    struct reservation *ret)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_value values[] = { value_text(name) };
	int row = 0,
	    fault = postgres_read(reader, READ_RESERVATION, LENGTH_OF(values), values, &result);

	CHECK(name != NULL);
	if (fault < 0)
		return fault;
	*ret = (struct reservation){ 0 };
	return PQntuples(result) > 0 ? postgres_read_reservation(result, &row, a, ret) : 0;
}

static int take_front_end(const PGresult *result, int row, struct arena *a,
			  struct front_end_view *ret)
{
	int fault = postgres_text(result, row, 0, a, &ret->name);

	CHECK(row >= 0);
	if (fault == 0)
		fault = postgres_text(result, row, 1, a, &ret->address);
	if (fault == 0)
		fault = postgres_text(result, row, 2, a, &ret->version);
	ret->started_at_ms = postgres_int(result, row, 3);
	ret->seen_at_ms = postgres_int(result, row, 4);
	ret->is_alive = postgres_bool(result, row, 5);
	return fault;
}

static int read_front_ends(struct reader *reader, struct arena *a, struct front_end_view **ret,
			   size_t *ret_count)
{
	CLEANUP(postgres_clear) PGresult *result = NULL;
	struct postgres_value values[] = { value_int(FRONT_END_DEAD_MS),
					   value_int(FRONT_ENDS_SHOWN) };
	int fault = postgres_read(reader, READ_FRONT_ENDS, LENGTH_OF(values), values, &result);

	CHECK(ret != NULL);
	if (fault < 0)
		return fault;
	*ret_count = (size_t)PQntuples(result);
	*ret = arena_alloc(a, *ret_count * sizeof((*ret)[0]));
	if (*ret == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; fault == 0 && i < *ret_count; i++)
		fault = take_front_end(result, (int)i, a, &(*ret)[i]);
	return fault;
}

/* ---------------------------------------------------------------- life */

/* The database's own tools copy it. */
static int copy(struct reader *reader, const char *path, bool (*may_go_on)(void *context),
		void *context)
{
	(void)reader, (void)path, (void)may_go_on, (void)context;
	return FAULT(-ENOTSUP);
}

static void close_reader(struct reader *reader)
{
	struct postgres_reader *r = postgres_reader_of(reader);

	postgres_end(reader);
	postgres_disconnect(r->link);
	free(r);
}

static const struct reader_ops reader_ops = {
	.audit = &postgres_audit_ops,
	.expect = postgres_expect,
	.begin = postgres_begin,
	.end = postgres_end,
	.item = read_item,
	.location = read_location,
	.stock = read_stock,
	.stock_of_item = postgres_stock_of_item,
	.movement = read_movement,
	.past_level = read_past_level,
	.reservation = read_reservation,
	.front_ends = read_front_ends,
	.access_version = postgres_access_version,
	.access = postgres_access,
	.list_reservations = postgres_list_reservations,
	.key = read_key,
	.list_stock = postgres_list_stock,
	.list_movements = postgres_list_movements,
	.list_audit = postgres_list_audit,
	.list_items = postgres_list_items,
	.list_locations = postgres_list_locations,
	.copy = copy,
	.limit_time = postgres_limit_time,
	.close = close_reader,
};

int postgres_open_reader(struct store *store, struct reader **ret)
{
	struct postgres_reader *r = calloc(1, sizeof(*r));
	int fault;

	if (r == NULL)
		return FAULT(-ENOMEM);
	r->reader.ops = &reader_ops;
	r->page_ms = PAGE_MS_MAX;
	fault = postgres_connect(postgres_of(store), POSTGRES_READS, postgres_read_texts,
				 POSTGRES_READ_COUNT, &r->link);
	if (fault < 0) {
		free(r);
		return fault;
	}
	*ret = &r->reader;
	return 0;
}
