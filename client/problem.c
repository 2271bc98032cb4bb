#include "client/problem.h"
#include "client/display.h"
#include "client/memory.h"
#include <string.h>

static void line_print(const char *label, const char *value)
{
	if (value[0] == '\0')
		return;
	fprintf(stderr, "  %-12s", label);
	display_print(stderr, value);
	fputc('\n', stderr);
}

static void member_print(const json_t *problem, const char *name, const char *label,
			 const char *unit)
{
	struct text t;

	text_init(&t);
	json_show(&t, json_object_get(problem, name));
	if (t.byte_count > 0)
		text_add(&t, unit);
	line_print(label, t.data == NULL ? "" : t.data);
	text_fini(&t);
}

/* One row that is short of units; a problem with a single one has its fields flat as well. */
static void shortage_print(const json_t *line)
{
	struct text t;

	text_init(&t);
	text_add_format(&t, "%s %s: requested %lld, available %lld, shortfall %lld",
			json_member_text(line, "sku"), json_member_text(line, "location"),
			(long long)json_member_int(line, "requested"),
			(long long)json_member_int(line, "available"),
			(long long)json_member_int(line, "shortfall"));
	line_print("short", memory_or_exit(t.data));
	text_fini(&t);
}

/* One field that is wrong, named by its JSON Pointer. */
static void error_print(const json_t *error)
{
	struct text t;

	text_init(&t);
	text_add_format(&t, "%s: %s", json_member_text(error, "pointer"),
			json_member_text(error, "detail"));
	line_print("field", memory_or_exit(t.data));
	text_fini(&t);
}

static void problem_show(const struct response *a, const char *code)
{
	size_t i;
	json_t *line;

	fprintf(stderr, "rowlock: %ld ", a->status);
	display_print(stderr, code);
	fputs(": ", stderr);
	display_print(stderr, json_member_text(a->json, "title"));
	fputc('\n', stderr);
	member_print(a->json, "detail", "detail", "");
	member_print(a->json, "hint", "hint", "");
	member_print(a->json, "line", "line", "");
	json_array_foreach (json_object_get(a->json, "lines"), i, line)
		shortage_print(line);
	json_array_foreach (json_object_get(a->json, "errors"), i, line)
		error_print(line);
	member_print(a->json, "current", "current", "");
	member_print(a->json, "outcome", "outcome", "");
	member_print(a->json, "retry_after_ms", "retry after", " ms");
	member_print(a->json, "request_id", "request id", "");
}

static void body_show(const struct response *a)
{
	const char *body = a->body.data == NULL ? "" : a->body.data;
	char first_line[200];

	snprintf(first_line, sizeof(first_line), "%.*s", (int)strcspn(body, "\r\n"), body);
	fprintf(stderr, "rowlock: the server answered %ld\n", a->status);
	line_print("body", first_line);
	line_print("request id", response_header(a, RESPONSE_REQUEST_ID));
}

/* What to do about it here, beside what the server says. */
static void token_advise(const struct response *a)
{
	if (a->status != 401)
		return;
	line_print("token", a->is_anonymous
				    ? "none was sent: --token-file FILE, or ROWLOCK_TOKEN in the "
				      "environment"
				    : "the one that was sent opens nothing here: it is of another "
				      "store, revoked, or has expired");
}

enum exit_code problem_print(const struct response *a, bool is_json)
{
	const char *code = json_string_value(json_object_get(a->json, "code"));

	fflush(stdout);
	if (is_json && a->json != NULL)
		fputs(a->body.data, stderr);
	else if (code != NULL)
		problem_show(a, code);
	else
		body_show(a);
	if (!is_json || a->json == NULL)
		token_advise(a);

	enum exit_code exit_code = exit_of_answer(a->status, code);
	/* A redirect, or a success where a refusal was read, is a failure of whoever answered. */
	return exit_code == EXIT_DONE ? EXIT_FAILED : exit_code;
}
