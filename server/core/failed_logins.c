#include "core/failed_logins.h"
#include "base/check.h"

static const int64_t interval_ns = 1000000000;

/* The place of this address, or the one that is over first. */
static int place_of(const struct failed_logins *f, uint64_t who)
{
	int first = (int)(who % (FAILED_LOGIN_PLACES / FAILED_LOGIN_WAYS)) * FAILED_LOGIN_WAYS;
	int best = first;

	for (int i = first; i < first + FAILED_LOGIN_WAYS; i++) {
		if (f->places[i].who == who)
			return i;
		if (f->places[i].due_ns < f->places[best].due_ns)
			best = i;
	}
	return best;
}

bool failed_logins_note(struct failed_logins *f, uint64_t who, int64_t now_ns)
{
	int at = place_of(f, who);
	int64_t due_ns = f->places[at].who == who ? f->places[at].due_ns : 0;

	CHECK(now_ns >= 0);
	if (due_ns < now_ns)
		due_ns = now_ns;
	if (due_ns - now_ns > (FAILED_LOGINS_MAX - 1) * interval_ns)
		return true;
	f->places[at].who = who;
	f->places[at].due_ns = due_ns + interval_ns;
	return false;
}

bool failed_logins_may_log(struct failed_logins *f, int64_t now_ns)
{
	const int64_t line_ns = interval_ns / FAILED_LOGIN_LINES_MAX;
	int64_t due_ns = f->lines_due_ns > now_ns ? f->lines_due_ns : now_ns;

	CHECK(now_ns >= 0);
	if (due_ns - now_ns > interval_ns - line_ns)
		return false;
	f->lines_due_ns = due_ns + line_ns;
	return true;
}
