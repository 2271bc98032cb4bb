/*
 * lease - take the row, count the shelf, write down what was counted, give the row back. Right.
 *
 * A lease is a row lock that outlives a request. Nobody sells from the shelf while it is counted,
 * and everybody who wants to waits: it is the right way where the goods must not move, and the dear
 * one.
 */
#include "lab/counting.h"

enum { LEASE_MS = 600000 };

static enum verdict count_leased(struct racer *r, int row, int64_t fence)
{
	struct desk_request set = { .kind = COMMAND_SET, .row = row, .fence = fence };
	struct desk_request release = { .kind = COMMAND_LEASE_RELEASE, .fence = fence };
	enum verdict v = VERDICT_FAILED;
	int64_t seq;

	if (counting_count(r, row, &set.quantity, &seq))
		v = counting_close(r, desk_ask(r->desk, &set));
	return v == VERDICT_DONE ? desk_verdict(r, desk_ask(r->desk, &release)) : v;
}

static enum verdict lease_count(struct racer *r, const struct wish *w)
{
	int row = w->changes[0].row;
	struct desk_request take = { .kind = COMMAND_LEASE_TAKE, .row = row, .ttl_ms = LEASE_MS };
	const struct answer *a;
	enum verdict v;

	counting_pause(r);
	a = desk_ask(r->desk, &take);
	v = desk_verdict(r, a);
	return v == VERDICT_DONE ? count_leased(r, row, a->lease.fence) : v;
}

const struct way way_lease = { .is_at_desk = true, .update = counting_sell, .count = lease_count };
