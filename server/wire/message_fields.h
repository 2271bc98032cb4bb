/*
 * message_fields - fields that messages about several nouns have, and how each enters the command.
 *
 *     static const struct field fields[COUNT] = {
 *             [DELTA] = { .name = "delta", .type = FIELD_INTEGER, QUANTITY_RANGE },
 *             [REASON] = REASON_FIELD,
 *             ...
 *
 * For the sources messages_NOUN.c. Threads: none inside.
 */
#pragma once
#include "wire/json_read.h"

#define QUANTITY_RANGE .least = -QUANTITY_MAX, .most = QUANTITY_MAX
#define REASON_FIELD                                   \
	{                                              \
		.name = "reason", .type = FIELD_REASON \
	}
#define REFERENCE_FIELD                                                       \
	{                                                                     \
		.name = "reference", .type = FIELD_TEXT, .may_be_null = true, \
		.most = REFERENCE_CHARACTERS_MAX                              \
	}
#define NOTE_FIELD                                                       \
	{                                                                \
		.name = "note", .type = FIELD_TEXT, .may_be_null = true, \
		.most = NOTE_CHARACTERS_MAX                              \
	}
#define EXPECTED_FIELD                                                          \
	{                                                                       \
		.name = "expected", .type = FIELD_INTEGER, .may_be_null = true, \
		.least = -LEVEL_MAX, .most = LEVEL_MAX                          \
	}
#define VERSION_FIELD_OF(for_lines)                                                               \
	{                                                                                         \
		.name = "expected_version", .type = FIELD_INTEGER, .least = 0, .most = INT64_MAX, \
		.is_of_lines = for_lines                                                          \
	}
#define TTL_FIELD                                                                           \
	{                                                                                   \
		.name = "ttl_s", .type = FIELD_INTEGER, .is_required = true, QUANTITY_RANGE \
	}

/*
 * Reason, reference and note. A reason that is left out is the word of the movement that the
 * command makes; capitals become small letters, and is_reason_folded says that there were any.
 */
void field_set_reason(struct command *c, const struct field_value *reason,
		      const struct field_value *reference, const struct field_value *note);

/* Makes the capitals of a reason small, in place. Were there any? Of a query's reason, too. */
bool reason_fold(char *reason);

/* 1 to LEASE_TTL_S_MAX seconds, of leases and reservations alike. */
bool field_set_ttl(struct command *c, const struct field_value *ttl_s, struct message_error *e);

/* Of a FIELD_CODE, which json_read() has looked at, or of a segment of the path. */
void field_set_code(struct code *c, const char *text);
