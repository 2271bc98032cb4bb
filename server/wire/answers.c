#include "wire/answers.h"
#include "base/check.h"
#include <stdio.h>

enum { DETAIL_BYTES = 1024, ANSWER_BYTES = 1024 };

/* ---------------------------------------------------------------- objects */

static void row_names(struct json *j, const struct code *sku, const struct code *location)
{
	JSON_NAME(j, "sku"), json_text(j, sku->text);
	JSON_NAME(j, "location"), json_text(j, location->text);
}

void stock_write(struct json *j, const struct code *sku, const struct code *location,
		 const struct stock *s)
{
	json_open(j, '{');
	row_names(j, sku, location);
	JSON_NAME(j, "on_hand"), json_int(j, s->on_hand);
	JSON_NAME(j, "reserved"), json_int(j, s->reserved);
	JSON_NAME(j, "available"), json_int(j, stock_available(s));
	JSON_NAME(j, "version"), json_int(j, s->version);
	JSON_NAME(j, "seq"), json_int(j, s->seq);
	JSON_NAME(j, "updated_at"), json_time(j, s->updated_at_ms);
	json_close(j, '}');
}

void movement_write(struct json *j, const struct code *sku, const struct code *location,
		    const struct movement *m)
{
	json_open(j, '{');
	JSON_NAME(j, "seq"), json_int(j, m->seq);
	JSON_NAME(j, "kind"), json_text(j, movement_kind_text(m->kind));
	row_names(j, sku, location);
	JSON_NAME(j, "on_hand_delta"), json_int(j, m->on_hand_delta);
	JSON_NAME(j, "reserved_delta"), json_int(j, m->reserved_delta);
	JSON_NAME(j, "on_hand"), json_int(j, m->on_hand);
	JSON_NAME(j, "reserved"), json_int(j, m->reserved);
	JSON_NAME(j, "available"), json_int(j, m->on_hand - m->reserved);
	JSON_NAME(j, "version"), json_int(j, m->version);
	JSON_NAME(j, "reason"), json_text(j, m->reason);
	JSON_NAME(j, "reference"), json_text(j, m->reference);
	JSON_NAME(j, "reservation"), json_text(j, m->reservation);
	JSON_NAME(j, "request_id"), json_text(j, m->request_id);
	JSON_NAME(j, "at"), json_time(j, m->at_ms);
	if (m->is_oversubscribed)
		JSON_NAME(j, "oversubscribed"), json_bool(j, true);
	if (m->is_low_stock)
		JSON_NAME(j, "low_stock"), json_bool(j, true);
	json_close(j, '}');
}

void item_write(struct json *j, const struct item *i)
{
	json_open(j, '{');
	JSON_NAME(j, "sku"), json_text(j, i->sku.text);
	JSON_NAME(j, "name"), json_text(j, i->name);
	JSON_NAME(j, "unit"), json_text(j, i->unit != NULL ? i->unit : "piece");
	JSON_NAME(j, "backorder_limit"), json_int(j, i->backorder_limit);
	JSON_NAME(j, "reorder_point");
	if (i->has_reorder_point)
		json_int(j, i->reorder_point);
	else
		json_none(j);
	JSON_NAME(j, "attributes"), json_raw(j, i->attributes != NULL ? i->attributes : "{}");
	JSON_NAME(j, "archived"), json_bool(j, i->is_archived);
	JSON_NAME(j, "version"), json_int(j, i->version);
	JSON_NAME(j, "created_at"), json_time(j, i->created_at_ms);
	JSON_NAME(j, "updated_at"), json_time(j, i->updated_at_ms);
	json_close(j, '}');
}

void location_write(struct json *j, const struct location *l)
{
	json_open(j, '{');
	JSON_NAME(j, "location"), json_text(j, l->code.text);
	JSON_NAME(j, "name"), json_text(j, l->name);
	JSON_NAME(j, "archived"), json_bool(j, l->is_archived);
	JSON_NAME(j, "version"), json_int(j, l->version);
	JSON_NAME(j, "created_at"), json_time(j, l->created_at_ms);
	JSON_NAME(j, "updated_at"), json_time(j, l->updated_at_ms);
	json_close(j, '}');
}

void lease_write(struct json *j, const struct lease_view *l)
{
	json_open(j, '{');
	JSON_NAME(j, "id"), json_text(j, l->id);
	JSON_NAME(j, "fence"), json_int(j, l->fence);
	JSON_NAME(j, "purpose"), json_text(j, l->purpose);
	JSON_NAME(j, "rows"), json_open(j, '[');
	for (int i = 0; i < l->row_count; i++) {
		json_open(j, '{');
		row_names(j, &l->rows[i].sku, &l->rows[i].location);
		json_close(j, '}');
	}
	json_close(j, ']');
	JSON_NAME(j, "expires_at"), json_time(j, l->expires_at_ms);
	JSON_NAME(j, "expires_in_ms"), json_int(j, l->expires_in_ms);
	json_close(j, '}');
}

void reservation_write(struct json *j, const struct reservation *r)
{
	json_open(j, '{');
	JSON_NAME(j, "id"), json_text(j, r->name);
	JSON_NAME(j, "state"), json_text(j, reservation_state_text(r->state));
	JSON_NAME(j, "owner"), json_text(j, r->owner);
	JSON_NAME(j, "reference"), json_text(j, r->reference);
	JSON_NAME(j, "lines"), json_open(j, '[');
	for (int i = 0; i < r->line_count; i++) {
		json_open(j, '{');
		row_names(j, &r->lines[i].sku, &r->lines[i].location);
		JSON_NAME(j, "quantity"), json_int(j, r->lines[i].quantity);
		JSON_NAME(j, "committed"), json_int(j, r->lines[i].committed);
		json_close(j, '}');
	}
	json_close(j, ']');
	JSON_NAME(j, "created_at"), json_time(j, r->created_at_ms);
	JSON_NAME(j, "expires_at"), json_time(j, r->expires_at_ms);
	JSON_NAME(j, "resolved_at");
	if (r->resolved_at_ms != 0)
		json_time(j, r->resolved_at_ms);
	else
		json_none(j);
	json_close(j, '}');
}

static const char *text_or_none(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

void finding_write(struct json *j, const struct finding *f)
{
	json_open(j, '{');
	JSON_NAME(j, "code"), json_text(j, finding_code_text(f->code));
	JSON_NAME(j, "sku"), json_text(j, text_or_none(f->sku.text));
	JSON_NAME(j, "location"), json_text(j, text_or_none(f->location.text));
	JSON_NAME(j, "name"), json_text(j, text_or_none(f->name));
	JSON_NAME(j, "seq");
	if (f->seq != 0)
		json_int(j, f->seq);
	else
		json_none(j);
	JSON_NAME(j, "expected"), json_int(j, f->expected);
	JSON_NAME(j, "found"), json_int(j, f->found);
	JSON_NAME(j, "detail"), json_text(j, finding_sentence(f->code));
	json_close(j, '}');
}

/* ---------------------------------------------------------------- problems */

/* The table's hints say that nothing was done, but for those of the outcomes that never know. */
static const char *hint_of(enum outcome o, bool is_unknown)
{
	if (!is_unknown || o == OUTCOME_OUTCOME_UNKNOWN || o == OUTCOME_REQUEST_IN_FLIGHT ||
	    o == OUTCOME_ANSWER_LOST)
		return outcome_row(o)->hint;
	return "Whether it takes effect is not known yet. Ask what became of it, or send the "
	       "request again with the same Idempotency-Key.";
}

/* The members that every problem begins with; the caller adds its own and closes. */
static void problem_open(struct json *j, enum outcome o, const char *detail, const char *hint,
			 bool is_unknown)
{
	const struct outcome_row *row = outcome_row(o);

	json_open(j, '{');
	JSON_NAME(j, "type");
	text_add_char(j->text, '"');
	text_add(j->text, "/problems/");
	text_add(j->text, row->code);
	text_add_char(j->text, '"');
	j->has_sibling = true;
	JSON_NAME(j, "code"), json_text(j, row->code);
	JSON_NAME(j, "title"), json_text(j, row->title);
	JSON_NAME(j, "status"), json_int(j, row->http_status);
	JSON_NAME(j, "detail"), json_text(j, detail != NULL ? detail : row->title);
	JSON_NAME(j, "hint"), json_text(j, hint != NULL ? hint : hint_of(o, is_unknown));
}

static void problem_end(struct json *j, enum outcome o, bool is_unknown, const char *request_id)
{
	const struct outcome_row *row = outcome_row(o);

	JSON_NAME(j, "outcome"), json_text(j, is_unknown ? "unknown" : "not_applied");
	if (request_id != NULL)
		JSON_NAME(j, "request_id"), json_text(j, request_id);
	if (row->retry_after_s > 0)
		JSON_NAME(j, "retry_after_ms"), json_int(j, row->retry_after_s * 1000);
	json_close(j, '}');
	text_add_char(j->text, '\n');
}

void problem_write_body(struct text *out, const struct problem *p)
{
	struct json j = json_begin(out);

	problem_open(&j, p->outcome, p->detail, NULL, p->is_unknown);
	if (p->pointer != NULL) {
		JSON_NAME(&j, "errors"), json_open(&j, '[');
		json_open(&j, '{');
		JSON_NAME(&j, "pointer"), json_text(&j, p->pointer);
		JSON_NAME(&j, "detail");
		json_text(&j, p->detail != NULL ? p->detail : outcome_row(p->outcome)->title);
		json_close(&j, '}');
		json_close(&j, ']');
	}
	if (p->members != NULL)
		json_raw(&j, p->members);
	problem_end(&j, p->outcome, p->is_unknown, p->request_id);
}

/* ---------------------------------------------------------------- refusals of commands */

/* The names that a refusal is about. */
static const char *sku_of(const struct command *c, const struct answer *a)
{
	if (a->short_count > 0)
		return a->short_lines[0].sku.text;
	return c->row_count > 0 ? c->rows[a->row_index].sku.text : c->item.sku.text;
}

static const char *location_of(const struct command *c, const struct answer *a)
{
	if (a->short_count > 0)
		return a->short_lines[0].location.text;
	return c->row_count > 0 ? c->rows[a->row_index].location.text : c->location.code.text;
}

/* Of an item or location command: is it about one that does not exist, or at which version? */
static void stale_detail(char out[DETAIL_BYTES], const struct command *c, const struct answer *a)
{
	bool is_item = command_is_of_item(c->kind);
	const char *what = is_item ? "Item" : "Location";
	const char *name = is_item ? c->item.sku.text : c->location.code.text;
	int64_t version = is_item ? a->item.version : a->location.version;

	if (version != 0)
		snprintf(out, DETAIL_BYTES, "%s %s is at version %lld.", what, name,
			 (long long)version);
	else
		snprintf(out, DETAIL_BYTES, "%s %s does not exist.", what, name);
}

/* What its sender saw, as far as he said it, and what there is now. */
static void stale_row_detail(char out[DETAIL_BYTES], const struct command *c,
			     const struct answer *a, const struct stock *now)
{
	const struct condition *seen = &c->condition;
	int bytes = snprintf(out, DETAIL_BYTES, "%s at %s ", sku_of(c, a), location_of(c, a));
	size_t left = DETAIL_BYTES - (size_t)bytes;

	if (!seen->has_version)
		snprintf(out + bytes, left, "was never stocked.");
	else if (seen->version == 0)
		snprintf(out + bytes, left,
			 "was stocked before: it is at version %lld, with %lld "
			 "on hand.",
			 (long long)now->version, (long long)now->on_hand);
	else if (seen->has_on_hand)
		snprintf(out + bytes, left,
			 "is at version %lld, with %lld on hand; not at %lld, with %lld.",
			 (long long)now->version, (long long)now->on_hand, (long long)seen->version,
			 (long long)seen->on_hand);
	else
		snprintf(out + bytes, left, "is at version %lld, with %lld on hand; not at %lld.",
			 (long long)now->version, (long long)now->on_hand,
			 (long long)seen->version);
}

static void shortage_detail(char out[DETAIL_BYTES], const struct command *c, const struct answer *a)
{
	const struct shortage *s = &a->shortage;
	int64_t owed = s->requested - s->available - s->shortfall; /* at most */
	int bytes = snprintf(out, DETAIL_BYTES, "%s at %s: %lld asked for, %lld available",
			     sku_of(c, a), location_of(c, a), (long long)s->requested,
			     (long long)s->available);

	if (owed > 0)
		snprintf(out + bytes, DETAIL_BYTES - (size_t)bytes, ", which may fall to -%lld.",
			 (long long)owed);
	else
		snprintf(out + bytes, DETAIL_BYTES - (size_t)bytes, ".");
}

/* A sentence with the names and numbers of this refusal; "" where the title says it all. */
static void refusal_detail(char out[DETAIL_BYTES], const struct command *c, const struct answer *a)
{
	const struct stock *now = a->stock_count > 0 ? &a->stocks[0] : NULL;

	out[0] = '\0';
	switch (a->outcome) {
	case OUTCOME_INSUFFICIENT_STOCK:
		shortage_detail(out, c, a);
		break;
	case OUTCOME_STALE_QUANTITY:
		snprintf(out, DETAIL_BYTES, "%s at %s has %lld on hand, not %lld.", sku_of(c, a),
			 location_of(c, a), now != NULL ? (long long)now->on_hand : 0,
			 (long long)c->condition.on_hand);
		break;
	case OUTCOME_INSUFFICIENT_ON_HAND:
		snprintf(out, DETAIL_BYTES, "%s at %s: %lld reserved, %lld on hand.", sku_of(c, a),
			 location_of(c, a), (long long)a->shortage.requested,
			 (long long)a->shortage.available);
		break;
	case OUTCOME_COUNT_OUTDATED:
		snprintf(out, DETAIL_BYTES, "%s at %s was set, counted or edited after seq %lld.",
			 sku_of(c, a), location_of(c, a), (long long)c->past.as_of_seq);
		break;
	case OUTCOME_PRECONDITION_FAILED:
		if (now != NULL)
			stale_row_detail(out, c, a, now);
		else if (c->row_count == 0)
			stale_detail(out, c, a);
		break;
	case OUTCOME_UNKNOWN_ITEM:
		snprintf(out, DETAIL_BYTES, "There is no item %s.", sku_of(c, a));
		break;
	case OUTCOME_UNKNOWN_LOCATION:
		snprintf(out, DETAIL_BYTES, "There is no location %s.", location_of(c, a));
		break;
	case OUTCOME_ITEM_IN_USE:
		snprintf(out, DETAIL_BYTES, "%s has stock or movements, or is leased.",
			 sku_of(c, a));
		break;
	case OUTCOME_LOCATION_IN_USE:
		snprintf(out, DETAIL_BYTES, "%s has stock or movements, or is leased.",
			 location_of(c, a));
		break;
	case OUTCOME_ROW_LEASED:
		snprintf(out, DETAIL_BYTES, "Lease %s%s%s%s holds a row for %lld ms more.",
			 a->lease.id, a->lease.purpose[0] != '\0' ? " (" : "", a->lease.purpose,
			 a->lease.purpose[0] != '\0' ? ")" : "", (long long)a->lease.expires_in_ms);
		break;
	default:
		break;
	}
}

/* The PUT to type, with the real name in it. */
static const char *refusal_hint(char out[DETAIL_BYTES], const struct command *c,
				const struct answer *a)
{
	if (a->outcome == OUTCOME_UNKNOWN_ITEM)
		snprintf(out, DETAIL_BYTES,
			 "Create it first: PUT /v1/items/%s with {\"name\":\"...\"}. Skus are "
			 "case-sensitive.",
			 sku_of(c, a));
	else if (a->outcome == OUTCOME_UNKNOWN_LOCATION)
		snprintf(out, DETAIL_BYTES,
			 "Create it first: PUT /v1/locations/%s with {\"name\":\"...\"}. Codes are "
			 "case-sensitive.",
			 location_of(c, a));
	else
		return NULL;
	return out;
}

static void shortage_numbers(struct json *j, const struct code *sku, const struct code *location,
			     const struct shortage *s)
{
	row_names(j, sku, location);
	JSON_NAME(j, "requested"), json_int(j, s->requested);
	JSON_NAME(j, "available"), json_int(j, s->available);
	JSON_NAME(j, "shortfall"), json_int(j, s->shortfall);
}

/* Each row that is short as a line, and the first of them flat. */
void answer_shortages_write(struct json *j, const struct command *c, const struct answer *a)
{
	const struct short_line *lines = a->short_lines;
	struct short_line only;
	int count = a->short_count;

	if (count == 0) {
		only = (struct short_line){ c->rows[a->row_index].sku,
					    c->rows[a->row_index].location, a->shortage };
		lines = &only;
		count = 1;
	}
	JSON_NAME(j, "lines"), json_open(j, '[');
	for (int i = 0; i < count; i++) {
		json_open(j, '{');
		shortage_numbers(j, &lines[i].sku, &lines[i].location, &lines[i].shortage);
		json_close(j, '}');
	}
	json_close(j, ']');
	shortage_numbers(j, &lines[0].sku, &lines[0].location, &lines[0].shortage);
}

/* The row, item, location or reservation as it is now, so that nobody has to ask for it again. */
void answer_current_write(struct json *j, const struct command *c, const struct answer *a)
{
	if (a->stock_count > 0) {
		JSON_NAME(j, "current");
		stock_write(j, &c->rows[0].sku, &c->rows[0].location, &a->stocks[0]);
	} else if (a->item.id != 0) {
		JSON_NAME(j, "current");
		item_write(j, &a->item);
	} else if (a->location.id != 0) {
		JSON_NAME(j, "current");
		location_write(j, &a->location);
	} else if (a->reservation.id != 0) {
		JSON_NAME(j, "current");
		reservation_write(j, &a->reservation);
	}
}

static void refusal_members(struct json *j, const struct command *c, const struct answer *a)
{
	if (a->line > 0)
		JSON_NAME(j, "line"), json_int(j, a->line);
	switch (a->outcome) {
	case OUTCOME_INSUFFICIENT_STOCK:
	case OUTCOME_INSUFFICIENT_ON_HAND:
		answer_shortages_write(j, c, a);
		break;
	case OUTCOME_PRECONDITION_FAILED:
	case OUTCOME_STALE_QUANTITY:
	case OUTCOME_COUNT_OUTDATED:
	case OUTCOME_RESERVATION_COMMITTED:
	case OUTCOME_RESERVATION_RELEASED:
	case OUTCOME_RESERVATION_EXPIRED:
	case OUTCOME_RESERVATION_SUPERSEDED:
		answer_current_write(j, c, a);
		break;
	case OUTCOME_ROW_LEASED:
		JSON_NAME(j, "lease"), json_open(j, '{');
		JSON_NAME(j, "id"), json_text(j, a->lease.id);
		JSON_NAME(j, "purpose"), json_text(j, a->lease.purpose);
		JSON_NAME(j, "expires_in_ms"), json_int(j, a->lease.expires_in_ms);
		json_close(j, '}');
		break;
	default:
		break;
	}
}

void answer_detail_write(struct json *j, const struct command *c, const struct answer *a)
{
	char detail[DETAIL_BYTES];

	refusal_detail(detail, c, a);
	json_text(j, a->detail != NULL   ? a->detail
		     : detail[0] != '\0' ? detail
					 : outcome_row(a->outcome)->title);
}

static void refusal_write(struct text *out, const struct command *c, const struct answer *a)
{
	struct json j = json_begin(out);
	char detail[DETAIL_BYTES], hint[DETAIL_BYTES];

	refusal_detail(detail, c, a);
	problem_open(&j, a->outcome,
		     a->detail != NULL   ? a->detail
		     : detail[0] != '\0' ? detail
					 : NULL,
		     refusal_hint(hint, c, a), a->is_unknown);
	refusal_members(&j, c, a);
	problem_end(&j, a->outcome, a->is_unknown, c->request_id);
}

/* ---------------------------------------------------------------- answers */

bool answer_is_rebuilt(const struct command *c, const struct answer *a)
{
	return a->outcome == OUTCOME_DONE && command_makes_movements(c->kind);
}

static void one_row_write(struct json *j, const struct command *c, const struct answer *a)
{
	const struct row_ref *row = &c->rows[0];

	json_open(j, '{');
	JSON_NAME(j, "movement");
	movement_write(j, &row->sku, &row->location, &a->movements[0]);
	JSON_NAME(j, "stock");
	stock_write(j, &row->sku, &row->location, &a->stocks[0]);
	json_close(j, '}');
}

static void transfer_write(struct json *j, const struct command *c, const struct answer *a)
{
	json_open(j, '{');
	JSON_NAME(j, "movements"), json_open(j, '[');
	for (int i = 0; i < a->movement_count; i++)
		movement_write(j, &c->rows[i].sku, &c->rows[i].location, &a->movements[i]);
	json_close(j, ']');
	JSON_NAME(j, "stock"), json_open(j, '[');
	for (int i = 0; i < a->stock_count; i++)
		stock_write(j, &c->rows[i].sku, &c->rows[i].location, &a->stocks[i]);
	json_close(j, ']');
	json_close(j, '}');
}

static void done_write(struct text *out, const struct command *c, const struct answer *a)
{
	struct json j = json_begin(out);

	switch (c->kind) {
	case COMMAND_ADJUST:
	case COMMAND_SET:
	case COMMAND_COUNT:
		one_row_write(&j, c, a);
		break;
	case COMMAND_TRANSFER:
		transfer_write(&j, c, a);
		break;
	case COMMAND_READ:
		stock_write(&j, &c->rows[0].sku, &c->rows[0].location, &a->stocks[0]);
		break;
	case COMMAND_ITEM_PUT:
	case COMMAND_ITEM_PATCH:
		item_write(&j, &a->item);
		break;
	case COMMAND_LOCATION_PUT:
	case COMMAND_LOCATION_PATCH:
		location_write(&j, &a->location);
		break;
	case COMMAND_LEASE_TAKE:
	case COMMAND_LEASE_RENEW:
		lease_write(&j, &a->lease);
		break;
	case COMMAND_RESERVE:
	case COMMAND_RESERVATION_COMMIT:
	case COMMAND_RESERVATION_RELEASE:
	case COMMAND_RESERVATION_EXTEND:
		reservation_write(&j, &a->reservation);
		break;
	case COMMAND_ITEM_DELETE:
	case COMMAND_LOCATION_DELETE:
	case COMMAND_LEASE_RELEASE:
		return; /* 204 */
	case COMMAND_KINDS:
		check_failed(__FILE__, __LINE__, "the command has a kind");
	}
	text_add_char(out, '\n');
}

void answer_write_body(struct text *out, const struct command *c, const struct answer *a)
{
	text_reserve(out, ANSWER_BYTES);
	if (a->body != NULL)
		text_add(out, a->body);
	else if (a->outcome == OUTCOME_DONE)
		done_write(out, c, a);
	else
		refusal_write(out, c, a);
}
