#include "engine/audit_inbox.h"
#include "base/check.h"
#include "base/fault.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include <stdlib.h>
#include <string.h>

struct waiting_entry {
	struct list link;
	struct audit_entry entry; /* its texts lie behind it */
};

void audit_inbox_init(struct audit_inbox *i)
{
	guard_init(&i->guard, RANK_AUDIT);
	list_init(&i->waiting);
	atomic_init(&i->count, 0);
	i->taken = 0;
}

static struct waiting_entry *first(struct audit_inbox *i)
{
	CHECK(!list_is_empty(&i->waiting));
	return CONTAINER_OF(i->waiting.next, struct waiting_entry, link);
}

void audit_inbox_fini(struct audit_inbox *i)
{
	while (!list_is_empty(&i->waiting)) {
		struct waiting_entry *w = first(i);

		list_remove(&w->link);
		free(w);
	}
	guard_fini(&i->guard);
}

/* ---------------------------------------------------------------- putting */

static size_t bytes_of(const char *text)
{
	return text == NULL ? 0 : strlen(text) + 1;
}

static const char *put_text(char **at, const char *text)
{
	size_t bytes = bytes_of(text);
	char *kept = *at;

	if (text == NULL)
		return NULL;
	memcpy(kept, text, bytes);
	*at += bytes;
	return kept;
}

/* NULL: memory is short. */
static struct waiting_entry *copy(const struct audit_entry *e)
{
	struct waiting_entry *w =
		malloc(sizeof(*w) + bytes_of(e->actor) + bytes_of(e->action) +
		       bytes_of(e->subject) + bytes_of(e->detail) + bytes_of(e->request_id));
	char *at;

	CHECK(e->actor != NULL);
	CHECK(e->action != NULL);
	if (w == NULL)
		return NULL;
	at = (char *)(w + 1);
	list_init(&w->link);
	w->entry = *e;
	w->entry.actor = put_text(&at, e->actor);
	w->entry.action = put_text(&at, e->action);
	w->entry.subject = put_text(&at, e->subject);
	w->entry.detail = put_text(&at, e->detail);
	w->entry.request_id = put_text(&at, e->request_id);
	return w;
}

void audit_inbox_put(struct audit_inbox *i, const struct audit_entry *entry)
{
	struct waiting_entry *w = copy(entry);
	bool has_room = false;

	if (w != NULL) {
		guard_lock(&i->guard);
		has_room = i->count < AUDIT_INBOX_MAX;
		if (has_room) {
			list_push_back(&i->waiting, &w->link);
			i->count++;
		}
		guard_unlock(&i->guard);
	}
	if (has_room)
		return;
	free(w);
	metric_add(METRIC_AUDIT_LOST, 1);
	log_write(LOG_ERROR, "audit_lost", "actor=%s action=%s", entry->actor, entry->action);
}

/* ---------------------------------------------------------------- the writer's */

/* Behind those that were counted others may be put meanwhile. */
static int take_locked(struct audit_inbox *i, struct effects *e)
{
	CHECK(guard_is_mine(&i->guard));
	i->taken = 0;
	LIST_EACH (it, &i->waiting) {
		struct audit_entry *taken = effects_add_audit(e);

		if (taken == NULL)
			return FAULT(-ENOMEM);
		*taken = CONTAINER_OF(it, struct waiting_entry, link)->entry;
		i->taken++;
	}
	return 0;
}

int audit_inbox_take(struct audit_inbox *i, struct effects *e)
{
	int r;

	if (!audit_inbox_has_some(i)) {
		i->taken = 0;
		return 0;
	}
	guard_lock(&i->guard);
	r = take_locked(i, e);
	guard_unlock(&i->guard);
	return r;
}

void audit_inbox_forget(struct audit_inbox *i)
{
	for (; i->taken > 0; i->taken--) {
		struct waiting_entry *w;

		guard_lock(&i->guard);
		w = first(i);
		list_remove(&w->link);
		i->count--;
		guard_unlock(&i->guard);
		free(w);
	}
}
