/* handlers_front_ends - GET /v1/front-ends: which processes serve this store? */
#include "base/clock.h"
#include "http/page.h"
#include "ops/front_end.h"
#include "waiting/read.h"
#include <string.h>

struct found_front_ends {
	struct front_end_view *all;
	size_t count;
};

/* Of a store that has one process at a time. */
static int find_self(struct arena *a, struct found_front_ends *ret)
{
	const struct front_end *self = front_end_self();

	ret->all = arena_alloc(a, sizeof(ret->all[0]));
	if (ret->all == NULL)
		return FAULT(-ENOMEM);
	ret->all[0] = (struct front_end_view){ .name = self->name,
					       .address = self->address,
					       .version = ROWLOCK_VERSION,
					       .started_at_ms = self->started_at_ms,
					       .seen_at_ms = clock_utc_ms(),
					       .is_alive = true };
	ret->count = 1;
	return 0;
}

static int find(struct long_read *read, struct reader *reader, struct arena *a)
{
	struct found_front_ends *found = call_of(exchange_of_parcel(&read->parcel))->own;

	if (reader->ops->front_ends == NULL)
		return find_self(a, found);
	return reader->ops->front_ends(reader, a, &found->all, &found->count);
}

static void write_front_end(struct json *j, const struct front_end_view *f)
{
	json_open(j, '{');
	JSON_NAME(j, "name"), json_text(j, f->name);
	JSON_NAME(j, "address");
	if (f->address[0] != '\0')
		json_text(j, f->address);
	else
		json_none(j);
	JSON_NAME(j, "version"), json_text(j, f->version);
	JSON_NAME(j, "started_at"), json_time(j, f->started_at_ms);
	JSON_NAME(j, "seen_at"), json_time(j, f->seen_at_ms);
	JSON_NAME(j, "alive"), json_bool(j, f->is_alive);
	JSON_NAME(j, "self"), json_bool(j, strcmp(f->name, front_end_self()->name) == 0);
	json_close(j, '}');
}

static void show(struct exchange *x)
{
	const struct found_front_ends *found = call_of(x)->own;
	struct text rows;
	struct json j;

	if (x->long_read.result < 0) {
		reply_fault(x, x->long_read.result);
		return;
	}
	text_init(&rows);
	j = json_begin(&rows);
	for (size_t i = 0; i < found->count; i++)
		write_front_end(&j, &found->all[i]);
	page_reply(x, &rows, false, NULL, x->long_read.seq);
	text_fini(&rows);
}

void handle_front_end_list(struct exchange *x)
{
	struct found_front_ends *found = arena_alloc(&x->arena, sizeof(*found));

	if (found == NULL) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return;
	}
	*found = (struct found_front_ends){ 0 };
	call_of(x)->own = found;
	read_point(x, find, show);
}
