/* sqlite_repair - what the findings of a verification come to, row by row, and its writing. */
#include "store/sqlite_offline.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- the plan */

struct planning {
	struct offline *file;
	const struct verify *verify;
	enum repair_trust trust;
	struct repair_plan *plan;
	int64_t capacity;
	int64_t seq_last; /* of the ledger, and of what the plan adds to it */
};

static int add_change(struct planning *p, const struct repair_change *change)
{
	struct repair_plan *plan = p->plan;

	CHECK(plan->count <= p->capacity);
	CHECK(change->stock_id == change->after.id);
	if (plan->count == p->capacity) {
		int64_t capacity = p->capacity == 0 ? 64 : p->capacity * 2;
		struct repair_change *more =
			realloc(plan->changes, (size_t)capacity * sizeof(more[0]));

		if (more == NULL)
			return FAULT(-ENOMEM);
		plan->changes = more;
		p->capacity = capacity;
	}
	plan->changes[plan->count++] = *change;
	return 0;
}

/* What the row should be, and the movement that leads there from the last one. */
static void decide(const struct planning *p, const struct verify_row *ledger,
		   struct repair_change *c)
{
	int64_t on_hand = p->trust == TRUST_LEDGER ? ledger->on_hand : c->before.on_hand;

	CHECK(c->stock_id == c->before.id);
	CHECK(p->trust == TRUST_LEDGER || p->trust == TRUST_LEVEL);
	c->on_hand_delta = on_hand - ledger->on_hand;
	c->reserved_delta = ledger->promised - ledger->reserved;
	c->has_movement = c->on_hand_delta != 0 || c->reserved_delta != 0;
	c->prev_seq = ledger->seq;
	c->after = (struct stock){ .id = c->stock_id,
				   .on_hand = on_hand,
				   .reserved = ledger->promised,
				   .version = ledger->version + c->has_movement,
				   .seq = c->has_movement ? p->seq_last + 1 : ledger->seq };
}

static bool is_within_bounds(const struct stock *s)
{
	return s->on_hand >= -LEVEL_MAX && s->on_hand <= LEVEL_MAX && s->reserved >= 0 &&
	       s->reserved <= LEVEL_MAX;
}

static bool is_as_before(const struct repair_change *c)
{
	return c->after.on_hand == c->before.on_hand && c->after.reserved == c->before.reserved &&
	       c->after.version == c->before.version && c->after.seq == c->before.seq;
}

/* A row beyond every bound, in the file or the ledger, is nothing that could be trusted. */
static int see_row(void *context, const struct audit_row *row)
{
	struct planning *p = context;
	struct reader *reader = &p->file->reader.reader;
	struct verify_row ledger = verify_row(p->verify, row->id);
	struct repair_change c = { .stock_id = row->id,
				   .before = { .id = row->id,
					       .on_hand = row->on_hand,
					       .reserved = row->reserved,
					       .version = row->version,
					       .seq = row->seq } };
	struct stock told = { .on_hand = ledger.on_hand, .reserved = ledger.reserved };
	struct stock promised = { .on_hand = row->on_hand, .reserved = ledger.promised };
	int r;

	if (!is_within_bounds(&told) || !is_within_bounds(&promised))
		return 0;
	decide(p, &ledger, &c);
	if (is_as_before(&c))
		return 0;
	p->seq_last += c.has_movement;
	r = reader->ops->audit->row_names(reader, row->id, &c.sku, &c.location);
	return r < 0 ? r : add_change(p, &c);
}

/* Until when a line is open, as its reservation says. */
#define OPEN_AS_IT_SHOULD                                                                \
	"(SELECT CASE WHEN r.state = 'active' THEN r.expires_at END FROM reservation r " \
	"WHERE r.id = reservation_line.reservation_id)"

static int plan_lines(struct planning *p)
{
	return sqlite_integer(&p->file->reader.connection,
			      "SELECT count(*) FROM reservation_line "
			      "WHERE open_until IS NOT " OPEN_AS_IT_SHOULD,
			      &p->plan->line_count);
}

static int plan_store(struct planning *p)
{
	struct sqlite_connection *c = &p->file->reader.connection;
	struct repair_plan *plan = p->plan;
	int64_t last_given = 0, fence_last = 0;
	int r = sqlite_integer(c, "SELECT next_fence FROM store", &plan->fence_before);

	if (r == 0)
		r = sqlite_integer(c, "SELECT coalesce(max(fence), 0) FROM row_lock", &fence_last);
	if (r == 0)
		r = sqlite_integer(c,
				   "SELECT max((SELECT coalesce(max(seq), 0) FROM stock), "
				   "(SELECT coalesce(max(stock_seq), 0) FROM idempotency))",
				   &last_given);
	plan->fence_after = fence_last >= plan->fence_before ? fence_last + 1 : plan->fence_before;
	plan->needs_epoch = last_given > verify_result(p->verify)->seq;
	return r;
}

int repair_plan_make(struct offline *f, const struct verify *v, enum repair_trust trust,
		     struct repair_plan *ret)
{
	struct planning p = { .file = f,
			      .verify = v,
			      .trust = trust,
			      .plan = ret,
			      .seq_last = verify_result(v)->seq };
	struct reader *reader = &f->reader.reader;
	int r;

	CHECK(verify_is_over(v));
	*ret = (struct repair_plan){ 0 };
	r = plan_store(&p);
	if (r == 0)
		r = plan_lines(&p);
	if (r == 0)
		r = reader->ops->audit->rows(reader, INT64_MIN, INT64_MAX, see_row, &p);
	if (r < 0)
		repair_plan_fini(ret);
	return r;
}

bool repair_plan_is_empty(const struct repair_plan *p)
{
	CHECK(p->count >= 0);
	return p->count == 0 && p->line_count == 0 && p->fence_after == p->fence_before &&
	       !p->needs_epoch;
}

void repair_plan_fini(struct repair_plan *p)
{
	free(p->changes);
	*p = (struct repair_plan){ 0 };
}

/* ---------------------------------------------------------------- carrying it out */

/* Closed by this transaction's own moment; the ledger's time never runs backwards. */
static const char insert_movement[] =
	"INSERT INTO movement (seq, stock_id, kind, on_hand_delta, reserved_delta, on_hand, "
	"reserved, version, reason, oversubscribed, low_stock, at, prev_seq, actor) "
	"SELECT ?1, s.id, 'edit', ?3, ?4, ?5, ?6, ?7, 'repair', ?5 < ?6, "
	"coalesce(?5 - ?6 <= i.reorder_point, 0), "
	"max((SELECT ms FROM v_now), (SELECT coalesce(max(at), 0) FROM (SELECT at FROM movement "
	"ORDER BY seq DESC "
	"LIMIT 1))), ?8, 'rowlock' FROM stock s LEFT JOIN item i ON i.id = s.item_id WHERE s.id = "
	"?2";

static const char update_row[] =
	"UPDATE stock SET on_hand = ?2, reserved = ?3, version = ?4, seq = ?5, updated_at = "
	"coalesce((SELECT at FROM movement WHERE seq = ?5), 0) WHERE id = ?1";

static int write_movement(struct sqlite_connection *c, sqlite3_stmt *s,
			  const struct repair_change *change)
{
	CHECK(change->has_movement);
	CHECK(is_within_bounds(&change->after));

	sqlite3_bind_int64(s, 1, change->after.seq);
	sqlite3_bind_int64(s, 2, change->stock_id);
	sqlite3_bind_int64(s, 3, change->on_hand_delta);
	sqlite3_bind_int64(s, 4, change->reserved_delta);
	sqlite3_bind_int64(s, 5, change->after.on_hand);
	sqlite3_bind_int64(s, 6, change->after.reserved);
	sqlite3_bind_int64(s, 7, change->after.version);
	sqlite3_bind_int64(s, 8, change->prev_seq);
	return sqlite_change_one(c, s);
}

static int write_row(struct sqlite_connection *c, sqlite3_stmt *s,
		     const struct repair_change *change)
{
	CHECK(is_within_bounds(&change->after));
	CHECK(change->after.id == change->stock_id);

	sqlite3_bind_int64(s, 1, change->stock_id);
	sqlite3_bind_int64(s, 2, change->after.on_hand);
	sqlite3_bind_int64(s, 3, change->after.reserved);
	sqlite3_bind_int64(s, 4, change->after.version);
	sqlite3_bind_int64(s, 5, change->after.seq);
	return sqlite_change_one(c, s);
}

static int write_changes(struct sqlite_connection *c, const struct repair_plan *p)
{
	sqlite3_stmt *movement = NULL, *row = NULL;
	int r = 0;

	CHECK(p->count == 0 || p->changes != NULL);
	if (sqlite3_prepare_v2(c->db, insert_movement, -1, &movement, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(c->db, update_row, -1, &row, NULL) != SQLITE_OK)
		r = sqlite_raise(c);
	for (int64_t i = 0; r == 0 && i < p->count; i++) {
		if (p->changes[i].has_movement)
			r = write_movement(c, movement, &p->changes[i]);
		if (r == 0)
			r = write_row(c, row, &p->changes[i]);
	}
	sqlite3_finalize(movement);
	sqlite3_finalize(row);
	return r;
}

static int write_lines(struct sqlite_connection *c, const struct repair_plan *p)
{
	return p->line_count == 0
		       ? 0
		       : sqlite_execute(
				 c, "UPDATE reservation_line SET open_until = " OPEN_AS_IT_SHOULD
				    " WHERE open_until IS NOT " OPEN_AS_IT_SHOULD);
}

static int write_store(struct sqlite_connection *c, const struct repair_plan *p)
{
	char sql[120];
	int r = 0;

	snprintf(sql, sizeof(sql), "UPDATE store SET next_fence = %lld", (long long)p->fence_after);
	if (p->fence_after != p->fence_before)
		r = sqlite_execute(c, sql);
	if (r == 0 && p->needs_epoch)
		r = sqlite_execute(c, "UPDATE store SET epoch = lower(hex(randomblob(8)))");
	return r;
}

/* The guards, which see hands, are off here. */
static int write_note(struct sqlite_connection *c, const struct repair_plan *p, const char *actor)
{
	char *sql = sqlite3_mprintf(
		"INSERT INTO audit (at, actor, action, detail) SELECT ms, %Q, 'repair', "
		"'{\"rows\":%lld,\"lines\":%lld,\"next_fence\":[%lld,%lld],\"new_epoch\":%s}' "
		"FROM v_now",
		actor, (long long)p->count, (long long)p->line_count, (long long)p->fence_before,
		(long long)p->fence_after, p->needs_epoch ? "true" : "false");
	int r = sql == NULL ? FAULT(-ENOMEM) : sqlite_execute(c, sql);

	CHECK(actor != NULL);
	sqlite3_free(sql);
	return r;
}

int repair_apply(struct offline *f, const struct repair_plan *p, const char *actor,
		 char ret_copy[OFFLINE_PATH_BYTES], struct store_open_result *result)
{
	struct sqlite_connection *c = &f->reader.connection;
	struct stat st;
	int r;

	CHECK(f->is_open);
	if (stat(f->path, &st) != 0)
		return offline_refuse(result, STORE_GONE, "%s: %s", f->path, strerror(errno));
	if (!offline_kept_name(ret_copy, f->path, "repair"))
		return offline_refuse(result, STORE_UNREACHABLE, "the path is too long");
	r = offline_copy(c, ret_copy, &st, result);
	if (r < 0)
		return r;
	r = sqlite_execute(c, "BEGIN IMMEDIATE");
	if (r == 0)
		r = write_changes(c, p);
	if (r == 0)
		r = write_lines(c, p);
	if (r == 0)
		r = write_store(c, p);
	if (r == 0)
		r = write_note(c, p, actor);
	if (r == 0)
		r = sqlite_execute(c, "COMMIT");
	if (r < 0)
		(void)offline_explain(f->path, c, r, result);
	if (r < 0 && !sqlite3_get_autocommit(c->db))
		(void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}
