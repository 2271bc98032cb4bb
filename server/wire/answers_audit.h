/*
 * answers_audit - a row of the audit, as it is shown.
 *
 * Threads: none inside.
 */
#pragma once
#include "core/audit.h"
#include "wire/json_write.h"

void audit_entry_write(struct json *j, const struct audit_entry *e);
