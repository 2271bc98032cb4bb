/* decide_catalogue - items and locations are made, changed and deleted. */
#include "base/fault.h"
#include "core/rules.h"
#include "engine/decide_parts.h"
#include "wire/json_merge.h"
#include <string.h>

/* ---------------------------------------------------------------- items */

/* All of it as the group has left it, for an answer. id 0: there is none. */
static int show_item(struct decider *d, struct work *w, const struct found_item *known,
		     struct item *ret)
{
	*ret = (struct item){ 0 };
	if (known->item.id == 0)
		return 0;
	if (known->full_group != d->group || known->full == NULL)
		return FAULT(-EBADMSG);
	*ret = *known->full;
	CHECK(ret->id != 0);
	if (!decider_keep_text(w, known->full->name, &ret->name) ||
	    !decider_keep_text(w, known->full->unit, &ret->unit) ||
	    !decider_keep_text(w, known->full->attributes, &ret->attributes))
		return FAULT(-ENOMEM);
	return 0;
}

/* Refused for its version: the answer shows the item as it is. */
static int refuse_stale_item(struct decider *d, struct work *w, const struct found_item *known)
{
	decider_refuse(w, OUTCOME_PRECONDITION_FAILED);
	return show_item(d, w, known, &w->answer.item);
}

static int change_item(struct decider *d, struct work *w, struct found_item *known,
		       enum change change, const struct item *item)
{
	struct item *now = arena_alloc(&d->found.memory, sizeof(*now));
	struct item *written = arena_alloc(&d->found.memory, sizeof(*written));
	struct item_effect *e = effects_add_item(&d->effects);
	const struct item *before = known->full_group == d->group ? known->full : NULL;

	CHECK((change == CHANGE_MAKE) == (known->item.id == 0));
	if (now == NULL || written == NULL || e == NULL)
		return FAULT(-ENOMEM);
	*now = *item;
	*written = *item;
	written->id = known->item.id;
	*e = (struct item_effect){ .change = change,
				   .of = known,
				   .item = written,
				   .before = change == CHANGE_MAKE ? NULL : before,
				   .owner = w };
	row_set_change_item(d->found.rows, known, now, d->group);
	CHECK(known->changed_group == d->group);
	d->has_writes = true;
	w->rests_on_group = true;
	return 0;
}

/* Over what is known of it: written, answered with, and known from now on. */
static int store_item(struct decider *d, struct work *w, struct found_item *known, struct item item)
{
	bool is_new = known->item.id == 0;
	int r;

	item.id = known->item.id;
	item.version = known->item.version + 1;
	item.created_at_ms = is_new ? d->now_ms : known->item.created_at_ms;
	item.updated_at_ms = d->now_ms;
	r = change_item(d, w, known, is_new ? CHANGE_MAKE : CHANGE_UPDATE, &item);
	if (r < 0)
		return r;
	w->answer.item = item;
	w->answer.item.id = known->item.id;
	decider_carry_out(w, is_new ? 201 : 200);
	return 0;
}

/* What is known of the item that the command names; NULL: it makes no sense. */
static struct found_item *find_item(struct decider *d, struct work *w)
{
	struct found_item *known = row_set_item(d->found.rows, w->command.item.sku.text);

	w->rests_on_group = known != NULL && known->changed_group == d->group;
	return known;
}

int decide_item_put(struct decider *d, struct work *w)
{
	struct found_item *known = find_item(d, w);

	if (known == NULL)
		return FAULT(-EBADMSG);
	if (rules_precondition(&w->command, known->item.version) != OUTCOME_DONE)
		return refuse_stale_item(d, w, known);
	return store_item(d, w, known, w->command.item);
}

/* The item as it is now, with its texts, and the patch applied to it. */
static int patch_known(struct decider *d, struct work *w, const struct found_item *known,
		       struct item *ret_old, struct item *ret_new)
{
	struct item patch = w->command.item;
	int r = show_item(d, w, known, ret_old);

	CHECK(known->item.id != 0);
	if (r < 0)
		return r;
	if (patch.attributes != NULL) {
		patch.attributes = json_merge(ret_old->attributes, patch.attributes, &w->arena);
		if (patch.attributes == NULL)
			return FAULT(-ENOMEM);
	}
	*ret_new = *ret_old;
	item_patch(ret_new, &patch, w->command.patched);
	return 0;
}

/* The patch of an item that is not there: it is made, if the patch says so. */
static int patch_no_item(struct decider *d, struct work *w, struct found_item *known)
{
	struct item new = w->command.item;

	CHECK(known->item.id == 0);
	if (!w->command.creates) {
		decider_refuse(w, OUTCOME_UNKNOWN_ITEM);
		return 0;
	}
	if (new.attributes != NULL) {
		new.attributes = json_merge(NULL, new.attributes, &w->arena);
		if (new.attributes == NULL)
			return FAULT(-ENOMEM);
	}
	return store_item(d, w, known, new);
}

/* What changes nothing makes no version: its sender may repeat it, and nobody's tag is outdated. */
int decide_item_patch(struct decider *d, struct work *w)
{
	struct found_item *known = find_item(d, w);
	struct item old, new;
	int r;

	if (known == NULL)
		return FAULT(-EBADMSG);
	if (known->item.id == 0 && !w->command.creates)
		return patch_no_item(d, w, known);
	if (rules_precondition(&w->command, known->item.version) != OUTCOME_DONE)
		return refuse_stale_item(d, w, known);
	if (known->item.id == 0)
		return patch_no_item(d, w, known);

	r = patch_known(d, w, known, &old, &new);
	if (r < 0)
		return r;
	if (item_says_the_same(&old, &new)) {
		w->answer.item = old;
		decider_carry_out(w, 200);
		return 0;
	}
	if (w->command.item.attributes != NULL && strlen(new.attributes) > ATTRIBUTES_BYTES_MAX) {
		decider_refuse(w, OUTCOME_ATTRIBUTES_TOO_LARGE);
		return 0;
	}
	return store_item(d, w, known, new);
}

/* Does this group lease a row of it? */
static bool is_leased_here(const struct decider *d, const struct found_item *item,
			   const struct found_location *location)
{
	CHECK((item == NULL) != (location == NULL));
	for (size_t i = 0; i < d->effects.leases.count; i++) {
		const struct lease_effect *e = &d->effects.leases.all[i];

		for (int k = 0; e->change == CHANGE_MAKE && k < e->row_count; k++) {
			const struct found_row *row = row_set_row(d->found.rows, &e->rows[k]);

			if (row != NULL && (row->item == item || row->location == location))
				return true;
		}
	}
	return false;
}

static bool item_is_in_use(const struct decider *d, const struct found_item *known)
{
	CHECK(known->item.id < 0 || known->use_group == d->group);
	return (known->item.id > 0 && known->is_in_use) ||
	       row_set_has_stocked_item(d->found.rows, known) || is_leased_here(d, known, NULL);
}

int decide_item_delete(struct decider *d, struct work *w)
{
	struct found_item *known = find_item(d, w);
	int r;

	if (known == NULL)
		return FAULT(-EBADMSG);
	if (known->item.id == 0) {
		decider_refuse(w, OUTCOME_UNKNOWN_ITEM);
		return 0;
	}
	if (rules_precondition(&w->command, known->item.version) != OUTCOME_DONE)
		return refuse_stale_item(d, w, known);
	w->rests_on_group = true; /* on rows that it may have stocked for the first time */
	if (item_is_in_use(d, known)) {
		decider_refuse(w, OUTCOME_ITEM_IN_USE);
		return 0;
	}
	r = change_item(d, w, known, CHANGE_DELETE, &(struct item){ .sku = known->item.sku });
	if (r == 0)
		decider_carry_out(w, 204);
	return r;
}

/* ---------------------------------------------------------------- locations */

static int show_location(struct decider *d, struct work *w, const struct found_location *known,
			 struct location *ret)
{
	*ret = (struct location){ 0 };
	if (known->location.id == 0)
		return 0;
	if (known->full_group != d->group || known->full == NULL)
		return FAULT(-EBADMSG);
	*ret = *known->full;
	CHECK(ret->id != 0);
	return decider_keep_text(w, known->full->name, &ret->name) ? 0 : FAULT(-ENOMEM);
}

static int refuse_stale_location(struct decider *d, struct work *w,
				 const struct found_location *known)
{
	decider_refuse(w, OUTCOME_PRECONDITION_FAILED);
	return show_location(d, w, known, &w->answer.location);
}

static int change_location(struct decider *d, struct work *w, struct found_location *known,
			   enum change change, const struct location *location)
{
	struct location *now = arena_alloc(&d->found.memory, sizeof(*now));
	struct location *written = arena_alloc(&d->found.memory, sizeof(*written));
	struct location_effect *e = effects_add_location(&d->effects);
	const struct location *before = known->full_group == d->group ? known->full : NULL;

	CHECK((change == CHANGE_MAKE) == (known->location.id == 0));
	if (now == NULL || written == NULL || e == NULL)
		return FAULT(-ENOMEM);
	*now = *location;
	*written = *location;
	written->id = known->location.id;
	*e = (struct location_effect){ .change = change,
				       .of = known,
				       .location = written,
				       .before = change == CHANGE_MAKE ? NULL : before,
				       .owner = w };
	row_set_change_location(d->found.rows, known, now, d->group);
	CHECK(known->changed_group == d->group);
	d->has_writes = true;
	w->rests_on_group = true;
	return 0;
}

static int store_location(struct decider *d, struct work *w, struct found_location *known,
			  struct location location)
{
	bool is_new = known->location.id == 0;
	int r;

	location.id = known->location.id;
	location.version = known->location.version + 1;
	location.created_at_ms = is_new ? d->now_ms : known->location.created_at_ms;
	location.updated_at_ms = d->now_ms;
	r = change_location(d, w, known, is_new ? CHANGE_MAKE : CHANGE_UPDATE, &location);
	if (r < 0)
		return r;
	w->answer.location = location;
	w->answer.location.id = known->location.id;
	decider_carry_out(w, is_new ? 201 : 200);
	return 0;
}

static struct found_location *find_location(struct decider *d, struct work *w)
{
	struct found_location *known =
		row_set_location(d->found.rows, w->command.location.code.text);

	w->rests_on_group = known != NULL && known->changed_group == d->group;
	return known;
}

int decide_location_put(struct decider *d, struct work *w)
{
	struct found_location *known = find_location(d, w);

	if (known == NULL)
		return FAULT(-EBADMSG);
	if (rules_precondition(&w->command, known->location.version) != OUTCOME_DONE)
		return refuse_stale_location(d, w, known);
	return store_location(d, w, known, w->command.location);
}

int decide_location_patch(struct decider *d, struct work *w)
{
	struct found_location *known = find_location(d, w);
	struct location old, new;
	int r;

	if (known == NULL)
		return FAULT(-EBADMSG);
	if (known->location.id == 0 && !w->command.creates) {
		decider_refuse(w, OUTCOME_UNKNOWN_LOCATION);
		return 0;
	}
	if (rules_precondition(&w->command, known->location.version) != OUTCOME_DONE)
		return refuse_stale_location(d, w, known);
	if (known->location.id == 0)
		return store_location(d, w, known, w->command.location);

	r = show_location(d, w, known, &old);
	if (r < 0)
		return r;
	new = old;
	location_patch(&new, &w->command.location, w->command.patched);
	if (!location_says_the_same(&old, &new))
		return store_location(d, w, known, new);
	w->answer.location = old;
	decider_carry_out(w, 200);
	return 0;
}

static bool location_is_in_use(const struct decider *d, const struct found_location *known)
{
	CHECK(known->location.id < 0 || known->use_group == d->group);
	return (known->location.id > 0 && known->is_in_use) ||
	       row_set_has_stocked_location(d->found.rows, known) || is_leased_here(d, NULL, known);
}

int decide_location_delete(struct decider *d, struct work *w)
{
	struct found_location *known = find_location(d, w);
	int r;

	if (known == NULL)
		return FAULT(-EBADMSG);
	if (known->location.id == 0) {
		decider_refuse(w, OUTCOME_UNKNOWN_LOCATION);
		return 0;
	}
	if (rules_precondition(&w->command, known->location.version) != OUTCOME_DONE)
		return refuse_stale_location(d, w, known);
	w->rests_on_group = true;
	if (location_is_in_use(d, known)) {
		decider_refuse(w, OUTCOME_LOCATION_IN_USE);
		return 0;
	}
	r = change_location(d, w, known, CHANGE_DELETE,
			    &(struct location){ .code = known->location.code });
	if (r == 0)
		decider_carry_out(w, 204);
	return r;
}
