#include "engine/replay.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "ops/metrics.h"
#include "wire/answers.h"
#include "wire/json_stored.h"
#include <string.h>

/* The row as it stood right after the movement. */
static struct stock stock_after(const struct movement *m)
{
	return (struct stock){ .id = m->stock_id,
			       .on_hand = m->on_hand,
			       .reserved = m->reserved,
			       .version = m->version,
			       .seq = m->seq,
			       .updated_at_ms = m->at_ms };
}

/* Does the record say all that the answer needs? Somebody may have edited it. 0 or a fault. */
static int judge(const struct command *c, const struct answer *a, const struct key_record *k)
{
	enum answer_source source = answer_source(c, a);
	bool has_body = k->body != NULL && k->body[0] != '\0';

	CHECK(c->row_count >= 0);
	if (k->movement_count != (source == ANSWER_OF_LEDGER ? c->row_count : 0))
		return FAULT(-EBADMSG);
	switch (source) {
	case ANSWER_OF_LEDGER:
		return 0;
	case ANSWER_OF_NOTHING:
		return k->status == 204 && !has_body ? 0 : FAULT(-EBADMSG);
	case ANSWER_OF_BODY:
		break;
	}
	return has_body ? answer_body_judge(k->body) : FAULT(-EBADMSG);
}

static int rebuild(struct reader *reader, struct work *w, const struct key_record *k)
{
	struct answer *a = &w->answer;
	int r;

	CHECK(w->state == WORK_NEW || w->state == WORK_DECIDED);
	*a = (struct answer){ .outcome = k->outcome,
			      .status = k->status,
			      .is_replayed = true,
			      .body = k->body,
			      .seq = k->seq };
	r = judge(&w->command, a, k);
	if (r < 0)
		return r;
	if (answer_source(&w->command, a) == ANSWER_OF_LEDGER)
		a->body = NULL; /* what the ledger says is the answer */
	for (int i = 0; i < k->movement_count; i++) {
		struct movement_view v;

		r = reader->ops->movement(reader, k->first_seq + i, &w->arena, &v);
		if (r < 0)
			return r;
		if (v.movement.seq != k->first_seq + i)
			return FAULT(-EBADMSG);
		a->movements[i] = v.movement;
		a->stocks[i] = stock_after(&v.movement);
	}
	a->movement_count = k->movement_count;
	a->stock_count = k->movement_count;
	return answer_is_sound(&w->command, a) ? 0 : FAULT(-EBADMSG);
}

void replay_fail(struct work *w, int fault)
{
	CHECK(fault < 0);
	work_refuse(w, outcome_of_fault(fault));
	w->answer.is_unknown = true;
}

/*
 * Did the key's first command do nothing, as a line of a batch whose file was corrected since? Then
 * the line that stands there now is another one: its sender was told to correct it and to send the
 * rest again under the same key. Only keys of lines have a '#'.
 */
static bool is_corrected_line(const struct key_record *k)
{
	return k->outcome != OUTCOME_DONE && strchr(k->key, '#') != NULL;
}

/* In the snapshot of the reader, whose newest seq this is. 0 or a fault. */
static int compare(struct reader *reader, int64_t seq, struct work *w, int64_t key_id,
		   enum replay *ret)
{
	struct key_record k;
	int r = reader->ops->key(reader, key_id, &w->arena, &k);

	CHECK(w->command.key != NULL);
	if (r < 0)
		return r;
	*ret = REPLAY_OTHER_KEY;
	if (k.id == 0 || k.token_id != w->command.actor->token_id ||
	    strcmp(k.key, w->command.key) != 0)
		return 0;
	if (k.fingerprint != w->command.fingerprint && is_corrected_line(&k))
		return 0;
	*ret = REPLAY_ANSWERED;
	if (k.fingerprint != w->command.fingerprint) {
		work_refuse(w, OUTCOME_KEY_REUSED);
		w->answer.seq = seq;
		return 0;
	}
	r = rebuild(reader, w, &k);
	if (r == 0)
		metric_add(METRIC_KEYS_REPLAYED, 1);
	return r;
}

int replay_try(struct reader *reader, int64_t seq, struct work *w, int64_t key_id, enum replay *ret)
{
	int r = compare(reader, seq, w, key_id, ret);

	CHECK(key_id > 0);
	if (r < 0)
		replay_fail(w, r);
	return r;
}

int replay_now(struct reader *reader, struct work *w, int64_t key_id, enum replay *ret)
{
	int64_t seq;
	int r = reader->ops->begin(reader, &seq);

	if (r == 0)
		r = replay_try(reader, seq, w, key_id, ret);
	else
		replay_fail(w, r);
	reader->ops->end(reader);
	return r;
}
