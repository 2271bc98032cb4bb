#include "both_readers.h"
#include "base/check.h"
#include "wire/fingerprint.h"
#include "wire/json_load.h"
#include "wire/json_plain.h"
#include "wire/message_readers.h"
#include "wire/messages_batch.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- one reader or both */

static bool is_strict_only;
static int strict_count; /* documents that jansson has read */

bool __real_json_plain_parse(const char *text, size_t byte_count, struct json_plain *ret);
bool __wrap_json_plain_parse(const char *text, size_t byte_count, struct json_plain *ret);
bool __wrap_json_plain_parse(const char *text, size_t byte_count, struct json_plain *ret)
{
	return !is_strict_only && __real_json_plain_parse(text, byte_count, ret);
}

json_t *__real_json_load(const char *text, size_t byte_count, size_t flags, json_error_t *error,
			 bool *ret_lacks_memory);
json_t *__wrap_json_load(const char *text, size_t byte_count, size_t flags, json_error_t *error,
			 bool *ret_lacks_memory);
json_t *__wrap_json_load(const char *text, size_t byte_count, size_t flags, json_error_t *error,
			 bool *ret_lacks_memory)
{
	strict_count++;
	return __real_json_load(text, byte_count, flags, error, ret_lacks_memory);
}

/* ---------------------------------------------------------------- shapes */

static const struct shape_row {
	const char *text;
	enum command_kind kind;
	bool (*read)(struct message m, struct arena *a, struct command *c, struct message_error *e);
} shapes[SHAPES] = {
	[SHAPE_ADJUST] = { "adjust", COMMAND_ADJUST, message_read_adjust },
	[SHAPE_SET] = { "set", COMMAND_SET, message_read_set },
	[SHAPE_RESERVE] = { "reserve", COMMAND_RESERVE, message_read_reservation },
	[SHAPE_LINE] = { "line", COMMAND_ADJUST, NULL },
	[SHAPE_TRANSFER] = { "transfer", COMMAND_TRANSFER, message_read_transfer },
	[SHAPE_COUNT] = { "count", COMMAND_COUNT, message_read_count },
	[SHAPE_COMMIT] = { "commit", COMMAND_RESERVATION_COMMIT, message_read_reservation_commit },
	[SHAPE_RELEASE] = { "release", COMMAND_RESERVATION_RELEASE,
			    message_read_reservation_release },
	[SHAPE_EXTEND] = { "extend", COMMAND_RESERVATION_EXTEND, message_read_reservation_extend },
	[SHAPE_LEASE] = { "lease", COMMAND_LEASE_TAKE, message_read_lease },
	[SHAPE_ITEM] = { "item", COMMAND_ITEM_PUT, message_read_item },
	[SHAPE_NOTHING] = { "nothing", COMMAND_RESERVATION_RELEASE, message_read_none },
};

const char *shape_text(enum shape shape)
{
	return shapes[shape].text;
}

/* ---------------------------------------------------------------- what was read, as a text */

static void tell_text(struct text *out, const char *name, const char *s)
{
	if (s == NULL)
		text_add_format(out, " %s=NULL", name);
	else
		text_add_format(out, " %s=\"%s\"", name, s);
}

static void tell_rows(struct text *out, const struct command *c)
{
	for (int i = 0; i < c->row_count; i++) {
		tell_text(out, "sku", c->rows[i].sku.text);
		tell_text(out, "location", c->rows[i].location.text);
		if (c->quantities != NULL)
			text_add_format(out, " quantity=%lld", (long long)c->quantities[i]);
	}
}

static void tell_item(struct text *out, const struct item *i)
{
	tell_text(out, "item", i->sku.text);
	tell_text(out, "name", i->name);
	tell_text(out, "unit", i->unit);
	tell_text(out, "attributes", i->attributes);
	text_add_format(out, " backorder=%lld reorder=%d,%lld archived=%d",
			(long long)i->backorder_limit, i->has_reorder_point,
			(long long)i->reorder_point, i->is_archived);
}

static void tell_command(struct text *out, const struct command *c)
{
	text_add_format(out, "%s quantity=%lld up_to=%d condition=%d,%lld,%d,%lld as_of=%lld",
			command_traits(c->kind)->word, (long long)c->quantity, c->is_up_to,
			c->condition.has_version, (long long)c->condition.version,
			c->condition.has_on_hand, (long long)c->condition.on_hand,
			(long long)c->past.as_of_seq);
	tell_text(out, "reason", c->reason);
	text_add_format(out, " folded=%d", c->is_reason_folded);
	tell_text(out, "reference", c->reference);
	tell_text(out, "note", c->note);
	tell_rows(out, c);
	tell_item(out, &c->item);
	tell_text(out, "code", c->location.code.text);
	tell_text(out, "location_name", c->location.name);
	tell_text(out, "reservation", c->reservation_id);
	tell_text(out, "owner", c->owner);
	tell_text(out, "supersedes", c->supersedes);
	tell_text(out, "lease", c->lease_id);
	tell_text(out, "purpose", c->purpose);
	text_add_format(out, " ttl_ms=%lld patched=%u creates=%d fingerprint=%016llx",
			(long long)c->ttl_ms, c->patched, c->creates,
			(unsigned long long)request_fingerprint("POST", "/", c));
}

static void tell(struct reading *r)
{
	tell_text(&r->told, "id", r->id);
	text_add(&r->told, ": ");
	if (r->is_read)
		tell_command(&r->told, &r->command);
	else
		text_add_format(&r->told, "refused %d at %s: %s", r->error.outcome,
				r->error.pointer, r->error.detail);
	CHECK(!r->told.failed);
}

/* ---------------------------------------------------------------- reading */

static void read_one(struct reading *r, enum shape shape, const char *text, size_t byte_count)
{
	char *copy = malloc(byte_count > 0 ? byte_count : 1);
	int before = strict_count;

	CHECK(copy != NULL);
	memcpy(copy, text, byte_count);
	memset(r, 0, sizeof(*r));
	arena_init(&r->arena);
	text_init(&r->told);
	r->command.kind = shapes[shape].kind;
	r->command.lease_id = r->command.purpose = "";
	r->is_read = shape == SHAPE_LINE ? batch_line_read(copy, byte_count, &r->arena, &r->command,
							   &r->id, &r->error)
					 : shapes[shape].read(message_of(copy, byte_count),
							      &r->arena, &r->command, &r->error);
	r->is_plain = strict_count == before;
	free(copy); /* nothing that was read points into it */
	tell(r);
}

void both_read(struct both *both, enum shape shape, const char *text, size_t byte_count)
{
	is_strict_only = true;
	read_one(&both->strict, shape, text, byte_count);
	is_strict_only = false;
	read_one(&both->plain, shape, text, byte_count);
}

void both_forget(struct both *both)
{
	struct reading *readings[] = { &both->plain, &both->strict };

	for (size_t i = 0; i < LENGTH_OF(readings); i++) {
		arena_fini(&readings[i]->arena);
		text_fini(&readings[i]->told);
	}
}

const char *both_difference(const struct both *both)
{
	static char says[8192];

	if (strcmp(both->plain.told.data, both->strict.told.data) == 0)
		return NULL;
	snprintf(says, sizeof(says), "%s\n  strict:%s", both->plain.told.data,
		 both->strict.told.data);
	return says;
}
