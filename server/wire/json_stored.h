/*
 * json_stored - what the headers of a replayed answer repeat from the body that was stored under
 * its idempotency key: the id of a lease or reservation (Location), the version of an item or
 * location (ETag). And what the line of a batch repeats from it: of a refusal, everything that it
 * said the first time.
 *
 * Rare: the answers of stock changes are rebuilt from the ledger and need none of this.
 */
#pragma once
#include "base/arena.h"
#include "core/answer.h"

/*
 * Is what is stored a JSON object, as every body of ours is? Somebody may have edited it. 0, or a
 * fault: -EBADMSG, or -ENOMEM.
 */
int answer_body_judge(const char *body);

/*
 * Fills lease.id, item.version or location.version of a DONE answer from its body, detail and
 * members of a refusal. What somebody has edited so that it is no JSON fills nothing. False: memory
 * is short, and some of it may be missing.
 */
bool answer_read_stored(const struct command *c, struct answer *a, struct arena *texts);
