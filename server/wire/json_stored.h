/*
 * json_stored - what the headers of a replayed answer repeat from the body that was stored under
 * its idempotency key: the id of a lease or reservation (Location), the version of an item or
 * location (ETag).
 *
 * Rare: the answers of stock changes are rebuilt from the ledger and need none of this.
 */
#pragma once
#include "base/arena.h"
#include "core/answer.h"

/* Fills lease.id, item.version or location.version of a DONE answer from its body; else nothing. */
void answer_read_stored(const struct command *c, struct answer *a, struct arena *texts);
