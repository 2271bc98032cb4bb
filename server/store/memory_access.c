/* memory_access - tokens of a store without a file: those of now, without versions. */
#include "base/fault.h"
#include "store/memory_private.h"
#include <string.h>

static void *copy_array(struct arena *a, const void *all, size_t bytes)
{
	void *copy = arena_alloc(a, bytes);

	CHECK(all != NULL || bytes == 0);
	if (copy != NULL && bytes > 0)
		memcpy(copy, all, bytes);
	return copy;
}

/* With all that it points to in the arena. 0 or a fault. */
static int copy_access(const struct stored_access *access, struct arena *a,
		       struct stored_access *ret)
{
	struct stored_access copy = *access;

	copy.tokens = copy_array(a, access->tokens, access->token_count * sizeof(copy.tokens[0]));
	copy.secrets =
		copy_array(a, access->secrets, access->secret_count * sizeof(copy.secrets[0]));
	if (copy.tokens == NULL || copy.secrets == NULL)
		return FAULT(-ENOMEM);
	for (size_t i = 0; i < copy.token_count; i++) {
		struct stored_token *t = &copy.tokens[i];

		t->locations = copy_array(a, t->locations,
					  (size_t)t->location_count * sizeof(t->locations[0]));
		if (t->locations == NULL)
			return FAULT(-ENOMEM);
	}
	*ret = copy;
	return 0;
}

int memory_set_access(struct memory *m, const struct stored_access *access)
{
	int64_t version;
	bool had_token;
	int r;

	CHECK(access != NULL);
	pthread_mutex_lock(&m->mutex);
	version = m->access.version;
	had_token = m->access.had_token;
	r = copy_access(access, &m->texts, &m->access);
	if (r == 0) {
		m->access.version = version + 1;
		m->access.had_token = had_token || access->had_token || access->token_count > 0;
	}
	pthread_mutex_unlock(&m->mutex);
	return r;
}

int memory_access_version(struct reader *reader, int64_t *ret)
{
	struct memory_reader *r = memory_reader_of(reader);

	CHECK(!r->is_in_snapshot);
	pthread_mutex_lock(&r->m->mutex);
	*ret = r->m->access.version;
	pthread_mutex_unlock(&r->m->mutex);
	return 0;
}

int memory_access(struct reader *reader, struct arena *a, struct stored_access *ret)
{
	struct memory_reader *r = memory_reader_of(reader);
	int fault;

	CHECK(r->is_in_snapshot);
	pthread_mutex_lock(&r->m->mutex);
	fault = copy_access(&r->m->access, a, ret);
	pthread_mutex_unlock(&r->m->mutex);
	return fault;
}
