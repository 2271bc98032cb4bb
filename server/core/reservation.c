#include "core/reservation.h"
#include "base/check.h"
#include <string.h>

static const char *const texts[] = {
	[RESERVATION_ACTIVE] = "active",         [RESERVATION_COMMITTED] = "committed",
	[RESERVATION_RELEASED] = "released",     [RESERVATION_EXPIRED] = "expired",
	[RESERVATION_SUPERSEDED] = "superseded",
};
_Static_assert(LENGTH_OF(texts) == RESERVATION_STATES, "every state has its word");

bool reservation_is_sound(const struct reservation *r)
{
	if (r->id <= 0 || r->name == NULL || r->state >= RESERVATION_STATES || r->lacks_lines ||
	    r->line_count < 1 || r->line_count > COMMAND_ROWS_MAX || r->expires_at_ms < 0)
		return false;
	for (int i = 0; i < r->line_count; i++) {
		const struct reservation_line *l = &r->lines[i];

		if (l->quantity < 1 || l->quantity > QUANTITY_MAX || l->committed < 0 ||
		    l->committed > l->quantity)
			return false;
	}
	return true;
}

const char *reservation_state_text(enum reservation_state state)
{
	CHECK(state < RESERVATION_STATES);
	return texts[state];
}

enum reservation_state reservation_state_by_text(const char *text)
{
	enum reservation_state state = 0;

	CHECK(text != NULL);
	while (state < RESERVATION_STATES && strcmp(texts[state], text) != 0)
		state++;
	return state;
}
