/*
 * fingerprint - what makes two requests "the same request" under one idempotency key: method, path,
 * parsed body, If-Match and Lease. Spacing, the order of fields, X-Request-Id, ?wait and ?pretty do
 * not count.
 *
 * Stored beside the key, so the seed is fixed. Cost: about 50 ns.
 */
#pragma once
#include "core/command.h"

uint64_t request_fingerprint(const char *method, const char *path, const struct command *c);
