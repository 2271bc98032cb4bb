/*
 * messages_batch - a line of a batch: one command, as a JSON object in a line of its own (NDJSON).
 * For the ways of all messages see message.h.
 *
 *     {"op":"adjust","sku":"A-1","location":"WH1","delta":-3,"id":"any text, echoed"}
 *
 * What single calls have in their path stands in the line; the other fields are those of the
 * single call's body, read by the same code (messages.h). Which command an op means, and what it
 * names, is in schema/commands.def. For what is answered see batch_results.h.
 *
 * Cost: 0.4 µs a line that is plain and right (json_read.h), 2 to 3 µs any other.
 */
#pragma once
#include "wire/message.h"

/*
 * Fills the command, which must be {0} (all but request_id, key and fingerprint), and the id of the
 * line (NULL: none, also where the line is refused before its id was read). Texts are copied into
 * the arena.
 */
bool batch_line_read(const char *line, size_t byte_count, struct arena *a, struct command *c,
		     const char **ret_id, struct message_error *e);
