#include "store/records.h"
#include <string.h>

static bool level_is_sound(int64_t level)
{
	return level >= -LEVEL_MAX && level <= LEVEL_MAX;
}

bool key_record_is_sound(const struct key_record *k)
{
	/* No upper bound of the id: behind one that was typed the next one is still ours. */
	return k->id >= 0 && k->key != NULL && k->outcome < OUTCOME_COUNT && k->status >= 200 &&
	       k->status <= 599 && k->movement_count >= 0 &&
	       k->movement_count <= COMMAND_MOVEMENTS_MAX;
}

bool lease_row_is_sound(const struct lease_row *l)
{
	return l->lease_id != NULL && l->lease_id[0] != '\0' && l->fence > 0 &&
	       l->expires_at_ms >= l->taken_at_ms;
}

bool movement_is_sound(const struct movement *m)
{
	return m->kind < MOVEMENT_KINDS && m->seq > 0 && m->prev_seq >= 0 && m->prev_seq < m->seq &&
	       m->version > 0 && level_is_sound(m->on_hand) && m->reserved >= 0 &&
	       m->reserved <= LEVEL_MAX;
}

static bool limit_is_sound(int limit)
{
	return limit >= 1 && limit <= PAGE_ROWS_MAX;
}

bool stock_query_is_sound(const struct stock_query *q)
{
	return limit_is_sound(q->limit);
}

bool item_stock_query_is_sound(const struct item_stock_query *q)
{
	return limit_is_sound(q->limit) && q->sku != NULL && q->after != NULL;
}

bool movement_query_is_sound(const struct movement_query *q)
{
	return limit_is_sound(q->limit) && q->kinds >> MOVEMENT_KINDS == 0;
}

bool catalogue_query_is_sound(const struct catalogue_query *q)
{
	return limit_is_sound(q->limit) && q->after != NULL && q->is_archived >= -1 &&
	       q->is_archived <= 1;
}

bool audit_query_is_sound(const struct audit_query *q)
{
	return limit_is_sound(q->limit) && q->after_id >= 0;
}

bool reservation_query_is_sound(const struct reservation_query *q)
{
	return limit_is_sound(q->limit) && q->state <= RESERVATION_STATES;
}

bool page_is_sound(const struct page *p, int limit)
{
	return p->count <= (size_t)limit;
}

bool want_is_sound(const struct want *w)
{
	return !w->is_short && w->group > 0 && w->now_ms >= 0;
}

bool effects_are_sound(const struct effects *e)
{
	for (size_t i = 0; i < e->movements.count; i++)
		if (e->movements.all[i].movement->seq != e->seq_first + (int64_t)i)
			return false;
	return e->rows != NULL || e->movements.count == 0;
}
