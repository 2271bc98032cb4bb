/* memory_store - the memory as the store of a service: what it can be asked for beside groups. */
#include "base/fault.h"
#include "store/memory_private.h"
#include <stdlib.h>
#include <string.h>

struct memory_store {
	struct store store;
	struct memory *m;
};

static struct memory *memory_of(struct store *s)
{
	return CONTAINER_OF(s, struct memory_store, store)->m;
}

static int open_reader(struct store *s, struct reader **ret)
{
	return memory_open_reader(memory_of(s), ret);
}

static int open_writer(struct store *s, uint64_t seed, struct store_writer **ret)
{
	return memory_open_writer(memory_of(s), seed, ret);
}

static int load_time(struct store *s, struct stored_time *ret)
{
	memory_load_time(memory_of(s), ret);
	return 0;
}

static int epoch(struct store *s, char ret[EPOCH_BYTES_MAX + 1])
{
	strcpy(ret, memory_of(s)->epoch);
	return 0;
}

/* There is no SQL here. */
static int run_script(struct store *s, const char *sql, char **ret_message)
{
	CHECK(sql != NULL);
	(void)s;
	*ret_message = NULL;
	return FAULT(-ENOTSUP);
}

static int is_empty(struct store *s, bool *ret)
{
	struct memory *m = memory_of(s);
	size_t at = 0;

	pthread_mutex_lock(&m->mutex);
	*ret = memory_next(m, &(struct memory_view){ .commit = m->commit }, MEMORY_ITEM, &at) ==
	       NULL;
	pthread_mutex_unlock(&m->mutex);
	return 0;
}

/* Nothing in it is ever damaged. */
static void leave_damaged(struct store *s, char ret_where[DAMAGE_BYTES])
{
	(void)s;
	ret_where[0] = '\0';
}

static void close_store(struct store *s)
{
	if (s != NULL)
		free(CONTAINER_OF(s, struct memory_store, store));
}

static const struct store_ops store_ops = {
	.name = "memory",
	.reads_inline = true,
	.open_reader = open_reader,
	.open_writer = open_writer,
	.load_time = load_time,
	.epoch = epoch,
	.run_script = run_script,
	.is_empty = is_empty,
	.leave_damaged = leave_damaged,
	.close = close_store,
};

int memory_open_store(struct memory *m, struct store **ret)
{
	struct memory_store *s = calloc(1, sizeof(*s));

	CHECK(m != NULL);
	if (s == NULL)
		return FAULT(-ENOMEM);
	*s = (struct memory_store){ .store.ops = &store_ops, .m = m };
	*ret = &s->store;
	return 0;
}
