/* Pages and cursors, with answers that are only noted. */
#include "http/page.h"
#include "unit.h"

/* ---------------------------------------------------------------- the stage */

static enum outcome refused;
static const char *link_value;

void reply_json(struct exchange *x, int status, int64_t seq)
{
	assert_int_equal(x->status, 0); /* answered once */
	assert_int_equal(seq, 42);
	x->status = status;
}

void reply_refuse(struct exchange *x, enum outcome o, const char *detail)
{
	(void)detail;
	assert_int_equal(x->status, 0);
	x->status = outcome_row(o)->http_status;
	refused = o;
}

void reply_wrong_parameter(struct exchange *x, const char *name, const char *what)
{
	reply_refuse(x, OUTCOME_INVALID_PARAMETER, what);
	assert_non_null(call_parameter(x, name)); /* it blames what was sent */
}

void exchange_header_add(struct exchange *x, const char *name, const char *value)
{
	(void)x;
	assert_string_equal(name, "Link");
	link_value = value;
}

/* An exchange whose dispatcher has read this query; the caller ends it. */
static void begin(struct exchange *x, struct call *c, const char *query)
{
	static const struct route route = { .method = HTTP_GET, .path = "/v1/things" };

	*x = (struct exchange){ .route = &route, .path = route.path, .context = c };
	*c = (struct call){ .preferred_wait_s = -1 };
	arena_init(&x->arena);
	text_init(&x->reply);
	assert_int_equal(query_read(&c->query, &x->arena, query), OUTCOME_DONE);
	refused = OUTCOME_DONE;
	link_value = NULL;
}

static void end(struct exchange *x)
{
	text_fini(&x->reply);
	arena_fini(&x->arena);
}

/* ---------------------------------------------------------------- tables */

/* clang-format off */
static const struct page_row {
	const char  *what;
	const char  *query;
	const char  *rows;
	bool         has_next;
	const char  *next;    /* its cursor; NULL with has_next: memory was short */
	enum outcome refused;
	const char  *body;
	const char  *link;
} pages[] = {
	{ "nothing at all", NULL, "", false, NULL, OUTCOME_DONE,
	  "{\"data\":[],\"next\":null}\n", NULL },
	{ "the last page", "limit=2", "1,2", false, NULL, OUTCOME_DONE,
	  "{\"data\":[1,2],\"next\":null}\n", NULL },
	{ "one with more behind it", NULL, "1", true, "m7", OUTCOME_DONE,
	  "{\"data\":[1],\"next\":\"m7\"}\n", "</v1/things?after=m7>; rel=\"next\"" },
	{ "an empty one may have more behind it", NULL, "", true, "m7", OUTCOME_DONE,
	  "{\"data\":[],\"next\":\"m7\"}\n", "</v1/things?after=m7>; rel=\"next\"" },
	{ "its link keeps the query but for the cursor", "limit=1&after=m3&q=a%26b+c", "1", true, "m7", OUTCOME_DONE,
	  "{\"data\":[1],\"next\":\"m7\"}\n", "</v1/things?limit=1&q=a%26b%20c&after=m7>; rel=\"next\"" },
	{ "without memory for its cursor it is not the last", NULL, "1", true, NULL, OUTCOME_OUT_OF_MEMORY,
	  NULL, NULL },
};

static const struct cursor_row {
	const char *query;
	const char *place;  /* NULL: none */
	int64_t     number;
	bool        is_read, is_number;
} cursors[] = {
	/* query                       place   number  read   as a number */
	{ NULL,                        NULL,        0, true,  true },
	{ "after=m7",                  "7",         7, true,  true },
	{ "after=m990017",             "990017", 990017, true, true },
	{ "after=mMUG-1",              "MUG-1",     0, true,  false },
	{ "after=m0",                  "0",         0, true,  false },
	{ "after=m-1",                 NULL,        0, false, false },
	{ "after=m99999999999999999999", "99999999999999999999", 0, true, false },
	{ "after=m",                   NULL,        0, false, false },
	{ "after=",                    NULL,        0, false, false },
	{ "after=i7",                  NULL,        0, false, false },
	{ "after=7",                   NULL,        0, false, false },
	{ "after=m7%2F8",              NULL,        0, false, false },
};

static const struct limit_row {
	const char *query;
	int         limit; /* 0: refused */
} limits[] = {
	{ NULL, PAGE_ROWS_DEFAULT }, { "limit=1", 1 }, { "limit=1000", 1000 }, { "limit=1001", 0 }, { "limit=0", 0 },
	{ "limit=-1", 0 }, { "limit=", 0 }, { "limit=1x", 0 }, { "limit=4294967297", 0 }, { "limit=+1", 0 },
};
/* clang-format on */

/* ---------------------------------------------------------------- tests */

static void page_expect(const struct page_row *row)
{
	struct exchange x;
	struct call c;
	struct text rows;

	begin(&x, &c, row->query);
	text_init(&rows);
	text_add(&rows, row->rows);
	page_reply(&x, &rows, row->has_next, row->next, 42);
	ROW_EXPECT(row->what, refused == row->refused);
	if (row->refused == OUTCOME_DONE) {
		ROW_EXPECT(row->what, x.status == 200);
		ROW_EXPECT(row->what, strcmp(x.reply.data, row->body) == 0);
	}
	ROW_EXPECT(row->what, (link_value == NULL) == (row->link == NULL));
	if (row->link != NULL)
		ROW_EXPECT(row->what, strcmp(link_value, row->link) == 0);
	text_fini(&rows);
	end(&x);
}

static void pages_say_whether_there_is_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(pages); i++)
		page_expect(&pages[i]);
}

static void rows_that_were_cut_are_no_page(void **state)
{
	struct text rows = { .failed = true };
	struct exchange x;
	struct call c;

	(void)state;
	begin(&x, &c, NULL);
	page_reply(&x, &rows, false, NULL, 42);
	assert_int_equal(refused, OUTCOME_OUT_OF_MEMORY);
	end(&x);
}

static void cursor_expect(const struct cursor_row *row)
{
	const char *what = row->query != NULL ? row->query : "no cursor";
	const char *place = NULL;
	int64_t number = -1;
	struct exchange x;
	struct call c;

	begin(&x, &c, row->query);
	ROW_EXPECT(what, page_read_cursor(&x, 'm', &place) == row->is_read);
	ROW_EXPECT(what, (refused == OUTCOME_DONE) == row->is_read);
	if (row->is_read && row->place != NULL)
		ROW_EXPECT(what, place != NULL && strcmp(place, row->place) == 0);
	if (row->place == NULL && row->is_read)
		ROW_EXPECT(what, place == NULL);
	end(&x);

	begin(&x, &c, row->query);
	ROW_EXPECT(what, page_read_cursor_number(&x, 'm', &number) == row->is_number);
	ROW_EXPECT(what, (refused == OUTCOME_DONE) == row->is_number);
	if (row->is_number)
		ROW_EXPECT(what, number == row->number);
	end(&x);
}

static void cursors_belong_to_one_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(cursors); i++)
		cursor_expect(&cursors[i]);
}

static void cursors_lead_back_to_their_place(void **state)
{
	struct exchange x;
	struct call c;

	(void)state;
	begin(&x, &c, NULL);
	assert_string_equal(page_cursor(&x, 'i', "MUG-1"), "iMUG-1");
	assert_string_equal(page_cursor_number(&x, 'm', INT64_MAX), "m9223372036854775807");
	end(&x);
}

static void limits_have_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(limits); i++) {
		const char *what = limits[i].query != NULL ? limits[i].query : "no limit";
		struct exchange x;
		struct call c;
		int limit = 0;

		begin(&x, &c, limits[i].query);
		ROW_EXPECT(what, page_read_limit(&x, &limit) == (limits[i].limit != 0));
		ROW_EXPECT(what, limit == limits[i].limit);
		ROW_EXPECT(what, (refused == OUTCOME_DONE) == (limits[i].limit != 0));
		end(&x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_say_whether_there_is_more),
		cmocka_unit_test(rows_that_were_cut_are_no_page),
		cmocka_unit_test(cursors_belong_to_one_list),
		cmocka_unit_test(cursors_lead_back_to_their_place),
		cmocka_unit_test(limits_have_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
