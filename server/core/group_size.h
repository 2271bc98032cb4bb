/*
 * group_size - which decided commands are committed together, and when the group closes.
 *
 * A group is what arrived while the previous one was flushed: it closes when nobody is ready any
 * more, nor is worth waiting for (core/linger.h). Since rows pass on within the group, others
 * become ready all the time under load, so it also closes when it is full, or when the first of
 * those that wait for its flush has waited long enough.
 *
 *     group_size_begin(&g);
 *     while (group_size_room(&g, now_ns) > 0 && (n = take(room)) > 0)
 *             ...decide each, group_size_add(&g, now_ns, rests_on_group, 1)...
 *
 * Pure: time comes in as an argument.
 */
#pragma once
#include "base/check.h"
#include "core/limits.h"

struct group_size {
	int decided_count; /* commands decided in it, whether they wait for the flush or not */
	int member_count;  /* of those, the ones that wait for the flush */
	int64_t first_member_ns;
};

static inline void group_size_begin(struct group_size *g)
{
	*g = (struct group_size){ 0 };
}

/* `count` commands were decided: one, or the lines of a part of a batch. */
static inline void group_size_add(struct group_size *g, int64_t now_ns, bool is_member, int count)
{
	CHECK(count >= 1);
	g->decided_count += count;
	if (!is_member)
		return;
	if (g->member_count == 0)
		g->first_member_ns = now_ns;
	g->member_count += count;
}

/* How many more it takes now; 0: it closes. The last to come may be a part that makes it fuller. */
static inline int group_size_room(const struct group_size *g, int64_t now_ns)
{
	int room = GROUP_COMMANDS_MAX - g->decided_count;

	CHECK(g->member_count <= g->decided_count);
	if (g->member_count > 0 && now_ns - g->first_member_ns > GROUP_OPEN_US_MAX * INT64_C(1000))
		return 0;
	return room > 0 ? room : 0;
}
