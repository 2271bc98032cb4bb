#include "engine/permission.h"

static bool is_limited(const struct work *w)
{
	CHECK(w->command.actor != NULL);
	return w->command.actor->location_count > 0;
}

/* False, always: it may not touch this row, or this location where sku is NULL. */
static bool forbid(struct work *w, const struct code *sku, const struct code *location)
{
	struct short_line *line = arena_alloc(&w->arena, sizeof(*line));

	if (line == NULL) {
		work_refuse(w, OUTCOME_OUT_OF_MEMORY);
		return false;
	}
	*line = (struct short_line){ .location = *location };
	if (sku != NULL)
		line->sku = *sku;
	work_refuse(w, OUTCOME_LOCATION_FORBIDDEN);
	w->answer.short_lines = line;
	w->answer.short_count = 1;
	return false;
}

bool permission_by_rows(struct work *w, const struct row_ref rows[], int count)
{
	CHECK(count >= 0);
	if (!is_limited(w))
		return true;
	for (int i = 0; i < count; i++)
		if (!actor_may_touch(w->command.actor, &rows[i]))
			return forbid(w, &rows[i].sku, &rows[i].location);
	return true;
}

bool permission_by_reservation(struct work *w, const struct reservation *reservation)
{
	CHECK(reservation->line_count >= 0);
	if (!is_limited(w))
		return true;
	for (int i = 0; i < reservation->line_count; i++) {
		const struct reservation_line *l = &reservation->lines[i];

		if (!actor_may_touch_location(w->command.actor, l->location.text))
			return forbid(w, &l->sku, &l->location);
	}
	return true;
}

bool permission_by_names(struct work *w)
{
	const struct command *c = &w->command;
	const struct command_traits *t = command_traits(c->kind);

	CHECK(w->state == WORK_NEW);
	if (!is_limited(w) || t->role <= ROLE_READER)
		return true;
	if ((t->touches & TOUCHES_LOCATION) != 0 &&
	    !actor_may_touch_location(c->actor, c->location.code.text))
		return forbid(w, NULL, &c->location.code);
	return permission_by_rows(w, c->rows, c->row_count);
}
