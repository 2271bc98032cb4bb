/*
 * messages_stock - what changes the level of stock rows: adjust, set, count and transfer. For the
 * ways of all messages see message.h. The path, or the line of a batch, names the row of the first
 * three.
 */
#pragma once
#include "wire/message.h"

/*
 * {"delta", "reason", "reference", "up_to", "expected", "expected_version"}. Fills quantity,
 * is_up_to, condition, reason and reference.
 */
bool message_read_adjust(struct message m, struct arena *a, struct command *c,
			 struct message_error *e);

/*
 * {"on_hand", "reason", "reference", "expected", "expected_version"}. PRECONDITION_NEEDED where
 * neither the body nor If-Match says what is expected, or opts out of it ("expected":null, or *).
 */
bool message_read_set(struct message m, struct arena *a, struct command *c,
		      struct message_error *e);

/* {"counted", "as_of_seq", "reason", "reference"}. Fills quantity and past.as_of_seq. */
bool message_read_count(struct message m, struct arena *a, struct command *c,
			struct message_error *e);

/* {"sku", "from", "to", "quantity", "reason", "reference"}. Allocates the two rows. */
bool message_read_transfer(struct message m, struct arena *a, struct command *c,
			   struct message_error *e);
