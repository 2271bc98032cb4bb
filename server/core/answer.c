#include "core/answer.h"
#include "base/check.h"

bool lease_view_is_sound(const struct lease_view *l)
{
	return l->id != NULL && l->id[0] != '\0' && l->fence > 0 && l->purpose != NULL &&
	       l->row_count >= 0 && (l->row_count == 0 || l->rows != NULL);
}

/* Is there what the command's row says that a success shows? */
static bool shows_all(const struct command *c, const struct answer *a)
{
	switch (command_traits(c->kind)->answers) {
	case ANSWERS_MOVEMENT:
		return a->movement_count == 1 && a->stock_count == 1;
	case ANSWERS_MOVEMENTS:
		return a->movement_count == c->row_count && a->stock_count == c->row_count;
	case ANSWERS_STOCK:
		return a->stock_count == 1;
	case ANSWERS_ITEM:
		return a->item.version > 0 && a->item.name != NULL;
	case ANSWERS_LOCATION:
		return a->location.version > 0 && a->location.name != NULL;
	case ANSWERS_LEASE:
		return lease_view_is_sound(&a->lease);
	case ANSWERS_RESERVATION:
		return a->reservation.name != NULL && a->reservation.state < RESERVATION_STATES;
	case ANSWERS_NOTHING:
		return a->movement_count == 0;
	}
	return false;
}

bool answer_is_sound(const struct command *c, const struct answer *a)
{
	CHECK(c->kind < COMMAND_KINDS);
	if (a->outcome >= OUTCOME_COUNT || a->movement_count < 0 || a->stock_count < 0 ||
	    a->movement_count > COMMAND_MOVEMENTS_MAX || a->stock_count > COMMAND_MOVEMENTS_MAX)
		return false;
	if (a->outcome != OUTCOME_DONE)
		return a->status >= 400 && a->status < 600 && a->short_count >= 0 &&
		       (a->short_count == 0 || a->short_lines != NULL);
	return command_may_answer(c->kind, a->status) && (a->body != NULL || shows_all(c, a));
}
