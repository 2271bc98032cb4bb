#include "core/rules.h"
#include "base/check.h"

static enum outcome refuse_unknown(const struct command *c, const struct rules_row rows[],
				   int *ret_row_index)
{
	CHECK(c->row_count >= 1);
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
	CHECK(version >= 0);
	return (!want->must_exist || version != 0) &&
	       (!want->has_version || version == want->version);
}

static enum outcome refuse_stale(const struct command *c, const struct stock *s)
{
	if (command_traits(c->kind)->condition != CONDITION_ROW)
		return OUTCOME_DONE;
	if (!version_fits(&c->condition, s->version))
		return OUTCOME_PRECONDITION_FAILED;
	if (c->condition.has_on_hand && s->on_hand != c->condition.on_hand)
		return OUTCOME_STALE_QUANTITY;
	return OUTCOME_DONE;
}

/* ------------------------------------------------------------------ what each kind wants */

/* What a command wants of one of its rows. */
struct wish {
	int64_t delta;       /* of on_hand */
	int64_t requested;   /* units that must be available for it, where it takes some */
	bool takes_or_fails; /* a delta of 0 is a refusal */
	bool may_owe;        /* it may take what the item's backorder_limit allows */
	bool states_level;   /* it says what is on the shelf, whoever may have been promised it */
};

static struct wish adjust_wish(const struct command *c, const struct stock *s)
{
	struct wish w = { .delta = c->quantity, .requested = -c->quantity, .may_owe = true };
	int64_t available = stock_available(s);

	CHECK(c->quantity != 0);
	if (!c->is_up_to)
		return w;
	w.takes_or_fails = true;
	w.may_owe = false; /* up to what is there, and never what may be owed */
	if (-c->quantity > available)
		w.delta = available > 0 ? -available : 0;
	return w;
}

static struct wish set_wish(const struct command *c, const struct stock *s)
{
	CHECK(c->quantity >= 0);
	return (struct wish){ .delta = c->quantity - s->on_hand, .states_level = true };
}

/* What was found beside what was there then is added to what is there now. */
static struct wish count_wish(const struct command *c)
{
	CHECK(c->quantity >= 0);
	return (struct wish){ .delta = c->quantity - c->past.on_hand, .states_level = true };
}

static struct wish transfer_wish(const struct command *c, int row_index)
{
	CHECK(row_index < 2);
	CHECK(c->quantity >= 1);
	return (struct wish){ .delta = row_index == 0 ? -c->quantity : c->quantity,
			      .requested = c->quantity,
			      .may_owe = true };
}

static struct wish wish_of(const struct command *c, int row_index, const struct stock *s)
{
	switch (c->kind) {
	case COMMAND_ADJUST:
		return adjust_wish(c, s);
	case COMMAND_SET:
		return set_wish(c, s);
	case COMMAND_COUNT:
		return count_wish(c);
	case COMMAND_TRANSFER:
		return transfer_wish(c, row_index);
	case COMMAND_READ:
		return (struct wish){ 0 };
	case COMMAND_ITEM_PUT:
	case COMMAND_ITEM_PATCH:
	case COMMAND_ITEM_DELETE:
	case COMMAND_LOCATION_PUT:
	case COMMAND_LOCATION_PATCH:
	case COMMAND_LOCATION_DELETE:
	case COMMAND_LEASE_TAKE:
	case COMMAND_LEASE_RENEW:
	case COMMAND_LEASE_RELEASE:
	case COMMAND_RESERVE:
	case COMMAND_RESERVATION_COMMIT:
	case COMMAND_RESERVATION_RELEASE:
	case COMMAND_RESERVATION_EXTEND:
	case COMMAND_KINDS:
		break;
	}
	check_failed(__FILE__, __LINE__, "the command is about what lies in rows");
}

/* ------------------------------------------------------------------ may it be? */

static enum outcome refuse_archived(const struct rules_row *row, int64_t delta)
{
	CHECK(row->item->id != 0);
	if (delta > 0 && row->item->is_archived)
		return OUTCOME_ITEM_ARCHIVED;
	if (delta > 0 && row->location->is_archived)
		return OUTCOME_LOCATION_ARCHIVED;
	return OUTCOME_DONE;
}

static bool is_short(const struct wish *w, const struct rules_row *row)
{
	if (w->states_level)
		return false;
	if (w->takes_or_fails && w->delta == 0)
		return true;
	return w->delta < 0 && stock_available(row->stock) + w->delta < -row->item->backorder_limit;
}

static struct shortage shortage_of(const struct wish *w, const struct rules_row *row)
{
	int64_t available = stock_available(row->stock);
	int64_t owed = w->may_owe ? row->item->backorder_limit : 0;

	CHECK(!w->states_level);
	return (struct shortage){ .requested = w->requested,
				  .available = available,
				  .shortfall = w->requested - available - owed };
}

/* In the order of the checks: for each of them all rows, so that the first row has no priority. */
static enum outcome refuse_wishes(const struct command *c, const struct rules_row rows[],
				  const struct wish wishes[], struct answer *a)
{
	for (int i = 0; i < c->row_count; i++) {
		enum outcome o = refuse_archived(&rows[i], wishes[i].delta);

		if (o != OUTCOME_DONE)
			return o;
	}
	for (int i = 0; i < c->row_count; i++) {
		if (!is_short(&wishes[i], &rows[i]))
			continue;
		a->row_index = i;
		a->shortage = shortage_of(&wishes[i], &rows[i]);
		return OUTCOME_INSUFFICIENT_STOCK;
	}
	for (int i = 0; i < c->row_count; i++) {
		int64_t after = rows[i].stock->on_hand + wishes[i].delta;

		if (after > LEVEL_MAX || after < -LEVEL_MAX)
			return OUTCOME_QUANTITY_OVERFLOW;
	}
	return OUTCOME_DONE;
}

/* Changes the row and writes the movement that says so, as far as the row knows it. */
static struct movement change(const struct rules_row *row, enum movement_kind kind,
			      int64_t on_hand_delta, int64_t reserved_delta, int64_t seq,
			      int64_t now_ms)
{
	struct stock *s = row->stock;
	const struct stock before = *s;

	CHECK(seq > before.seq);
	CHECK(kind < MOVEMENT_KINDS);
	CHECK(before.version < VERSION_MAX);
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
	CHECK(c->reason != NULL);
	CHECK(c->actor != NULL);
	*ret_movement = change(row, command_movement(c->kind), delta, 0, seq, now_ms);
	ret_movement->reason = c->reason;
	ret_movement->reference = c->reference;
	ret_movement->request_id = c->request_id;
	ret_movement->actor = c->actor->name;
	ret_movement->note = c->note;
}

static void check_command(const struct command *c, const struct rules_row rows[])
{
	bool is_of_two = command_traits(c->kind)->answers == ANSWERS_MOVEMENTS;

	CHECK(c->request_id != NULL);
	CHECK(c->row_count == (is_of_two ? 2 : 1));
	CHECK(c->quantity >= -QUANTITY_MAX);
	CHECK(c->quantity <= QUANTITY_MAX);
	CHECK(IMPLIES(is_of_two, rows[0].stock != rows[c->row_count - 1].stock));
	for (int i = 0; i < c->row_count; i++)
		CHECK(stock_is_sound(rows[i].stock));
}

/* Between the moment that was counted and now, only what came and went may have changed the row. */
static bool is_outdated(const struct command *c, const struct rules_row *row)
{
	return c->kind == COMMAND_COUNT && (c->past.stated_seq != 0 || row->stated_seq != 0);
}

/* Refuses (with what explains it), or leaves what it does to its rows. */
static enum outcome decide(const struct command *c, const struct rules_row rows[],
			   struct wish wishes[], struct answer *a)
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
		wishes[i] = wish_of(c, i, rows[i].stock);
	return refuse_wishes(c, rows, wishes, a);
}

void rules_decide(const struct command *c, struct rules_row rows[], const struct rules_clock *clock,
		  struct answer *ret_answer)
{
	struct wish wishes[COMMAND_MOVEMENTS_MAX];
	struct answer *a = ret_answer;

	check_command(c, rows);
	a->movement_count = 0;
	a->stock_count = 0;
	a->shortage = (struct shortage){ 0 };
	a->detail = NULL;
	a->row_index = 0;
	a->outcome = decide(c, rows, wishes, a);
	a->status = outcome_row(a->outcome)->http_status;
	if (a->outcome != OUTCOME_DONE)
		return;
	a->status = command_status(c->kind);
	for (int i = 0; i < c->row_count; i++) {
		if (command_shows_movements(c->kind))
			row_change(c, &rows[i], wishes[i].delta, clock->seq + 1 + i, clock->now_ms,
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
	CHECK(row->stock->reserved + b->reserved_delta >= 0);
	*ret_movement = change(row, b->kind, b->on_hand_delta, b->reserved_delta, seq, now_ms);
	ret_movement->reason = movement_kind_text(b->kind);
	ret_movement->reservation = b->reservation;
	ret_movement->reference = b->reference;
	ret_movement->request_id = b->request_id;
	ret_movement->actor = b->actor;
	ret_movement->note = b->note;
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
	CHECK(count >= 1);
	CHECK(lines != NULL);
	ret->short_count = 0;
	ret->short_lines = lines;
	for (int i = 0; i < count; i++) {
		int64_t has = had(rows[i].stock);
		int64_t missing = quantities[i] - has - rows[i].item->backorder_limit;

		CHECK(quantities[i] >= 0);
		CHECK(quantities[i] <= QUANTITY_MAX);
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
	CHECK(count >= 1);
	CHECK(count <= COMMAND_ROWS_MAX);
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
