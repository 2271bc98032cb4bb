/*
 * audit - what somebody did that has no movement. Kept for --keep-audit-days, a hundred bytes each.
 *
 * (What begins with audit_ in the store's contract and is no entry belongs to a verification.)
 */
#pragma once
#include <stdint.h>

struct audit_entry {
	int64_t id; /* rising; given when it is written */
	int64_t at_ms;
	const char *actor;      /* as in the ledger */
	const char *action;     /* "item-change", "lease-take", ... */
	const char *subject;    /* what it was done to; NULL: nothing that has a name */
	const char *detail;     /* a JSON object, or NULL */
	const char *request_id; /* NULL: no request did it */
};
