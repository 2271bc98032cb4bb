#include "wire/answers.h"
#include "base/check.h"
#include "wire/answers_catalogue.h"
#include "wire/answers_lease.h"
#include "wire/answers_reservation.h"
#include "wire/answers_stock.h"
#include "wire/refusals.h"

enum { ANSWER_BYTES = 1024 };

bool answer_is_rebuilt(const struct command *c, const struct answer *a)
{
	return a->outcome == OUTCOME_DONE && command_shows_movements(c->kind);
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
		refusal_write_body(out, c, a);
}
