#include "wire/answers.h"
#include "base/check.h"
#include "wire/answers_catalogue.h"
#include "wire/answers_lease.h"
#include "wire/answers_reservation.h"
#include "wire/answers_stock.h"
#include "wire/refusals.h"

enum { ANSWER_BYTES = 1024 };

static void one_row_write(struct json *j, const struct command *c, const struct answer *a)
{
	const struct row_ref *row = &c->rows[0];

	json_open(j, '{');
	JSON_NAME(j, "movement");
	movement_write_answered(j, &row->sku, &row->location, &a->movements[0]);
	JSON_NAME(j, "stock");
	stock_write(j, &row->sku, &row->location, &a->stocks[0]);
	reason_hint_write(j, c);
	json_close(j, '}');
}

static void rows_write(struct json *j, const struct command *c, const struct answer *a)
{
	json_open(j, '{');
	JSON_NAME(j, "movements"), json_open(j, '[');
	for (int i = 0; i < a->movement_count; i++)
		movement_write_answered(j, &c->rows[i].sku, &c->rows[i].location, &a->movements[i]);
	json_close(j, ']');
	JSON_NAME(j, "stock"), json_open(j, '[');
	for (int i = 0; i < a->stock_count; i++)
		stock_write(j, &c->rows[i].sku, &c->rows[i].location, &a->stocks[i]);
	json_close(j, ']');
	reason_hint_write(j, c);
	json_close(j, '}');
}

static void done_write(struct text *out, const struct command *c, const struct answer *a)
{
	struct json j = json_begin(out);

	switch (command_traits(c->kind)->answers) {
	case ANSWERS_MOVEMENT:
		one_row_write(&j, c, a);
		break;
	case ANSWERS_MOVEMENTS:
		rows_write(&j, c, a);
		break;
	case ANSWERS_STOCK:
		stock_write(&j, &c->rows[0].sku, &c->rows[0].location, &a->stocks[0]);
		break;
	case ANSWERS_ITEM:
		item_write(&j, &a->item);
		break;
	case ANSWERS_LOCATION:
		location_write(&j, &a->location);
		break;
	case ANSWERS_LEASE:
		lease_write(&j, &a->lease);
		break;
	case ANSWERS_RESERVATION:
		reservation_write(&j, &a->reservation);
		break;
	case ANSWERS_NOTHING:
		return; /* 204 */
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
		refusal_write_body(out, c, a);
}

/* ---------------------------------------------------------------- beside the body */

enum answer_source answer_source(const struct command *c, const struct answer *a)
{
	if (a->outcome != OUTCOME_DONE)
		return ANSWER_OF_BODY;
	switch (command_traits(c->kind)->answers) {
	case ANSWERS_MOVEMENT:
	case ANSWERS_MOVEMENTS:
		return ANSWER_OF_LEDGER;
	case ANSWERS_NOTHING:
		return ANSWER_OF_NOTHING;
	case ANSWERS_STOCK:
	case ANSWERS_ITEM:
	case ANSWERS_LOCATION:
	case ANSWERS_LEASE:
	case ANSWERS_RESERVATION:
		return ANSWER_OF_BODY;
	}
	check_failed(__FILE__, __LINE__, "a command answers with something, or nothing");
}

int64_t answer_version(const struct command *c, const struct answer *a)
{
	if (a->outcome != OUTCOME_DONE)
		return -1;
	switch (command_traits(c->kind)->answers) {
	case ANSWERS_MOVEMENT:
	case ANSWERS_STOCK:
		return a->stocks[0].version;
	case ANSWERS_ITEM:
		return a->item.version;
	case ANSWERS_LOCATION:
		return a->location.version;
	case ANSWERS_MOVEMENTS:
	case ANSWERS_LEASE:
	case ANSWERS_RESERVATION:
	case ANSWERS_NOTHING:
		break;
	}
	return -1;
}

struct answer_location answer_location(const struct command *c, const struct answer *a)
{
	static const struct answer_location none;

	if (a->status != 201)
		return none;
	switch (command_traits(c->kind)->answers) {
	case ANSWERS_MOVEMENT:
	case ANSWERS_MOVEMENTS:
		return (struct answer_location){ "/v1/movements/", NULL, a->movements[0].seq };
	case ANSWERS_ITEM:
		return (struct answer_location){ "/v1/items/", c->item.sku.text, 0 };
	case ANSWERS_LOCATION:
		return (struct answer_location){ "/v1/locations/", c->location.code.text, 0 };
	case ANSWERS_LEASE:
		return a->lease.id == NULL
			       ? none
			       : (struct answer_location){ "/v1/leases/", a->lease.id, 0 };
	case ANSWERS_RESERVATION:
		return a->reservation.name == NULL
			       ? none
			       : (struct answer_location){ "/v1/reservations/", a->reservation.name,
							   0 };
	case ANSWERS_STOCK:
	case ANSWERS_NOTHING:
		break;
	}
	return none;
}
