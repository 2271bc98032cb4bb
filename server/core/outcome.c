#include "core/outcome.h"
#include "base/check.h"
#include <errno.h>
#include <string.h>

static const struct outcome_row rows[] = {
#define OUTCOME(name, code, http, exit, recorded, retry_s, title, hint) \
	[OUTCOME_##name] = { code, http, exit, recorded, retry_s, title, hint },
#include "schema/outcomes.def"
#undef OUTCOME
};
_Static_assert(LENGTH_OF(rows) == OUTCOME_COUNT, "every outcome has a row");

const struct outcome_row *outcome_row(enum outcome o)
{
	CHECK(o < OUTCOME_COUNT);
	return &rows[o];
}

enum outcome outcome_of_fault(int fault)
{
	CHECK(fault < 0);
	switch (fault) {
	case -ENOSPC:
	case -EDQUOT:
		return OUTCOME_DISK_FULL;
	case -EBUSY:
	case -ETIME:
	case -EAGAIN:
		return OUTCOME_STORE_BUSY;
	case -ENOTCONN:
		return OUTCOME_STORE_UNREACHABLE;
	case -ECANCELED:
		return OUTCOME_DRAINING;
	case -EBADMSG:
	case -EUCLEAN:
		return OUTCOME_STORE_DAMAGED;
	case -ENOMEM:
		return OUTCOME_OUT_OF_MEMORY;
	default:
		return OUTCOME_STORE_FAILED;
	}
}

enum outcome outcome_by_code(const char *code)
{
	enum outcome o = 0;

	CHECK(code != NULL);
	while (o < OUTCOME_COUNT && strcmp(rows[o].code, code) != 0)
		o++;
	return o;
}
