/* batch_line - one line of a batch, from its text until it can be decided. */
#include "base/fault.h"
#include "http/batch/batch.h"
#include "http/read_ahead.h"
#include "wire/fingerprint.h"
#include "wire/messages_batch.h"
#include <stdio.h>
#include <string.h>

struct batch_line *batch_line_destroy(struct batch_line *line)
{
	if (line == NULL)
		return NULL;
	list_remove(&line->link);
	list_remove(&line->read_link);
	list_remove(&line->work->work_link);
	work_release(line->work);
	return NULL;
}

/* The line gets this answer without being decided. */
static void line_refuse(struct batch_line *line, enum outcome o, const char *pointer,
			const char *detail)
{
	struct message_error *e = arena_alloc(&line->work->arena, sizeof(*e));
	static const struct message_error no_memory = { .outcome = OUTCOME_OUT_OF_MEMORY,
							.detail = "Memory is short." };

	line->state = LINE_REFUSED;
	line->error = &no_memory;
	if (e == NULL)
		return;
	e->outcome = o;
	snprintf(e->pointer, sizeof(e->pointer), "%s", pointer);
	snprintf(e->detail, sizeof(e->detail), "%s",
		 detail != NULL ? detail : outcome_row(o)->title);
	line->error = e;
}

static void refuse_fault(struct batch *b, struct batch_line *line, int fault)
{
	if (fault != -EAGAIN && fault != -ECANCELED)
		service_note_fault(b->service, fault, b->request_id);
	line_refuse(line, outcome_of_fault(fault), "", NULL);
}

/* ---------------------------------------------------------------- the rows of reservations */

static void count_claims(struct batch *b, struct batch_line *line)
{
	line->claim_count = service_claim_count(b->service, line->work);
}

/* The rows that it claims beside its own are known, or that there are none of them (yet). */
static void take_rows(struct batch_line *line, bool is_last)
{
	line->state = LINE_READY;
	if (line->work->command.more_rows != NULL)
		return;
	if (!is_last)
		line->state = LINE_NEEDS_ROWS;
	else if (read_ahead_needs_reservation(&line->work->command))
		line_refuse(line, OUTCOME_UNKNOWN_RESERVATION, "/reservation", NULL);
}

static void ask(struct batch *b, struct batch_line *line, unsigned asks)
{
	line->asks |= asks;
	line->state = LINE_NEEDS_STORE;
	if (!list_is_linked(&line->read_link))
		list_push_back(&b->asking, &line->read_link);
}

/* Here, or by a thread that may wait. */
static void find_rows(struct batch *b, struct batch_line *line, bool is_last)
{
	int r;

	if (!snapshot_is_here(b->snapshot)) {
		ask(b, line, is_last ? ASKS_ROWS_LAST : ASKS_ROWS);
		return;
	}
	r = snapshot_use(b->snapshot);
	if (r == 0)
		r = read_ahead_rows(b->snapshot->reader, line->work);
	if (r < 0)
		refuse_fault(b, line, r);
	else
		take_rows(line, is_last);
}

void batch_line_find_rows(struct batch *b, struct batch_line *line)
{
	CHECK(line->state == LINE_NEEDS_ROWS);
	find_rows(b, line, true);
	count_claims(b, line);
}

/* On the reader thread: all that the line asks, in the order in which it would be asked here. */
static int read_asked(struct batch *b, struct batch_line *line, struct reader *reader)
{
	struct work *w = line->work;
	int r = 0;

	if ((line->asks & ASKS_KEY) != 0)
		line->is_replayed = service_replay_from(b->service, w, reader, b->read.seq);
	if (line->is_replayed)
		return 0;
	if ((line->asks & (ASKS_ROWS | ASKS_ROWS_LAST)) != 0)
		r = read_ahead_rows(reader, w);
	if (r == 0 && (line->asks & ASKS_PAST) != 0)
		r = read_ahead_past(reader, &w->command);
	return r;
}

void batch_line_read_asked(struct batch *b, struct batch_line *line, struct reader *reader)
{
	line->fault = read_asked(b, line, reader);
	if (line->fault < 0)
		line->met = *fault_latest();
}

static void take_asked(struct batch *b, struct batch_line *line, unsigned asked)
{
	struct message_error e;

	line->state = LINE_READY;
	if (line->is_replayed) {
		line->state = LINE_ANSWERED;
	} else if ((asked & ASKS_PAST) != 0 &&
		   !read_ahead_judge_past(&line->work->command, b->read.seq, &e)) {
		line_refuse(line, e.outcome, e.pointer, e.detail);
	} else if ((asked & (ASKS_ROWS | ASKS_ROWS_LAST)) != 0) {
		take_rows(line, (asked & ASKS_ROWS_LAST) != 0);
		count_claims(b, line);
	}
}

void batch_line_take_asked(struct batch *b, struct batch_line *line)
{
	bool has_begun = b->read.result == 0;
	int fault = has_begun ? line->fault : b->read.result;
	unsigned asked = line->asks;

	line->asks = 0;
	if (fault == 0) {
		take_asked(b, line, asked);
		return;
	}
	fault_adopt(has_begun ? &line->met : &b->read.fault);
	refuse_fault(b, line, fault);
}

void batch_line_leave_asked(struct batch_line *line)
{
	line->asks = 0;
	line_refuse(line, OUTCOME_STORE_BUSY, "", "Too many histories are being read at once.");
}

/* ---------------------------------------------------------------- all of them */

bool batch_line_is_sound(const struct batch_line *line)
{
	return line->number > 0 && line->work != NULL &&
	       IMPLIES(line->state == LINE_REFUSED,
		       line->error != NULL && message_error_is_sound(line->error));
}

/* With the key of the batch each line has one of its own, which no single request can have. */
enum { LINE_KEY_BYTES_MAX = KEY_BYTES_MAX + 1 + 20 };

/* Returns its bytes, without the NUL. */
static size_t key_of_line(const struct batch *b, int64_t number, char ret[LINE_KEY_BYTES_MAX + 1])
{
	size_t bytes = strlen(b->options.key);

	CHECK(bytes <= KEY_BYTES_MAX);
	memcpy(ret, b->options.key, bytes);
	ret[bytes++] = '#';
	bytes += text_format_int(ret + bytes, number);
	ret[bytes] = '\0';
	return bytes;
}

static bool set_key(struct batch *b, struct batch_line *line)
{
	struct command *c = &line->work->command;
	char key[LINE_KEY_BYTES_MAX + 1];
	size_t bytes = key_of_line(b, line->number, key);

	c->key = arena_copy(&line->work->arena, key, bytes);
	c->fingerprint = request_fingerprint("BATCH", command_traits(c->kind)->op, c);
	return c->key != NULL;
}

/* Was the line carried out before? The next line's key comes into the cache meanwhile. */
static enum replayed replay(struct batch *b, struct batch_line *line)
{
	char next[LINE_KEY_BYTES_MAX + 1];

	if (line->work->command.key == NULL)
		return REPLAYED_NOTHING;
	key_of_line(b, line->number + 1, next);
	return service_replay(b->service, line->work, b->snapshot, next);
}

static void set_leases(const struct batch *b, struct command *c)
{
	size_t count = (size_t)b->leases.fence_count;

	c->fence_count = b->leases.fence_count;
	memcpy(c->fences, b->leases.fences, sizeof(c->fences[0]) * count);
	memcpy(c->fence_ids, b->leases.fence_ids, sizeof(c->fence_ids[0]) * count);
}

/* Its sender may not do this, though he may send batches. */
static void refuse_role(struct batch_line *line, enum role role)
{
	char detail[64];

	CHECK(role > ROLE_PUBLIC);
	snprintf(detail, sizeof(detail), "This needs the role %s.", role_text(role));
	line_refuse(line, OUTCOME_FORBIDDEN, "/op", detail);
}

static void prepare(struct batch *b, struct batch_line *line)
{
	struct command *c = &line->work->command;
	enum replayed replayed;

	c->request_id = b->request_id;
	set_leases(b, c);
	if (!actor_has_role(c->actor, command_traits(c->kind)->role)) {
		refuse_role(line, command_traits(c->kind)->role);
		return;
	}
	if (!permission_by_names(line->work)) {
		line->state = LINE_ANSWERED;
		return;
	}
	if (b->options.is_atomic && !command_traits(c->kind)->may_be_atomic) {
		line_refuse(line, OUTCOME_MEANINGLESS, "/op",
			    "Not in a batch that is carried out as one.");
		return;
	}
	if (b->options.key != NULL && !set_key(b, line)) {
		line_refuse(line, OUTCOME_OUT_OF_MEMORY, "", NULL);
		return;
	}
	replayed = replay(b, line);
	if (replayed == REPLAYED) {
		line->state = LINE_ANSWERED;
		return;
	}
	CHECK(command_is_sound(c));
	line->state = LINE_READY;
	if (read_ahead_reservation(c) != NULL)
		find_rows(b, line, false);
	count_claims(b, line);
	if (replayed == REPLAYED_LATER)
		ask(b, line, ASKS_KEY);
	if (read_ahead_has_past(c))
		ask(b, line, ASKS_PAST);
}

struct batch_line *batch_line_create(struct batch *b, const char *text, size_t byte_count)
{
	struct work *w = work_create();
	bool is_whole = w != NULL && work_set_actor(w, b->actor, NULL);
	struct batch_line *line = is_whole ? arena_alloc(&w->arena, sizeof(*line)) : NULL;
	struct message_error e;

	if (line == NULL) {
		work_release(w);
		return NULL;
	}
	*line = (struct batch_line){ .work = w,
				     .number = b->line_number,
				     .byte_count = byte_count };
	list_init(&line->link);
	list_init(&line->read_link);
	if (byte_count > BATCH_LINE_BYTES_MAX)
		line_refuse(line, OUTCOME_MALFORMED_JSON, "", "The line is longer than 64 KiB.");
	else if (!batch_line_read(text, byte_count, &w->arena, &w->command, &line->id, &e))
		line_refuse(line, e.outcome, e.pointer, e.detail);
	else
		prepare(b, line);
	return line;
}
