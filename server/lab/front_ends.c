#include "lab/front_ends.h"
#include "base/fault.h"
#include "lab/desk.h"
#include "store/memory.h"

enum { BUSY_MS = 10000 };

static void on_failure(void *context, int exit_code)
{
	(void)exit_code;
	race_fail(context, -EIO);
}

static int open_one(struct race *race, struct service **ret)
{
	struct service_options o = { .releases_rows_early = true,
				     .is_uncounted = true,
				     .reader_count = 1,
				     .fail = on_failure,
				     .fail_context = race };
	int r = memory_open_store(race->memory, &o.store);

	if (r < 0)
		return r;
	r = service_open(&o, ret);
	if (r < 0)
		o.store->ops->close(o.store);
	return r;
}

/* The item, its shelf, and the units there. */
static int fill(struct race *race)
{
	const struct desk_request requests[] = {
		{ .kind = COMMAND_ITEM_PUT },
		{ .kind = COMMAND_LOCATION_PUT },
		{ .kind = COMMAND_ADJUST, .quantity = race->course->units },
	};
	struct desk *d;
	int r = desk_open(race, race->services[0], &d);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < LENGTH_OF(requests); i++) {
		const struct answer *a = desk_ask(d, &requests[i]);

		if (a == NULL || a->outcome != OUTCOME_DONE)
			r = FAULT(-EIO);
	}
	desk_close(d);
	return r;
}

int front_ends_open(struct race *race)
{
	struct memory_options o = { .joins_groups = true, .busy_ms = BUSY_MS };
	int r = 0;

	CHECK(race->course->row_count == 1);
	race->memory = memory_create(&o);
	if (race->memory == NULL)
		return FAULT(-ENOMEM);
	for (int i = 0; r == 0 && i < LAB_FRONT_ENDS; i++)
		r = open_one(race, &race->services[i]);
	return r < 0 ? r : fill(race);
}

void front_ends_close(struct race *race)
{
	for (int i = 0; i < LAB_FRONT_ENDS; i++) {
		service_close(race->services[i]);
		race->services[i] = NULL;
	}
}

void front_ends_forget(struct race *race)
{
	race->memory = memory_destroy(race->memory);
}

int front_ends_level(struct race *race, int64_t *ret)
{
	struct reader *reader;
	struct stock stock;
	bool has_item, has_location;
	int64_t seq;
	int r = memory_open_reader(race->memory, &reader);

	if (r < 0)
		return r;
	r = reader->ops->begin(reader, &seq);
	if (r == 0)
		r = reader->ops->stock(reader, "LAB", "L-0", &stock, &has_item, &has_location);
	reader->ops->end(reader);
	reader->ops->close(reader);
	*ret = r == 0 ? stock.on_hand : 0;
	return r;
}
