#include "engine/writer.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "engine/decide_reservation.h"
#include "ops/log.h"
#include "wire/answers.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	EXIT_DISK_FAILED = 74,
	EXPIRE_AGAIN_MS = 1000, /* after a group that failed */
	FAILURES_MAX = 3,       /* groups that fail in a row, for another reason than a full disk */
	HOUSEKEEPING_MS = 1000,
	LOOK_MS = 250,           /* how often an idle writer looks for what others wrote */
	OLD_KEYS_ALONE = 5000,   /* deleted in a group of their own, when there is nothing to do */
	OLD_KEYS_PER_MEMBER = 4, /* deleted beside each command of a group: faster than they come */
	FULL_LOG_S = 60,
};

/* ---------------------------------------------------------------- answering */

static struct waiter *waiter_of(struct list *link)
{
	return CONTAINER_OF(link, struct waiter, waiter_link);
}

static struct work *work_of(struct list *link)
{
	return CONTAINER_OF(link, struct work, work_link);
}

/* Sends every waiter's parcel home, one burst and one wake-up for each loop. */
static void deliver(struct list *waiters)
{
	struct list boxes;
	struct list *link;

	list_init(&boxes);
	while ((link = list_pop_front(waiters)) != NULL) {
		struct parcel *p = &waiter_of(link)->parcel;

		list_init(&p->link);
		list_push_back(&p->home->outgoing, &p->link);
		if (!list_is_linked(&p->home->outgoing_link))
			list_push_back(&boxes, &p->home->outgoing_link);
	}
	while ((link = list_pop_front(&boxes)) != NULL) {
		struct mailbox *m = CONTAINER_OF(link, struct mailbox, outgoing_link);

		mailbox_post(m, &m->outgoing);
	}
}

/* The engine is done with them. */
static void let_go(struct list *writes)
{
	struct list *link;

	while ((link = list_pop_front(writes)) != NULL)
		work_release(work_of(link));
}

static void log_if_slow(const struct writer *wr, const struct work *w)
{
	const struct work_cost *k = &w->cost;
	char sku[CODE_BYTES_MAX * 2];

	if (wr->slow_ns == 0 || k->done_ns - k->claimed_ns < wr->slow_ns)
		return;
	log_write(
		LOG_WARN, "slow_write",
		"request=%s row=%s/%s behind=%s ahead=%d lock_ms=%.1f queue_ms=%.1f commit_ms=%.1f "
		"status=%d",
		w->command.request_id,
		w->command.row_count > 0 ? log_quote(sku, sizeof(sku), w->command.rows[0].sku.text)
					 : "-",
		w->command.row_count > 0 ? w->command.rows[0].location.text : "-",
		w->blocked_by[0] != '\0' ? w->blocked_by : "-", k->ahead_count,
		(double)(k->granted_ns - k->claimed_ns) / NS_PER_MS,
		(double)(k->picked_ns - k->granted_ns) / NS_PER_MS,
		(double)(k->done_ns - k->decided_ns) / NS_PER_MS, w->answer.status);
}

static void finish(struct writer *wr, struct list *writes)
{
	int64_t now_ns = clock_monotonic_ns();
	struct list waiters;

	list_init(&waiters);
	LIST_EACH (it, writes) {
		struct work *w = work_of(it);

		w->cost.done_ns = now_ns;
		w->cost.group_count = wr->group.member_count;
		metric_observe(METRIC_LOCK_WAIT, w->cost.granted_ns - w->cost.claimed_ns);
		metric_observe(METRIC_QUEUE_DEPTH, w->cost.ahead_count);
		log_if_slow(wr, w);
	}
	lock_manager_finish(wr->locks, writes, now_ns, &waiters);
	feed_ring(&wr->feed); /* right before the answers: one wake-up does for both */
	deliver(&waiters);
	let_go(writes);
}

static void refused_init(struct refused *r)
{
	list_init(&r->writes);
	list_init(&r->waiters);
}

static void finish_refused(struct refused *r)
{
	deliver(&r->waiters);
	let_go(&r->writes);
}

/* Those that wait, too. */
static void refuse_undecided(struct writer *wr, enum outcome o)
{
	struct refused refused;

	refused_init(&refused);
	lock_manager_refuse_all(wr->locks, o, &refused);
	finish_refused(&refused);
}

/* ---------------------------------------------------------------- faults */

/* From now on nobody is served, and nothing is written. */
static void stop_writing(struct writer *wr, enum outcome why)
{
	wr->stopped_with = why;
	lock_manager_close(wr->locks, why);
	refuse_undecided(wr, why);
}

static void stop_process(struct writer *wr)
{
	if (wr->stopped_with == OUTCOME_STORE_FAILED)
		return;
	stop_writing(wr, OUTCOME_STORE_FAILED);
	atomic_store(&wr->is_failing, true);
	if (wr->fail != NULL)
		wr->fail(wr->fail_context, EXIT_DISK_FAILED);
}

/* Whoever wrote to it now could make it worse: the file stays as it is, and reads go on. */
static void leave_damaged(struct writer *wr)
{
	char where[DAMAGE_BYTES];

	atomic_store(&wr->is_damaged, true);
	metric_set(METRIC_STORE_IS_DAMAGED, 1);
	stop_writing(wr, OUTCOME_STORE_DAMAGED);
	wr->store->ops->leave_damaged(wr->store, where);
	log_write(LOG_CRIT, "store_damaged",
		  "where=\"%s\" writes=refused hint=\"stop the server "
		  "and run rowlockd verify, then repair or restore, on its file\"",
		  where[0] != '\0' ? where : "not found yet");
}

static void log_fault(enum log_level level, const char *event, int r, int count)
{
	const struct fault *f = fault_latest();

	log_write(level, event, "error=\"%s\" errno=%d extended=%d commands=%d at=%s:%d",
		  strerror(-r), f->system_error, f->detail, count, f->file, f->line);
}

static void log_full_disk(struct writer *wr, int r)
{
	int64_t now_ns = clock_monotonic_ns();

	atomic_store(&wr->is_disk_full, true);
	if (wr->full_logged_ns != 0 && now_ns - wr->full_logged_ns < FULL_LOG_S * NS_PER_S)
		return;
	wr->full_logged_ns = now_ns;
	log_fault(LOG_ERROR, "disk_full", r, wr->group.member_count);
}

/* What the clients of a failed group are told; the operator is told here. */
static enum outcome judge_fault(struct writer *wr, int r)
{
	int count = wr->group.member_count;

	switch (r) {
	case -ENOSPC:
	case -EDQUOT:
		log_full_disk(wr, r);
		break;
	case -EREMOTEIO:
		log_fault(LOG_CRIT, "commit_unknown", r, count);
		return OUTCOME_OUTCOME_UNKNOWN;
	case -ENOMEM:
		log_fault(LOG_ERROR, "out_of_memory", r, count);
		break;
	case -EBUSY:
		break;
	case -ESTALE:
		log_fault(LOG_CRIT, "db_file_moved", r, count);
		break;
	case -EBADMSG: /* what was written contradicts what was read of the same file */
	case -EUCLEAN:
		log_fault(LOG_CRIT, "store_contradicts_itself", r, count);
		break;
	default:
		log_fault(LOG_ERROR, "store_failed", r, count);
		break;
	}
	return outcome_of_fault(r);
}

/*
 * Nothing of the group was kept (or, with OUTCOME_UNKNOWN, nobody knows): all of it gets that
 * answer. Returns what those are to be told who would have been in it, and of whom nothing was
 * done in any case.
 */
static enum outcome fail_group(struct writer *wr, int r)
{
	enum outcome o = judge_fault(wr, r);
	bool is_hopeless = r == -EREMOTEIO || r == -ESTALE;

	if (r != -EREMOTEIO)
		(void)wr->store->ops->rollback(wr->store);
	row_cache_drop(&wr->cache);
	feed_discard(&wr->feed);
	reservation_book_undo_group(&wr->reservations);
	wr->decider.bookings.count = 0;
	wr->expire_not_before_ns = clock_monotonic_ns() + EXPIRE_AGAIN_MS * NS_PER_MS;
	metric_add(METRIC_GROUPS_FAILED, 1);
	if (o == OUTCOME_OUTCOME_UNKNOWN)
		lock_manager_keep_unknown(wr->locks, &wr->members);
	LIST_EACH (it, &wr->members) {
		struct work *w = work_of(it);

		w->answer = (struct answer){ .outcome = o,
					     .status = outcome_row(o)->http_status,
					     .is_unknown = o == OUTCOME_OUTCOME_UNKNOWN,
					     .seq = wr->decider.seq_committed };
	}
	finish(wr, &wr->members);
	if (o == OUTCOME_STORE_FAILED) {
		atomic_store(&wr->is_failing, true);
		is_hopeless = is_hopeless || ++wr->failed_in_a_row >= FAILURES_MAX;
	}
	if (o == OUTCOME_STORE_DAMAGED)
		leave_damaged(wr);
	if (is_hopeless)
		stop_process(wr);
	return o == OUTCOME_OUTCOME_UNKNOWN ? OUTCOME_STORE_FAILED : o;
}

static void note_success(struct writer *wr)
{
	wr->failed_in_a_row = 0;
	atomic_store(&wr->is_failing, false);
	if (atomic_exchange(&wr->is_disk_full, false)) {
		wr->full_logged_ns = 0;
		log_write(LOG_INFO, "disk_has_space", "seq=%" PRId64, wr->decider.seq);
	}
}

/* ---------------------------------------------------------------- writing a group */

static int write_movements(struct writer *wr, struct work *w)
{
	for (int i = 0; i < w->answer.movement_count; i++) {
		struct movement *m = &w->answer.movements[i];

		m->stock_id = w->cached_rows[i]->stock.id;
		CHECK(m->stock_id > 0);
		w->answer.stocks[i].id = m->stock_id;

		int r = wr->store->ops->add_movement(wr->store, m);

		if (r < 0)
			return r;
		feed_add(&wr->feed, &w->cached_rows[i]->sku, &w->cached_rows[i]->location_code, m);
	}
	return 0;
}

static int write_key(struct writer *wr, struct work *w)
{
	struct text body;
	int r;

	text_init(&body);
	if (!answer_is_rebuilt(&w->command, &w->answer))
		answer_write_body(&body, &w->command, &w->answer);
	if (body.failed) {
		text_fini(&body);
		return FAULT(-ENOMEM);
	}

	struct key_record record = { .id = ++wr->key_last,
				     .key = w->command.key,
				     .key_hash = w->key_hash,
				     .fingerprint = w->command.fingerprint,
				     .status = w->answer.status,
				     .outcome = w->answer.outcome,
				     .first_seq = w->answer.movement_count > 0
							  ? w->answer.movements[0].seq
							  : 0,
				     .movement_count = w->answer.movement_count,
				     .seq = w->answer.seq,
				     .body = body.data,
				     .at_ms = wr->decider.now_ms };

	r = wr->store->ops->add_key(wr->store, &record);
	w->key_id = record.id;
	wr->key_count++;
	text_fini(&body);
	return r;
}

/* Deletes at most `count` forgotten keys from the store, within a group. */
static int delete_old_keys(struct writer *wr, int count)
{
	int r = wr->store->ops->delete_keys(wr->store, wr->key_floor, count);

	if (r < 0)
		return r;
	if (r < count) {
		wr->key_floor_deleted = wr->key_floor;
		wr->has_old_keys = false;
	}
	return 0;
}

/* The movements of reservations that come before this seq; *index moves behind them. */
static int write_bookings(struct writer *wr, int64_t before_seq, size_t *index)
{
	const struct bookings *b = &wr->decider.bookings;

	for (; *index < b->count && b->all[*index].movement.seq < before_seq; ++*index) {
		struct movement *m = &b->all[*index].movement;
		const struct cached_row *row = b->all[*index].row;
		int r;

		m->stock_id = row->stock.id;
		CHECK(m->stock_id > 0);
		r = wr->store->ops->add_movement(wr->store, m);
		if (r < 0)
			return r;
		feed_add(&wr->feed, &row->sku, &row->location_code, m);
	}
	return 0;
}

/* What hand edits are told of the clock: that it is right, or by how much it is not. */
static int64_t ahead_to_note(struct writer *wr)
{
	int64_t ahead_ms = store_time_ahead_ms(wr->locks->time);

	return ahead_ms >= -CLOCK_STEP_MS && ahead_ms <= CLOCK_STEP_MS ? 0 : ahead_ms;
}

/* Is what the store says of the clock so wrong that a group must be written to mend it? */
static bool is_clock_misnoted(struct writer *wr)
{
	int64_t ahead_ms = ahead_to_note(wr), off_ms = ahead_ms - wr->noted.ahead_ms;

	return off_ms < -CLOCK_STEP_MS || off_ms > CLOCK_STEP_MS ||
	       (ahead_ms == 0 && wr->noted.ahead_ms != 0);
}

/* What the store says of time must hold for all that is committed: see TIME_NOTED_EVERY_MS. */
static int note_time(struct writer *wr)
{
	struct decider *d = &wr->decider;

	if (d->seq > d->seq_committed && d->now_ms - wr->noted.newest_ms < TIME_NOTED_EVERY_MS &&
	    !is_clock_misnoted(wr))
		return 0;
	wr->to_note = (struct stored_time){ .newest_ms = d->now_ms, .ahead_ms = ahead_to_note(wr) };
	return wr->store->ops->note_time(wr->store, d->now_ms, wr->to_note.ahead_ms);
}

/* What has been written of the group so far. */
struct group_progress {
	size_t booking_index;
	int64_t movement_count;
};

static int write_command(struct writer *wr, struct work *w, struct group_progress *p)
{
	int r = 0;

	if (w->answer.movement_count > 0)
		r = write_bookings(wr, w->answer.movements[0].seq, &p->booking_index);
	if (r == 0)
		r = write_movements(wr, w);
	p->movement_count += w->answer.movement_count;
	if (r == 0 && decided_is_recorded(w))
		r = write_key(wr, w);
	return r;
}

/* Movements in the order of their seqs, whoever made them. */
static int write_commands(struct writer *wr, struct list *writes, struct group_progress *p)
{
	LIST_EACH (it, writes) {
		struct work *w = work_of(it);
		int r = w->line_count > 0 ? write_commands(wr, &w->lines, p)
					  : write_command(wr, w, p);

		if (r < 0)
			return r;
	}
	return 0;
}

static int write_group(struct writer *wr)
{
	struct group_progress p = { .movement_count = (int64_t)wr->decider.bookings.count };
	int r = row_cache_write(&wr->cache);

	wr->key_count = 0;

	if (r == 0)
		r = write_commands(wr, &wr->members, &p);
	if (r == 0)
		r = write_bookings(wr, INT64_MAX, &p.booking_index);
	if (r < 0)
		return r;
	if (wr->has_old_keys) {
		r = delete_old_keys(wr, OLD_KEYS_PER_MEMBER * wr->group.member_count);
		if (r < 0)
			return r;
	}
	CHECK(wr->decider.seq == wr->decider.seq_committed + p.movement_count);
	r = note_time(wr);
	return r < 0 ? r : lock_manager_make_key_room(wr->locks, wr->key_count);
}

static int flush_group(struct writer *wr)
{
	int64_t begun_ns = clock_monotonic_ns();
	int r = write_group(wr);

	if (r < 0)
		return r;
	r = wr->store->ops->commit(wr->store);
	if (r < 0)
		return r;
	metric_observe(METRIC_COMMIT_TIME, clock_monotonic_ns() - begun_ns);

	/* Had the file been moved away meanwhile, nobody could say where the group is now. */
	r = wr->store->ops->check_file(wr->store);
	return r < 0 ? FAULT(-EREMOTEIO) : 0;
}

static void remember_keys(struct writer *wr, const struct list *writes)
{
	LIST_EACH (it, writes) {
		struct work *w = work_of(it);

		if (w->line_count > 0)
			remember_keys(wr, &w->lines);
		if (w->key_id != 0)
			lock_manager_add_key(wr->locks, w->key_hash, w->key_id, wr->decider.now_ms);
	}
}

static void keep_noted_time(struct writer *wr)
{
	if (wr->decider.seq > wr->decider.seq_committed)
		wr->noted.ledger_ms = wr->decider.dated_ms;
	if (wr->to_note.newest_ms == 0)
		return;
	wr->noted.newest_ms = wr->to_note.newest_ms;
	wr->noted.ahead_ms = wr->to_note.ahead_ms;
}

/* Nobody may see any of it before this; nobody may be answered before it. */
static void publish_group(struct writer *wr)
{
	struct decider *d = &wr->decider;

	metric_add(METRIC_MOVEMENTS, d->seq - d->seq_committed);
	metric_add(METRIC_GROUPS, 1);
	metric_observe(METRIC_GROUP_SIZE, wr->group.member_count);
	metric_set(METRIC_SEQ, d->seq);
	metric_set(METRIC_RESERVATIONS, wr->reservations.active_count);
	metric_add(METRIC_RESERVATIONS_EXPIRED, d->expired_count);
	keep_noted_time(wr);
	atomic_store(&wr->seq, d->seq);
	atomic_fetch_add(&wr->generation, 1);
	d->seq_committed = d->seq;
	reservation_book_keep_group(&wr->reservations);
	feed_publish(&wr->feed, d->seq);
	remember_keys(wr, &wr->members);
	lock_manager_let_leases_go(&wr->ended_leases);
	note_success(wr);
}

/* Is there anything of this group to write? Never of one that was taken back. */
static bool owes_flush(struct writer *wr)
{
	return wr->group.has_writes || is_clock_misnoted(wr);
}

static void end_group(struct writer *wr)
{
	int r;

	if (wr->is_taken_back || !owes_flush(wr)) {
		metric_add(METRIC_GROUPS_EMPTY, 1);
		r = wr->store->ops->rollback(wr->store);
		if (r == 0) {
			reservation_book_keep_group(&wr->reservations);
			finish(wr, &wr->members);
		}
	} else {
		r = flush_group(wr);
		if (r == 0) {
			publish_group(wr);
			finish(wr, &wr->members);
		}
	}
	if (r < 0)
		fail_group(wr, r);
}

/* ---------------------------------------------------------------- deciding a group */

static bool keeps_rows_always(const struct work *w)
{
	return w->rests_on_group;
}

/* A lease takes effect when it is durable: until then nobody may pass. */
static bool keeps_rows_early(const struct work *w)
{
	return w->rests_on_group && w->lease != NULL;
}

/*
 * A line of an atomic part was refused: nothing of the group was. It is alone in its group, so that
 * this is all there is to take back; what had run out is booked again by the next group.
 */
static void take_group_back(struct writer *wr)
{
	struct decider *d = &wr->decider;

	row_cache_drop(&wr->cache);
	reservation_book_undo_group(&wr->reservations);
	d->bookings.count = 0;
	d->seq = d->seq_committed;
	d->has_writes = false;
	wr->is_taken_back = true;
}

/* Line by line, each sees the effects of those before it. 0 or a fault. */
static int decide_part(struct writer *wr, struct work *part)
{
	struct decider *d = &wr->decider;
	bool rests_on_group = false;
	int index = 0;

	part->answer = (struct answer){ .outcome = OUTCOME_DONE, .status = 200 };
	LIST_EACH (it, &part->lines) {
		struct work *line = work_of(it);
		int r = decide(d, line);

		if (r < 0)
			return r;
		rests_on_group = rests_on_group || line->rests_on_group;
		if (line->answer.outcome != OUTCOME_DONE) {
			metric_add(METRIC_REFUSALS, 1);
			if (part->is_atomic) {
				part->answer.outcome = line->answer.outcome;
				part->answer.row_index = index;
				take_group_back(wr);
				break;
			}
		}
		index++;
	}
	part->rests_on_group = rests_on_group;
	part->answer.seq = rests_on_group ? d->seq : d->seq_committed;
	return 0;
}

/* Is all that is overdue in its rows booked? Of a part, in those of all of its lines. */
static int settle(struct writer *wr, const struct work *w, bool *ret_is_settled)
{
	int r = 0;

	*ret_is_settled = true;
	if (wr->reservations.overdue_count == 0 || w->is_recalled)
		return 0;
	if (w->line_count == 0)
		return settle_overdue(&wr->decider, &w->command, ret_is_settled);
	LIST_EACH (it, &w->lines) {
		r = settle_overdue(&wr->decider, &work_of(it)->command, ret_is_settled);
		if (r < 0 || !*ret_is_settled)
			break;
	}
	return r;
}

/*
 * Takes out of the batch whose rows have more overdue than one group books: it keeps its rows, and
 * comes again with the next group, so that the others need not wait for it. 0 or a fault.
 */
static int put_unsettled_back(struct writer *wr, struct list *batch, bool *ret_has_any)
{
	struct list unsettled;
	int r = 0;

	list_init(&unsettled);
	LIST_EACH_SAFE (it, batch) {
		bool is_settled = true;

		if (r == 0)
			r = settle(wr, work_of(it), &is_settled);
		if (r == 0 && !is_settled) {
			list_remove(it);
			list_push_back(&unsettled, it);
		}
	}
	*ret_has_any = !list_is_empty(&unsettled);
	if (*ret_has_any)
		lock_manager_put_back(wr->locks, &unsettled);
	return r;
}

static int decide_batch(struct writer *wr, struct list *batch, int r)
{
	struct list at_once;
	struct list *link;

	list_init(&at_once);
	wr->decider.now_ns = clock_monotonic_ns();
	LIST_EACH (it, batch) {
		struct work *w = work_of(it);

		w->cost.picked_ns = wr->decider.now_ns;
		if (r == 0)
			r = w->line_count > 0 ? decide_part(wr, w) : decide(&wr->decider, w);
		/* What was not decided, or only in part, belongs to the group that failed. */
		w->rests_on_group = w->rests_on_group || r < 0;
	}

	int64_t decided_ns = clock_monotonic_ns();

	lock_manager_pass_on(wr->locks, batch, decided_ns,
			     wr->releases_rows_early ? keeps_rows_early : keeps_rows_always);
	while ((link = list_pop_front(batch)) != NULL) {
		struct work *w = work_of(link);

		w->cost.decided_ns = decided_ns;
		group_add(&wr->group, decided_ns, w->rests_on_group, work_command_count(w));
		list_push_back(w->rests_on_group ? &wr->members : &at_once, link);
		metric_add(METRIC_COMMANDS, work_command_count(w));
		if (w->line_count == 0 && w->answer.outcome != OUTCOME_DONE)
			metric_add(METRIC_REFUSALS, 1);
	}
	finish(wr, &at_once);
	wr->group.has_writes = wr->decider.has_writes;
	return r;
}

static int decide_group(struct writer *wr)
{
	/* What a group begins with (who ran out, leases that ended) is not taken back twice:
	 * refused atomic parts, one behind the other, would keep it from ever being written. */
	bool may_be_atomic = !wr->was_taken_back || !owes_flush(wr);
	struct list batch;
	bool is_closed = false;
	int room;

	list_init(&batch);
	while (!is_closed && (room = group_room(&wr->group, clock_monotonic_ns())) > 0 &&
	       lock_manager_take(wr->locks, room, may_be_atomic && wr->group.decided_count == 0,
				 &batch) > 0) {
		bool has_unsettled = false;
		int r = 0;

		is_closed = work_of(batch.next)->is_atomic;
		if (wr->reservations.overdue_count > 0)
			r = put_unsettled_back(wr, &batch, &has_unsettled);
		r = decide_batch(wr, &batch, r);
		if (r < 0)
			return r;
		is_closed = is_closed || has_unsettled; /* or it would be taken again at once */
	}
	return 0;
}

/* ---------------------------------------------------------------- beginning a group */

/* What is not decided when the drain is over is refused, wherever it waits. False: it goes on. */
static bool end_drain_if_over(struct writer *wr)
{
	if (!lock_manager_drain_is_over(wr->locks, clock_monotonic_ns()))
		return false;
	refuse_undecided(wr, OUTCOME_DRAINING);
	return true;
}

/* Asked now and then while another program holds the store. */
static bool go_on_waiting(void *context)
{
	struct writer *wr = context;
	struct refused late;

	if (end_drain_if_over(wr))
		return false;
	if (!atomic_exchange(&wr->is_store_busy, true))
		lock_manager_set_store_busy(wr->locks, true);
	log_keeper_stop(&wr->log); /* the log does not grow meanwhile: lists need not stand back */
	refused_init(&late);
	lock_manager_refuse_late(wr->locks, clock_monotonic_ns(), &late);
	finish_refused(&late);
	return true;
}

static void note_store_is_ours(struct writer *wr)
{
	if (!atomic_load(&wr->is_store_busy))
		return;
	atomic_store(&wr->is_store_busy, false);
	lock_manager_set_store_busy(wr->locks, false);
	if (wr->is_busy_logged)
		log_write(LOG_INFO, "store_free_again", "seq=%" PRId64, wr->decider.seq_committed);
	wr->is_busy_logged = false;
}

static void note_store_is_busy(struct writer *wr)
{
	metric_add(METRIC_STORE_BUSY, 1);
	if (!wr->is_busy_logged)
		log_write(LOG_WARN, "store_locked_by_other", "waiting_for=write_lock");
	wr->is_busy_logged = true;
}

/* ---------------------------------------------------------------- leases of the store */

/* Every row of row_lock, by fence: the rows of a lease are neighbours. */
struct stored_leases {
	struct arena texts;
	struct lease_row *rows;
	size_t count;
};

/* How many rows from `first` on are one lease. */
static size_t rows_of_lease(const struct stored_leases *s, size_t first)
{
	size_t n = 1;

	while (first + n < s->count && s->rows[first + n].fence == s->rows[first].fence)
		n++;
	return n;
}

/* The last of its rows to end keeps all of them: the database refuses edits until then, too. */
static int64_t end_of_rows(const struct lease_row rows[], size_t count)
{
	int64_t end_ms = rows[0].expires_at_ms;

	for (size_t i = 1; i < count; i++)
		if (end_ms < rows[i].expires_at_ms)
			end_ms = rows[i].expires_at_ms;
	return end_ms;
}

static bool says_the_same(const struct lease *l, const struct lease_row rows[], size_t count)
{
	if ((size_t)l->row_count != count || strcmp(l->id, rows[0].lease_id) != 0 ||
	    strcmp(l->purpose, rows[0].purpose) != 0)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(l->rows[i].sku.text, rows[i].sku.text) != 0 ||
		    strcmp(l->rows[i].location.text, rows[i].location.text) != 0)
			return false;
	return true;
}

/* One that the store says is over ends like one whose time is up here: the group deletes it. */
static int make_lease(struct writer *wr, const struct lease_row rows[], size_t count,
		      struct lease **ret)
{
	struct row_ref *refs = malloc(sizeof(refs[0]) * count);
	struct lease *l = NULL;

	for (size_t i = 0; refs != NULL && i < count; i++)
		refs[i] = (struct row_ref){ .key = hash_pair(rows[i].sku.text,
							     rows[i].location.text, wr->cache.seed),
					    .sku = rows[i].sku,
					    .location = rows[i].location };
	if (refs != NULL)
		l = lease_create(rows[0].lease_id, rows[0].purpose, rows[0].fence, refs,
				 (int)count);
	free(refs);
	if (l == NULL)
		return FAULT(-ENOMEM);
	l->taken_at_ms = rows[0].taken_at_ms;
	l->expires_at_ms = end_of_rows(rows, count);
	*ret = l;
	return 0;
}

/*
 * What is known of a lease against what the store says, both by fence. It goes when the store has
 * it no longer, or on other rows (an item may have been renamed): it comes anew then, behind all
 * that go, so that no row is closed twice meanwhile.
 */
static bool drop_changed_leases(struct writer *wr, const struct stored_leases *s)
{
	struct lease_book *b = &wr->locks->leases;
	bool has_dropped = false;
	struct lease *l = lease_book_after(b, INT64_MIN);
	size_t i = 0;

	while (l != NULL) {
		struct lease *next = lease_book_after(b, l->gate.fence);

		while (i < s->count && s->rows[i].fence < l->gate.fence)
			i++;

		bool is_there = i < s->count && s->rows[i].fence == l->gate.fence;
		size_t count = is_there ? rows_of_lease(s, i) : 0;
		int64_t end_ms = is_there ? end_of_rows(&s->rows[i], count) : 0;

		if (!is_there || !says_the_same(l, &s->rows[i], count)) {
			lock_manager_drop_lease(wr->locks, l, clock_monotonic_ns());
			has_dropped = true;
		} else if (end_ms != l->expires_at_ms) {
			lock_manager_renew_lease(wr->locks, l, end_ms);
		}
		l = next;
	}
	return has_dropped;
}

static int add_unknown_leases(struct writer *wr, const struct stored_leases *s, bool *has_added)
{
	for (size_t i = 0, n; i < s->count; i += n) {
		struct lease *l = NULL;
		int r;

		n = rows_of_lease(s, i);
		if (lease_book_by_fence(&wr->locks->leases, s->rows[i].fence) != NULL)
			continue;
		r = make_lease(wr, &s->rows[i], n, &l);
		if (r < 0)
			return r;
		if (lease_has_ended(l, wr->decider.now_ms)) {
			list_push_back(&wr->ended_leases, &l->link);
		} else {
			lock_manager_add_lease(wr->locks, l, clock_monotonic_ns());
			*has_added = true;
		}
	}
	return 0;
}

/*
 * Makes the leases in memory what the store says: at start, and after another program changed them
 * (of which the store keeps count: most edits are of something else, and there may be many). What
 * is ready and wants a row of a lease that was not known waits for it: nothing has been decided.
 */
static int reload_leases(struct writer *wr)
{
	struct stored_leases s;
	struct refused refused;
	bool has_changed = false;
	int64_t edits;
	int r = wr->store->ops->lease_edits(wr->store, &edits);

	if (r < 0 || (wr->has_leases && edits == wr->lease_edits))
		return r;
	wr->has_leases = false;
	arena_init(&s.texts);
	r = wr->store->ops->load_leases(wr->store, &s.texts, &s.rows, &s.count);
	if (r == 0) {
		has_changed = drop_changed_leases(wr, &s);
		r = add_unknown_leases(wr, &s, &has_changed);
	}
	if (has_changed) {
		refused_init(&refused);
		lock_manager_send_back(wr->locks, &refused);
		finish_refused(&refused);
	}
	arena_fini(&s.texts);
	wr->has_leases = r == 0;
	wr->lease_edits = edits;
	return r;
}

static int delete_ended_leases(struct writer *wr)
{
	LIST_EACH (it, &wr->ended_leases) {
		const struct lease *l = CONTAINER_OF(it, struct lease, link);
		int r = wr->store->ops->delete_lease(wr->store, l->gate.fence);

		if (r < 0)
			return r;
		wr->decider.has_writes = true;
	}
	wr->group.has_writes = wr->decider.has_writes;
	return 0;
}

/*
 * Others have dated what they wrote by a clock that may be wrong. It does not move store time; but
 * the ledger is in order of time, so our movements bear their date until time has come to it.
 */
static int take_ledger_time_in(struct writer *wr)
{
	struct stored_time stored;
	int r = wr->store->ops->load_time(wr->store, &stored);
	int64_t by_ms;

	if (r < 0)
		return r;
	by_ms = stored.ledger_ms - wr->decider.now_ms;
	if (by_ms > CLOCK_STEP_MS && stored.ledger_ms > wr->noted.ledger_ms)
		log_write(LOG_WARN, "ledger_ahead", "by_s=%.1f seq=%" PRId64,
			  (double)by_ms / MS_PER_S, wr->decider.seq_committed);
	wr->noted.ledger_ms = stored.ledger_ms;
	return 0;
}

static void date_group(struct writer *wr)
{
	struct decider *d = &wr->decider;

	d->dated_ms = d->now_ms > wr->noted.ledger_ms ? d->now_ms : wr->noted.ledger_ms;
}

/* What another program has written, up to `seq`, goes into the feed; more than a page is left to
 * the ledger. */
static void feed_external(struct writer *wr, int64_t seq)
{
	struct movement_query q = { .kind = MOVEMENT_KINDS,
				    .since_ms = INT64_MIN,
				    .until_ms = INT64_MAX,
				    .after_seq = wr->decider.seq_committed,
				    .limit = PAGE_ROWS_MAX };
	const struct reader_ops *ops = wr->reader->ops;
	struct page page = { 0 };
	struct arena texts;
	int64_t newest;

	arena_init(&texts);
	if (ops->begin(wr->reader, &newest) == 0 &&
	    ops->list_movements(wr->reader, &q, &texts, &page) == 0)
		for (size_t i = 0; i < page.count; i++)
			feed_add(&wr->feed, &page.movements[i].sku, &page.movements[i].location,
				 &page.movements[i].movement);
	ops->end(wr->reader);
	feed_publish(&wr->feed, seq);
	feed_ring(&wr->feed);
	arena_fini(&texts);
}

/* Before anything is decided: some of what is overdue by the group's time. */
static int expire(struct writer *wr)
{
	struct decider *d = &wr->decider;
	int r;

	reservation_book_begin_group(&wr->reservations);
	d->bookings.count = 0;
	d->ran_out_count = d->expired_count = 0;
	arena_fini(&d->texts);
	arena_init(&d->texts);
	r = expire_reservations(d);
	wr->group.has_writes = d->has_writes;
	return r;
}

/* Somebody may have typed a key with an id of their own; ours do not fall for those deleted. */
static int pass_typed_keys(struct writer *wr)
{
	int64_t newest;
	int r = wr->store->ops->newest_key(wr->store, &newest);

	if (r == 0 && newest > wr->key_last)
		wr->key_last = newest;
	return r;
}

/* Takes the store's lock. Only here does -EBUSY mean that another program has it. */
static int take_store(struct writer *wr, struct store_begun *ret)
{
	int r = wr->store->ops->check_file(wr->store);

	if (r < 0)
		return r == -EBUSY ? FAULT(-EIO) : r;
	r = wr->store->ops->begin(wr->store, go_on_waiting, wr, ret);
	if (r == 0)
		note_store_is_ours(wr);
	return r;
}

static int begin_group(struct writer *wr, const struct store_begun *begun)
{
	struct decider *d = &wr->decider;
	int r;

	d->group++;
	d->now_ms = store_time_now(wr->locks->time);
	d->now_ns = clock_monotonic_ns();
	d->has_writes = false;
	d->leases_taken = 0;
	wr->to_note.newest_ms = 0;
	wr->was_taken_back = wr->is_taken_back;
	wr->is_taken_back = false;
	date_group(wr);

	bool has_followers = feed_begin(&wr->feed, d->now_ns);

	if (!begun->is_changed_by_others) {
		if (begun->seq != d->seq_committed)
			return FAULT(-EUCLEAN); /* nobody wrote, and the ledger is another one */
		row_cache_make_room(&wr->cache);
		wr->cache.seq_max = d->seq = d->seq_committed;
		return delete_ended_leases(wr);
	}

	log_write(LOG_INFO, "external_write", "seq=%" PRId64 " was=%" PRId64, begun->seq,
		  d->seq_committed);
	metric_add(METRIC_EXTERNAL_WRITES, 1);
	row_cache_drop(&wr->cache);
	r = delete_ended_leases(wr); /* first: what has ended here must not be read again */
	if (r < 0)
		return r;
	atomic_store(&wr->seq, begun->seq);
	atomic_fetch_add(&wr->generation, 1);
	if (has_followers)
		feed_external(wr, begun->seq);
	wr->cache.seq_max = d->seq = d->seq_committed = begun->seq;
	r = take_ledger_time_in(wr);
	date_group(wr);
	if (r == 0)
		r = pass_typed_keys(wr);
	if (r == 0)
		r = reload_leases(wr);
	if (r < 0)
		return r; /* the next group is told again, and tries again */
	wr->store->ops->note_taken_in(wr->store);
	return delete_ended_leases(wr);
}

static void run_group(struct writer *wr)
{
	group_begin(&wr->group);

	struct store_begun begun;
	int r = take_store(wr, &begun);

	if (r == -EBUSY) {
		note_store_is_busy(wr);
		return; /* the ready ones stay ready until their own time is up */
	}
	if (r == 0)
		r = begin_group(wr, &begun);
	if (r == 0)
		r = expire(wr);
	if (r == 0)
		r = decide_group(wr);
	if (r == 0) {
		end_group(wr);
		return;
	}

	/* Nobody was decided: it was not about any of those who wait, so that all share its fate.
	 */
	bool is_shared = wr->group.decided_count == 0;
	enum outcome o = fail_group(wr, r);

	if (is_shared)
		refuse_undecided(wr, o);
}

/* ---------------------------------------------------------------- between groups */

/* What a look at the log came to. */
static void judge_log(struct writer *wr, int r)
{
	atomic_store(&wr->wal_bytes, wr->log.bytes);
	if (r < 0)
		log_fault(LOG_WARN, "checkpoint_failed", r, 0);
	if (r == -EUCLEAN)
		leave_damaged(wr);
}

static void keep_log_short(struct writer *wr)
{
	judge_log(wr, log_keeper_look(&wr->log, clock_monotonic_ns()));
}

/* Keeping house can wait: nobody is to wait for it. */
static bool is_idle_still(void *context)
{
	struct writer *wr = context;

	return lock_manager_is_idle(wr->locks);
}

/* In a small group of its own. */
static void delete_old_keys_alone(struct writer *wr)
{
	struct store_begun begun;
	int r;

	if (wr->store->ops->begin(wr->store, is_idle_still, wr, &begun) < 0) {
		wr->has_old_keys = false; /* another program holds it: later */
		return;
	}
	if (begun.is_changed_by_others) {
		(void)wr->store->ops->rollback(wr->store);
		run_group(wr); /* takes it in: it is told the same */
		r = wr->store->ops->look_for_others(wr->store, &begun.is_changed_by_others);
		wr->has_old_keys = r == 0 && !begun.is_changed_by_others;
		return;
	}
	r = delete_old_keys(wr, OLD_KEYS_ALONE);
	if (r == 0)
		r = wr->store->ops->commit(wr->store);
	if (r < 0) {
		wr->has_old_keys = false;
		fail_group(wr, r);
	}
}

/* Once a second, and in between as long as there are old keys and nothing else to do. */
static void keep_house(struct writer *wr, bool is_idle)
{
	int64_t now_ns = clock_monotonic_ns();
	bool is_due = now_ns - wr->housekept_ns >= HOUSEKEEPING_MS * NS_PER_MS;
	int64_t floor;
	int r = 0;

	if (is_due) {
		wr->housekept_ns = now_ns;
		floor = lock_manager_forget_keys(wr->locks, wr->now_ms);
		if (floor > wr->key_floor)
			wr->key_floor = floor;
		wr->has_old_keys = wr->key_floor > wr->key_floor_deleted;
		r = wr->store->ops->check_file(wr->store);
	}
	group_begin(&wr->group);
	if (r < 0) {
		fail_group(wr, r);
	} else if (wr->has_old_keys && is_idle) {
		delete_old_keys_alone(wr);
		if (wr->stopped_with == OUTCOME_DONE)
			keep_log_short(wr); /* four million would make a WAL of their own */
	} else if (is_due && is_idle) {
		judge_log(wr, log_keeper_rest(&wr->log, now_ns));
	}
}

static bool has_overdue(struct writer *wr)
{
	return (wr->reservations.overdue_count > 0 ||
		reservation_book_next_ms(&wr->reservations) <= wr->now_ms) &&
	       clock_monotonic_ns() >= wr->expire_not_before_ns;
}

static bool has_time_to_note(struct writer *wr)
{
	return is_clock_misnoted(wr) && clock_monotonic_ns() >= wr->expire_not_before_ns;
}

static bool has_work(struct writer *wr)
{
	guard_lock(&wr->locks->guard);
	bool has_ready = !list_is_empty(&wr->locks->ready);
	guard_unlock(&wr->locks->guard);
	return has_ready || !list_is_empty(&wr->ended_leases) || has_overdue(wr) ||
	       has_time_to_note(wr);
}

/*
 * Was something written by hand that somebody should be told of though nothing comes in: those who
 * follow the feed, and those who wait at a lease that was deleted? Takes no lock.
 */
static bool has_external_news(struct writer *wr)
{
	int64_t now_ns = clock_monotonic_ns();
	bool is_new = false;

	if (now_ns - wr->looked_ns < LOOK_MS * NS_PER_MS)
		return false;
	wr->looked_ns = now_ns;
	if (!feed_begin(&wr->feed, now_ns) && wr->locks->leases.count == 0)
		return false;
	return wr->store->ops->look_for_others(wr->store, &is_new) == 0 && is_new;
}

/* When it must look around at the latest, though nothing comes in. */
static int64_t next_look_ns(struct writer *wr)
{
	int64_t keep_house_ns = wr->housekept_ns + HOUSEKEEPING_MS * NS_PER_MS;
	int64_t look_ns = wr->looked_ns + LOOK_MS * NS_PER_MS;
	int64_t at_ns = keep_house_ns < look_ns ? keep_house_ns : look_ns;
	int64_t due_ms = wr->reservations.overdue_count > 0
				 ? wr->now_ms
				 : reservation_book_next_ms(&wr->reservations);
	int64_t due_ns;

	if (wr->stopped_with != OUTCOME_DONE)
		return keep_house_ns;
	if (wr->has_old_keys)
		return 0;
	due_ns = log_keeper_next_ns(&wr->log, clock_monotonic_ns());
	at_ns = due_ns < at_ns ? due_ns : at_ns;
	if (due_ms == INT64_MAX || due_ms - wr->now_ms > 2 * HOUSEKEEPING_MS)
		return at_ns;
	due_ns = store_time_until_ns(wr->locks->time, due_ms);
	if (due_ns < wr->expire_not_before_ns)
		due_ns = wr->expire_not_before_ns;
	return due_ns < at_ns ? due_ns : at_ns;
}

/* While nobody runs it, store time is not kept: hand edits go by the machine's clock again. */
static void leave_clock_to_itself(struct writer *wr)
{
	const struct store_ops *ops = wr->store->ops;
	struct store_begun begun;
	int r;

	if (wr->stopped_with != OUTCOME_DONE || wr->noted.ahead_ms == 0)
		return;
	r = ops->begin(wr->store, NULL, NULL, &begun);
	if (r == 0)
		r = ops->note_time(wr->store, store_time_now(wr->locks->time), 0);
	if (r == 0)
		r = ops->commit(wr->store);
	if (r < 0)
		(void)ops->rollback(wr->store); /* what is noted stays noted: see v_now */
}

/* Store time was set ahead: whose time has come by that is not to blame. */
static void tell_what_ended(struct writer *wr)
{
	int64_t by_ms = store_time_take_believed(wr->locks->time);
	size_t were_overdue = wr->reservations.overdue_count;
	int leases = 0;

	if (by_ms == 0)
		return;
	reservation_book_collect(&wr->reservations, wr->now_ms);
	LIST_EACH (it, &wr->ended_leases)
		leases++;
	log_write(LOG_WARN, "clock_ended", "by_s=%.1f reservations=%zu leases=%d",
		  (double)by_ms / MS_PER_S, wr->reservations.overdue_count - were_overdue, leases);
}

static void *writer_main(void *context)
{
	struct writer *wr = context;

	pthread_setname_np(pthread_self(), "writer");
	if (wr->is_uncounted)
		metrics_mute_thread();
	while (lock_manager_wait(wr->locks, next_look_ns(wr))) {
		bool is_idle;

		wr->now_ms = store_time_now(wr->locks->time);
		lock_manager_end_leases(wr->locks, wr->now_ms, &wr->ended_leases);
		tell_what_ended(wr);
		(void)end_drain_if_over(wr);
		if (wr->stopped_with == OUTCOME_DONE && atomic_load(&wr->is_damaged))
			leave_damaged(wr); /* a read has seen it */
		if (wr->stopped_with != OUTCOME_DONE) {
			log_keeper_stop(&wr->log);
			refuse_undecided(wr, wr->stopped_with);
			wr->housekept_ns = wr->looked_ns = clock_monotonic_ns();
			wr->has_old_keys = false;
			continue;
		}
		is_idle = !has_work(wr);
		if (!is_idle || has_external_news(wr)) {
			run_group(wr);
			if (wr->stopped_with == OUTCOME_DONE)
				keep_log_short(wr);
		} else if (log_keeper_next_ns(&wr->log, 0) != INT64_MAX) {
			keep_log_short(wr);
		}
		if (wr->stopped_with == OUTCOME_DONE)
			keep_house(wr, is_idle);
	}
	if (wr->stopped_with == OUTCOME_DONE && atomic_load(&wr->is_damaged))
		leave_damaged(wr);
	leave_clock_to_itself(wr);
	return NULL;
}

/* ---------------------------------------------------------------- opening */

struct key_loader {
	struct writer *writer;
	bool has_seen_one;
};

static int see_key(void *context, int64_t id, uint64_t key_hash, int64_t at_ms)
{
	struct key_loader *l = context;
	int r = lock_manager_make_key_room(l->writer->locks, 1);

	if (r < 0)
		return r;

	if (!l->has_seen_one)
		l->writer->key_floor = id - 1; /* those before are too old, or too many */
	l->has_seen_one = true;
	lock_manager_add_key(l->writer->locks, key_hash, id, at_ms);
	return 0;
}

/*
 * Those of the last day before the newest committed time: those that have grown old while nobody
 * ran are forgotten minute by minute, as always, and not at once because of what a clock says at
 * the start. None of them: all that there are are too old.
 */
static int load_keys(struct writer *wr, int64_t newest_ms)
{
	const struct store_ops *ops = wr->store->ops;
	struct key_loader loader = { .writer = wr };
	int r = ops->newest_key(wr->store, &wr->key_last);

	if (r == 0)
		r = ops->each_key(wr->store, newest_ms - KEY_AGE_H_MAX * 3600 * MS_PER_S, KEYS_MAX,
				  see_key, &loader);
	if (r == 0 && !loader.has_seen_one)
		wr->key_floor = wr->key_last;
	return r;
}

/* The lines of one come together. */
struct reservation_loader {
	struct reservation_book *book;
	int64_t id;
};

static int see_reservation(void *context, const struct promised_row *row)
{
	struct reservation_loader *l = context;
	/* A time before all times is somebody's hand: found when it is booked. */
	int64_t at_ms = row->expires_at_ms < 0 ? 0 : row->expires_at_ms;
	int r = row->reservation_id == l->id
			? 0
			: reservation_book_put(l->book, row->reservation_id, at_ms, NULL, 0);

	l->id = row->reservation_id;
	if (r == 0 && row->item_id != 0)
		r = reservation_book_add_row(l->book, row->reservation_id,
					     reservation_book_row(row->item_id, row->location_id));
	return r;
}

static int load_state(struct writer *wr)
{
	struct store_begun begun;
	const struct store_ops *ops = wr->store->ops;
	struct reservation_loader loader = { .book = &wr->reservations };
	int r = ops->load_time(wr->store, &wr->noted);
	int64_t newest_ms = wr->noted.newest_ms;

	if (r < 0)
		return r;
	wr->noted.newest_ms = 0; /* worked out, and not noted yet */
	r = ops->begin(wr->store, NULL, NULL, &begun);
	if (r < 0)
		return r;
	wr->decider.seq = wr->decider.seq_committed = begun.seq;
	wr->now_ms = wr->decider.now_ms = store_time_now(wr->locks->time);
	r = reload_leases(wr);
	if (r == 0)
		ops->note_taken_in(wr->store);
	if (r == 0)
		r = load_keys(wr, newest_ms);
	if (r == 0)
		r = ops->each_active_reservation(wr->store, see_reservation, &loader);
	metric_set(METRIC_RESERVATIONS, wr->reservations.active_count);
	(void)ops->rollback(wr->store);
	feed_publish(&wr->feed, begun.seq);
	atomic_store(&wr->seq, begun.seq);
	metric_set(METRIC_SEQ, begun.seq);
	return r;
}

static void release(struct writer *w)
{
	if (w->reader != NULL)
		w->reader->ops->close(w->reader);
	w->reader = NULL;
	feed_fini(&w->feed);
	log_keeper_fini(&w->log);
	row_cache_fini(&w->cache);
	reservation_book_fini(&w->reservations);
	arena_fini(&w->decider.texts);
	free(w->decider.bookings.all);
}

int writer_open(struct writer *w, struct store *store, struct lock_manager *locks, uint64_t seed)
{
	w->store = store;
	w->locks = locks;
	list_init(&w->members);
	list_init(&w->ended_leases);
	w->housekept_ns = w->looked_ns = clock_monotonic_ns();

	int r = row_cache_init(&w->cache, store, seed);

	if (r < 0)
		return r;
	feed_init(&w->feed);
	log_keeper_init(&w->log, store);
	w->decider = (struct decider){
		.store = store,
		.cache = &w->cache,
		.locks = locks,
		.reservations = &w->reservations,
	};
	arena_init(&w->decider.texts);
	r = load_state(w);
	if (r == 0)
		r = store->ops->open_reader(store, &w->reader);
	if (r == 0 && pthread_create(&w->thread, NULL, writer_main, w) != 0)
		r = FAULT(-EAGAIN);
	if (r < 0)
		release(w);
	return r;
}

void writer_close(struct writer *w)
{
	guard_lock(&w->locks->guard);
	w->locks->must_stop = true;
	if (w->locks->is_writer_asleep)
		signal_flag_raise(&w->locks->wake);
	guard_unlock(&w->locks->guard);

	CHECK(pthread_join(w->thread, NULL) == 0);
	CHECK(list_is_empty(&w->members));
	lock_manager_let_leases_go(&w->ended_leases);
	release(w);
}
