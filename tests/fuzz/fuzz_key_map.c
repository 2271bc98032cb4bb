/* Random keys, few enough to collide, against a plain list of records. */
#include "core/key_map.h"
#include "fuzz.h"
#include <string.h>

enum { SLOTS_MAX = 64, HASHES = 12 };

struct record {
	uint64_t hash;
	int64_t id;
};

static struct key_slot slots[2][SLOTS_MAX * 2]; /* the map grows from one into the other */
static int slots_in_use;
static struct key_map map;

/* The oracle, in arrival order: ids rise. */
static struct record records[SLOTS_MAX];
static size_t record_count;

/* Hashes of a run: clustered around few homes, the last one included, so that runs wrap around. */
static uint64_t hashes[HASHES];

static void oracle_remove(size_t index)
{
	record_count--;
	for (size_t i = index; i < record_count; i++)
		records[i] = records[i + 1];
}

static void grow(void)
{
	struct key_map larger;

	slots_in_use = 1 - slots_in_use;
	memset(slots[slots_in_use], 0, sizeof(slots[0]));
	key_map_init(&larger, slots[slots_in_use], map.slot_count * 2);
	key_map_copy(&larger, &map);
	map = larger;
}

static void add(struct fuzz *f, int64_t id)
{
	uint64_t hash = hashes[fuzz_below(f, HASHES)];

	EXPECT(f, key_map_is_full(&map) == (record_count >= map.slot_count / 2));
	if (key_map_is_full(&map) && (map.slot_count == SLOTS_MAX || fuzz_below(f, 2) == 0))
		return;
	if (key_map_is_full(&map))
		grow();
	key_map_add(&map, hash, id);
	records[record_count++] = (struct record){ .hash = hash, .id = id };
}

/* The oldest, as the service does, or any, as nobody does yet. */
static void remove_one(struct fuzz *f)
{
	size_t i = record_count == 0 || fuzz_below(f, 2) == 0 ? 0 : fuzz_below(f, record_count);

	if (record_count == 0)
		return;
	key_map_remove(&map, records[i].hash, records[i].id);
	oracle_remove(i);
}

/* Of a record that is not there: another hash, or another id. */
static void remove_none(struct fuzz *f, int64_t id_next)
{
	if (record_count == 0)
		return;

	const struct record *r = &records[fuzz_below(f, record_count)];

	key_map_remove(&map, r->hash, id_next);
	key_map_remove(&map, r->hash ^ (UINT64_C(1) << 28), r->id);
}

/* Once around, in pieces: afterwards none that old is left. */
static void sweep(struct fuzz *f, int64_t id_next)
{
	int64_t id_last =
		id_next - 1 - (int64_t)fuzz_below(f, id_next < 60 ? (uint64_t)id_next : 60);
	size_t at = fuzz_below(f, map.slot_count);
	size_t piece = (size_t)1 << fuzz_below(f, 3);

	for (size_t visited = 0; visited < map.slot_count; visited += piece)
		key_map_sweep(&map, &at, piece, id_last);
	while (record_count > 0 && records[0].id <= id_last)
		oracle_remove(0);
}

static void expect_same(struct fuzz *f)
{
	EXPECT(f, map.used_count == record_count);
	for (int h = 0; h < HASHES; h++) {
		int64_t below = 0;

		for (size_t i = record_count; i-- > 0;) {
			if (records[i].hash != hashes[h])
				continue;
			EXPECT(f, key_map_find(&map, hashes[h], below) == records[i].id);
			below = records[i].id;
		}
		EXPECT(f, below == 0 || key_map_find(&map, hashes[h], below) == 0);
		EXPECT(f, below != 0 || key_map_find(&map, hashes[h], 0) == 0);
	}
}

static void begin(struct fuzz *f)
{
	size_t slot_count = (size_t)4 << fuzz_below(f, 5);

	memset(slots, 0, sizeof(slots));
	key_map_init(&map, slots[slots_in_use], slot_count);
	record_count = 0;
	for (uint64_t h = 0; h < HASHES; h++)
		hashes[h] = (h << 20) + slot_count - 1 - fuzz_below(f, 4) * fuzz_below(f, 2);
}

static void run(struct fuzz *f)
{
	uint64_t adds = 3 + fuzz_below(f, 5), sweeps = fuzz_below(f, 2);
	/* Also where the ids of slots come around. */
	int64_t id_next = fuzz_below(f, 2) == 0 ? 1 : UINT32_MAX * INT64_C(3) - 20;

	begin(f);
	while (fuzz_step(f)) {
		uint64_t dice = fuzz_below(f, 10);

		if (dice < adds)
			add(f, id_next++);
		else if (dice == 8)
			remove_none(f, id_next);
		else if (dice == 9 && sweeps > 0)
			sweep(f, id_next);
		else
			remove_one(f);
		expect_same(f);
	}
}

int main(int argc, char **argv)
{
	return fuzz_main(argc, argv, 200, 2000, run);
}
