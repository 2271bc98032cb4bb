#include "engine/old_keys.h"

int old_keys_delete(struct lane *l, int count)
{
	int r = l->store->ops->delete_keys(l->store, l->keys.floor, count);

	CHECK(l->keys.floor_deleted <= l->keys.floor);
	if (r < 0)
		return r;
	if (r < count) {
		l->keys.floor_deleted = l->keys.floor;
		l->keys.has_old = false;
	}
	return 0;
}

void old_keys_look(struct lane *l)
{
	int64_t floor = lock_manager_forget_keys(l->locks, l->now_ms);

	CHECK(floor >= 0);
	if (floor > l->keys.floor)
		l->keys.floor = floor;
	l->keys.has_old = l->keys.floor > l->keys.floor_deleted;
}
