/*
 * answers_audit - a row of the audit, as it is shown; what a change of the catalogue says in it.
 *
 * Threads: none inside.
 */
#pragma once
#include "core/audit.h"
#include "core/catalogue.h"
#include "wire/json_write.h"

void audit_entry_write(struct json *j, const struct audit_entry *e);

/*
 * The detail: the version since, and what differs, each as [before, now]. NULL: it was not there
 * before, or is not any more; what it had by default is left out then. Attributes of more than
 * AUDIT_ATTRIBUTES_BYTES are only counted ("508 bytes"), so that a detail has some 4 KiB at most.
 */
enum { AUDIT_ATTRIBUTES_BYTES = 400 };

void audit_item_detail_write(struct json *j, const struct item *before, const struct item *now);
void audit_location_detail_write(struct json *j, const struct location *before,
				 const struct location *now);
