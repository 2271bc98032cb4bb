#include "engine/claims.h"
#include "base/hash.h"
#include <string.h>

/* Rows, and names of things that are no rows. */
struct claimed {
	uint64_t keys[CLAIM_ROWS_MAX];
	int count;
};

static void claim_name(uint64_t seed, struct claimed *c, const char *kind, const char *name)
{
	CHECK(c->count < CLAIM_ROWS_MAX);
	c->keys[c->count++] = hash_pair(kind, name, seed);
}

static void claim_row_refs(uint64_t seed, struct claimed *c, struct row_ref rows[], int count)
{
	for (int i = 0; i < count; i++) {
		CHECK(c->count < CLAIM_ROWS_MAX);
		rows[i].key = hash_pair(rows[i].sku.text, rows[i].location.text, seed);
		c->keys[c->count++] = rows[i].key;
	}
}

static void claim_things(uint64_t seed, const struct command *c, unsigned touches,
			 struct claimed *ret)
{
	if ((touches & TOUCHES_ITEM) != 0)
		claim_name(seed, ret, c->item.sku.text, "");
	if ((touches & TOUCHES_LOCATION) != 0)
		claim_name(seed, ret, "", c->location.code.text);
	/* Without an id the store gives it one that nobody has. */
	if ((touches & TOUCHES_LEASE) != 0 && c->lease_id[0] != '\0')
		claim_name(seed, ret, "/lease/", c->lease_id);
	if ((touches & TOUCHES_RESERVATION) != 0 && c->reservation_id != NULL)
		claim_name(seed, ret, "/reservation/", c->reservation_id);
	if ((touches & TOUCHES_SUPERSEDED) != 0 && c->supersedes != NULL)
		claim_name(seed, ret, "/reservation/", c->supersedes);
}

/* What the command claims, as its row says: rows, and the names of other things. */
static void list_claims(uint64_t seed, struct command *c, struct claimed *ret)
{
	const struct command_traits *t = command_traits(c->kind);

	if ((t->respects & TOUCHES_ROWS) != 0)
		claim_row_refs(seed, ret, c->rows, c->row_count);
	if ((t->respects & TOUCHES_PROMISED) != 0)
		claim_row_refs(seed, ret, c->more_rows, c->more_row_count);
	if (t->touches != TOUCHES_ROWS)
		claim_things(seed, c, t->touches, ret);
}

int claims_of_line(uint64_t seed, struct work *line)
{
	struct claimed claimed;

	claimed.count = 0;
	list_claims(seed, &line->command, &claimed);
	line->claimed_count = 0;
	if (command_traits(line->command.kind)->touches != TOUCHES_ROWS ||
	    claimed.count > (int)LENGTH_OF(line->claimed))
		return claimed.count;
	memcpy(line->claimed, claimed.keys, sizeof(line->claimed[0]) * (size_t)claimed.count);
	line->claimed_count = claimed.count;
	return claimed.count;
}

bool claims_of_work(uint64_t seed, struct work *w)
{
	struct command *c = &w->command;
	struct claim_slot *slots = w->first_slots;
	struct claimed claimed;

	CHECK(w->state == WORK_NEW);
	CHECK(w->claim.state == CLAIM_OUT);
	claimed.count = 0;
	list_claims(seed, c, &claimed);
	if (claimed.count > (int)LENGTH_OF(w->first_slots))
		slots = arena_alloc(&w->arena, sizeof(*slots) * (size_t)claimed.count);
	if (slots == NULL)
		return false;
	claim_init(&w->claim, slots, claimed.keys, claimed.count, c->fences, c->fence_count);
	return true;
}

/* ---------------------------------------------------------------- of a part */

_Static_assert(CLAIM_SET_PLACES >= 2 * CLAIM_SET_ROWS_MAX && CLAIM_SET_ROWS_MAX < UINT16_MAX,
	       "a probe ends soon, and a place can name any key");

void claim_set_init(struct claim_set *s)
{
	s->count = 0;
	memset(s->places, 0, sizeof(s->places));
}

static void claim_set_add_one(struct claim_set *s, uint64_t key)
{
	size_t at = (size_t)(key % CLAIM_SET_PLACES); /* it is a hash already */

	while (s->places[at] != 0) {
		if (s->keys[s->places[at] - 1] == key)
			return;
		at = (at + 1) % CLAIM_SET_PLACES;
	}
	CHECK(s->count < CLAIM_SET_ROWS_MAX);
	s->keys[s->count++] = key;
	s->places[at] = (uint16_t)s->count;
}

void claim_set_add(struct claim_set *s, const uint64_t keys[], int count)
{
	CHECK(count >= 0);
	for (int i = 0; i < count; i++)
		claim_set_add_one(s, keys[i]);
}

void claim_set_add_line(struct claim_set *s, uint64_t seed, struct work *line)
{
	struct claimed claimed;

	CHECK(line->state == WORK_NEW);
	if (line->claimed_count > 0) {
		claim_set_add(s, line->claimed, line->claimed_count);
		return;
	}
	claimed.count = 0;
	list_claims(seed, &line->command, &claimed);
	claim_set_add(s, claimed.keys, claimed.count);
}

bool claims_of_part(struct work *part, const struct claim_set *s)
{
	struct claim_slot *slots = arena_alloc(&part->arena, sizeof(*slots) * (size_t)s->count);

	CHECK(part->state == WORK_NEW);
	CHECK(part->line_count > 0);
	CHECK(s->count > 0);
	if (slots != NULL)
		claim_init_distinct(&part->claim, slots, s->keys, s->count, part->command.fences,
				    part->command.fence_count);
	return slots != NULL;
}
