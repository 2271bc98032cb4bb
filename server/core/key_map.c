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

static size_t slot_home(const struct key_map *m, uint64_t hash)
{
	return hash & (m->slot_count - 1);
}

static size_t slot_next(const struct key_map *m, size_t index)
{
	return (index + 1) & (m->slot_count - 1);
}

void key_map_add(struct key_map *m, uint64_t hash, int64_t id)
{
	size_t i = slot_home(m, hash);

	CHECK(id > 0);
	CHECK(!key_map_is_full(m));
	while (m->slots[i].id != 0)
		i = slot_next(m, i);
	m->slots[i] = (struct key_slot){ .hash = hash, .id = id };
	m->used_count++;
}

/* Deletion shifts slots about, so the newest may stand anywhere in the run. */
int64_t key_map_find(const struct key_map *m, uint64_t hash, int64_t below)
{
	int64_t newest = 0;

	for (size_t i = slot_home(m, hash); m->slots[i].id != 0; i = slot_next(m, i)) {
		const struct key_slot *s = &m->slots[i];

		if (s->hash == hash && s->id > newest && (below == 0 || s->id < below))
			newest = s->id;
	}
	return newest;
}

/* May what stands at `from` stand at the free slot `to`, somewhere before it in the same run? */
static bool slot_may_move(const struct key_map *m, size_t from, size_t to)
{
	size_t home = slot_home(m, m->slots[from].hash);
	size_t run_from_home = (from - home) & (m->slot_count - 1);
	size_t run_from_free = (from - to) & (m->slot_count - 1);

	return run_from_home >= run_from_free;
}

/* Frees a slot and closes the gap, so that no run of slots is cut in two. */
static void slot_free(struct key_map *m, size_t index)
{
	size_t gap = index;

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
	size_t i = slot_home(m, hash);

	while (m->slots[i].id != 0 && (m->slots[i].hash != hash || m->slots[i].id != id))
		i = slot_next(m, i);
	if (m->slots[i].id != 0)
		slot_free(m, i);
}

void key_map_sweep(struct key_map *m, size_t *at, size_t visit_count, int64_t id_last)
{
	for (size_t i = 0; i < visit_count; i++) {
		size_t here = *at & (m->slot_count - 1);

		/* Freeing moves another one here: look at it, too. */
		while (m->slots[here].id != 0 && m->slots[here].id <= id_last)
			slot_free(m, here);
		*at = slot_next(m, here);
	}
}
