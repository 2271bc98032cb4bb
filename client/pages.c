#include "client/pages.h"
#include "core/limits.h"
#include <stdlib.h>

/* A list on its way to stdout. */
struct pages {
	struct session *session;
	const struct listing *listing;
	struct table table;
	int64_t rows_left;
	bool has_rows; /* printed some already */
	json_t *next;  /* the cursor behind the last page; NULL: there is no more */
};

static void page_print_json(struct pages *p, const json_t *rows)
{
	size_t i;
	json_t *row;

	json_array_foreach (rows, i, row) {
		char *line = json_line(row);

		printf("%s%s", p->has_rows ? "," : "", line);
		free(line);
		p->has_rows = true;
	}
}

static void page_print(struct pages *p, const json_t *rows)
{
	size_t i;
	json_t *row;

	if (p->session->is_json) {
		page_print_json(p, rows);
		return;
	}
	json_array_foreach (rows, i, row)
		p->listing->add_row(&p->table, row, p->listing);
	table_print(&p->table, stdout);
}

static enum exit_code not_a_list(void)
{
	return exit_failed("the answer is not a list: is the server rowlockd?");
}

/* Asks for the page at the cursor and prints it. */
static enum exit_code page_ask(struct pages *p, const struct request *list)
{
	int64_t row_count = p->rows_left < PAGE_ROWS_MAX ? p->rows_left : PAGE_ROWS_MAX;
	struct request r;
	struct answer answer;
	char limit[24];

	request_init(&r, "GET", memory_or_exit(list->path.data));
	snprintf(limit, sizeof(limit), "%lld", (long long)row_count);
	request_add_query(&r, "limit", limit);
	if (p->next != NULL) {
		struct text cursor;

		text_init(&cursor);
		json_show(&cursor, p->next);
		request_add_query(&r, "after", memory_or_exit(cursor.data));
		text_fini(&cursor);
	}
	enum exit_code code = session_ask(p->session, &r, &answer);
	request_fini(&r);
	if (code != EXIT_DONE)
		return code;

	const json_t *rows = json_object_get(answer.json, "data");
	if (!json_is_array(rows)) {
		answer_fini(&answer);
		return not_a_list();
	}
	page_print(p, rows);
	p->rows_left -= (int64_t)json_array_size(rows);
	json_decref(p->next);
	p->next = json_object_get(answer.json, "next");
	if (json_is_null(p->next))
		p->next = NULL;
	json_incref(p->next);
	answer_fini(&answer);
	return EXIT_DONE;
}

static void list_end(struct pages *p)
{
	if (p->session->is_json) {
		char *next = p->next == NULL ? NULL : json_line(p->next);

		printf("],\"next\":%s}\n", next == NULL ? "null" : next);
		free(next);
	} else if (p->next != NULL) {
		fflush(stdout);
		fputs("There are more: --all shows every row, --limit N shows N.\n", stderr);
	}
}

enum exit_code pages_print(struct session *s, struct request *r, const struct listing *listing)
{
	struct pages p = { .session = s, .listing = listing };
	enum exit_code code = request_add_options(r, &s->args);

	if (code != EXIT_DONE)
		return code;
	p.rows_left = args_number(&s->args, OPTION_LIMIT, PAGE_ROWS_DEFAULT);
	if (args_has(&s->args, OPTION_ALL)) {
		if (args_has(&s->args, OPTION_LIMIT))
			return exit_usage("--all and --limit contradict each other");
		p.rows_left = INT64_MAX;
	}

	show_table(&p.table, listing);
	if (s->is_json)
		fputs("{\"data\":[", stdout);
	do {
		code = page_ask(&p, r);
	} while (code == EXIT_DONE && p.next != NULL && p.rows_left > 0);
	if (code == EXIT_DONE)
		list_end(&p);
	json_decref(p.next);
	table_fini(&p.table);
	return code;
}

enum exit_code pages_print_whole(struct session *s, struct request *r,
				 const struct listing *listing)
{
	struct pages p = { .session = s, .listing = listing };
	struct answer answer;
	enum exit_code code = session_ask_with_options(s, r, &answer);

	if (code != EXIT_DONE)
		return code;
	const json_t *rows = json_object_get(answer.json, "data");
	if (!json_is_array(rows)) {
		code = not_a_list();
	} else if (s->is_json) {
		show_body(&answer);
	} else {
		show_table(&p.table, listing);
		page_print(&p, rows);
		table_fini(&p.table);
	}
	answer_fini(&answer);
	return code;
}
