#include "http/routes.h"
#include "http/reply.h"
#include <string.h>
#include <strings.h>

static const struct route routes[] = {
#define ROUTE(method, path, handler, label, parameters)                                            \
	{ method, path, handle_##handler, label, parameters },
#include "http/routes.def"
#undef ROUTE
};

static struct routes_options configuration;

void routes_configure(const struct routes_options *options)
{
	configuration = *options;
}

const struct routes_options *routes_configuration(void)
{
	return &configuration;
}

/* ---------------------------------------------------------------- matching */

struct raw_segment {
	const char *start;
	size_t byte_count;
};

/* Does the raw path have the template's shape? Collects what stands at its {…}. */
static bool path_fits(const char *template, const char *path,
		      struct raw_segment ret[ROUTE_SEGMENTS_MAX], int *ret_count)
{
	int count = 0;

	while (*template != '\0') {
		if (*template != '{') {
			if (*template++ != *path++)
				return false;
			continue;
		}

		size_t bytes = strcspn(path, "/");

		if (bytes == 0 || count == ROUTE_SEGMENTS_MAX)
			return false;
		ret[count++] = (struct raw_segment){ path, bytes };
		path += bytes;
		template += strcspn(template, "}") + 1;
	}
	*ret_count = count;
	return *path == '\0';
}

static bool method_fits(const struct route *r, enum http_method method)
{
	return r->method == method || (r->method == HTTP_GET && method == HTTP_HEAD);
}

static const char *method_name(enum http_method method)
{
	switch (method) {
	case HTTP_GET:
		return "GET, HEAD";
	case HTTP_POST:
		return "POST";
	case HTTP_PUT:
		return "PUT";
	case HTTP_DELETE:
		return "DELETE";
	default:
		return "";
	}
}

/* Every method that some route knows for this path, for Allow. */
static const char *allowed_methods(struct exchange *x)
{
	struct raw_segment ignored[ROUTE_SEGMENTS_MAX];
	struct text t;
	int count;
	const char *allow;

	text_init(&t);
	for (size_t i = 0; i < LENGTH_OF(routes); i++) {
		if (!path_fits(routes[i].path, x->path, ignored, &count))
			continue;
		if (t.byte_count > 0)
			text_add(&t, ", ");
		text_add(&t, method_name(routes[i].method));
	}
	text_add(&t, ", OPTIONS");
	allow = t.failed ? NULL : arena_copy(&x->arena, t.data, t.byte_count);
	text_fini(&t);
	return allow != NULL ? allow : "OPTIONS";
}

/* ---------------------------------------------------------------- checks */

/* Is the name one of the words, separated by blanks? */
static bool is_among(const char *words, const char *name)
{
	size_t bytes = strlen(name);

	while (*words != '\0') {
		size_t word_bytes = strcspn(words, " ");

		if (word_bytes == bytes && strncmp(words, name, bytes) == 0)
			return true;
		words += word_bytes + (words[word_bytes] == ' ');
	}
	return false;
}

static bool parameters_are_known(struct exchange *x, const struct route *r)
{
	const struct query *q = &call_of(x)->query;

	for (int i = 0; i < q->count; i++) {
		const char *name = q->parameters[i].name;
		bool is_double = query_value(q, name) != q->parameters[i].value;

		if (!is_double && (strcmp(name, "pretty") == 0 || is_among(r->parameters, name)))
			continue;
		reply_problem(x, OUTCOME_INVALID_PARAMETER, name,
			      is_double ? "The parameter is there twice."
					: "This call does not know the parameter.");
		return false;
	}
	return true;
}

/* JSON, anything +json, curl's form type, or nothing at all. */
static bool media_type_is_json(const struct exchange *x)
{
	const char *type = exchange_header(x, "Content-Type");

	if (type == NULL || x->body_bytes == 0)
		return true;

	size_t bytes = strcspn(type, "; \t");

	return (bytes == 16 && strncasecmp(type, "application/json", bytes) == 0) ||
	       (bytes == 33 && strncasecmp(type, "application/x-www-form-urlencoded", bytes) == 0) ||
	       (bytes > 17 && strncasecmp(type, "application/", 12) == 0 &&
		strncasecmp(type + bytes - 5, "+json", 5) == 0);
}

static bool segments_are_decoded(struct exchange *x, const struct raw_segment raw[], int count)
{
	struct call *c = call_of(x);

	for (int i = 0; i < count; i++) {
		c->segments[i] = segment_decode(&x->arena, raw[i].start, raw[i].byte_count);
		if (c->segments[i] == NULL)
			return false;
	}
	c->segment_count = count;
	return true;
}

/* ---------------------------------------------------------------- dispatch */

static void run(struct exchange *x, const struct route *r, const struct raw_segment raw[], int count)
{
	struct call *c = call_of(x);

	x->route = r;
	x->label = r->label;
	if (!query_read(&c->query, &x->arena, x->query)) {
		reply_problem(x, OUTCOME_INVALID_PARAMETER, NULL, "The query cannot be decoded.");
		return;
	}
	c->is_pretty = query_value(&c->query, "pretty") != NULL;
	if (!parameters_are_known(x, r))
		return;
	if (!segments_are_decoded(x, raw, count)) {
		reply_refuse(x, OUTCOME_INVALID_PATH, "A segment has a bad escape, %00 or %2F.");
		return;
	}
	if (r->method != HTTP_GET && !media_type_is_json(x)) {
		reply_refuse(x, OUTCOME_UNSUPPORTED_MEDIA, NULL);
		return;
	}
	r->handler(x);
}

void routes_handle(struct exchange *x)
{
	struct raw_segment raw[ROUTE_SEGMENTS_MAX];
	bool is_known = false;
	int count;
	struct call *c = arena_alloc(&x->arena, sizeof(*c));

	if (c == NULL) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return;
	}
	*c = (struct call){ .preferred_wait_s = -1 };
	x->context = c;
	for (size_t i = 0; i < LENGTH_OF(routes); i++) {
		if (!path_fits(routes[i].path, x->path, raw, &count))
			continue;
		is_known = true;
		if (method_fits(&routes[i], x->method)) {
			run(x, &routes[i], raw, count);
			return;
		}
	}
	if (!is_known) {
		reply_refuse(x, OUTCOME_NOT_FOUND, NULL);
		return;
	}
	exchange_header_add(x, "Allow", allowed_methods(x));
	if (x->method == HTTP_OPTIONS)
		reply_empty(x, 204);
	else
		reply_refuse(x, OUTCOME_METHOD_NOT_ALLOWED, NULL);
}
