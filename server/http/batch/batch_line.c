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

/* False: it is not there (yet). */
static bool find_rows(struct batch *b, struct batch_line *line)
{
	bool is_known;
	int r = read_ahead_rows(b->snapshot, line->work, &is_known);

	if (r < 0) {
		refuse_fault(b, line, r);
		return true;
	}
	if (is_known)
		line->state = LINE_READY;
	return is_known;
}

void batch_line_find_rows(struct batch *b, struct batch_line *line)
{
	CHECK(line->state == LINE_NEEDS_ROWS);
	if (!find_rows(b, line)) {
		line->state = LINE_READY;
		if (read_ahead_needs_reservation(&line->work->command))
			line_refuse(line, OUTCOME_UNKNOWN_RESERVATION, "/reservation", NULL);
	}
	count_claims(b, line);
}

/* ---------------------------------------------------------------- the past of counts */

static struct batch *batch_of_read(struct long_read *read)
{
	return CONTAINER_OF(read, struct batch, read);
}

/* On the reader thread. */
static int read_past(struct long_read *read, struct reader *reader, struct arena *arena)
{
	(void)arena;
	return read_ahead_past(reader, &batch_of_read(read)->counting->work->command);
}

static void begin_past(struct batch *b, struct batch_line *line)
{
	CHECK(b->counting == NULL);
	b->counting = line;
	b->read.run = read_past;
	b->read.is_patient = true;
	b->read.arena = &line->work->arena;
	line->state = LINE_NEEDS_PAST;
	if (service_read(b->service, &b->read)) {
		detached_begin(b->detached, &b->read_work, NULL, INT64_MAX);
		return;
	}
	b->counting = NULL;
	line_refuse(line, OUTCOME_STORE_BUSY, "", "Too many histories are being read at once.");
}

void batch_line_take_past(struct batch *b, struct batch_line *line)
{
	struct message_error e;

	line->state = LINE_READY;
	if (b->read.result < 0) {
		fault_adopt(&b->read.fault);
		refuse_fault(b, line, b->read.result);
	} else if (!read_ahead_judge_past(&line->work->command, b->read.seq, &e)) {
		line_refuse(line, e.outcome, e.pointer, e.detail);
	}
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
static bool has_replayed(struct batch *b, struct batch_line *line)
{
	char next[LINE_KEY_BYTES_MAX + 1];

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
	if (c->key != NULL && has_replayed(b, line)) {
		line->state = LINE_ANSWERED;
		return;
	}
	CHECK(command_is_sound(c));
	line->state = LINE_READY;
	if (read_ahead_reservation(c) != NULL && !find_rows(b, line))
		line->state = LINE_NEEDS_ROWS;
	count_claims(b, line);
	if (read_ahead_has_past(c))
		begin_past(b, line);
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
	if (byte_count > BATCH_LINE_BYTES_MAX)
		line_refuse(line, OUTCOME_MALFORMED_JSON, "", "The line is longer than 64 KiB.");
	else if (!batch_line_read(text, byte_count, &w->arena, &w->command, &line->id, &e))
		line_refuse(line, e.outcome, e.pointer, e.detail);
	else
		prepare(b, line);
	return line;
}
