#include "core/movement.h"
#include "base/check.h"
#include <string.h>

static const char *const texts[MOVEMENT_KINDS] = {
	[MOVEMENT_ADJUST] = "adjust",        [MOVEMENT_SET] = "set",
	[MOVEMENT_COUNT_OF_STOCK] = "count", [MOVEMENT_TRANSFER] = "transfer",
	[MOVEMENT_RESERVE] = "reserve",      [MOVEMENT_RELEASE] = "release",
	[MOVEMENT_EXPIRE] = "expire",        [MOVEMENT_COMMIT] = "commit",
	[MOVEMENT_SUPERSEDE] = "supersede",  [MOVEMENT_EDIT] = "edit",
};

const char *movement_kind_text(enum movement_kind kind)
{
	CHECK(kind < MOVEMENT_KINDS);
	return texts[kind];
}

enum movement_kind movement_kind_by_text(const char *text)
{
	enum movement_kind kind = 0;

	while (kind < MOVEMENT_KINDS && strcmp(texts[kind], text) != 0)
		kind++;
	return kind;
}
