#include "engine/snapshot.h"
#include "base/check.h"

int snapshot_init(struct snapshot *n, struct store *store, const struct published *published)
{
	CHECK(published != NULL);
	*n = (struct snapshot){ .published = published };
	return store->ops->reads_inline ? store->ops->open_reader(store, &n->reader) : 0;
}

void snapshot_fini(struct snapshot *n)
{
	snapshot_rest(n);
	if (n->reader != NULL)
		n->reader->ops->close(n->reader);
	n->reader = NULL;
}

int snapshot_use(struct snapshot *n)
{
	CHECK(n->reader != NULL);
	/* Read before the transaction begins: it can only see more than this promises. */
	uint64_t generation = atomic_load(&n->published->generation);

	if (n->is_open && n->generation == generation)
		return 0;
	snapshot_rest(n);

	int r = n->reader->ops->begin(n->reader, &n->seq);

	if (r < 0)
		return r;
	CHECK(n->seq >= 0);
	n->generation = generation;
	n->is_open = true;
	return 0;
}

void snapshot_rest(struct snapshot *n)
{
	if (!n->is_open)
		return;
	CHECK(n->reader != NULL);
	n->reader->ops->end(n->reader);
	n->is_open = false;
}
