/*
 * outcome - what became of a request: done, or one of the refusals of schema/outcomes.def.
 *
 * A refusal is news for the client and is answered; a fault (base/fault.h) is news for the
 * operator.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum outcome {
#define OUTCOME(name, code, http, exit, recorded, retry_s, title, hint) OUTCOME_##name,
#include "schema/outcomes.def"
#undef OUTCOME
	OUTCOME_COUNT,
};

struct outcome_row {
	const char *code;  /* in problem bodies and /problems/{code} */
	int http_status;   /* for DONE the command's own 200, 201 or 204 counts instead */
	int exit_code;     /* of the command line */
	bool is_recorded;  /* kept under an idempotency key */
	int retry_after_s; /* 0: no Retry-After */
	const char *title;
	const char *hint;
};

/* Never NULL. */
const struct outcome_row *outcome_row(enum outcome o);

/*
 * What a client is told when a fault (a negative errno, base/fault.h) has kept the service from
 * doing anything: DISK_FULL, STORE_BUSY, STORE_DAMAGED, OUT_OF_MEMORY, and STORE_FAILED for all
 * others. Whether nothing was done is for the caller to know.
 */
enum outcome outcome_of_fault(int fault);

/* The outcome with this code, or OUTCOME_COUNT. */
enum outcome outcome_by_code(const char *code);
