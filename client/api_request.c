#include "client/api_request.h"
#include "client/memory.h"
#include "base/check.h"
#include <string.h>

/* RFC 3986: what may stand in a path segment or a query value without being escaped. */
static bool is_unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~' || c == ':';
}

static void add_escaped(struct text *t, const char *s)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (is_unreserved(c)) {
			text_add_char(t, *s);
			continue;
		}
		text_add_char(t, '%');
		text_add_char(t, digits[c >> 4]);
		text_add_char(t, digits[c & 15]);
	}
}

static bool is_bare_version(const char *s)
{
	return s[0] != '\0' && s[strspn(s, "0123456789")] == '\0';
}

static enum exit_code add_header_option(struct api_request *r, const struct option_row *row,
					const char *value)
{
	char quoted[32];

	/* A line break in a value would begin a header of its own. */
	for (const char *s = value; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return exit_usage("--%s has a control character in its value", row->flag);
	if (row->kind == KIND_SWITCH) {
		value = "*";
	} else if (row->kind == KIND_TAG && is_bare_version(value) &&
		   strlen(value) < sizeof(quoted) - 2) {
		snprintf(quoted, sizeof(quoted), "\"%s\"", value);
		value = quoted;
	}
	api_request_add_header(r, row->wire_name, value);
	return EXIT_DONE;
}

static enum exit_code add_body_option(struct api_request *r, const struct option_row *row,
				      const char *value)
{
	json_t *body = api_request_body(r);
	json_t *parsed;
	int64_t number;

	switch (row->kind) {
	case KIND_SWITCH:
		json_put(body, row->wire_name, json_true());
		return EXIT_DONE;
	case KIND_NUMBER:
	case KIND_COUNT:
	case KIND_QUANTITY:
		parsed = number_read(value, &number) ? json_integer(number) : json_null();
		json_put(body, row->wire_name, parsed);
		return EXIT_DONE;
	case KIND_JSON:
		parsed = json_loads(value, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
		if (parsed == NULL)
			return exit_usage("--%s takes one JSON value, not '%s'", row->flag, value);
		json_put(body, row->wire_name, parsed);
		return EXIT_DONE;
	case KIND_TEXT:
	case KIND_TAG:
		break;
	}
	return api_request_add_text(r, row->wire_name, value);
}

static enum exit_code add_option(struct api_request *r, const struct option_row *row,
				 const char *value)
{
	switch (row->place) {
	case PLACE_LOCAL:
		return EXIT_DONE;
	case PLACE_HEADER:
		return add_header_option(r, row, value);
	case PLACE_PARAMETER:
		if (strcmp(r->method, "GET") != 0)
			return add_body_option(r, row, value);
		break;
	case PLACE_QUERY:
		break;
	}
	api_request_add_query(r, row->wire_name, row->kind == KIND_SWITCH ? "true" : value);
	return EXIT_DONE;
}

void api_request_init(struct api_request *r, const char *method, const char *path)
{
	*r = (struct api_request){ .method = method, .has_query = strchr(path, '?') != NULL };
	text_init(&r->path);
	text_add(&r->path, path);
}

void api_request_fini(struct api_request *r)
{
	text_fini(&r->path);
	for (int i = 0; i < r->header_count; i++)
		text_fini(&r->headers[i]);
	json_decref(r->body);
	*r = (struct api_request){ 0 };
}

void api_request_add_segment(struct api_request *r, const char *segment)
{
	text_add_char(&r->path, '/');
	add_escaped(&r->path, segment);
}

void api_request_add_query(struct api_request *r, const char *name, const char *value)
{
	text_add_char(&r->path, r->has_query ? '&' : '?');
	r->has_query = true;
	text_add(&r->path, name);
	text_add_char(&r->path, '=');
	add_escaped(&r->path, value);
}

void api_request_add_header(struct api_request *r, const char *name, const char *value)
{
	CHECK(r->header_count < REQUEST_HEADERS_MAX);

	struct text *header = &r->headers[r->header_count++];
	text_init(header);
	text_add_format(header, "%s: %s", name, value);
}

bool api_request_has_header(const struct api_request *r, const char *name)
{
	size_t bytes = strlen(name);

	for (int i = 0; i < r->header_count; i++)
		if (strncmp(r->headers[i].data, name, bytes) == 0 &&
		    r->headers[i].data[bytes] == ':')
			return true;
	return false;
}

json_t *api_request_body(struct api_request *r)
{
	if (r->body == NULL)
		r->body = memory_or_exit(json_object());
	return r->body;
}

enum exit_code api_request_add_options(struct api_request *r, const struct args *a)
{
	if (args_has(a, OPTION_ASYNC))
		api_request_add_header(r, "Prefer", "respond-async");
	for (int i = 0; i < OPTION_COUNT; i++) {
		if (!args_has(a, (enum option)i))
			continue;

		enum exit_code code = add_option(r, option_row((enum option)i), a->values[i]);
		if (code != EXIT_DONE)
			return code;
	}
	return EXIT_DONE;
}

enum exit_code api_request_add_text(struct api_request *r, const char *name, const char *text)
{
	json_t *value = json_string(text);

	if (value == NULL)
		return exit_usage("%s is not UTF-8: '%s'", name, text);
	json_put(api_request_body(r), name, value);
	return EXIT_DONE;
}

enum exit_code api_request_add_number(struct api_request *r, const char *name, const char *operand,
				      const char *text)
{
	int64_t number;

	if (!number_read(text, &number))
		return exit_usage("%s is a whole number, not '%s'", operand, text);
	json_put(api_request_body(r), name, json_integer(number));
	return EXIT_DONE;
}
