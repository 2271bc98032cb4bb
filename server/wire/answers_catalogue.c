#include "wire/answers_catalogue.h"

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
