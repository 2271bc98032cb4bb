#include "engine/claims.h"
#include "base/hash.h"
#include <stdlib.h>
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

int claims_count(uint64_t seed, struct command *c)
{
	struct claimed claimed = { .count = 0 };

	list_claims(seed, c, &claimed);
	return claimed.count;
}

bool claims_of_work(uint64_t seed, struct work *w)
{
	struct command *c = &w->command;
	struct claim_slot *slots = w->first_slots;
	struct claimed claimed = { .count = 0 };

	CHECK(w->state == WORK_NEW);
	CHECK(w->claim.state == CLAIM_OUT);
	list_claims(seed, c, &claimed);
	if (claimed.count > (int)LENGTH_OF(w->first_slots))
		slots = arena_alloc(&w->arena, sizeof(*slots) * (size_t)claimed.count);
	if (slots == NULL)
		return false;
	claim_init(&w->claim, slots, claimed.keys, claimed.count, c->fences, c->fence_count);
	return true;
}

static int by_key(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

bool claims_of_part(uint64_t seed, struct work *part)
{
	uint64_t keys[CLAIM_PART_ROWS_MAX];
	struct claim_slot *slots;
	int count = 0;

	CHECK(part->state == WORK_NEW);
	CHECK(part->line_count > 0);
	LIST_EACH (it, &part->lines) {
		struct claimed claimed = { .count = 0 };

		list_claims(seed, &CONTAINER_OF(it, struct work, work_link)->command, &claimed);
		CHECK(count + claimed.count <= CLAIM_PART_ROWS_MAX);
		memcpy(&keys[count], claimed.keys, sizeof(keys[0]) * (size_t)claimed.count);
		count += claimed.count;
	}
	qsort(keys, (size_t)count, sizeof(keys[0]), by_key);
	slots = arena_alloc(&part->arena, sizeof(*slots) * (size_t)count);
	if (slots != NULL)
		claim_init(&part->claim, slots, keys, count, part->command.fences,
			   part->command.fence_count);
	return slots != NULL;
}
