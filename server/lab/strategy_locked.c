/*
 * locked - reads that queue for the row like a write. Wrong, where a look is all that is wanted.
 *
 * The reader sees the level that its turn finds, and pays for it as if it had changed it: it waits
 * for every writer ahead of it, and for the flush of what it saw. The writers wait for it, too.
 */
#include "lab/desk.h"

static enum verdict locked_read(struct racer *r, const struct wish *w)
{
	struct desk_request read = { .kind = COMMAND_READ, .row = w->changes[0].row };

	return desk_verdict(r, desk_ask(r->desk, &read));
}

static enum verdict locked_update(struct racer *r, const struct wish *w)
{
	return way_row_group.update(r, w);
}

const struct way way_locked = { .is_at_desk = true, .update = locked_update, .read = locked_read };
