/*
 * batch_lines - the lines of a batch: one command in, one result out, each a JSON object in a line
 * of its own (NDJSON).
 *
 *     {"op":"adjust","sku":"A-1","location":"WH1","delta":-3,"id":"any text, echoed"}
 *     {"line":1,"id":"any text, echoed","status":201,"seq":990018,"version":12,"on_hand":97,...}
 *
 * What single calls have in their path stands in the line; the other fields are those of the
 * single call's body, read by the same code.
 *
 * Threads: none inside. Cost: 1 to 2 µs a line, nearly all of it jansson's.
 */
#pragma once
#include "core/answer.h"
#include "wire/messages.h"

struct text;

/*
 * Fills the command (all but request_id, key and fingerprint) and the id of the line (NULL: none,
 * also where the line is refused before its id was read). Texts are copied into the arena.
 */
bool batch_line_read(const char *line, size_t byte_count, struct arena *a, struct command *c,
		     const char **ret_id, struct message_error *e);

/* The op of a command, for its fingerprint. A constant. */
const char *batch_op_text(enum command_kind kind);

/*
 * Lines that make what is given, and overwrite nothing: an export is a batch. An item or location
 * that is not there yet, in use; what is left to say of it once it has its stock; a level, or what
 * is owed, of a row that was never stocked; a reservation for so many more seconds, under its own
 * id where its client chose that.
 */
void batch_item_line_write(struct text *out, const struct item *item);
void batch_location_line_write(struct text *out, const struct location *location);
void batch_item_last_line_write(struct text *out, const struct item *item);
void batch_location_last_line_write(struct text *out, const struct location *location);
void batch_level_line_write(struct text *out, const struct code *sku, const struct code *location,
			    int64_t on_hand);
void batch_reservation_line_write(struct text *out, const struct reservation *r, int64_t ttl_s);

/* The result of a line that was decided, with its newline. A replay's answer is read, too. */
void batch_result_write(struct text *out, int64_t line, const char *id, const struct command *c,
			const struct answer *a);

/* The result of a line that was refused for what it says. */
void batch_refusal_write(struct text *out, int64_t line, const char *id,
			 const struct message_error *e);
