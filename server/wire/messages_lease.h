/*
 * messages_lease - leases as they are taken and renewed. For the ways of all messages see
 * message.h. An id of the client's own is in the path, fences are in the Lease header.
 */
#pragma once
#include "wire/message.h"

/* {"rows":[{"sku","location"}], "ttl_s", "purpose"}. Allocates the rows. */
bool message_read_lease(struct message m, struct arena *a, struct command *c,
			struct message_error *e);

/* {"ttl_s"}; rows and purpose may be there, as in the body that took it, and are not looked at. */
bool message_read_renewal(struct message m, struct arena *a, struct command *c,
			  struct message_error *e);
