#include "unit.h"
#include "core/catalogue.h"
#include "core/reservation.h"

#define MUG .name = "Mug", .unit = "piece"

/* clang-format off */
static const struct item_row {
	const char  *what;
	unsigned     named;
	struct item  item, patch, patched;
	bool         is_the_same;
} items[] = {
	{ "nothing is named",        0, { MUG }, { .name = "Cup", .is_archived = true }, { MUG }, true },
	{ "a name",                  MEMBER_NAME, { MUG }, { .name = "Cup", .unit = "kg" }, { .name = "Cup", .unit = "piece" }, false },
	{ "the same name",           MEMBER_NAME, { MUG }, { .name = "Mug" }, { MUG }, true },
	{ "a unit",                  MEMBER_UNIT, { MUG }, { .unit = "kg" }, { .name = "Mug", .unit = "kg" }, false },
	{ "a backorder limit",       MEMBER_BACKORDER_LIMIT, { MUG }, { .backorder_limit = 3 }, { MUG, .backorder_limit = 3 }, false },
	{ "a reorder point",         MEMBER_REORDER_POINT, { MUG }, { .has_reorder_point = true, .reorder_point = 4 },
	  { MUG, .has_reorder_point = true, .reorder_point = 4 }, false },
	{ "one of 0 is one",         MEMBER_REORDER_POINT, { MUG }, { .has_reorder_point = true }, { MUG, .has_reorder_point = true }, false },
	{ "another one",             MEMBER_REORDER_POINT, { MUG, .has_reorder_point = true, .reorder_point = 4 },
	  { .has_reorder_point = true, .reorder_point = 5 }, { MUG, .has_reorder_point = true, .reorder_point = 5 }, false },
	{ "no reorder point",        MEMBER_REORDER_POINT, { MUG, .has_reorder_point = true, .reorder_point = 4 }, { 0 }, { MUG }, false },
	{ "attributes",              MEMBER_ATTRIBUTES, { MUG }, { .attributes = "{\"a\":1}" }, { MUG, .attributes = "{\"a\":1}" }, false },
	{ "none are {}",             MEMBER_ATTRIBUTES, { MUG }, { .attributes = "{}" }, { MUG, .attributes = "{}" }, true },
	{ "{} are none",             MEMBER_ATTRIBUTES, { MUG, .attributes = "{}" }, { 0 }, { MUG }, true },
	{ "no attributes any more",  MEMBER_ATTRIBUTES, { MUG, .attributes = "{\"a\":1}" }, { 0 }, { MUG }, false },
	{ "archived",                MEMBER_ARCHIVED, { MUG }, { .is_archived = true }, { MUG, .is_archived = true }, false },
	{ "taken back into use",     MEMBER_ARCHIVED, { MUG, .is_archived = true }, { 0 }, { MUG }, false },
	{ "identity is not patched", MEMBER_UNIT, { MUG, .id = 7, .version = 3 }, { .unit = "piece", .id = 8, .version = 9 },
	  { MUG, .id = 7, .version = 3 }, true },
};

static const struct location_row {
	const char     *what;
	unsigned        named;
	struct location location, patch, patched;
	bool            is_the_same;
} locations[] = {
	{ "nothing is named",       0, { .name = "A" }, { .name = "B", .is_archived = true }, { .name = "A" }, true },
	{ "a name",                 MEMBER_NAME, { .name = "A" }, { .name = "B" }, { .name = "B" }, false },
	{ "the same name",          MEMBER_NAME, { .name = "A" }, { .name = "A" }, { .name = "A" }, true },
	{ "archived",               MEMBER_ARCHIVED, { .name = "A" }, { .is_archived = true }, { .name = "A", .is_archived = true }, false },
	{ "what items have is none", MEMBER_UNIT | MEMBER_ATTRIBUTES, { .name = "A" }, { .name = "B" }, { .name = "A" }, true },
};
/* clang-format on */

static void a_patch_takes_over_what_it_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(items); i++) {
		const struct item_row *r = &items[i];
		struct item item = r->item;

		item_patch(&item, &r->patch, r->named);
		ROW_EXPECT(r->what, item_says_the_same(&item, &r->patched));
		ROW_EXPECT(r->what, item_says_the_same(&item, &r->item) == r->is_the_same);
		ROW_EXPECT(r->what, item.id == r->item.id);
		ROW_EXPECT(r->what, item.version == r->item.version);
	}
}

static void so_does_one_of_a_location(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(locations); i++) {
		const struct location_row *r = &locations[i];
		struct location location = r->location;

		location_patch(&location, &r->patch, r->named);
		ROW_EXPECT(r->what, location_says_the_same(&location, &r->patched));
		ROW_EXPECT(r->what,
			   location_says_the_same(&location, &r->location) == r->is_the_same);
	}
}

/* What comes from a store that somebody wrote to past its guards. */
static void what_makes_no_sense_is_seen(void **state)
{
	struct reservation_line line = { .quantity = 1 };
	struct item item = { .id = 1, .version = 1 };
	struct location location = { .id = 1, .version = 1 };
	struct reservation held = { .id = 1, .name = "r", .line_count = 1, .lines = &line };
	const struct {
		const char *what;
		int64_t *field;
		int64_t wrong;
	} rows[] = {
		{ "an item's id", &item.id, -1 },
		{ "an item's version", &item.version, 0 },
		{ "an item's version, without end", &item.version, INT64_MAX },
		{ "how far it may go below zero", &item.backorder_limit, -1 },
		{ "and how far at most", &item.backorder_limit, QUANTITY_MAX + 1 },
		{ "its reorder point", &item.reorder_point, -1 },
		{ "a location's id", &location.id, 0 },
		{ "a location's version", &location.version, -1 },
		{ "a reservation's id", &held.id, -7 },
		{ "its end", &held.expires_at_ms, INT64_MIN },
		{ "what it promises", &line.quantity, 0 },
		{ "that at most", &line.quantity, QUANTITY_MAX + 1 },
		{ "more left than was promised", &line.committed, 2 },
		{ "less than nothing left", &line.committed, -1 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		int64_t right = *rows[i].field;

		assert_true(item_is_sound(&item) && location_is_sound(&location) &&
			    reservation_is_sound(&held));
		*rows[i].field = rows[i].wrong;
		ROW_EXPECT(rows[i].what, !item_is_sound(&item) || !location_is_sound(&location) ||
						 !reservation_is_sound(&held));
		*rows[i].field = right;
	}
	held.lacks_lines = true;
	assert_false(reservation_is_sound(&held));
	held = (struct reservation){ .id = 1, .name = "r" };
	assert_false(reservation_is_sound(&held));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_makes_no_sense_is_seen),
		cmocka_unit_test(a_patch_takes_over_what_it_names),
		cmocka_unit_test(so_does_one_of_a_location),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
