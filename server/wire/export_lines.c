#include "wire/export_lines.h"
#include "wire/json_write.h"
#include <string.h>

/* Of what a line before has made. */
enum { VERSION_MADE = 1 };

static struct json line_begin(struct text *out, const char *op)
{
	struct json j = json_begin(out);

	json_open(&j, '{');
	JSON_NAME(&j, "op"), json_text(&j, op);
	return j;
}

static void line_end(struct json *j)
{
	json_close(j, '}');
	text_add_char(j->text, '\n');
}

/* 0 of what must not be there yet: an export makes things, and overwrites none. */
static void expected_version_write(struct json *j, int64_t version)
{
	JSON_NAME(j, "expected_version"), json_int(j, version);
}

void export_item_write(struct text *out, const struct item *i)
{
	struct json j = line_begin(out, "item");

	JSON_NAME(&j, "sku"), json_text(&j, i->sku.text);
	JSON_NAME(&j, "name"), json_text(&j, i->name);
	JSON_NAME(&j, "unit"), json_text(&j, i->unit != NULL ? i->unit : "piece");
	if (i->backorder_limit != 0)
		JSON_NAME(&j, "backorder_limit"), json_int(&j, i->backorder_limit);
	if (i->has_reorder_point)
		JSON_NAME(&j, "reorder_point"), json_int(&j, i->reorder_point);
	if (i->attributes != NULL)
		JSON_NAME(&j, "attributes"), json_raw(&j, i->attributes);
	expected_version_write(&j, 0);
	line_end(&j);
}

void export_location_write(struct text *out, const struct location *l)
{
	struct json j = line_begin(out, "location");

	JSON_NAME(&j, "location"), json_text(&j, l->code.text);
	JSON_NAME(&j, "name"), json_text(&j, l->name);
	expected_version_write(&j, 0);
	line_end(&j);
}

void export_item_rest_write(struct text *out, const struct item *i)
{
	struct json j = line_begin(out, "patch_item");

	JSON_NAME(&j, "sku"), json_text(&j, i->sku.text);
	JSON_NAME(&j, "backorder_limit"), json_int(&j, i->backorder_limit);
	JSON_NAME(&j, "archived"), json_bool(&j, i->is_archived);
	expected_version_write(&j, VERSION_MADE);
	line_end(&j);
}

void export_location_rest_write(struct text *out, const struct location *l)
{
	struct json j = line_begin(out, "patch_location");

	JSON_NAME(&j, "location"), json_text(&j, l->code.text);
	JSON_NAME(&j, "archived"), json_bool(&j, l->is_archived);
	expected_version_write(&j, VERSION_MADE);
	line_end(&j);
}

void export_level_write(struct text *out, const struct code *sku, const struct code *location,
			int64_t on_hand)
{
	struct json j = line_begin(out, on_hand < 0 ? "adjust" : "set");

	JSON_NAME(&j, "sku"), json_text(&j, sku->text);
	JSON_NAME(&j, "location"), json_text(&j, location->text);
	if (on_hand < 0)
		JSON_NAME(&j, "delta"), json_int(&j, on_hand);
	else
		JSON_NAME(&j, "on_hand"), json_int(&j, on_hand);
	expected_version_write(&j, 0);
	JSON_NAME(&j, "reason"), json_text(&j, "import");
	line_end(&j);
}

void export_reservation_write(struct text *out, const struct reservation *r, int64_t ttl_s)
{
	struct json j = line_begin(out, "reserve");

	if (strncmp(r->name, "r_", 2) != 0)
		JSON_NAME(&j, "reservation"), json_text(&j, r->name);
	if (r->owner != NULL)
		JSON_NAME(&j, "owner"), json_text(&j, r->owner);
	if (r->reference != NULL)
		JSON_NAME(&j, "reference"), json_text(&j, r->reference);
	JSON_NAME(&j, "ttl_s"), json_int(&j, ttl_s);
	JSON_NAME(&j, "lines"), json_open(&j, '[');
	for (int i = 0; i < r->line_count; i++) {
		json_open(&j, '{');
		JSON_NAME(&j, "sku"), json_text(&j, r->lines[i].sku.text);
		JSON_NAME(&j, "location"), json_text(&j, r->lines[i].location.text);
		JSON_NAME(&j, "quantity"), json_int(&j, r->lines[i].quantity);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	line_end(&j);
}
