/* stock: every row, the rows of one item, or one row. */
#include "base/check.h"
#include "client/command.h"
#include "client/exit.h"
#include "client/pages.h"
#include "client/session.h"
#include "client/shape.h"
#include "client/show.h"
#include "client/memory.h"
#include <stdlib.h>
#include <string.h>

/* The flags that make sense for some of the three only. */
static enum exit_code refuse_flags(const struct session *s, const enum option flags[], size_t count,
				   const char *why)
{
	for (size_t i = 0; i < count; i++)
		if (args_has(&s->args, flags[i]))
			return exit_usage("--%s %s", option_row(flags[i])->flag, why);
	return EXIT_DONE;
}

static enum exit_code flags_check(const struct session *s)
{
	static const enum option of_lists[] = { OPTION_LIMIT, OPTION_ALL, OPTION_LOCATION,
						OPTION_BELOW_REORDER };
	static const enum option of_rows[] = { OPTION_LOCKED, OPTION_LEASE };
	enum exit_code code = EXIT_DONE;

	if (session_operand(s, 0) != NULL)
		code = refuse_flags(s, of_lists, LENGTH_OF(of_lists),
				    "is for the list: stock without SKU");
	if (code == EXIT_DONE && session_operand(s, 1) == NULL)
		code = refuse_flags(s, of_rows, LENGTH_OF(of_rows),
				    "is for one row: stock SKU LOCATION");
	return code;
}

static void rows_show(const struct response *a)
{
	struct table t;
	size_t i;
	json_t *row;

	show_table(&t, &show_stock);
	json_array_foreach (json_object_get(a->json, "locations"), i, row)
		show_stock.add_row(&t, row, &show_stock);
	json_put(a->json, "location", json_string("(all)"));
	show_stock.add_row(&t, a->json, &show_stock);
	table_print(&t, stdout);
	table_fini(&t);
}

static const char sum_shape[] = "s:sku i:on_hand i:reserved i:available a:locations";

/* `before`: the cursor that led here, "" to the first page. One that leads to itself has no end. */
static enum exit_code rows_check(struct session *s, const struct api_request *r,
				 const struct response *a, const char *before)
{
	const json_t *next = json_object_get(a->json, "next");
	bool is_page = shape_fits_all(json_object_get(a->json, "locations"), show_stock.shape) &&
		       (next == NULL || json_is_null(next) ||
			(json_is_string(next) && strcmp(json_string_value(next), before) != 0));

	return is_page ? EXIT_DONE : session_strange(s, r);
}

static void page_append(json_t *summary, const json_t *page)
{
	json_t *next = json_object_get(page, "next");

	if (json_array_extend(json_object_get(summary, "locations"),
			      json_object_get(page, "locations")) != 0)
		exit_out_of_memory();
	json_put(summary, "next", next != NULL ? json_incref(next) : json_null());
}

/* The page behind this one: its rows come behind those that are there. */
static enum exit_code page_take(struct session *s, const struct api_request *first, json_t *summary)
{
	const char *before = json_member_text(summary, "next");
	struct api_request r;
	struct response response;
	enum exit_code code;

	api_request_init(&r, "GET", memory_or_exit(first->path.data));
	api_request_add_query(&r, "after", before);
	code = session_ask(s, &r, &response);
	if (code == EXIT_DONE) {
		code = rows_check(s, &r, &response, before);
		if (code == EXIT_DONE)
			page_append(summary, response.json);
		response_fini(&response);
	}
	api_request_fini(&r);
	return code;
}

/* The sums are those of the first page; rows of a later one may be of a moment later. */
static enum exit_code item_ask(struct session *s, struct api_request *r)
{
	struct response response;
	enum exit_code code = session_ask_for(s, r, sum_shape, &response);

	if (code != EXIT_DONE)
		return code;
	code = rows_check(s, r, &response, "");
	while (code == EXIT_DONE && json_is_string(json_object_get(response.json, "next")))
		code = page_take(s, r, response.json);
	if (code == EXIT_DONE && s->is_json) {
		char *line = json_line(response.json);

		puts(line);
		free(line);
	} else if (code == EXIT_DONE) {
		rows_show(&response);
	}
	response_fini(&response);
	return code;
}

static enum exit_code row_ask(struct session *s, struct api_request *r)
{
	struct response response;
	enum exit_code code = session_ask_for(s, r, show_stock.shape, &response);

	if (code != EXIT_DONE)
		return code;
	if (s->is_json) {
		show_body(&response);
	} else {
		show_one(response.json, &show_stock);
		show_timing(&response);
	}
	response_fini(&response);
	return code;
}

enum exit_code verb_stock(struct session *s)
{
	struct api_request r;
	enum exit_code code = flags_check(s);

	if (code != EXIT_DONE)
		return code;
	api_request_init(&r, "GET", "/v1/stock");
	for (int i = 0; i < s->args.operand_count; i++)
		api_request_add_segment(&r, session_operand(s, i));
	if (args_has(&s->args, OPTION_LOCKED))
		api_request_add_query(&r, "read", "locked");
	code = s->args.operand_count == 0   ? pages_print(s, &r, &show_stock)
	       : s->args.operand_count == 1 ? item_ask(s, &r)
					    : row_ask(s, &r);
	api_request_fini(&r);
	return code;
}
