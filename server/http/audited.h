/*
 * audited - a row of the audit for a call that changes nothing, and that somebody answers for.
 *
 * Threads: the loop's. Waits for nothing: engine/audit_inbox.h.
 */
#pragma once
#include "exchange/exchange.h"

/* By whoever sent the request. subject: what it was about, or NULL. */
void audited_note(struct exchange *x, const char *action, const char *subject);
