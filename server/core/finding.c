#include "core/finding.h"
#include "base/check.h"

static const struct row {
	const char *code;
	const char *sentence;
} rows[] = {
#define FINDING(name, code, sentence) [FINDING_##name] = { code, sentence },
#include "schema/findings.def"
#undef FINDING
};
_Static_assert(LENGTH_OF(rows) == FINDING_COUNT, "every finding has a row");

const char *finding_code_text(enum finding_code code)
{
	CHECK(code < FINDING_COUNT);
	return rows[code].code;
}

const char *finding_sentence(enum finding_code code)
{
	CHECK(code < FINDING_COUNT);
	return rows[code].sentence;
}
