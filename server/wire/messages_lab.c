#include "wire/messages_lab.h"
#include "wire/message_fields.h"
#include <string.h>

/* Takes the number over, where there is one; false: it is out of its range. */
static bool set_lab_number(const struct field_value *v, const char *name, int64_t least,
			   int64_t most, int64_t *number, struct message_error *e)
{
	char pointer[32] = "/";

	if (!v->is_present)
		return true;
	*number = v->number;
	strcat(pointer, name);
	return (v->number >= least && v->number <= most) ||
	       message_refuse(e, OUTCOME_MEANINGLESS, pointer, "%s is %lld to %lld.", name,
			      (long long)least, (long long)most);
}

bool message_read_lab(struct message m, struct arena *a, struct lab_message *l,
		      struct message_error *e)
{
	enum { SCENARIO, STRATEGY, CLIENTS, SECONDS, THINK, SEED, COUNT };
	static const struct field fields[COUNT] = {
		[SCENARIO] = { .name = "scenario",
			       .type = FIELD_TEXT,
			       .may_be_null = true,
			       .most = LAB_LIST_BYTES_MAX },
		[STRATEGY] = { .name = "strategy",
			       .type = FIELD_TEXT,
			       .may_be_null = true,
			       .most = LAB_LIST_BYTES_MAX },
		[CLIENTS] = { .name = "clients", .type = FIELD_INTEGER, QUANTITY_RANGE },
		[SECONDS] = { .name = "seconds", .type = FIELD_INTEGER, QUANTITY_RANGE },
		[THINK] = { .name = "think_us", .type = FIELD_INTEGER, QUANTITY_RANGE },
		[SEED] = { .name = "seed",
			   .type = FIELD_INTEGER,
			   .least = INT64_MIN,
			   .most = INT64_MAX },
	};
	struct field_value v[COUNT];

	if (!json_read(&m, fields, v, COUNT, a, e))
		return false;
	l->scenario = v[SCENARIO].text;
	l->strategy = v[STRATEGY].text;
	return set_lab_number(&v[CLIENTS], "clients", 2, LAB_CLIENTS_MAX, &l->clients, e) &&
	       set_lab_number(&v[SECONDS], "seconds", 1, LAB_SECONDS_MAX, &l->seconds, e) &&
	       set_lab_number(&v[THINK], "think_us", 0, LAB_THINK_US_MAX, &l->think_us, e) &&
	       set_lab_number(&v[SEED], "seed", 0, INT64_MAX, &l->seed, e);
}
