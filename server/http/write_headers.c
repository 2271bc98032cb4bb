#include "http/write_headers.h"
#include "base/check.h"
#include "http/reply.h"
#include <string.h>

static bool refuse(struct exchange *x, const char *header, const char *detail)
{
	reply_problem(x, &(struct problem){ .outcome = OUTCOME_INVALID_HEADER,
					    .pointer = header,
					    .detail = detail });
	return false;
}

static bool refuse_memory(struct exchange *x)
{
	reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
	return false;
}

bool write_headers_are_single(struct exchange *x)
{
	static const char *const names[] = { "Idempotency-Key", "If-Match", "If-None-Match",
					     "Lease" };

	if (x->header_repeats == 0)
		return true; /* nothing is there twice */
	for (size_t i = 0; i < LENGTH_OF(names); i++)
		if (exchange_header_count(x, names[i]) > 1)
			return refuse(x, names[i], "The header is there twice.");
	return true;
}

bool write_has_no(struct exchange *x, const char *header, const char *detail)
{
	return exchange_header(x, header) == NULL || refuse(x, header, detail);
}

/* ---------------------------------------------------------------- keys and leases */

bool write_read_key(struct exchange *x, bool may_need, struct arena *a, const char **ret_key)
{
	switch (key_read(exchange_header(x, "Idempotency-Key"), a, ret_key)) {
	case HEADER_READ:
		return true;
	case HEADER_ABSENT:
		if (!may_need || !calls_configuration()->requires_keys)
			return true;
		reply_refuse(x, OUTCOME_KEY_MISSING, NULL);
		return false;
	case HEADER_WRONG:
		return refuse(
			x, "Idempotency-Key",
			"Idempotency-Key: 1 to 128 of A-Z a-z 0-9 . _ : ~ / -, quoted or bare.");
	case HEADER_NO_MEMORY:
		break;
	}
	return refuse_memory(x);
}

bool write_read_leases(struct exchange *x, struct arena *a, struct command *c)
{
	switch (lease_header_read(exchange_header(x, "Lease"), a, c)) {
	case HEADER_ABSENT:
	case HEADER_READ:
		return true;
	case HEADER_WRONG:
		return refuse(x, "Lease",
			      "Lease: <id>;fence=<number>, up to 8 separated by commas.");
	case HEADER_NO_MEMORY:
		break;
	}
	return refuse_memory(x);
}

bool write_lease_is(struct exchange *x, const char *id)
{
	struct command named = { 0 };

	switch (lease_header_read(exchange_header(x, "Lease"), &x->arena, &named)) {
	case HEADER_ABSENT:
		return true;
	case HEADER_READ:
		if (named.fence_count == 1 && strcmp(named.fence_ids[0], id) == 0)
			return true;
		break;
	case HEADER_WRONG:
		break;
	case HEADER_NO_MEMORY:
		return refuse_memory(x);
	}
	return refuse(x, "Lease", "Lease: <id>;fence=<number>, with the id of the path.");
}

/* ---------------------------------------------------------------- conditions */

static bool read_if_match(struct exchange *x, struct command *c, bool *ret_is_any)
{
	const char *detail = NULL;

	return if_match_read(exchange_header(x, "If-Match"), &c->condition, ret_is_any, &detail) !=
		       HEADER_WRONG ||
	       refuse(x, "If-Match", detail);
}

static bool read_if_none_match(struct exchange *x, struct command *c)
{
	return if_none_match_read(exchange_header(x, "If-None-Match"), &c->is_create_only) !=
		       HEADER_WRONG ||
	       refuse(x, "If-None-Match", "If-None-Match: a write knows only *.");
}

bool write_read_condition(struct exchange *x, struct command *c, struct message *m)
{
	switch (command_traits(c->kind)->condition) {
	case CONDITION_NONE:
		return write_has_no(x, "If-Match", "If-Match: this call is not about one row.") &&
		       write_has_no(x, "If-None-Match",
				    "If-None-Match: this call is not about one row.");
	case CONDITION_ROW: /* any row can be compared with, also one that was never stocked */
		return read_if_match(x, c, &m->takes_any) &&
		       write_has_no(x, "If-None-Match",
				    "If-None-Match: only items and locations are made by it.");
	case CONDITION_THING:
		return read_if_match(x, c, &c->condition.must_exist) && read_if_none_match(x, c);
	}
	check_failed(__FILE__, __LINE__, "a command understands conditions, or none");
}
