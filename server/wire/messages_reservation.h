/*
 * messages_reservation - reservations as they are made, committed and extended. For the ways of
 * all messages see message.h. The path, or the line of a batch, has the id.
 */
#pragma once
#include "wire/message.h"

/*
 * {"lines":[{"sku","location","quantity"}], "ttl_s", "owner", "reference", "supersedes"}. Allocates
 * rows and quantities; lines of the same row are one, with their sum.
 */
bool message_read_reservation(struct message m, struct arena *a, struct command *c,
			      struct message_error *e);

/* {"lines"}, as above, or nothing: all of it. */
bool message_read_reservation_commit(struct message m, struct arena *a, struct command *c,
				     struct message_error *e);

/* {"ttl_s"} */
bool message_read_reservation_extend(struct message m, struct arena *a, struct command *c,
				     struct message_error *e);
