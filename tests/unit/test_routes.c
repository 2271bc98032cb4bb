/* The dispatcher with handlers that only say who they are, and an exchange without a network. */
#include "http/access.h"
#include "http/reply.h"
#include "http/min_seq.h"
#include "engine/access_book.h"
#include "http/routes.h"
#include "unit.h"

/* ---------------------------------------------------------------- the stage */

static const char *called;       /* the handler that ran, or the label of a write */
static enum command_kind made;   /* by that write */
static const char *content_type; /* of the request */

static bool is_admitted = true;

/* Who may call what has its own test, with a server: tests/http/access_matrix.py. */
bool access_admit(struct exchange *x)
{
	if (!is_admitted)
		reply_refuse(x, OUTCOME_UNAUTHORIZED, NULL);
	return is_admitted;
}

#define ROUTE(method, path, handler, label, parameters, role) \
	void handle_##handler(struct exchange *x)             \
	{                                                     \
		called = #handler;                            \
		exchange_reply(x, 200);                       \
	}
#define WRITE(method, path, command, label, parameters)
#include "http/routes.def"
#undef ROUTE
#undef WRITE

/* Says which call it was, and which command that makes. */
void handle_write(struct exchange *x)
{
	called = x->route->label;
	made = x->route->command;
	exchange_reply(x, 200);
}

const char *exchange_header_find(const struct exchange *x, const char *name)
{
	(void)x;
	return strcmp(name, "Content-Type") == 0 ? content_type : NULL;
}

void exchange_header_add(struct exchange *x, const char *name, const char *value)
{
	x->reply_headers[x->reply_header_count++] =
		(struct exchange_reply_header){ .name = name, .value = value };
}

void exchange_reply(struct exchange *x, int status)
{
	assert_int_equal(x->status, 0); /* answered once */
	x->status = status;
}

int64_t service_seq(const struct service *s)
{
	(void)s;
	return 42;
}

struct access_book *service_access(struct service *s)
{
	(void)s;
	return NULL;
}

enum access_state access_book_state(const struct access_book *b)
{
	(void)b;
	return ACCESS_OPEN;
}

void service_note_fault(struct service *s, int fault, const char *request_id)
{
	(void)s;
	(void)fault;
	(void)request_id;
}

void min_seq_run(struct exchange *x)
{
	x->route->handler(x);
}

static const char *reply_header(const struct exchange *x, const char *name)
{
	for (int i = 0; i < x->reply_header_count; i++)
		if (strcmp(x->reply_headers[i].name, name) == 0)
			return x->reply_headers[i].value;
	return NULL;
}

/* Dispatches one request; the exchange is the caller's to end. */
static void ask(struct exchange *x, enum http_method method, const char *path, const char *query)
{
	static const char *const texts[] = {
		[HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
		[HTTP_PUT] = "PUT",         [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
		[HTTP_OPTIONS] = "OPTIONS", [HTTP_OTHER] = "BREW"
	};

	*x = (struct exchange){ .method = method,
				.actor = &actor_local,
				.method_text = texts[method],
				.path = path,
				.query = query,
				.body = "{}",
				.body_bytes = 2,
				.request_id = "r-1",
				.header_marks = UINT64_MAX };
	arena_init(&x->arena);
	text_init(&x->reply);
	called = NULL;
	routes_handle(x);
	assert_int_not_equal(x->status, 0);
}

static void end(struct exchange *x)
{
	text_fini(&x->reply);
	arena_fini(&x->arena);
}

/* ---------------------------------------------------------------- tables */

/* clang-format off */
static const struct route_row {
	const char      *what;
	enum http_method method;
	const char      *path;
	const char      *query;
	const char      *result; /* a handler, or a problem's code; NULL: neither */
	int              status;
	const char      *allow;
} rows[] = {
	{ "a write",                   HTTP_POST, "/v1/stock/A-1/WH1/adjust", NULL,   "stock_adjust", 200, NULL },
	{ "a read",                    HTTP_GET,  "/v1/stock/A-1/WH1",    NULL,       "stock_show", 200, NULL },
	{ "HEAD is a read",            HTTP_HEAD, "/v1/stock/A-1/WH1",    NULL,       "stock_show", 200, NULL },
	{ "the longest first segment", HTTP_GET,  "/v1/stock",            NULL,       "stock_list", 200, NULL },
	{ "one name",                  HTTP_GET,  "/v1/stock/A-1",        NULL,       "stock_summary", 200, NULL },
	{ "a name like a word",        HTTP_GET,  "/v1/stock/adjust/set", NULL,       "stock_show", 200, NULL },
	{ "by method",                 HTTP_DELETE, "/v1/items/A-1",      NULL,       "item_delete", 200, NULL },
	{ "the root",                  HTTP_GET,  "/",                    NULL,       "home", 200, NULL },
	{ "escaped letters",           HTTP_GET,  "/%76%31/stock/A%2d1/%57H1", NULL,  "stock_show", 200, NULL },
	{ "a lease",                   HTTP_PUT,  "/v1/leases/.l_7",      NULL,       "lease_put", 200, NULL },
	{ "a movement",                HTTP_GET,  "/v1/movements/0",      NULL,       "movement_show", 200, NULL },

	{ "nowhere",                   HTTP_GET,  "/v1/nothing",          NULL,       "not-found", 404, NULL },
	{ "the version alone",         HTTP_GET,  "/v1",                  NULL,       "not-found", 404, NULL },
	{ "capitals",                  HTTP_GET,  "/V1/stock",            NULL,       "not-found", 404, NULL },
	{ "a word cut short",          HTTP_GET,  "/v1/stoc",             NULL,       "not-found", 404, NULL },
	{ "a word and more",           HTTP_GET,  "/v1/stocks",           NULL,       "not-found", 404, NULL },
	{ "a slash at the end",        HTTP_GET,  "/livez/",              NULL,       "not-found", 404, NULL },
	{ "dots",                      HTTP_GET,  "/v1/stock/../items",   NULL,       "not-found", 404, NULL },
	{ "OPTIONS of nowhere",        HTTP_OPTIONS, "/v1/nothing",       NULL,       "not-found", 404, NULL },
	{ "a NUL",                     HTTP_GET,  "/v1/stock/A%00/WH1",   NULL,       "invalid-path", 400, NULL },
	{ "no sku",                    HTTP_GET,  "/v1/stock/-A/WH1",     NULL,       "invalid-path", 400, NULL },
	{ "no location",               HTTP_GET,  "/v1/stock/A/W%20H",    NULL,       "invalid-path", 400, NULL },
	{ "no location at all",        HTTP_PUT,  "/v1/locations/%C3%A4", NULL,       "invalid-path", 400, NULL },
	{ "no lease",                  HTTP_GET,  "/v1/leases/a~b",       NULL,       "invalid-path", 400, NULL },
	{ "no seq",                    HTTP_GET,  "/v1/movements/four",   NULL,       "invalid-path", 400, NULL },
	{ "a seq below zero",          HTTP_GET,  "/v1/movements/-1",     NULL,       "invalid-path", 400, NULL },
	{ "a seq too large",           HTTP_GET,  "/v1/movements/99999999999999999999", NULL, "invalid-path", 400, NULL },

	{ "another method",            HTTP_DELETE, "/v1/stock/A-1/WH1",  NULL,       "method-not-allowed", 405, "GET, HEAD, OPTIONS" },
	{ "also where the name is bad", HTTP_DELETE, "/v1/stock/-A/WH1",  NULL,       "method-not-allowed", 405, "GET, HEAD, OPTIONS" },
	{ "GET of a write",            HTTP_GET,  "/v1/transfers",        NULL,       "method-not-allowed", 405, "POST, OPTIONS" },
	{ "HEAD of a write",           HTTP_HEAD, "/v1/transfers",        NULL,       "method-not-allowed", 405, "POST, OPTIONS" },
	{ "PATCH",                     HTTP_PATCH, "/v1/items/A-1",       NULL,       "item_patch", 200, NULL },
	{ "PATCH of another thing",    HTTP_PATCH, "/v1/leases/l_1",      NULL,
	  "method-not-allowed", 405, "GET, HEAD, PUT, DELETE, OPTIONS" },
	{ "a method of two paths",     HTTP_PUT,  "/v1/leases",           NULL,
	  "method-not-allowed", 405, "GET, HEAD, POST, OPTIONS" },
	{ "OPTIONS",                   HTTP_OPTIONS, "/v1/items/A-1",     NULL,       NULL, 204,
	  "GET, HEAD, PUT, PATCH, DELETE, OPTIONS" },
	{ "OPTIONS of the root",       HTTP_OPTIONS, "/",                 NULL,       NULL, 204, "GET, HEAD, OPTIONS" },

	{ "a parameter",               HTTP_GET,  "/v1/stock",  "limit=5&location=x", "stock_list", 200, NULL },
	{ "pretty, anywhere",          HTTP_GET,  "/livez",     "pretty",             "livez", 200, NULL },
	{ "not pretty",                HTTP_GET,  "/livez",     "pretty=false",       "livez", 200, NULL },
	{ "maybe pretty",              HTTP_GET,  "/livez",     "pretty=maybe",       "invalid-parameter", 400, NULL },
	{ "an unknown parameter",      HTTP_GET,  "/v1/stock",  "colour=blue",        "invalid-parameter", 400, NULL },
	{ "one of another call",       HTTP_GET,  "/v1/stock",  "read=locked",        "invalid-parameter", 400, NULL },
	{ "the beginning of one",      HTTP_GET,  "/v1/stock",  "lim=5",              "invalid-parameter", 400, NULL },
	{ "two in one",                HTTP_GET,  "/v1/stock",  "location below_reorder=1", "invalid-parameter", 400, NULL },
	{ "none of a name",            HTTP_GET,  "/v1/stock",  "=1",                 "invalid-parameter", 400, NULL },
	{ "one twice",                 HTTP_GET,  "/v1/stock",  "limit=5&limit=5",    "invalid-parameter", 400, NULL },
	{ "pretty twice",              HTTP_GET,  "/v1/stock",  "pretty&pretty",      "invalid-parameter", 400, NULL },
	{ "a bad escape",              HTTP_GET,  "/v1/stock",  "limit=%zz",          "invalid-parameter", 400, NULL },
};
/* clang-format on */

static void requests_come_to_their_handlers(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		const struct route_row *r = &rows[i];
		struct exchange x;
		char code[64];
		const char *allow;

		ask(&x, r->method, r->path, r->query);
		allow = reply_header(&x, "Allow");
		snprintf(code, sizeof(code), "\"code\":\"%s\"", r->result != NULL ? r->result : "");
		ROW_EXPECT(r->what, x.status == r->status);
		if (r->status == 200) {
			ROW_EXPECT(r->what, strcmp(called, r->result) == 0);
			ROW_EXPECT(r->what, x.label != NULL);
		} else {
			ROW_EXPECT(r->what, called == NULL);
			ROW_EXPECT(r->what,
				   r->result == NULL || strstr(x.reply.data, code) != NULL);
		}
		ROW_EXPECT(r->what, (allow == NULL) == (r->allow == NULL));
		ROW_EXPECT(r->what, allow == NULL || strcmp(allow, r->allow) == 0);
		end(&x);
	}
}

/* clang-format off */
static const struct wrong_row {
	const char *query;
	const char *names[3]; /* of `errors`, in this order */
} wrongs[] = {
	{ "colour=blue",                         { "colour" } },
	{ "colour=blue&limit=5&size=9&=1",       { "colour", "size", "" } },
	{ "colour=blue&colour=red&colour=green", { "colour" } },
	{ "limit=1&limit=2&limit=3&read=locked", { "limit", "read" } },
	{ "pretty&x=1&pretty&after=m1&after=m2", { "x", "pretty", "after" } },
};
/* clang-format on */

static void every_wrong_parameter_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(wrongs); i++) {
		const char *query = wrongs[i].query, *at, *names;
		struct exchange x;
		int count = 0;

		ask(&x, HTTP_GET, "/v1/stock", query);
		ROW_EXPECT(query, x.status == 400);
		at = strstr(x.reply.data, "\"errors\":[");
		ROW_EXPECT(query, at != NULL);
		names = at;
		while (count < 3 && wrongs[i].names[count] != NULL) {
			char pointer[64];

			snprintf(pointer, sizeof(pointer),
				 "{\"pointer\":\"?%s\",\"detail\":\"The parameter %s is ",
				 wrongs[i].names[count], wrongs[i].names[count]);
			names = strstr(names, pointer);
			ROW_EXPECT(query, names != NULL);
			count++;
		}
		while ((at = strstr(at, "\"pointer\"")) != NULL) {
			at++;
			count--;
		}
		ROW_EXPECT(query, count == 0);
		end(&x);
	}
}

/* clang-format off */
static const struct media_row {
	const char *type; /* NULL: none */
	bool        is_json;
} medias[] = {
	{ NULL, true }, { "application/json", true }, { "Application/JSON", true },
	{ "application/json; charset=utf-8", true }, { "application/json;charset=utf-8", true },
	{ "application/merge-patch+json", true }, { "application/vnd.shop.v2+JSON;x=y", true },
	{ "application/x-www-form-urlencoded", true },
	{ "", false }, { "json", false }, { "text/json", false }, { "text/plain", false },
	{ "application/jsonp", false }, { "application/+json", false }, { "application/json+xml", false },
	{ "application/jso", false }, { "text/x+json", false }, { "application/x-www-form-urlencode", false },
	{ "multipart/form-data; boundary=x", false }, { "application/octet-stream", false },
};
/* clang-format on */

static void bodies_are_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(medias); i++) {
		struct exchange x;
		const char *what = medias[i].type != NULL ? medias[i].type : "none";

		content_type = medias[i].type;
		ask(&x, HTTP_POST, "/v1/transfers", NULL);
		ROW_EXPECT(what, x.status == (medias[i].is_json ? 200 : 415));
		end(&x);
		ask(&x, HTTP_GET, "/v1/stock", NULL);
		ROW_EXPECT(what, x.status == 200);
		end(&x);
	}
	content_type = NULL;
}

static void handlers_find_what_stands_in_the_path(void **state)
{
	struct exchange x;

	(void)state;
	ask(&x, HTTP_POST, "/v1/stock/A%2D1/WH1/set", "wait=5&pretty");
	assert_string_equal(call_of(&x)->names[0], "A-1");
	assert_string_equal(call_of(&x)->names[1], "WH1");
	assert_string_equal(call_parameter(&x, "wait"), "5");
	assert_true(call_of(&x)->is_pretty);
	assert_string_equal(x.route->path, "/v1/stock/{sku}/{location}/set");
	assert_string_equal(x.label, "stock_set");
	end(&x);
}

static void answers_under_v1_are_not_cached_and_have_a_seq(void **state)
{
	static const struct {
		const char *path;
		bool is_v1;
	} paths[] = {
		{ "/v1/nothing", true },   { "/v1", true },
		{ "/%76%31/stock", true }, { "", true },
		{ "/problems/x", false },  { "/nothing", false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(paths); i++) {
		const char *path = paths[i].path;
		struct exchange x;

		ask(&x, HTTP_GET, path, "unknown=1");
		ROW_EXPECT(path, (reply_header(&x, "Cache-Control") != NULL) == paths[i].is_v1);
		ROW_EXPECT(path, (reply_header(&x, "Stock-Seq") != NULL) == paths[i].is_v1);
		ROW_EXPECT(path, strcmp(x.content_type, "application/problem+json") == 0);
		end(&x);
	}
}

static void problems_are_indented_when_asked_for(void **state)
{
	struct exchange x;

	(void)state;
	content_type = "text/plain";
	ask(&x, HTTP_POST, "/v1/transfers", "pretty=true");
	assert_int_equal(x.status, 415);
	assert_non_null(
		strstr(x.reply.data, "{\n  \"type\": \"/problems/unsupported-media-type\",\n"));
	end(&x);
	content_type = NULL;
}

/* Whoever is not let in hears nothing of what is wrong with his request. */
static void who_is_refused_comes_to_no_handler(void **state)
{
	struct exchange x;

	(void)state;
	is_admitted = false;
	called = NULL;
	ask(&x, HTTP_GET, "/v1/stock/A%1", "colour=blue");
	assert_int_equal(x.status, 400); /* such a path is no call at all */
	end(&x);
	ask(&x, HTTP_GET, "/v1/stock/A-1/WH1", "colour=blue");
	assert_int_equal(x.status, 401);
	assert_null(called);
	end(&x);
	is_admitted = true;
}

static const struct write_row {
	const char *path;
	enum command_kind command;
} writes[] = {
#define ROUTE(method, path, handler, label, parameters, role)
#define WRITE(method, path, command, label, parameters) { path, COMMAND_##command },
#include "http/routes.def"
#undef ROUTE
#undef WRITE
};

static bool has_route(enum command_kind kind)
{
	for (size_t i = 0; i < LENGTH_OF(writes); i++)
		if (writes[i].command == kind)
			return true;
	return false;
}

/* But a renewal, which is the PUT of a lease that is there, and the locked read, which is a GET. */
static void every_command_has_a_route(void **state)
{
	(void)state;
	for (enum command_kind kind = 0; kind < COMMAND_KINDS; kind++)
		ROW_EXPECT(command_traits(kind)->word,
			   has_route(kind) ==
				   (kind != COMMAND_LEASE_RENEW && kind != COMMAND_READ));
}

static void a_path_names_what_its_command_is_about(void **state)
{
	static const char *const names[] = {
		[NAMES_NOTHING] = "",   [NAMES_ROW] = "{sku}/{location}",
		[NAMES_ITEM] = "{sku}", [NAMES_LOCATION] = "{location}",
		[NAMES_LEASE] = "{id}", [NAMES_RESERVATION] = "{id}",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(writes); i++) {
		const struct command_traits *t = command_traits(writes[i].command);
		const char *named = strchr(writes[i].path, '{');
		const char *end = strrchr(writes[i].path, '}');
		const char *wanted = names[t->path];

		if (named == NULL) {
			ROW_EXPECT(writes[i].path, t->makes_id || t->path == NAMES_NOTHING);
			continue;
		}
		ROW_EXPECT(writes[i].path, (size_t)(end + 1 - named) == strlen(wanted) &&
						   strncmp(named, wanted, strlen(wanted)) == 0);
	}
}

static void a_write_is_handed_its_command(void **state)
{
	struct exchange x;

	(void)state;
	ask(&x, HTTP_PATCH, "/v1/items/A-1", NULL);
	assert_int_equal(made, COMMAND_ITEM_PATCH);
	end(&x);
}

static void every_route_has_a_name_of_its_own(void **state)
{
	static const char *const labels[] = {
#define ROUTE(method, path, handler, label, parameters, role) label,
#define WRITE(method, path, command, label, parameters)       label,
#include "http/routes.def"
#undef ROUTE
#undef WRITE
	};

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(labels); i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(labels[i], labels[k]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_come_to_their_handlers),
		cmocka_unit_test(who_is_refused_comes_to_no_handler),
		cmocka_unit_test(every_wrong_parameter_is_named),
		cmocka_unit_test(bodies_are_json),
		cmocka_unit_test(handlers_find_what_stands_in_the_path),
		cmocka_unit_test(answers_under_v1_are_not_cached_and_have_a_seq),
		cmocka_unit_test(problems_are_indented_when_asked_for),
		cmocka_unit_test(every_command_has_a_route),
		cmocka_unit_test(a_path_names_what_its_command_is_about),
		cmocka_unit_test(a_write_is_handed_its_command),
		cmocka_unit_test(every_route_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
