/* batch_part - the lines that are decided together: from those that wait to their results. */
#include "base/clock.h"
#include "http/batch/batch.h"
#include <string.h>

static struct batch_line *first_of(const struct list *lines)
{
	return CONTAINER_OF(lines->next, struct batch_line, link);
}

static bool part_create(struct batch *b)
{
	struct command *c;

	b->part = work_create();
	if (b->part == NULL || !work_set_actor(b->part, b->actor, NULL))
		return false;
	c = &b->part->command;
	c->request_id = b->request_id;
	c->lease_id = c->purpose = "";
	c->fence_count = b->leases.fence_count;
	memcpy(c->fences, b->leases.fences, sizeof(c->fences));
	memcpy(c->fence_ids, b->leases.fence_ids, sizeof(c->fence_ids));
	b->part->is_atomic = b->options.is_atomic;
	return true;
}

static bool part_add(struct batch *b, struct batch_line *line, struct claim_set *claims)
{
	if (b->part == NULL && !part_create(b))
		return false;
	service_claim(b->service, claims, line->work);
	list_push_back(&b->part->lines, &line->work->work_link);
	b->part->line_count++;
	return true;
}

/*
 * Is it the service that refuses it? Then what follows must not be tried, or it overtook this. Not
 * where one record makes no sense, which nobody could get past; a damaged file refuses the next.
 */
static bool ends_batch(const struct batch_line *line)
{
	enum outcome o = OUTCOME_DONE;

	if (line->state == LINE_REFUSED)
		o = line->error->outcome;
	else if (line->state == LINE_ANSWERED)
		o = line->work->answer.outcome;
	return o != OUTCOME_STORE_DAMAGED && outcome_row(o)->http_status >= 500;
}

static bool must_wait(const struct batch_line *line)
{
	return line->state == LINE_NEEDS_ROWS || line->state == LINE_NEEDS_STORE ||
	       line->state == LINE_READING;
}

/* The next lines go under way, those that need a decision as a part. False: memory is short. */
static bool part_fill(struct batch *b, struct claim_set *claims)
{
	int most = b->options.is_atomic ? BATCH_ATOMIC_LINES_MAX : b->part_size.lines_max;

	while (most-- > 0 && !list_is_empty(&b->waiting) &&
	       (claim_set_has_room(claims) || b->options.is_atomic)) {
		struct batch_line *line = first_of(&b->waiting);

		if (must_wait(line) || ends_batch(line))
			break;
		if (line->state == LINE_READY && !part_add(b, line, claims))
			return false;
		batch_count_waiting(b, line, -1);
		list_remove(&line->link);
		list_push_back(&b->under_way, &line->link);
	}
	return true;
}

/* Its lines are ours again. */
static void part_let_go(struct batch *b)
{
	LIST_EACH_SAFE (it, &b->part->lines)
		list_remove(it);
	b->part = work_release(b->part);
}

/* What was under way waits again, in front. */
static void part_take_back(struct batch *b)
{
	struct list behind;

	LIST_EACH (it, &b->under_way)
		batch_count_waiting(b, CONTAINER_OF(it, struct batch_line, link), 1);
	list_init(&behind);
	list_splice_back(&behind, &b->waiting);
	list_splice_back(&b->waiting, &b->under_way);
	list_splice_back(&b->waiting, &behind);
}

/* The line for which an atomic part was refused; NULL: it was not for one of them. */
static struct batch_line *loser_of(struct batch *b, const struct answer *a)
{
	int index = 0;

	LIST_EACH (it, &b->under_way) {
		struct batch_line *line = CONTAINER_OF(it, struct batch_line, link);

		if (line->state != LINE_READY)
			continue;
		/* A part that was not decided is refused for none of them. */
		if (index++ == a->row_index)
			return a->outcome == line->work->answer.outcome ? line : NULL;
	}
	return NULL;
}

/* What the answer says lives as long as the batch. */
static void part_refuse_all(struct batch *b, const struct answer *a)
{
	struct batch_line *loser = loser_of(b, a);

	batch_refuse_all(b, loser != NULL ? &loser->work->answer : a, loser);
	b->refused_part = b->part;
	work_hold(b->part);
	part_let_go(b);
}

/* A line by itself gets the answer that any single request would get. */
static void part_answer_line(struct batch *b, const struct answer *a)
{
	CONTAINER_OF(b->part->lines.next, struct work, work_link)->answer = *a;
	batch_note_decided(b);
	batch_write_results(b); /* with texts of the part */
	part_let_go(b);
}

/*
 * The part cannot be had: fewer lines are tried, at once where a lease is in the way of one of
 * them.
 */
static void part_shrink(struct batch *b, const struct answer *a)
{
	part_size_shrink(&b->part_size, b->part->line_count, a->outcome == OUTCOME_ROW_LEASED);
	part_let_go(b);
	part_take_back(b);
	if (b->stopped_at != 0) /* behind it, meanwhile: nothing of it is tried again */
		batch_stop(b, first_of(&b->waiting)->number, b->stopped_by, false);
}

/* What its lock cost, in all parts together. */
static void add_cost(struct batch *b, const struct work_cost *k)
{
	struct server_timing *t = &b->timing;

	t->lock_ns += k->granted_ns - k->claimed_ns;
	t->queue_ns += k->picked_ns - k->granted_ns;
	t->apply_ns += k->decided_ns - k->picked_ns;
	t->commit_ns += k->done_ns - k->decided_ns;
	if (t->ahead_count < k->ahead_count)
		t->ahead_count = k->ahead_count;
	if (t->group_count < k->group_count)
		t->group_count = k->group_count;
}

static void part_take_answers(struct batch *b)
{
	add_cost(b, &b->part->cost);
	part_size_grow(&b->part_size);
	part_let_go(b);
	batch_note_decided(b); /* the results are written once the next part is under way */
}

void batch_answer_replays(struct batch *b)
{
	LIST_EACH_SAFE (it, &b->under_way) {
		if (CONTAINER_OF(it, struct batch_line, link)->state == LINE_READY)
			break;
		list_remove(it);
		list_push_back(&b->decided, it);
	}
	batch_write_results(b);
}

/* The service cannot go on. */
static void part_fail(struct batch *b, const struct answer *a)
{
	batch_answer_replays(b);
	batch_stop(b, first_of(&b->under_way)->number, a->outcome, a->is_unknown);
	part_let_go(b);
}

/* The part has been decided, refused or withdrawn: `a` is what became of it. */
static void part_finish(struct batch *b, const struct answer *a)
{
	if (a->outcome == OUTCOME_DONE) {
		part_take_answers(b);
	} else if (b->options.is_atomic) {
		part_refuse_all(b, a);
	} else if (a->status >= 500) {
		part_fail(b, a);
	} else if (b->part->line_count == 1) {
		part_answer_line(b, a);
	} else {
		part_shrink(b, a);
	}
}

static struct batch *batch_of_part(struct detached *d)
{
	return CONTAINER_OF(d, struct batch, part_work);
}

/* Its wait is over: unless it is decided already, nothing was done. */
static void part_late(struct detached *d)
{
	struct batch *b = batch_of_part(d);
	struct answer a;

	if (!service_withdraw(b->service, &b->waiter, &b->part->arena, &a))
		return;
	detached_end(d);
	part_finish(b, &a);
	b->settle(b);
}

static void part_arrive(struct parcel *p)
{
	struct batch *b = CONTAINER_OF(p, struct batch, waiter.parcel);

	detached_end(&b->part_work);
	part_finish(b, &b->part->answer);
	b->settle(b);
}

static void part_submit(struct batch *b, const struct claim_set *claims)
{
	int64_t until_ns = clock_monotonic_ns() + b->options.wait_ms * NS_PER_MS;
	enum submit submit;

	if (b->x != NULL)
		b->x->is_unsure = true;
	b->part->avoids_leases = b->part->line_count > 1 && !b->options.is_atomic;
	b->waiter = (struct waiter){ .parcel = { .home = b->mailbox, .arrive = part_arrive } };
	submit = service_submit_part(b->service, b->part, claims, &b->waiter, b->options.wait_ms);
	if (b->part->cost.claimed_ns != 0)
		part_size_note_arrival(&b->part_size);
	batch_places_remember(&b->part_size);
	metric_add(METRIC_BATCH_PARTS, 1);
	if (submit == SUBMIT_PENDING)
		detached_begin(b->detached, &b->part_work, part_late, until_ns);
	else
		part_finish(b, &b->part->answer);
}

/* ---------------------------------------------------------------- an atomic one */

/* What its commits refer to may be made by a line before them: their rows are claimed with it. */
static void atomic_find_rows(struct batch *b, struct batch_line *line)
{
	struct command *c = &line->work->command;

	for (struct list *it = line->link.prev; it != &b->waiting; it = it->prev) {
		const struct batch_line *maker = CONTAINER_OF(it, struct batch_line, link);
		const struct command *m = &maker->work->command;

		if (maker->state == LINE_READY && m->kind == COMMAND_RESERVE &&
		    c->kind == COMMAND_RESERVATION_COMMIT && m->reservation_id != NULL &&
		    strcmp(m->reservation_id, c->reservation_id) == 0) {
			line->state = LINE_READY;
			return;
		}
	}
	batch_line_find_rows(b, line);
}

/* The rows of a reservation have become known: there are more of them to claim. */
static void find_rows(struct batch *b, struct batch_line *line)
{
	batch_count_waiting(b, line, -1);
	if (b->options.is_atomic)
		atomic_find_rows(b, line);
	else
		batch_line_find_rows(b, line);
	batch_count_waiting(b, line, 1);
}

static struct answer answer_of_line(const struct batch_line *line)
{
	if (line->state != LINE_REFUSED)
		return line->work->answer;
	return (struct answer){ .outcome = line->error->outcome,
				.status = outcome_row(line->error->outcome)->http_status,
				.detail = line->error->detail };
}

static bool has_taken_effect(const struct batch_line *line)
{
	return line->state == LINE_ANSWERED && line->work->answer.outcome == OUTCOME_DONE;
}

/*
 * Its lines took effect together, or have yet to: where an earlier batch with the same key has
 * carried out some of them only, neither "all" nor "none" could be kept.
 */
static bool atomic_is_torn(const struct batch *b)
{
	int done_count = 0, count = 0;

	LIST_EACH (it, &b->waiting) {
		done_count += has_taken_effect(CONTAINER_OF(it, struct batch_line, link));
		count++;
	}
	return done_count != 0 && done_count != count;
}

/* The first line that cannot be tried; NULL: none. */
static struct batch_line *atomic_find_unfit(struct batch *b)
{
	LIST_EACH (it, &b->waiting) {
		struct batch_line *line = CONTAINER_OF(it, struct batch_line, link);

		if (line->state != LINE_READY && !has_taken_effect(line))
			return line;
	}
	return NULL;
}

/* False: they are being asked for. */
static bool atomic_finds_rows(struct batch *b)
{
	LIST_EACH (it, &b->waiting) {
		struct batch_line *line = CONTAINER_OF(it, struct batch_line, link);

		if (line->state == LINE_NEEDS_ROWS)
			find_rows(b, line);
	}
	batch_lines_read(b);
	return list_is_empty(&b->reading);
}

/* Are all of its lines there, and fit to be tried in one part? */
static bool atomic_is_whole(struct batch *b)
{
	struct batch_line *unfit;

	if (!b->is_ended || !list_is_empty(&b->reading))
		return false;
	if (atomic_is_torn(b)) {
		batch_refuse_whole(b, OUTCOME_KEY_REUSED,
				   "An earlier batch with this key has carried out some of these "
				   "lines, and not all: an atomic one cannot add to them.");
		return false;
	}
	if (!atomic_finds_rows(b))
		return false;
	unfit = atomic_find_unfit(b);
	if (unfit != NULL) {
		struct answer a = answer_of_line(unfit);

		batch_refuse_all(b, &a, unfit);
	}
	/* The rows of reservations may have been found only now. */
	return unfit == NULL && batch_keeps_atomic_bounds(b);
}

/* ---------------------------------------------------------------- going on */

static void stop_before(struct batch *b, const struct batch_line *line, const struct answer *why)
{
	if (b->options.is_atomic)
		batch_refuse_all(b, why, NULL);
	else
		batch_stop(b, line->number, why->outcome, why->is_unknown);
}

/* The next lines, the first of which can be decided. */
static void decide_next(struct batch *b)
{
	const struct answer no_memory = {
		.outcome = OUTCOME_OUT_OF_MEMORY,
		.status = outcome_row(OUTCOME_OUT_OF_MEMORY)->http_status,
	};
	struct claim_set claims;

	claim_set_init(&claims);
	part_size_look(&b->part_size, clock_monotonic_ns(), service_arrival_count(b->service));
	if (!part_fill(b, &claims)) {
		if (b->part != NULL)
			part_let_go(b);
		if (!b->options.is_atomic)
			batch_answer_replays(b);
		part_take_back(b);
		stop_before(b, first_of(&b->waiting), &no_memory);
	} else if (b->part != NULL) {
		/* One group holds all of an atomic one. */
		CHECK(IMPLIES(b->options.is_atomic, list_is_empty(&b->waiting)));
		part_submit(b, &claims);
	} else {
		batch_note_decided(b);
		batch_write_results(b);
	}
}

/* What is applied from now on would have no result: the spool has failed. */
static void stop_without_results(struct batch *b)
{
	batch_stop(b, first_of(&b->waiting)->number,
		   b->spool->fault == -ENOMEM ? OUTCOME_OUT_OF_MEMORY : OUTCOME_DISK_FULL, false);
}

void batch_go_on(struct batch *b)
{
	batch_lines_read(b);
	while (!detached_is_under_way(&b->part_work) && !batch_has_ended_early(b) &&
	       !list_is_empty(&b->waiting)) {
		struct batch_line *first = first_of(&b->waiting);

		if (b->spool->fault != 0) {
			stop_without_results(b);
			return;
		}
		if (b->options.is_atomic && !atomic_is_whole(b))
			return;
		if (first->state == LINE_NEEDS_ROWS)
			find_rows(b, first);
		batch_lines_read(b);
		if (must_wait(first))
			return;
		if (ends_batch(first)) {
			const struct answer why = answer_of_line(first);

			stop_before(b, first, &why);
		} else {
			decide_next(b);
		}
	}
}

void batch_withdraw(struct batch *b)
{
	struct answer unheard;

	if (!detached_is_under_way(&b->part_work) ||
	    !service_withdraw(b->service, &b->waiter, &b->part->arena, &unheard))
		return;
	detached_end(&b->part_work);
	part_let_go(b);
}
