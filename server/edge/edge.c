#include "edge/edge.h"
#include "base/clock.h"
#include "base/fault.h"
#include "edge/inbox.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
	RESERVED_FILES = 64,         /* for the store, its log, the loops themselves */
	CONNECTIONS_DEFAULT = 16384, /* when the limit of open files would allow more */
};

/* As many as there may be open files, raised as far as we are allowed to and need. */
static int connection_limit_find(int wanted)
{
	rlim_t most = (rlim_t)(wanted > 0 ? wanted : CONNECTIONS_DEFAULT) + RESERVED_FILES;
	rlim_t reserved = RESERVED_FILES;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return wanted > 0 ? wanted : 256;
	if (files.rlim_cur < most && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max < most ? files.rlim_max : most;
		(void)!setrlimit(RLIMIT_NOFILE, &files);
		(void)!getrlimit(RLIMIT_NOFILE, &files);
	}
	if (reserved > files.rlim_cur / 2)
		reserved = files.rlim_cur / 2;
	if (files.rlim_cur - reserved < most - RESERVED_FILES)
		return files.rlim_cur - reserved > 0 ? (int)(files.rlim_cur - reserved) : 1;
	return (int)(most - RESERVED_FILES);
}

static int loops_open(struct edge *e)
{
	int r = 0;

	e->loops = calloc((size_t)e->options.loop_count, sizeof(*e->loops));
	if (e->loops == NULL)
		return FAULT(-ENOMEM);
	while (r == 0 && e->loop_count < e->options.loop_count) {
		r = loop_open(&e->loops[e->loop_count], e, e->loop_count);
		e->loop_count++;
	}
	return r;
}

int edge_open(const struct edge_options *options, struct edge **ret_edge)
{
	struct edge *e = calloc(1, sizeof(*e));
	struct listeners listeners = *options->listeners;
	int r;

	CHECK(options->loop_count >= 1);
	if (e == NULL) {
		listeners_close(&listeners);
		return FAULT(-ENOMEM);
	}
	e->options = *options;
	atomic_init(&e->logs_requests, options->logs_requests);
	e->connection_limit = connection_limit_find(options->connection_limit);
	e->listeners = listeners;
	r = loops_open(e);
	if (r < 0) {
		edge_close(e);
		return r;
	}
	e->guard = (struct header_guard){ .listeners = &e->listeners,
					  .host_names = options->host_names };
	*ret_edge = e;
	return 0;
}

void edge_log_requests(struct edge *e, bool logs_requests)
{
	atomic_store(&e->logs_requests, logs_requests);
}

/* The first loop comes last, since it deals connections to the others. */
int edge_start(struct edge *e)
{
	for (int i = e->loop_count - 1; i >= 0; i--) {
		int r = loop_start(&e->loops[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

void edge_nudge(struct edge *e)
{
	for (int i = 0; i < e->loop_count; i++)
		inbox_nudge(&e->loops[i]);
}

void edge_drain(struct edge *e, int64_t until_ns)
{
	e->drain_until_ns = until_ns;
	e->drain_cut_ns = until_ns + DRAIN_LAST_MS * NS_PER_MS;
	atomic_store(&e->is_draining, true);
	edge_nudge(e);
	for (int i = 0; i < e->loop_count; i++)
		loop_join(&e->loops[i]);
}

void edge_close(struct edge *e)
{
	if (e == NULL)
		return;
	for (int i = 0; i < e->loop_count; i++)
		loop_close(&e->loops[i]);
	listeners_close(&e->listeners);
	free(e->loops);
	free(e);
}
