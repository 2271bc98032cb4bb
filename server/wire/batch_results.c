#include "wire/batch_results.h"
#include "wire/answers_stock.h"
#include "wire/refusals.h"

static struct json result_begin(struct text *out, int64_t line, const char *id, int status)
{
	struct json j = json_begin(out);

	json_open(&j, '{');
	JSON_NAME(&j, "line"), json_int(&j, line);
	if (id != NULL)
		JSON_NAME(&j, "id"), json_text(&j, id);
	JSON_NAME(&j, "status"), json_int(&j, status);
	return j;
}

static void result_end(struct json *j)
{
	json_close(j, '}');
	text_add_char(j->text, '\n');
}

static void level_write(struct json *j, const struct stock *s)
{
	JSON_NAME(j, "seq"), json_int(j, s->seq);
	JSON_NAME(j, "version"), json_int(j, s->version);
	JSON_NAME(j, "on_hand"), json_int(j, s->on_hand);
	JSON_NAME(j, "reserved"), json_int(j, s->reserved);
	JSON_NAME(j, "available"), json_int(j, stock_available(s));
}

static void levels_write(struct json *j, const struct command *c, const struct answer *a)
{
	JSON_NAME(j, "stock"), json_open(j, '[');
	for (int i = 0; i < a->stock_count; i++)
		stock_write(j, &c->rows[i].sku, &c->rows[i].location, &a->stocks[i]);
	json_close(j, ']');
}

static void reservation_state_write(struct json *j, const struct reservation *r)
{
	JSON_NAME(j, "reservation"), json_text(j, r->name);
	JSON_NAME(j, "state"), json_text(j, reservation_state_text(r->state));
}

static void done_write(struct json *j, const struct command *c, const struct answer *a)
{
	switch (command_traits(c->kind)->answers) {
	case ANSWERS_MOVEMENT:
	case ANSWERS_STOCK:
		level_write(j, &a->stocks[0]);
		reason_hint_write(j, c);
		break;
	case ANSWERS_MOVEMENTS:
		levels_write(j, c, a);
		reason_hint_write(j, c);
		break;
	case ANSWERS_ITEM:
		JSON_NAME(j, "version"), json_int(j, a->item.version);
		break;
	case ANSWERS_LOCATION:
		JSON_NAME(j, "version"), json_int(j, a->location.version);
		break;
	case ANSWERS_RESERVATION:
		reservation_state_write(j, &a->reservation);
		break;
	case ANSWERS_LEASE:
		JSON_NAME(j, "lease"), json_text(j, a->lease.id);
		JSON_NAME(j, "fence"), json_int(j, a->lease.fence);
		break;
	case ANSWERS_NOTHING:
		break;
	}
}

static void numbers_write(struct json *j, const struct command *c, const struct answer *a)
{
	refusal_detail_write(j, c, a);
	if (a->outcome == OUTCOME_INSUFFICIENT_STOCK || a->outcome == OUTCOME_INSUFFICIENT_ON_HAND)
		refusal_shortages_write(j, c, a);
	if (a->outcome == OUTCOME_PRECONDITION_FAILED || a->outcome == OUTCOME_STALE_QUANTITY ||
	    a->outcome == OUTCOME_COUNT_OUTDATED)
		refusal_current_write(j, c, a);
	if (a->outcome == OUTCOME_LOCATION_FORBIDDEN)
		refusal_place_write(j, c, a);
}

/* The same of a replay, as it was said the first time. */
static void again_write(struct json *j, const struct answer *a)
{
	json_text(j, a->detail != NULL ? a->detail : outcome_row(a->outcome)->title);
	if (a->members != NULL)
		json_raw(j, a->members);
}

static void refused_write(struct json *j, const struct command *c, const struct answer *a)
{
	JSON_NAME(j, "code"), json_text(j, outcome_row(a->outcome)->code);
	JSON_NAME(j, "detail");
	if (a->body != NULL) /* a replay */
		again_write(j, a);
	else
		numbers_write(j, c, a);
	if (a->reservation.name != NULL)
		reservation_state_write(j, &a->reservation);
	if (a->is_unknown)
		JSON_NAME(j, "outcome"), json_text(j, "unknown");
}

void batch_result_write(struct text *out, int64_t line, const char *id, const struct command *c,
			const struct answer *a)
{
	struct json j = result_begin(out, line, id, a->status);

	if (a->outcome == OUTCOME_DONE)
		done_write(&j, c, a);
	else
		refused_write(&j, c, a);
	if (a->is_replayed)
		JSON_NAME(&j, "replayed"), json_bool(&j, true);
	result_end(&j);
}

void batch_refusal_write(struct text *out, int64_t line, const char *id,
			 const struct message_error *e)
{
	struct json j = result_begin(out, line, id, outcome_row(e->outcome)->http_status);

	JSON_NAME(&j, "code"), json_text(&j, outcome_row(e->outcome)->code);
	JSON_NAME(&j, "detail"), json_text(&j, e->detail);
	if (e->pointer[0] != '\0')
		JSON_NAME(&j, "pointer"), json_text(&j, e->pointer);
	result_end(&j);
}
