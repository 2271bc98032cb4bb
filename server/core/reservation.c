#include "core/reservation.h"
#include "base/check.h"
#include <string.h>

static const char *const texts[RESERVATION_STATES] = {
	[RESERVATION_ACTIVE] = "active",         [RESERVATION_COMMITTED] = "committed",
	[RESERVATION_RELEASED] = "released",     [RESERVATION_EXPIRED] = "expired",
	[RESERVATION_SUPERSEDED] = "superseded",
};

const char *reservation_state_text(enum reservation_state state)
{
	CHECK(state < RESERVATION_STATES);
	return texts[state];
}

enum reservation_state reservation_state_by_text(const char *text)
{
	enum reservation_state state = 0;

	while (state < RESERVATION_STATES && strcmp(texts[state], text) != 0)
		state++;
	return state;
}
