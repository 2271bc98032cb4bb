#include "engine/decide.h"
#include "base/crash.h"
#include "base/fault.h"
#include "engine/decide_parts.h"

bool decided_is_recorded(const struct work *w)
{
	return w->command.key != NULL && !w->answer.is_replayed &&
	       outcome_row(w->answer.outcome)->is_recorded;
}

static int decide_by_kind(struct decider *d, struct work *w)
{
	switch (w->command.kind) {
#define COMMAND(number, name, word, op, path, touches, respects, movements, condition, statuses, \
		answers, flags, reader, decider, role)                                           \
	case COMMAND_##name:                                                                     \
		return decider(d, w);
#include "schema/commands.def"
#undef COMMAND
	case COMMAND_KINDS:
		break;
	}
	check_failed(__FILE__, __LINE__, "the command has a kind");
}

void decide_forget(struct work *w)
{
	CHECK(w->is_decided);
	if (w->lease != NULL && w->command.kind == COMMAND_LEASE_TAKE)
		lease_release(w->lease);
	w->lease = NULL;
	w->changes_lease = false;
	w->rests_on_group = false;
	w->key_id = 0;
	w->answer = (struct answer){ 0 };
}

/*
 * A record that it needs makes no sense, and it has changed nothing yet: that is this command's own
 * bad luck, and nobody else's in the group.
 */
static void refuse_damaged(struct decider *d, struct work *w)
{
	CHECK(!w->changes_lease);
	w->answer = (struct answer){
		.detail = "A record that this needs makes no sense: somebody wrote past the "
			  "guards. `rowlock verify` names it, `rowlockd repair` mends rows. All "
			  "others go on."
	};
	decider_refuse(w, OUTCOME_STORE_DAMAGED);
	w->rests_on_group = false;
	decider_note_damage(d, "row_damaged", w->command.request_id);
}

int decide(struct decider *d, struct work *w)
{
	int r = 0;

	crash_note_request(w->command.request_id);
	if (w->is_decided)
		decide_forget(w);
	CHECK(w->lease == NULL);
	CHECK(!d->effects.is_numbered);
	w->is_decided = true;
	if (w->is_recalled)
		decider_refuse(w, OUTCOME_OPERATION_WITHDRAWN); /* which its key remembers */
	else if (w->meets_damage)
		r = FAULT(-EBADMSG); /* its effects were not to be written */
	else
		r = decide_by_kind(d, w);
	if (r == -EBADMSG) {
		refuse_damaged(d, w);
		r = 0;
	}
	if (r < 0)
		return r;
	/* An answer that its key remembers is written with the group, a refusal too. */
	if (decided_is_recorded(w)) {
		d->has_writes = true;
		w->rests_on_group = true;
	}
	w->answer.seq = w->rests_on_group ? d->seq : d->seq_committed;
	return 0;
}

/* ---------------------------------------------------------------- numbers */

int decide_numbered(struct decider *d)
{
	CHECK(d->effects.is_numbered);
	for (size_t i = 0; i < d->effects.leases.count; i++) {
		struct lease_effect *e = &d->effects.leases.all[i];
		int r = e->change == CHANGE_MAKE ? decide_lease_numbered(d, e) : 0;

		if (r < 0)
			return r;
	}
	if (d->seq_begun == SEQ_RELATIVE) { /* others may have committed since this group began */
		d->seq_committed = d->seq_begun = SEQ_RELATIVE + d->effects.seq_shift;
		d->seq += d->effects.seq_shift;
	}
	return 0;
}

void decide_numbered_answer(const struct decider *d, struct answer *a)
{
	CHECK(d->effects.is_numbered);

	int64_t shift = d->effects.seq_shift;

	a->seq = a->seq == SEQ_RELATIVE ? a->seq + shift : seq_shifted(a->seq, shift);
	for (int i = 0; i < a->stock_count; i++)
		a->stocks[i].seq = seq_shifted(a->stocks[i].seq, shift);
}
