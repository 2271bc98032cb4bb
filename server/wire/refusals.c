#include "wire/refusals.h"
#include "wire/answers_catalogue.h"
#include "wire/answers_reservation.h"
#include "wire/answers_stock.h"
#include "wire/problems.h"
#include <stdio.h>

enum { DETAIL_BYTES = 1024 };

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
	switch ((int)a->outcome) { /* a few of many: of the others the title says it all */
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
	case OUTCOME_LOCATION_FORBIDDEN:
		snprintf(out, DETAIL_BYTES, "This token may not write %s%sat %s.", sku_of(c, a),
			 sku_of(c, a)[0] != '\0' ? " " : "", location_of(c, a));
		break;
	case OUTCOME_ROW_LEASED:
		snprintf(out, DETAIL_BYTES, "Lease %s%s%s%s holds a row for %lld ms more.",
			 a->lease.id, a->lease.purpose[0] != '\0' ? " (" : "", a->lease.purpose,
			 a->lease.purpose[0] != '\0' ? ")" : "", (long long)a->lease.expires_in_ms);
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
	row_names_write(j, sku, location);
	JSON_NAME(j, "requested"), json_int(j, s->requested);
	JSON_NAME(j, "available"), json_int(j, s->available);
	JSON_NAME(j, "shortfall"), json_int(j, s->shortfall);
}

void refusal_shortages_write(struct json *j, const struct command *c, const struct answer *a)
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

/* The row, item, location or reservation. */
void refusal_current_write(struct json *j, const struct command *c, const struct answer *a)
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

void refusal_place_write(struct json *j, const struct command *c, const struct answer *a)
{
	const char *sku = sku_of(c, a);

	if (sku[0] != '\0')
		JSON_NAME(j, "sku"), json_text(j, sku);
	JSON_NAME(j, "location"), json_text(j, location_of(c, a));
}

static void refusal_members(struct json *j, const struct command *c, const struct answer *a)
{
	if (a->line > 0)
		JSON_NAME(j, "line"), json_int(j, a->line);
	switch ((int)a->outcome) { /* a few of many */
	case OUTCOME_INSUFFICIENT_STOCK:
	case OUTCOME_INSUFFICIENT_ON_HAND:
		refusal_shortages_write(j, c, a);
		break;
	case OUTCOME_PRECONDITION_FAILED:
	case OUTCOME_STALE_QUANTITY:
	case OUTCOME_COUNT_OUTDATED:
	case OUTCOME_RESERVATION_COMMITTED:
	case OUTCOME_RESERVATION_RELEASED:
	case OUTCOME_RESERVATION_EXPIRED:
	case OUTCOME_RESERVATION_SUPERSEDED:
		refusal_current_write(j, c, a);
		break;
	case OUTCOME_LOCATION_FORBIDDEN:
		refusal_place_write(j, c, a);
		break;
	case OUTCOME_ROW_LEASED:
		JSON_NAME(j, "lease"), json_open(j, '{');
		JSON_NAME(j, "id"), json_text(j, a->lease.id);
		JSON_NAME(j, "purpose"), json_text(j, a->lease.purpose);
		JSON_NAME(j, "expires_in_ms"), json_int(j, a->lease.expires_in_ms);
		json_close(j, '}');
		break;
	}
}

void refusal_detail_write(struct json *j, const struct command *c, const struct answer *a)
{
	char detail[DETAIL_BYTES];

	refusal_detail(detail, c, a);
	json_text(j, a->detail != NULL   ? a->detail
		     : detail[0] != '\0' ? detail
					 : outcome_row(a->outcome)->title);
}

void refusal_write_body(struct text *out, const struct command *c, const struct answer *a)
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
	problem_close(&j, a->outcome, a->is_unknown, c->request_id);
}
