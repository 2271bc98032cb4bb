#include "engine/wanted.h"

static void want_rows(struct want *want, const struct row_ref rows[], int count)
{
	CHECK(count >= 0);
	for (int i = 0; i < count; i++)
		want_row(want, &rows[i]);
}

static void want_respected(struct want *want, const struct row_ref rows[], int count)
{
	CHECK(count >= 0);
	for (int i = 0; i < count; i++)
		want_respect(want, &rows[i]);
}

/*
 * Texts are shown where it is refused for its version, are what a patch starts from, and what was
 * before for the audit.
 */
static void want_names(struct want *want, const struct command *c, unsigned touches)
{
	if (touches & TOUCHES_ITEM)
		want_item(want,
			  (struct wanted_name){ .name = c->item.sku.text,
						.needs_texts = true,
						.needs_use = c->kind == COMMAND_ITEM_DELETE });
	if (touches & TOUCHES_LOCATION)
		want_location(want, (struct wanted_name){ .name = c->location.code.text,
							  .needs_texts = true,
							  .needs_use = c->kind ==
								       COMMAND_LOCATION_DELETE });
	if ((touches & TOUCHES_RESERVATION) && c->reservation_id != NULL)
		want_reservation(want, (struct wanted_reservation){
					       .name = c->reservation_id,
					       .needs_rows = (touches & TOUCHES_PROMISED) &&
							     c->kind != COMMAND_RESERVE });
	if ((touches & TOUCHES_SUPERSEDED) && c->supersedes != NULL)
		want_reservation(want, (struct wanted_reservation){ .name = c->supersedes,
								    .needs_rows = true });
}

/* The id that it takes, if it has one; or what it renews or releases, as its fence says or not. */
static void want_its_lease(struct want *want, const struct command *c)
{
	bool says_fence = c->kind != COMMAND_LEASE_TAKE && c->fence_count > 0;

	if (c->lease_id[0] != '\0' && !says_fence)
		want_lease(want, (struct wanted_lease){ .id = c->lease_id });
}

static void want_leases(struct want *want, const struct command *c)
{
	const struct command_traits *t = command_traits(c->kind);

	if (t->respects & TOUCHES_ROWS)
		want_respected(want, c->rows, c->row_count);
	if (t->respects & TOUCHES_PROMISED)
		want_respected(want, c->more_rows, c->more_row_count);
	if (t->touches & TOUCHES_LEASE)
		want_its_lease(want, c);
	for (int i = 0; i < c->fence_count; i++)
		want_lease(want,
			   (struct wanted_lease){ .id = c->fence_ids[i], .fence = c->fences[i] });
}

static void wanted_by_command(struct want *want, const struct command *c,
			      const struct wanted_of_store *of)
{
	unsigned touches = command_traits(c->kind)->touches;

	CHECK(touches != TOUCHES_NOTHING);
	if (touches & TOUCHES_ROWS)
		want_rows(want, c->rows, c->row_count);
	if (touches & TOUCHES_PROMISED)
		want_rows(want, c->more_rows, c->more_row_count);
	if (touches & ~(unsigned)(TOUCHES_ROWS | TOUCHES_PROMISED))
		want_names(want, c, touches);
	if (c->kind == COMMAND_COUNT)
		want_statement(want, (struct wanted_statement){ .row = &c->rows[0],
								.seen_seq = c->past.seen_seq });
	if (!of->leases_are_told)
		want_leases(want, c);
	if (!of->keys_are_told && c->key != NULL)
		want_key(want, (struct wanted_key){ c->key, c->actor->token_id });
}

void wanted_by(struct want *want, const struct work *w, const struct wanted_of_store *of)
{
	if (w->is_recalled)
		return;
	CHECK((w->line_count == 0) == list_is_empty(&w->lines));
	if (w->line_count == 0)
		wanted_by_command(want, &w->command, of);
	LIST_EACH (it, &w->lines)
		wanted_by_command(want, &work_of_link(it)->command, of);
}
