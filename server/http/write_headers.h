/*
 * write_headers - what the headers of a write say: its key, the leases it holds, what it compares
 * with. Strict: what cannot be read, or not be kept, is refused rather than ignored.
 *
 *     if (!write_read_condition(x, &w->command, &message) || !write_read_leases(x, &w->arena, c))
 *             return;                                        // it was answered
 *
 * Each of them answers the exchange where it returns false. Threads: the exchange's loop.
 */
#pragma once
#include "exchange/exchange.h"
#include "wire/message.h"

/* Headers that decide what is done may be there once. */
bool write_headers_are_single(struct exchange *x);

/*
 * No Idempotency-Key leaves the key as it was; where the server is configured so, it is refused if
 * `may_need`.
 */
bool write_read_key(struct exchange *x, bool may_need, struct arena *a, const char **ret_key);

/* Lease: into the command's fences. */
bool write_read_leases(struct exchange *x, struct arena *a, struct command *c);

/* The Lease header of a renewal or release must be about this lease, and no other. */
bool write_lease_is(struct exchange *x, const char *id);

/* If-Match and If-None-Match, as far as the command's row says that it understands them. */
bool write_read_condition(struct exchange *x, struct command *c, struct message *m);

/* Refuses a header that this call cannot keep. */
bool write_has_no(struct exchange *x, const char *header, const char *detail);
