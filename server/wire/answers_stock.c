#include "wire/answers_stock.h"

void row_names_write(struct json *j, const struct code *sku, const struct code *location)
{
	JSON_NAME(j, "sku"), json_text(j, sku->text);
	JSON_NAME(j, "location"), json_text(j, location->text);
}

void stock_write(struct json *j, const struct code *sku, const struct code *location,
		 const struct stock *s)
{
	json_open(j, '{');
	row_names_write(j, sku, location);
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
	row_names_write(j, sku, location);
	JSON_NAME(j, "on_hand_delta"), json_int(j, m->on_hand_delta);
	JSON_NAME(j, "reserved_delta"), json_int(j, m->reserved_delta);
	JSON_NAME(j, "on_hand"), json_int(j, m->on_hand);
	JSON_NAME(j, "reserved"), json_int(j, m->reserved);
	JSON_NAME(j, "available"), json_int(j, units_available(m->on_hand, m->reserved));
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
