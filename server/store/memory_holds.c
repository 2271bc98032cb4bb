/* memory_holds - who holds which rows, names and reservations. */
#include "base/clock.h"
#include "base/fault.h"
#include "store/memory_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool memory_is_held_by_others(const struct memory_writer *w, const char *what, bool is_shared)
{
	const struct memory *m = w->m;

	CHECK(m->hold_count <= m->hold_capacity);
	CHECK(what[0] != '\0');
	for (size_t i = 0; i < m->hold_count; i++) {
		const struct memory_hold *h = &m->holds[i];

		if (h->writer != w && !(is_shared && h->is_shared) && strcmp(h->what, what) == 0)
			return true;
	}
	return false;
}

int memory_hold(struct memory_writer *w, const char *what, bool is_shared)
{
	struct memory *m = w->m;
	struct memory_hold *h;

	CHECK(w->is_in_group);
	CHECK(strlen(what) < sizeof(h->what));
	CHECK(!memory_is_held_by_others(w, what, is_shared));
	for (size_t i = 0; i < m->hold_count; i++)
		if (m->holds[i].writer == w && m->holds[i].is_shared == is_shared &&
		    strcmp(m->holds[i].what, what) == 0)
			return 0;
	if (m->hold_count == m->hold_capacity) {
		size_t capacity = m->hold_capacity == 0 ? 64 : m->hold_capacity * 2;
		struct memory_hold *more = realloc(m->holds, capacity * sizeof(more[0]));

		if (more == NULL)
			return FAULT(-ENOMEM);
		m->holds = more;
		m->hold_capacity = capacity;
	}
	h = &m->holds[m->hold_count++];
	*h = (struct memory_hold){ .writer = w, .is_shared = is_shared };
	snprintf(h->what, sizeof(h->what), "%s", what);
	return 0;
}

void memory_release_all(struct memory_writer *w)
{
	struct memory *m = w->m;
	size_t kept = 0;

	for (size_t i = 0; i < m->hold_count; i++)
		if (m->holds[i].writer != w)
			m->holds[kept++] = m->holds[i];
	m->hold_count = kept;
	if (m->numbering == w)
		m->numbering = NULL;
	pthread_cond_broadcast(&m->changed);
}

bool memory_wait(struct memory *m, int64_t until_ns)
{
	struct timespec until = { .tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S };

	if (clock_monotonic_ns() >= until_ns)
		return false;
	(void)pthread_cond_timedwait(&m->changed, &m->mutex, &until);
	return true;
}
