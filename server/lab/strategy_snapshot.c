/*
 * snapshot - reads that see what was committed last. Right.
 *
 * The reader takes no lock and waits for nobody, and nobody waits for it. What it sees is durable,
 * and may be history a moment later; so is what a locked read has seen, once its row was passed on.
 */
#include "lab/desk.h"

static enum verdict snapshot_read(struct racer *r, const struct wish *w)
{
	struct stock seen;
	int64_t seq;

	return desk_look(r->desk, w->changes[0].row, &seen, &seq) ? VERDICT_DONE : VERDICT_FAILED;
}

static enum verdict snapshot_update(struct racer *r, const struct wish *w)
{
	return way_row_group.update(r, w);
}

const struct way way_snapshot = { .is_at_desk = true,
				  .update = snapshot_update,
				  .read = snapshot_read };
