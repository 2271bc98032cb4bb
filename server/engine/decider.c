#include "engine/decider.h"
#include "base/clock.h"
#include "base/fault.h"
#include "core/rules.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include <stdlib.h>
#include <string.h>

void decider_init(struct decider *d, struct lock_manager *locks, bool leases_are_told)
{
	CHECK(locks != NULL);
	*d = (struct decider){ .locks = locks, .leases_are_told = leases_are_told };
	found_init(&d->found);
}

void decider_fini(struct decider *d)
{
	found_fini(&d->found);
	effects_fini(&d->effects);
	free(d->left.all);
	d->left = (struct left_overdue){ 0 };
}

void decider_begin(struct decider *d, int64_t seq_committed, int64_t seq)
{
	CHECK(seq == seq_committed || seq == SEQ_RELATIVE);
	found_clear(&d->found);
	effects_clear(&d->effects);
	d->seq_committed = seq_committed;
	d->seq_begun = d->seq = seq;
	d->has_writes = false;
	d->leases_taken = 0;
	d->expired_count = 0;
}

void decider_take_back(struct decider *d)
{
	CHECK(d->seq >= d->seq_begun);
	if (d->found.rows != NULL)
		row_set_undo(d->found.rows);
	effects_clear(&d->effects);
	d->seq = d->seq_begun;
	d->has_writes = false;
	d->expired_count = 0;
}

int decider_leave_overdue(struct decider *d, int64_t id)
{
	struct left_overdue *left = &d->left;
	size_t capacity = left->capacity == 0 ? 16 : left->capacity * 2;

	CHECK(id != 0);
	CHECK(!decider_leaves_overdue(d, id));
	if (left->count == left->capacity) {
		int64_t *larger = realloc(left->all, capacity * sizeof(larger[0]));

		if (larger == NULL)
			return FAULT(-ENOMEM);
		left->all = larger;
		left->capacity = capacity;
	}
	left->all[left->count++] = id;
	return 0;
}

bool decider_leaves_overdue(const struct decider *d, int64_t id)
{
	bool is_left = false;

	for (size_t i = 0; !is_left && i < d->left.count; i++)
		is_left = d->left.all[i] == id;
	return is_left;
}

void decider_show_row(const struct found_row *row, struct rules_row *ret)
{
	CHECK(row->item != NULL);
	CHECK(row->location != NULL);
	*ret = (struct rules_row){ .item = &row->item->item,
				   .location = &row->location->location,
				   .stock = (struct stock *)&row->stock };
}

bool decider_row_is_open(const struct decider *d, const struct found_row *row)
{
	return row->changed_group == d->group || row->item->changed_group == d->group ||
	       row->location->changed_group == d->group;
}

int decider_move(struct decider *d, struct movement *m, struct found_row *row,
		 const struct stock *before, struct stock *after)
{
	struct movement_effect *e = effects_add_movement(&d->effects);

	if (e == NULL)
		return FAULT(-ENOMEM);
	CHECK(m->seq == d->seq + 1);
	*e = (struct movement_effect){ .movement = m, .row = row, .after = after };
	d->seq++;
	row_set_change(d->found.rows, row, before, m, d->group);
	d->has_writes = true;
	return 0;
}

static bool is_in_store(const struct decider *d, const struct lease *l)
{
	CHECK(l->gate.fence > 0);
	return d->leases_are_told || found_lease_of(&d->found, l->id, l->gate.fence) != NULL;
}

enum outcome decider_judge_fences(const struct decider *d, const struct command *c)
{
	for (int i = 0; i < c->fence_count; i++) {
		const struct lease *l = lease_book_by_fence(&d->locks->leases, c->fences[i]);

		if (l == NULL || lease_has_ended(l, d->now_ms) ||
		    strcmp(l->id, c->fence_ids[i]) != 0 || !is_in_store(d, l))
			return OUTCOME_STALE_FENCE;
		/* Of one that was not known when the command came this was not asked yet. */
		if (!d->leases_are_told && !lease_is_for(l, c->actor))
			return OUTCOME_LEASE_NOT_YOURS;
	}
	return OUTCOME_DONE;
}

void decider_note_damage(struct decider *d, const char *event, const char *name)
{
	const struct fault *f = fault_latest();

	CHECK(name != NULL);
	metric_add(METRIC_DAMAGED, 1);
	if (d->damage_logged_ns != 0 && d->now_ns - d->damage_logged_ns < NS_PER_S)
		return;
	d->damage_logged_ns = d->now_ns;
	log_write(LOG_ERROR, event, "of=%s at=%s:%d hint=\"rowlock verify\"", name,
		  f->file != NULL ? f->file : "", f->line);
}

bool decider_keep_text(struct work *w, const char *text, const char **ret)
{
	*ret = text == NULL ? NULL : arena_copy(&w->arena, text, strlen(text));
	return text == NULL || *ret != NULL;
}
