#include "core/movement.h"
#include "base/check.h"
#include <string.h>

static const char *const texts[] = {
#define MOVEMENT(name, word, states, promises) [MOVEMENT_##name] = word,
#include "schema/movements.def"
#undef MOVEMENT
};
_Static_assert(LENGTH_OF(texts) == MOVEMENT_KINDS, "every kind has its word");
_Static_assert(MOVEMENT_KINDS < 31, "a set of them fits an int, and MOVEMENT_KINDS is in none");

const char *movement_kind_text(enum movement_kind kind)
{
	CHECK(kind < MOVEMENT_KINDS);
	return texts[kind];
}

enum movement_kind movement_kind_by_text(const char *text)
{
	enum movement_kind kind = 0;

	CHECK(text != NULL);
	while (kind < MOVEMENT_KINDS && strcmp(texts[kind], text) != 0)
		kind++;
	return kind;
}
