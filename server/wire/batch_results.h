/*
 * batch_results - what becomes of each line of a batch, as a JSON object in a line of its own.
 *
 *     {"line":1,"id":"any text, echoed","status":201,"seq":990018,"version":12,"on_hand":97,...}
 *
 * Each is appended with its newline, and as short as it can be: a batch has many. Threads: none
 * inside.
 */
#pragma once
#include "core/answer.h"
#include "wire/message.h"

struct text;

/* The result of a line that was decided. A replay's answer is read, too. */
void batch_result_write(struct text *out, int64_t line, const char *id, const struct command *c,
			const struct answer *a);

/* The result of a line that was refused for what it says. */
void batch_refusal_write(struct text *out, int64_t line, const char *id,
			 const struct message_error *e);
