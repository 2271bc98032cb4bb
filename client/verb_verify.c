/* verify: do the books balance, says the server. */
#include "client/command.h"
#include "client/session.h"
#include "client/shape.h"
#include "client/show.h"
#include <string.h>

/* clang-format off */
static const struct column columns[] = {
	{ "FINDING",  "code",     false },
	{ "SKU",      "sku",      false },
	{ "LOCATION", "location", false },
	{ "NAME",     "name",     false },
	{ "SEQ",      "seq",      true  },
	{ "EXPECTED", "expected", true  },
	{ "FOUND",    "found",    true  },
};
/* clang-format on */

static void row_add(struct table *t, const json_t *finding)
{
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		struct text cell;

		text_init(&cell);
		json_show(&cell, json_object_get(finding, columns[i].field));
		table_add(t, cell.data != NULL ? cell.data : "");
		text_fini(&cell);
	}
}

/* Each kind of finding in words, once. */
static void details_print(const json_t *findings)
{
	size_t i;
	size_t k;
	json_t *row;

	json_array_foreach (findings, i, row) {
		const char *code = json_member_text(row, "code");

		for (k = 0; k < i; k++)
			if (strcmp(json_member_text(json_array_get(findings, k), "code"), code) ==
			    0)
				break;
		if (k == i)
			printf("%s: %s\n", code, json_member_text(row, "detail"));
	}
}

static void findings_print(const json_t *answer)
{
	const json_t *findings = json_object_get(answer, "findings");
	int64_t count = json_member_int(answer, "finding_count");
	struct table t;
	size_t i;
	json_t *row;

	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (findings, i, row)
		row_add(&t, row);
	table_print(&t, stdout);
	table_fini(&t);
	details_print(findings);
	printf("The books do not balance: %lld %s%s.\n", (long long)count,
	       count == 1 ? "finding" : "findings",
	       count > (int64_t)i ? ", of which the first are shown" : "");
}

static void counts_print(const json_t *answer)
{
	const json_t *checked = json_object_get(answer, "checked");

	printf("Checked up to seq %lld: %lld movements, %lld rows, %lld active reservations, "
	       "%lld keys, %lld leased rows.\n",
	       (long long)json_member_int(answer, "seq"),
	       (long long)json_member_int(checked, "movements"),
	       (long long)json_member_int(checked, "rows"),
	       (long long)json_member_int(checked, "reservations"),
	       (long long)json_member_int(checked, "keys"),
	       (long long)json_member_int(checked, "leases"));
}

enum exit_code verb_verify(struct session *s)
{
	const char *after = s->args.values[OPTION_AFTER];
	struct api_request r;
	struct response response;

	api_request_init(&r, "GET", "/v1/verify");
	if (after != NULL)
		api_request_add_query(&r, "since", after);
	enum exit_code code = session_ask(s, &r, &response);
	api_request_fini(&r);
	if (code != EXIT_DONE)
		return code;
	if (!shape_fits(response.json, "b:ok i:seq i:finding_count a:findings o:checked")) {
		response_fini(&response);
		return exit_failed("the answer is no verification: is the server rowlockd?");
	}
	if (!json_is_true(json_object_get(response.json, "ok")) ||
	    json_array_size(json_object_get(response.json, "findings")) > 0)
		code = EXIT_FAILED;
	if (s->is_json) {
		show_body(&response);
	} else {
		counts_print(response.json);
		if (code == EXIT_DONE)
			puts("The books balance.");
		else
			findings_print(response.json);
	}
	response_fini(&response);
	return code;
}
