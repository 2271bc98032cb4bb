#include "engine/audit_note.h"
#include "base/fault.h"
#include "base/text.h"
#include "engine/work.h"
#include "wire/answers_audit.h"
#include <inttypes.h>
#include <string.h>

struct noting {
	struct effects *effects;
	struct arena *arena;
	int64_t now_ms;
};

/* By the command that did it, or by the service. */
static int note(struct noting *n, const struct work *by, const char *action, const char *subject,
		struct text *detail)
{
	struct audit_entry *entry = effects_add_audit(n->effects);
	const char *kept = NULL;

	CHECK(subject != NULL);
	if (detail->data != NULL && !detail->failed)
		kept = arena_copy(n->arena, detail->data, detail->byte_count);
	text_fini(detail);
	if (entry == NULL || kept == NULL)
		return FAULT(-ENOMEM);
	*entry = (struct audit_entry){
		.at_ms = n->now_ms,
		.actor = by != NULL ? by->command.actor->name : actor_service.name,
		.action = action,
		.subject = subject,
		.detail = kept,
		.request_id = by != NULL ? by->command.request_id : NULL,
	};
	return 0;
}

/* Of one that was damaged before nobody knows what it was: only its version is told. */
static int note_item(struct noting *n, const struct item_effect *e)
{
	static const char *const actions[] = { [CHANGE_MAKE] = "item-make",
					       [CHANGE_UPDATE] = "item-change",
					       [CHANGE_DELETE] = "item-delete" };
	const struct item unknown = { .version = e->item->version };
	const struct item *now = e->change == CHANGE_DELETE ? NULL : e->item;
	struct text detail;
	struct json j = json_begin(&detail);

	CHECK(e->owner != NULL);
	text_init(&detail);
	if (e->before == NULL && e->change != CHANGE_MAKE)
		audit_item_detail_write(&j, NULL, &unknown);
	else
		audit_item_detail_write(&j, e->before, now);
	return note(n, e->owner, actions[e->change], e->item->sku.text, &detail);
}

static int note_location(struct noting *n, const struct location_effect *e)
{
	static const char *const actions[] = { [CHANGE_MAKE] = "location-make",
					       [CHANGE_UPDATE] = "location-change",
					       [CHANGE_DELETE] = "location-delete" };
	const struct location unknown = { .version = e->location->version };
	const struct location *now = e->change == CHANGE_DELETE ? NULL : e->location;
	struct text detail;
	struct json j = json_begin(&detail);

	CHECK(e->owner != NULL);
	text_init(&detail);
	if (e->before == NULL && e->change != CHANGE_MAKE)
		audit_location_detail_write(&j, NULL, &unknown);
	else
		audit_location_detail_write(&j, e->before, now);
	return note(n, e->owner, actions[e->change], e->location->code.text, &detail);
}

/* Skus and codes have nothing that JSON would escape. */
static int note_lease(struct noting *n, const struct lease_effect *e)
{
	const char *action = e->change == CHANGE_MAKE ? "lease-take"
			     : e->owner != NULL       ? "lease-release"
						      : "lease-end";
	const char *id = e->change == CHANGE_MAKE && e->id[0] == '\0' ? e->made_id : e->id;
	struct text detail;

	CHECK(e->change != CHANGE_UPDATE);
	CHECK(e->fence > 0);
	text_init(&detail);
	text_add_format(&detail, "{\"fence\":%" PRId64, e->fence);
	for (int i = 0; e->change == CHANGE_MAKE && i < e->row_count; i++)
		text_add_format(&detail, "%s\"%s/%s\"", i == 0 ? ",\"rows\":[" : ",",
				e->rows[i].sku.text, e->rows[i].location.text);
	text_add_format(&detail, "%s}", e->change == CHANGE_MAKE ? "]" : "");
	return note(n, e->owner, action, id, &detail);
}

int audit_note_effects(struct effects *e, int64_t now_ms, struct arena *a)
{
	struct noting n = { .effects = e, .arena = a, .now_ms = now_ms };
	int r = 0;

	CHECK(now_ms > 0);
	for (size_t i = 0; r == 0 && i < e->items.count; i++)
		r = note_item(&n, &e->items.all[i]);
	for (size_t i = 0; r == 0 && i < e->locations.count; i++)
		r = note_location(&n, &e->locations.all[i]);
	for (size_t i = 0; r == 0 && i < e->leases.count; i++)
		if (e->leases.all[i].change != CHANGE_UPDATE)
			r = note_lease(&n, &e->leases.all[i]);
	return r;
}
