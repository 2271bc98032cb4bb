/* postgres_absent - what the store over PostgreSQL does not have yet. */
#include "store/postgres_private.h"

int postgres_open_writer(struct store *s, uint64_t seed, struct store_writer **ret)
{
	CHECK(s != NULL);
	CHECK(ret != NULL);
	(void)seed;
	return FAULT(-ENOTSUP);
}
