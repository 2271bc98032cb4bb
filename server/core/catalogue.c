#include "core/catalogue.h"
#include "base/check.h"
#include <string.h>

bool item_is_sound(const struct item *i)
{
	return i->id > 0 && i->version > 0 && i->version <= VERSION_MAX &&
	       i->backorder_limit >= 0 && i->backorder_limit <= QUANTITY_MAX &&
	       i->reorder_point >= 0 && i->reorder_point <= QUANTITY_MAX;
}

bool location_is_sound(const struct location *l)
{
	return l->id > 0 && l->version > 0 && l->version <= VERSION_MAX;
}

void item_patch(struct item *item, const struct item *patch, unsigned named)
{
	CHECK(patch != item);
	CHECK(IMPLIES(named & MEMBER_NAME, patch->name != NULL));

	if (named & MEMBER_NAME)
		item->name = patch->name;
	if (named & MEMBER_UNIT)
		item->unit = patch->unit;
	if (named & MEMBER_BACKORDER_LIMIT)
		item->backorder_limit = patch->backorder_limit;
	if (named & MEMBER_REORDER_POINT) {
		item->has_reorder_point = patch->has_reorder_point;
		item->reorder_point = patch->reorder_point;
	}
	if (named & MEMBER_ATTRIBUTES)
		item->attributes = patch->attributes;
	if (named & MEMBER_ARCHIVED)
		item->is_archived = patch->is_archived;
}

void location_patch(struct location *location, const struct location *patch, unsigned named)
{
	CHECK(patch != location);
	CHECK(IMPLIES(named & MEMBER_NAME, patch->name != NULL));

	if (named & MEMBER_NAME)
		location->name = patch->name;
	if (named & MEMBER_ARCHIVED)
		location->is_archived = patch->is_archived;
}

_Static_assert(QUANTITY_MAX <= LEVEL_MAX, "what may be owed is a level");

static const char *attributes_of(const struct item *i)
{
	return i->attributes != NULL ? i->attributes : "{}";
}

bool item_says_the_same(const struct item *a, const struct item *b)
{
	CHECK(a->name != NULL);
	CHECK(b->name != NULL);
	return strcmp(a->name, b->name) == 0 && strcmp(a->unit, b->unit) == 0 &&
	       strcmp(attributes_of(a), attributes_of(b)) == 0 &&
	       a->backorder_limit == b->backorder_limit &&
	       a->has_reorder_point == b->has_reorder_point &&
	       (!a->has_reorder_point || a->reorder_point == b->reorder_point) &&
	       a->is_archived == b->is_archived;
}

bool location_says_the_same(const struct location *a, const struct location *b)
{
	CHECK(a->name != NULL);
	CHECK(b->name != NULL);
	return strcmp(a->name, b->name) == 0 && a->is_archived == b->is_archived;
}
