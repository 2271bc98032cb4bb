#include "wire/answers_reservation.h"
#include "wire/answers_stock.h"

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
		row_names_write(j, &r->lines[i].sku, &r->lines[i].location);
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
