#include "wire/problems.h"
#include "base/check.h"

enum { USUAL_BYTES = 511 }; /* of a body, so that its text need not grow */

/*
 * What of a problem is the same for all that have its outcome, as JSON, put together by the
 * compiler: a literal of C with no escapes but \" and \\ is the same text as a literal of JSON.
 */
static const struct words {
	const char *head; /* up to the detail */
	const char *title;
	const char *hint;
} words[OUTCOME_COUNT] = {
#define OUTCOME(name, code, http_status, exit_code, is_recorded, retry_after_s, title, hint)    \
	[OUTCOME_##name] = { "{\"type\":\"/problems/" code "\",\"code\":\"" code                \
			     "\",\"title\":" #title ",\"status\":" #http_status ",\"detail\":", \
			     #title, #hint },
#include "schema/outcomes.def"
#undef OUTCOME
};

/* The table's hints say that nothing was done, but for those of the outcomes that never know. */
static const char *hint_of(enum outcome o, bool is_unknown)
{
	if (!is_unknown || o == OUTCOME_OUTCOME_UNKNOWN || o == OUTCOME_REQUEST_IN_FLIGHT ||
	    o == OUTCOME_ANSWER_LOST)
		return words[o].hint;
	return "\"Whether it takes effect is not known yet. Ask what became of it, or send the "
	       "request again with the same Idempotency-Key.\"";
}

void problem_open(struct json *j, enum outcome o, const char *detail, const char *hint,
		  bool is_unknown)
{
	CHECK(o < OUTCOME_COUNT);
	json_raw(j, words[o].head);
	j->has_sibling = false;
	if (detail != NULL)
		json_text(j, detail);
	else
		json_raw(j, words[o].title);
	JSON_NAME(j, "hint");
	if (hint != NULL)
		json_text(j, hint);
	else
		json_raw(j, hint_of(o, is_unknown));
}

void problem_close(struct json *j, enum outcome o, bool is_unknown, const char *request_id)
{
	const struct outcome_row *row = outcome_row(o);

	JSON_NAME(j, "outcome"), json_raw(j, is_unknown ? "\"unknown\"" : "\"not_applied\"");
	if (request_id != NULL)
		JSON_NAME(j, "request_id"), json_text(j, request_id);
	if (row->retry_after_s > 0)
		JSON_NAME(j, "retry_after_ms"), json_int(j, row->retry_after_s * 1000);
	json_close(j, '}');
	text_add_char(j->text, '\n');
}

bool problem_is_sound(const struct problem *p)
{
	return p->outcome > OUTCOME_DONE && p->outcome < OUTCOME_COUNT &&
	       IMPLIES(p->pointer != NULL, p->pointer[0] != '\0') &&
	       IMPLIES(p->detail != NULL, p->detail[0] != '\0') &&
	       IMPLIES(p->members != NULL, p->members[0] == '"');
}

void problem_write_body(struct text *out, const struct problem *p)
{
	struct json j = json_begin(out);

	CHECK(problem_is_sound(p));
	text_reserve(out, USUAL_BYTES);
	problem_open(&j, p->outcome, p->detail, NULL, p->is_unknown);
	if (p->pointer != NULL) {
		JSON_NAME(&j, "errors"), json_open(&j, '[');
		json_open(&j, '{');
		JSON_NAME(&j, "pointer"), json_text(&j, p->pointer);
		JSON_NAME(&j, "detail");
		json_text(&j, p->detail != NULL ? p->detail : outcome_row(p->outcome)->title);
		json_close(&j, '}');
		json_close(&j, ']');
	}
	if (p->members != NULL)
		json_raw(&j, p->members);
	problem_close(&j, p->outcome, p->is_unknown, p->request_id);
}
