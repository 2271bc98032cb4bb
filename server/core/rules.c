#include "core/rules.h"
#include "base/check.h"

static enum outcome refuse_unknown(const struct command *c, const struct rules_row rows[],
				   int *ret_row_index)
{
	for (int i = 0; i < c->row_count; i++) {
		*ret_row_index = i;
		if (rows[i].item->id == 0)
			return OUTCOME_UNKNOWN_ITEM;
		if (rows[i].location->id == 0)
			return OUTCOME_UNKNOWN_LOCATION;
	}
	*ret_row_index = 0;
	return OUTCOME_DONE;
}

static bool version_fits(const struct condition *want, int64_t version)
{
	return (!want->must_exist || version != 0) &&
	       (!want->has_version || version == want->version);
}

/* Only commands of one row that change it come with a condition. */
static enum outcome refuse_stale(const struct command *c, const struct stock *s)
{
	if (c->kind != COMMAND_ADJUST && c->kind != COMMAND_SET && c->kind != COMMAND_COUNT)
		return OUTCOME_DONE;
	if (!version_fits(&c->condition, s->version))
		return OUTCOME_PRECONDITION_FAILED;
	if (c->condition.has_on_hand && s->on_hand != c->condition.on_hand)
		return OUTCOME_STALE_QUANTITY;
	return OUTCOME_DONE;
}

/* What the command adds to the on_hand of one of its rows; of `up to`, at most what there is. */
static int64_t on_hand_delta(const struct command *c, int row_index, const struct stock *s)
{
	int64_t available = stock_available(s);

	switch (c->kind) {
	case COMMAND_ADJUST:
		if (!c->is_up_to || c->quantity > 0 || -c->quantity <= available)
			return c->quantity;
		return available > 0 ? -available : 0;
	case COMMAND_SET:
		return c->quantity - s->on_hand;
	case COMMAND_COUNT:
		return c->quantity - c->past.on_hand;
	case COMMAND_TRANSFER:
		return row_index == 0 ? -c->quantity : c->quantity;
	default:
		return 0;
	}
}

static enum outcome refuse_archived(const struct rules_row *row, int64_t delta)
{
	if (delta > 0 && row->item->is_archived)
		return OUTCOME_ITEM_ARCHIVED;
	if (delta > 0 && row->location->is_archived)
		return OUTCOME_LOCATION_ARCHIVED;
	return OUTCOME_DONE;
}

static bool is_short(const struct command *c, const struct rules_row *row, int64_t delta)
{
	if (c->kind == COMMAND_SET || c->kind == COMMAND_COUNT)
		return false; /* they state what is on the shelf */
	if (c->kind == COMMAND_ADJUST && delta == 0)
		return true; /* up to nothing */
	return delta < 0 && stock_available(row->stock) + delta < -row->item->backorder_limit;
}

/* `up to` takes what is there, and never what may be owed. */
static struct shortage shortage_of(const struct command *c, const struct rules_row *row)
{
	int64_t requested = c->kind == COMMAND_TRANSFER ? c->quantity : -c->quantity;
	int64_t available = stock_available(row->stock);
	bool is_up_to = c->kind == COMMAND_ADJUST && c->is_up_to;
	int64_t owed = is_up_to ? 0 : row->item->backorder_limit;

	return (struct shortage){ .requested = requested,
				  .available = available,
				  .shortfall = requested - available - owed };
}

/* In the order of the checks: for each of them all rows, so that the first row has no priority. */
static enum outcome refuse_deltas(const struct command *c, const struct rules_row rows[],
				  const int64_t deltas[], struct answer *a)
{
	for (int i = 0; i < c->row_count; i++) {
		enum outcome o = refuse_archived(&rows[i], deltas[i]);

		if (o != OUTCOME_DONE)
			return o;
	}
	for (int i = 0; i < c->row_count; i++) {
		if (!is_short(c, &rows[i], deltas[i]))
			continue;
		a->row_index = i;
		a->shortage = shortage_of(c, &rows[i]);
		return OUTCOME_INSUFFICIENT_STOCK;
	}
	for (int i = 0; i < c->row_count; i++) {
		int64_t after = rows[i].stock->on_hand + deltas[i];

		if (after > LEVEL_MAX || after < -LEVEL_MAX)
			return OUTCOME_QUANTITY_OVERFLOW;
	}
	return OUTCOME_DONE;
}

static enum movement_kind movement_kind_of(enum command_kind kind)
{
	switch (kind) {
	case COMMAND_SET:
		return MOVEMENT_SET;
	case COMMAND_COUNT:
		return MOVEMENT_COUNT_OF_STOCK;
	case COMMAND_TRANSFER:
		return MOVEMENT_TRANSFER;
	default:
		return MOVEMENT_ADJUST;
	}
}

/* Changes the row and writes the movement that says so, as far as the row knows it. */
static struct movement change(const struct rules_row *row, enum movement_kind kind,
			      int64_t on_hand_delta, int64_t reserved_delta, int64_t seq,
			      int64_t now_ms)
{
	struct stock *s = row->stock;
	const struct stock before = *s;

	CHECK(seq > before.seq);
	s->on_hand += on_hand_delta;
	s->reserved += reserved_delta;
	s->version++;
	s->seq = seq;
	s->updated_at_ms = now_ms;
	CHECK(stock_is_sound(s));
	return (struct movement){
		.seq = seq,
		.stock_id = s->id,
		.kind = kind,
		.on_hand_delta = on_hand_delta,
		.reserved_delta = reserved_delta,
		.on_hand = s->on_hand,
		.reserved = s->reserved,
		.version = s->version,
		.prev_seq = before.seq,
		.at_ms = now_ms,
		.is_oversubscribed = movement_states_level(kind) && s->reserved > s->on_hand,
		.is_low_stock = row->item->has_reorder_point &&
				stock_available(s) <= row->item->reorder_point,
	};
}

static void row_change(const struct command *c, const struct rules_row *row, int64_t delta,
		       int64_t seq, int64_t now_ms, struct movement *ret_movement)
{
	*ret_movement = change(row, movement_kind_of(c->kind), delta, 0, seq, now_ms);
	ret_movement->reason = c->reason;
	ret_movement->reference = c->reference;
	ret_movement->request_id = c->request_id;
}

static void check_command(const struct command *c, const struct rules_row rows[])
{
	CHECK(command_shows_movements(c->kind) || c->kind == COMMAND_READ);
	CHECK(c->row_count == (c->kind == COMMAND_TRANSFER ? 2 : 1));
	CHECK(c->quantity >= -QUANTITY_MAX);
	CHECK(c->quantity <= QUANTITY_MAX);
	CHECK(IMPLIES(c->kind == COMMAND_ADJUST, c->quantity != 0));
	CHECK(IMPLIES(c->kind == COMMAND_SET || c->kind == COMMAND_COUNT, c->quantity >= 0));
	CHECK(IMPLIES(c->kind == COMMAND_TRANSFER, c->quantity >= 1));
	CHECK(IMPLIES(c->kind == COMMAND_TRANSFER, rows[0].stock != rows[1].stock));
	for (int i = 0; i < c->row_count; i++)
		CHECK(stock_is_sound(rows[i].stock));
}

/* Between the moment that was counted and now, only what came and went may have changed the row. */
static bool is_outdated(const struct command *c, const struct rules_row *row)
{
	return c->kind == COMMAND_COUNT && (c->past.stated_seq != 0 || row->stated_seq != 0);
}

/* Refuses (with what explains it), or leaves the deltas of its rows. */
static enum outcome decide(const struct command *c, const struct rules_row rows[], int64_t deltas[],
			   struct answer *a)
{
	enum outcome o = refuse_unknown(c, rows, &a->row_index);

	if (o != OUTCOME_DONE)
		return o;
	o = refuse_stale(c, rows[0].stock);
	if (o == OUTCOME_DONE && is_outdated(c, &rows[0]))
		o = OUTCOME_COUNT_OUTDATED;
	if (o != OUTCOME_DONE) {
		a->stock_count = 1;
		a->stocks[0] = *rows[0].stock;
		return o;
	}
	for (int i = 0; i < c->row_count; i++)
		deltas[i] = on_hand_delta(c, i, rows[i].stock);
	return refuse_deltas(c, rows, deltas, a);
}

void rules_decide(const struct command *c, struct rules_row rows[], const struct rules_clock *clock,
		  struct answer *ret_answer)
{
	int64_t deltas[COMMAND_MOVEMENTS_MAX];
	struct answer *a = ret_answer;

	check_command(c, rows);
	a->movement_count = 0;
	a->stock_count = 0;
	a->shortage = (struct shortage){ 0 };
	a->detail = NULL;
	a->row_index = 0;
	a->outcome = decide(c, rows, deltas, a);
	a->status = outcome_row(a->outcome)->http_status;
	if (a->outcome != OUTCOME_DONE)
		return;
	if (c->kind == COMMAND_ADJUST || c->kind == COMMAND_TRANSFER)
		a->status = 201;
	for (int i = 0; i < c->row_count; i++) {
		if (c->kind != COMMAND_READ)
			row_change(c, &rows[i], deltas[i], clock->seq + 1 + i, clock->now_ms,
				   &a->movements[a->movement_count++]);
		a->stocks[a->stock_count++] = *rows[i].stock;
	}
}

enum outcome rules_precondition(const struct command *c, int64_t version)
{
	if (c->is_create_only && version != 0)
		return OUTCOME_PRECONDITION_FAILED;
	return version_fits(&c->condition, version) ? OUTCOME_DONE : OUTCOME_PRECONDITION_FAILED;
}

/* ------------------------------------------------------------------ reservations */

void rules_book(const struct rules_row *row, const struct booking *b, int64_t seq, int64_t now_ms,
		struct movement *ret_movement)
{
	*ret_movement = change(row, b->kind, b->on_hand_delta, b->reserved_delta, seq, now_ms);
	ret_movement->reason = movement_kind_text(b->kind);
	ret_movement->reservation = b->reservation;
	ret_movement->reference = b->reference;
	ret_movement->request_id = b->request_id;
}

static enum outcome refuse_row(const struct rules_row *row)
{
	if (row->item->id == 0)
		return OUTCOME_UNKNOWN_ITEM;
	if (row->location->id == 0)
		return OUTCOME_UNKNOWN_LOCATION;
	return refuse_archived(row, 1);
}

static int64_t on_hand_of(const struct stock *s)
{
	return s->on_hand;
}

/* Every row that has less than what is asked for, whatever `had` counts. */
static enum outcome judge_shortages(const struct rules_row rows[], const int64_t quantities[],
				    int count, int64_t (*had)(const struct stock *s),
				    struct short_line lines[], struct answer *ret)
{
	ret->short_count = 0;
	ret->short_lines = lines;
	for (int i = 0; i < count; i++) {
		int64_t has = had(rows[i].stock);
		int64_t missing = quantities[i] - has - rows[i].item->backorder_limit;

		if (missing <= 0)
			continue;
		lines[ret->short_count++] = (struct short_line){
			.sku = rows[i].item->sku,
			.location = rows[i].location->code,
			.shortage = { .requested = quantities[i],
				      .available = has,
				      .shortfall = missing },
		};
	}
	if (ret->short_count == 0)
		return OUTCOME_DONE;
	ret->shortage = lines[0].shortage;
	return OUTCOME_INSUFFICIENT_STOCK;
}

enum outcome rules_may_reserve(const struct rules_row rows[], const int64_t quantities[], int count,
			       struct short_line lines[], struct answer *ret)
{
	for (int i = 0; i < count; i++) {
		enum outcome o = refuse_row(&rows[i]);

		ret->row_index = i;
		if (o != OUTCOME_DONE)
			return o;
		if (rows[i].stock->reserved + quantities[i] > LEVEL_MAX)
			return OUTCOME_QUANTITY_OVERFLOW;
	}
	ret->row_index = 0;
	return judge_shortages(rows, quantities, count, stock_available, lines, ret);
}

enum outcome rules_may_commit(const struct rules_row rows[], const int64_t quantities[], int count,
			      struct short_line lines[], struct answer *ret)
{
	enum outcome o = judge_shortages(rows, quantities, count, on_hand_of, lines, ret);

	return o == OUTCOME_DONE ? o : OUTCOME_INSUFFICIENT_ON_HAND;
}
