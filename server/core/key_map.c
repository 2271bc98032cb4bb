#include "core/key_map.h"
#include "base/check.h"

void key_map_init(struct key_map *m, struct key_slot slots[], size_t slot_count)
{
	CHECK(slot_count >= 2);
	CHECK((slot_count & (slot_count - 1)) == 0);
	*m = (struct key_map){ .slots = slots, .slot_count = slot_count };
}

bool key_map_is_full(const struct key_map *m)
{
	return m->used_count >= m->slot_count / 2;
}

/* Ids of a slot come around after so many. */
static const int64_t id_cycle = UINT32_MAX;

static uint32_t id_pack(int64_t id)
{
	CHECK(id > 0);
	return (uint32_t)(id % id_cycle) + 1;
}

/* Of those that it may be, the newest. */
static int64_t id_unpack(const struct key_map *m, uint32_t packed)
{
	int64_t newest = m->newest % id_cycle;
	int64_t id = (int64_t)packed - 1;

	CHECK(packed != 0);
	return m->newest - (newest - id + (id > newest ? id_cycle : 0));
}

static size_t slot_home(const struct key_map *m, uint32_t tag)
{
	return tag & (m->slot_count - 1);
}

static size_t slot_next(const struct key_map *m, size_t index)
{
	return (index + 1) & (m->slot_count - 1);
}

static void slot_fill(struct key_map *m, struct key_slot slot)
{
	size_t i = slot_home(m, slot.tag);

	CHECK(slot.id != 0);
	while (m->slots[i].id != 0)
		i = slot_next(m, i);
	m->slots[i] = slot;
	m->used_count++;
}

void key_map_copy(struct key_map *m, const struct key_map *from)
{
	CHECK(m->used_count == 0);
	CHECK(m->slot_count > from->slot_count);
	for (size_t i = 0; i < from->slot_count; i++)
		if (from->slots[i].id != 0)
			slot_fill(m, from->slots[i]);
	CHECK(m->used_count == from->used_count);
	m->newest = from->newest;
}

void key_map_add(struct key_map *m, uint64_t hash, int64_t id)
{
	CHECK(id > m->newest);
	CHECK(!key_map_is_full(m));
	slot_fill(m, (struct key_slot){ .tag = (uint32_t)hash, .id = id_pack(id) });
	m->newest = id;
}

/* Deletion shifts slots about, so the newest may stand anywhere in the run. */
int64_t key_map_find(const struct key_map *m, uint64_t hash, int64_t below)
{
	uint32_t tag = (uint32_t)hash;
	int64_t newest = 0;

	CHECK(below >= 0);
	for (size_t i = slot_home(m, tag); m->slots[i].id != 0; i = slot_next(m, i)) {
		int64_t id;

		if (m->slots[i].tag != tag)
			continue;
		id = id_unpack(m, m->slots[i].id);
		if (id > newest && (below == 0 || id < below))
			newest = id;
	}
	return newest;
}

/* May what stands at `from` stand at the free slot `to`, somewhere before it in the same run? */
static bool slot_may_move(const struct key_map *m, size_t from, size_t to)
{
	size_t home = slot_home(m, m->slots[from].tag);
	size_t run_from_home = (from - home) & (m->slot_count - 1);
	size_t run_from_free = (from - to) & (m->slot_count - 1);

	return run_from_home >= run_from_free;
}

/* Frees a slot and closes the gap, so that no run of slots is cut in two. */
static void slot_free(struct key_map *m, size_t index)
{
	size_t gap = index;

	CHECK(m->slots[index].id != 0);
	for (size_t i = slot_next(m, gap); m->slots[i].id != 0; i = slot_next(m, i)) {
		if (!slot_may_move(m, i, gap))
			continue;
		m->slots[gap] = m->slots[i];
		gap = i;
	}
	m->slots[gap].id = 0;
	CHECK(m->used_count > 0);
	m->used_count--;
}

void key_map_remove(struct key_map *m, uint64_t hash, int64_t id)
{
	uint32_t tag = (uint32_t)hash;
	size_t i = slot_home(m, tag);

	CHECK(id > 0);
	while (m->slots[i].id != 0 &&
	       (m->slots[i].tag != tag || id_unpack(m, m->slots[i].id) != id))
		i = slot_next(m, i);
	if (m->slots[i].id != 0)
		slot_free(m, i);
}

void key_map_sweep(struct key_map *m, size_t *at, size_t visit_count, int64_t id_last)
{
	for (size_t i = 0; i < visit_count; i++) {
		size_t here = *at & (m->slot_count - 1);

		/* Freeing moves another one here: look at it, too. */
		while (m->slots[here].id != 0 && id_unpack(m, m->slots[here].id) <= id_last)
			slot_free(m, here);
		*at = slot_next(m, here);
	}
}
