/* stock: every row, the rows of one item, or one row. */
#include "base/check.h"
#include "client/command.h"
#include "client/pages.h"
#include "client/session.h"
#include "client/shape.h"
#include "client/show.h"

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

static void rows_show(const struct answer *a)
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

static enum exit_code stock_ask(struct session *s, struct request *r)
{
	bool is_sum = session_operand(s, 1) == NULL;
	struct answer answer;
	enum exit_code code = session_ask_for(s, r, is_sum ? sum_shape : show_stock.shape, &answer);

	if (code != EXIT_DONE)
		return code;
	if (is_sum &&
	    !shape_fits_all(json_object_get(answer.json, "locations"), show_stock.shape)) {
		code = session_strange(s, r);
	} else if (s->is_json) {
		show_body(&answer);
	} else if (is_sum) {
		rows_show(&answer);
	} else {
		show_one(answer.json, &show_stock);
		show_timing(&answer);
	}
	answer_fini(&answer);
	return code;
}

enum exit_code verb_stock(struct session *s)
{
	struct request r;
	enum exit_code code = flags_check(s);

	if (code != EXIT_DONE)
		return code;
	request_init(&r, "GET", "/v1/stock");
	for (int i = 0; i < s->args.operand_count; i++)
		request_add_segment(&r, session_operand(s, i));
	if (args_has(&s->args, OPTION_LOCKED))
		request_add_query(&r, "read", "locked");
	code = s->args.operand_count == 0 ? pages_print(s, &r, &show_stock) : stock_ask(s, &r);
	request_fini(&r);
	return code;
}
