/*
 * fingerprint - what makes two requests "the same request" under one idempotency key: method, path,
 * parsed body, If-Match and Lease. Spacing, the order of fields, X-Request-Id, ?wait and ?pretty do
 * not count.
 *
 * Stored beside the key, so the seed is fixed. Cost: 100 to 150 ns.
 */
#pragma once
#include "core/command.h"

/* `route` is the path as the table of routes has it; what stands at its {…} is in the command. */
uint64_t request_fingerprint(const char *method, const char *route, const struct command *c);
