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

/*
 * Keys are hashes, so their first bits spread them evenly over buckets, and what is left to do
 * within these is an insertion sort of two or three (bucket sort: Knuth, The Art of Computer
 * Programming 3, 5.2.5). Many lines about one row are as many equal keys, which it leaves alone.
 * The C library's sort takes an allocation, and a call for each comparison.
 */
static void sort_keys(const uint64_t keys[], int count, uint64_t ret_sorted[])
{
	enum { BITS = 10, SHIFT = 64 - BITS };
	int ends[(1 << BITS) + 1] = { 0 };

	CHECK(count <= CLAIM_PART_ROWS_MAX);
	for (int i = 0; i < count; i++)
		ends[(keys[i] >> SHIFT) + 1]++;
	for (int i = 0; i < 1 << BITS; i++)
		ends[i + 1] += ends[i]; /* ends[b] is where b begins, until its keys are there */
	for (int i = 0; i < count; i++)
		ret_sorted[ends[keys[i] >> SHIFT]++] = keys[i];
	for (int i = 1; i < count; i++) {
		uint64_t key = ret_sorted[i];
		int at = i;

		for (; at > 0 && ret_sorted[at - 1] > key; at--)
			ret_sorted[at] = ret_sorted[at - 1];
		ret_sorted[at] = key;
	}
}

/* What a line claims, at the end of keys; returns how much. */
static int add_line(uint64_t seed, struct work *line, uint64_t keys[], int count)
{
	struct claimed claimed;

	if (line->claimed_count > 0) {
		CHECK(count + line->claimed_count <= CLAIM_PART_ROWS_MAX);
		for (int i = 0; i < line->claimed_count; i++)
			keys[count + i] = line->claimed[i];
		return line->claimed_count;
	}
	claimed.count = 0;
	list_claims(seed, &line->command, &claimed);
	CHECK(count + claimed.count <= CLAIM_PART_ROWS_MAX);
	memcpy(&keys[count], claimed.keys, sizeof(keys[0]) * (size_t)claimed.count);
	return claimed.count;
}

bool claims_of_part(uint64_t seed, struct work *part)
{
	uint64_t keys[CLAIM_PART_ROWS_MAX], sorted[CLAIM_PART_ROWS_MAX];
	struct claim_slot *slots;
	int count = 0;

	CHECK(part->state == WORK_NEW);
	CHECK(part->line_count > 0);
	LIST_EACH (it, &part->lines)
		count += add_line(seed, work_of_link(it), keys, count);
	sort_keys(keys, count, sorted);
	slots = arena_alloc(&part->arena, sizeof(*slots) * (size_t)count);
	if (slots != NULL)
		claim_init(&part->claim, slots, sorted, count, part->command.fences,
			   part->command.fence_count);
	return slots != NULL;
}
