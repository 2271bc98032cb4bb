/*
 * messages_catalogue - items and locations as they are put and patched. For the ways of all
 * messages see message.h. The path, or the line of a batch, has the sku or the location.
 */
#pragma once
#include "wire/message.h"

/* {"name", "unit", "backorder_limit", "reorder_point", "attributes", "archived"}. */
bool message_read_item(struct message m, struct arena *a, struct command *c,
		       struct message_error *e);

/*
 * Might these be the attributes of an item? DONE, OUT_OF_MEMORY, or what a request with them is
 * refused with. Uses the arena.
 */
enum outcome message_judge_attributes(const char *attributes, struct arena *a);

/* {"name", "archived"}. */
bool message_read_location(struct message m, struct arena *a, struct command *c,
			   struct message_error *e);

/*
 * The same fields, each of which may be left out: `patched` has those that are there. null is their
 * default, but a name cannot be null.
 */
bool message_read_item_patch(struct message m, struct arena *a, struct command *c,
			     struct message_error *e);
bool message_read_location_patch(struct message m, struct arena *a, struct command *c,
				 struct message_error *e);
