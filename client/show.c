#include "client/show.h"
#include "client/display.h"
#include "base/check.h"
#include "client/shape.h"
#include "client/timing.h"
#include "client/memory.h"
#include <string.h>

/* clang-format off */
static const struct column item_columns[] = {
	{ "SKU",             "sku",             false },
	{ "NAME",            "name",            false },
	{ "UNIT",            "unit",            false },
	{ "BACKORDER_LIMIT", "backorder_limit", true  },
	{ "REORDER_POINT",   "reorder_point",   true  },
	{ "ARCHIVED",        "archived",        false },
};

static const struct column location_columns[] = {
	{ "LOCATION", "location", false },
	{ "NAME",     "name",     false },
	{ "ARCHIVED", "archived", false },
};

static const struct column stock_columns[] = {
	{ "SKU",        "sku",        false },
	{ "LOCATION",   "location",   false },
	{ "ON_HAND",    "on_hand",    true  },
	{ "RESERVED",   "reserved",   true  },
	{ "AVAILABLE",  "available",  true  },
	{ "VERSION",    "version",    true  },
	{ "SEQ",        "seq",        true  },
	{ "UPDATED_AT", "updated_at", false },
};

static const struct column movement_columns[] = {
	{ "SEQ",       "seq",           true  },
	{ "AT",        "at",            false },
	{ "KIND",      "kind",          false },
	{ "SKU",       "sku",           false },
	{ "LOCATION",  "location",      false },
	{ "DELTA",     "on_hand_delta", true  },
	{ "ON_HAND",   "on_hand",       true  },
	{ "AVAILABLE", "available",     true  },
	{ "VERSION",   "version",       true  },
	{ "REASON",    "reason",        false },
	{ "REFERENCE", "reference",     false },
	{ "ACTOR",     "actor",         false },
	{ "NOTE",      "note",          false },
};

static const struct column front_end_columns[] = {
	{ "FRONT_END",  "name",       false },
	{ "ADDRESS",    "address",    false },
	{ "VERSION",    "version",    false },
	{ "STARTED_AT", "started_at", false },
	{ "SEEN_AT",    "seen_at",    false },
	{ "ALIVE",      "alive",      false },
	{ "SELF",       "self",       false },
};

static const struct column audit_columns[] = {
	{ "ID",         "id",         true  },
	{ "AT",         "at",         false },
	{ "ACTOR",      "actor",      false },
	{ "ACTION",     "action",     false },
	{ "SUBJECT",    "subject",    false },
	{ "REQUEST_ID", "request_id", false },
	{ "DETAIL",     "detail",     false },
};

static const struct column lease_columns[] = {
	{ "ID",         "id",      false },
	{ "FENCE",      "fence",   true  },
	{ "EXPIRES_IN", NULL,      true  },
	{ "PURPOSE",    "purpose", false },
	{ "ROWS",       NULL,      false },
};

static const struct column reservation_columns[] = {
	{ "ID",         "id",         false },
	{ "STATE",      "state",      false },
	{ "OWNER",      "owner",      false },
	{ "REFERENCE",  "reference",  false },
	{ "EXPIRES_AT", "expires_at", false },
	{ "LINES",      NULL,         false },
};

static const struct column lock_columns[] = {
	{ "SKU",          "sku",      false },
	{ "LOCATION",     "location", false },
	{ "HELD_BY",      NULL,       false },
	{ "HELD_FOR",     NULL,       true  },
	{ "WAITING",      NULL,       true  },
	{ "LONGEST_WAIT", NULL,       true  },
};
/* clang-format on */

static void add_field(struct table *t, const json_t *object, const char *field)
{
	struct text shown;

	text_init(&shown);
	json_show(&shown, json_object_get(object, field));
	table_add(t, shown.data == NULL ? "" : shown.data);
	text_fini(&shown);
}

static void add_fields(struct table *t, const json_t *row, const struct listing *listing)
{
	for (size_t i = 0; i < listing->column_count; i++)
		add_field(t, row, listing->columns[i].field);
}

static void add_number(struct table *t, int64_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%lld", (long long)number);
	table_add(t, digits);
}

static void add_duration(struct table *t, int64_t ms)
{
	char shown[32];

	if (ms < 1000)
		snprintf(shown, sizeof(shown), "%lld ms", (long long)ms);
	else
		snprintf(shown, sizeof(shown), "%.1f s", (double)ms / 1000.0);
	table_add(t, shown);
}

static void add_lease(struct table *t, const json_t *row, const struct listing *listing)
{
	struct text rows;
	size_t i;
	json_t *at;

	CHECK(listing->column_count == LENGTH_OF(lease_columns));
	add_field(t, row, "id");
	add_field(t, row, "fence");
	add_duration(t, json_member_int(row, "expires_in_ms"));
	add_field(t, row, "purpose");
	text_init(&rows);
	json_array_foreach (json_object_get(row, "rows"), i, at)
		text_add_format(&rows, "%s%s/%s", i == 0 ? "" : " ", json_member_text(at, "sku"),
				json_member_text(at, "location"));
	table_add(t, rows.data == NULL ? "" : rows.data);
	text_fini(&rows);
}

/* A line is SKU/LOCATION=QUANTITY, as it is typed; of a part that was committed, both numbers. */
static void add_reservation(struct table *t, const json_t *row, const struct listing *listing)
{
	bool is_committed = strcmp(json_member_text(row, "state"), "committed") == 0;
	struct text lines;
	size_t i;
	json_t *at;

	for (size_t k = 0; k + 1 < listing->column_count; k++)
		add_field(t, row, listing->columns[k].field);
	text_init(&lines);
	json_array_foreach (json_object_get(row, "lines"), i, at) {
		int64_t quantity = json_member_int(at, "quantity");
		int64_t committed = json_member_int(at, "committed");

		text_add_format(&lines, "%s%s/%s=", i == 0 ? "" : " ", json_member_text(at, "sku"),
				json_member_text(at, "location"));
		if (is_committed && committed != quantity)
			text_add_format(&lines, "%lld of ", (long long)committed);
		text_add_format(&lines, "%lld", (long long)quantity);
	}
	table_add(t, lines.data == NULL ? "" : lines.data);
	text_fini(&lines);
}

static void add_lock(struct table *t, const json_t *row, const struct listing *listing)
{
	const json_t *holder = json_object_get(row, "holder");
	const json_t *waiters = json_object_get(row, "waiters");
	struct text held_by;
	int64_t longest_ms = 0;
	size_t i;
	json_t *waiter;

	CHECK(listing->column_count == LENGTH_OF(lock_columns));
	json_array_foreach (waiters, i, waiter)
		if (json_member_int(waiter, "age_ms") > longest_ms)
			longest_ms = json_member_int(waiter, "age_ms");
	add_field(t, row, "sku");
	add_field(t, row, "location");
	text_init(&held_by);
	text_add_format(&held_by, "%s %s", json_member_text(holder, "kind"),
			json_member_text(holder, "id"));
	table_add(t, json_is_object(holder) ? memory_or_exit(held_by.data) : "");
	text_fini(&held_by);
	if (json_is_object(holder))
		add_duration(t, json_member_int(holder, "age_ms"));
	else
		table_add(t, "");
	add_number(t, (int64_t)json_array_size(waiters));
	if (json_array_size(waiters) > 0)
		add_duration(t, longest_ms);
	else
		table_add(t, "");
}

#define LISTING(kind, add, shape)                                     \
	{                                                             \
		kind##_columns, LENGTH_OF(kind##_columns), add, shape \
	}
const struct listing show_items = LISTING(item, add_fields, "s:sku s:name");
const struct listing show_locations = LISTING(location, add_fields, "s:location s:name");
const struct listing show_stock =
	LISTING(stock, add_fields, "s:sku s:location i:on_hand i:reserved i:available i:version");
const struct listing show_movements =
	LISTING(movement, add_fields, "i:seq s:kind s:sku s:location i:on_hand_delta i:on_hand");
const struct listing show_audit = LISTING(audit, add_fields, "i:id s:actor s:action o:detail");
const struct listing show_leases = LISTING(lease, add_lease, "s:id i:fence a:rows");
const struct listing show_reservations =
	LISTING(reservation, add_reservation, "s:id s:state a:lines");
const struct listing show_locks = LISTING(lock, add_lock, "s:sku s:location a:waiters");
const struct listing show_front_ends =
	LISTING(front_end, add_fields, "s:name s:version b:alive b:self");
#undef LISTING

const char show_change_shape[] = "o:movement o:stock";
const char show_transfer_shape[] = "a:movements a:stock";

bool show_write_fits(const json_t *answer)
{
	const json_t *movements = json_object_get(answer, "movements");

	return movements != NULL
		       ? json_array_size(movements) == 2 &&
				 shape_fits_all(movements, show_movements.shape)
		       : shape_fits(json_object_get(answer, "movement"), show_movements.shape);
}

void show_table(struct table *t, const struct listing *listing)
{
	table_init(t, listing->columns, listing->column_count);
}

void show_one(const json_t *row, const struct listing *listing)
{
	struct table t;

	show_table(&t, listing);
	listing->add_row(&t, row, listing);
	table_print(&t, stdout);
	table_fini(&t);
}

void show_fields(json_t *object)
{
	static const struct column columns[] = { { .heading = "FIELD" }, { .heading = "VALUE" } };
	struct table t;
	const char *name;
	json_t *value;

	table_init(&t, columns, LENGTH_OF(columns));
	json_object_foreach (object, name, value) {
		table_add(&t, name);
		add_field(&t, object, name);
	}
	table_print(&t, stdout);
	table_fini(&t);
}

void show_body(const struct response *a)
{
	if (a->body.byte_count > 0)
		fwrite(a->body.data, 1, a->body.byte_count, stdout);
}

bool show_accepted(const struct session *s, const struct response *a)
{
	if (a->status != 202)
		return false;
	if (s->is_json)
		show_body(a);
	else
		puts(json_member_text(a->json, "id"));
	return true;
}

enum exit_code show_asked(struct session *s, struct api_request *r, const struct listing *listing,
			  struct response *ret_response)
{
	enum exit_code code = session_ask_for(s, r, listing->shape, ret_response);

	if (code != EXIT_DONE || show_accepted(s, ret_response))
		return code;
	if (s->is_json) {
		show_body(ret_response);
	} else {
		show_one(ret_response->json, listing);
		show_replayed(ret_response);
	}
	return EXIT_DONE;
}

/* What the server did otherwise than it was typed. */
static void show_hint(const struct response *a)
{
	const char *hint = json_member_text(a->json, "hint");

	if (hint[0] == '\0')
		return;
	fputs("hint: ", stdout);
	display_print(stdout, hint);
	putchar('\n');
}

void show_write(const struct session *s, const struct response *a)
{
	const json_t *movement = json_object_get(a->json, "movement");
	size_t i;
	json_t *row;
	struct table t;

	if (show_accepted(s, a))
		return;
	if (s->is_json) {
		show_body(a);
		return;
	}
	show_table(&t, &show_movements);
	if (json_is_object(movement))
		add_fields(&t, movement, &show_movements);
	json_array_foreach (json_object_get(a->json, "movements"), i, row)
		add_fields(&t, row, &show_movements);
	table_print(&t, stdout);
	table_fini(&t);
	show_hint(a);
	show_replayed(a);
	show_timing(a);
}

void show_replayed(const struct response *a)
{
	if (response_header(a, RESPONSE_REPLAYED)[0] != '\0')
		puts("replayed: this is the answer that the key got the first time");
}

void show_timing(const struct response *a)
{
	struct text t;

	text_init(&t);
	timing_show(&t, response_header(a, RESPONSE_SERVER_TIMING));
	if (t.byte_count > 0)
		puts(t.data);
	text_fini(&t);
}
