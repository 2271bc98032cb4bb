#include "wire/problems.h"
#include "base/check.h"

/* The table's hints say that nothing was done, but for those of the outcomes that never know. */
static const char *hint_of(enum outcome o, bool is_unknown)
{
	if (!is_unknown || o == OUTCOME_OUTCOME_UNKNOWN || o == OUTCOME_REQUEST_IN_FLIGHT ||
	    o == OUTCOME_ANSWER_LOST)
		return outcome_row(o)->hint;
	return "Whether it takes effect is not known yet. Ask what became of it, or send the "
	       "request again with the same Idempotency-Key.";
}

void problem_open(struct json *j, enum outcome o, const char *detail, const char *hint,
		  bool is_unknown)
{
	const struct outcome_row *row = outcome_row(o);

	json_open(j, '{');
	JSON_NAME(j, "type");
	text_add_char(j->text, '"');
	text_add(j->text, "/problems/");
	text_add(j->text, row->code);
	text_add_char(j->text, '"');
	j->has_sibling = true;
	JSON_NAME(j, "code"), json_text(j, row->code);
	JSON_NAME(j, "title"), json_text(j, row->title);
	JSON_NAME(j, "status"), json_int(j, row->http_status);
	JSON_NAME(j, "detail"), json_text(j, detail != NULL ? detail : row->title);
	JSON_NAME(j, "hint"), json_text(j, hint != NULL ? hint : hint_of(o, is_unknown));
}

void problem_close(struct json *j, enum outcome o, bool is_unknown, const char *request_id)
{
	const struct outcome_row *row = outcome_row(o);

	JSON_NAME(j, "outcome"), json_text(j, is_unknown ? "unknown" : "not_applied");
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
