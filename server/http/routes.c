#include "http/routes.h"
#include "base/crash.h"
#include "core/token_text.h"
#include "http/access.h"
#include "http/min_seq.h"
#include "http/reply.h"
#include <string.h>
#include <strings.h>

static const struct route routes[] = {
#define ROUTE(method, path, handler, label, parameters, role) \
	{ method, path, handle_##handler, label, parameters, COMMAND_KINDS, ROLE_##role },
#define WRITE(method, path, command, label, parameters) \
	{ method,                                       \
	  path,                                         \
	  handle_write,                                 \
	  label,                                        \
	  parameters,                                   \
	  COMMAND_##command,                            \
	  (enum role)ROLE_OF_##command },
#include "http/routes.def"
#undef ROUTE
#undef WRITE
};

/* ---------------------------------------------------------------- matching */

/* Is the segment this one, which ends at a '/' or with the template? Most differ at once. */
static bool segment_fits(const char *part, const char *segment)
{
	while (*segment != '\0' && *part == *segment)
		part++, segment++;
	return *segment == '\0' && (*part == '/' || *part == '\0');
}

/* Has the path the shape of the template? `{…}` stands for any one segment. */
static bool path_fits(const char *template, const struct path *p)
{
	int count = 0;

	if (template[1] == '\0')
		return p->count == 0;
	while (*template == '/') {
		template ++;
		if (count == p->count)
			return false;
		if (*template != '{' && !segment_fits(template, p->segments[count]))
			return false;
		count++;
		template = strchrnul(template, '/');
	}
	return count == p->count;
}

static bool method_fits(const struct route *r, enum http_method method)
{
	return r->method == method || (r->method == HTTP_GET && method == HTTP_HEAD);
}

/* Every method that some route knows for this path, for Allow. */
static const char *allowed_methods(struct exchange *x, const struct path *p)
{
	static const char *const names[HTTP_OTHER] = {
		[HTTP_GET] = "GET, HEAD, ", [HTTP_POST] = "POST, ",     [HTTP_PUT] = "PUT, ",
		[HTTP_PATCH] = "PATCH, ",   [HTTP_DELETE] = "DELETE, ",
	};
	char allow[64] = "";

	for (size_t i = 0; i < LENGTH_OF(routes); i++)
		if (path_fits(routes[i].path, p))
			strcat(allow, names[routes[i].method]);
	strcat(allow, "OPTIONS");
	return arena_copy(&x->arena, allow, strlen(allow));
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

/* How many before it have the same name? */
static int earlier_count(const struct query *q, int index)
{
	int count = 0;

	for (int i = 0; i < index; i++)
		count += strcmp(q->parameters[i].name, q->parameters[index].name) == 0;
	return count;
}

/* NULL: there is none, or it was told of one before it with the same name. */
static const char *parameter_trouble(const struct query *q, int index, const struct route *r)
{
	const char *name = q->parameters[index].name;
	int earlier = earlier_count(q, index);

	if (strcmp(name, "pretty") != 0 && !is_among(r->parameters, name))
		return earlier == 0 ? "is not known to this call." : NULL;
	/* Several kinds of movements may be asked for at once. */
	return earlier == 1 && strcmp(name, "kind") != 0 ? "is there more than once." : NULL;
}

static bool parameters_are_known(struct exchange *x, const struct route *r)
{
	const struct query *q = &call_of(x)->query;
	struct wrong_parameter wrong[PARAMETERS_MAX];
	int wrong_count = 0;

	for (int i = 0; i < q->count; i++) {
		const char *trouble = parameter_trouble(q, i, r);

		if (trouble == NULL)
			continue;
		CHECK(wrong_count < PARAMETERS_MAX);
		wrong[wrong_count++] =
			(struct wrong_parameter){ .name = q->parameters[i].name, .what = trouble };
	}
	if (wrong_count > 0)
		reply_wrong_parameters(x, wrong, wrong_count);
	return wrong_count == 0;
}

/* ?pretty, ?pretty=true, ?pretty=false */
static bool read_pretty(struct exchange *x)
{
	const char *pretty = call_parameter(x, "pretty");

	if (pretty == NULL || strcmp(pretty, "false") == 0)
		return true;
	if (*pretty != '\0' && strcmp(pretty, "true") != 0) {
		reply_wrong_parameter(x, "pretty", "is true, false, or nothing.");
		return false;
	}
	call_of(x)->is_pretty = true;
	return true;
}

static bool read_query(struct exchange *x, const struct route *r)
{
	enum outcome o = query_read(&call_of(x)->query, &x->arena, x->query);

	if (o != OUTCOME_DONE) {
		reply_refuse(x, o,
			     o == OUTCOME_INVALID_PARAMETER
				     ? "The query has a bad escape, %00, or is not UTF-8."
				     : NULL);
		return false;
	}
	return parameters_are_known(x, r) && read_pretty(x);
}

/* Can this stand at {sku}, {location}, {id} ...? NULL: it can; otherwise what it should be. */
static const char *name_trouble(const char *part, const char *name)
{
	int64_t seq;

	if ((strncmp(part, "{sku}", 5) == 0 || strncmp(part, "{location}", 10) == 0) &&
	    !code_is_valid(name, strlen(name)))
		return "A sku or location is 1 to 64 of A-Z a-z 0-9 . _ : -, first a letter or "
		       "digit.";
	if (strncmp(part, "{id}", 4) == 0 && !id_is_valid(name))
		return "An id is 1 to 64 of A-Z a-z 0-9 . _ : -.";
	if (strncmp(part, "{seq}", 5) == 0 && (!integer_read(name, &seq) || seq < 0))
		return "A seq is a whole number.";
	return NULL;
}

/* Collects what stands at the {…}. */
static bool read_names(struct exchange *x, const struct route *r, const struct path *p)
{
	const char *part = r->path;
	int count = 0;

	for (int i = 0; i < p->count; i++) {
		part = strchr(part, '/');
		CHECK(part != NULL); /* the path that fits it has as many */
		part++;
		if (*part != '{')
			continue;

		const char *trouble = name_trouble(part, p->segments[i]);

		if (trouble != NULL) {
			reply_refuse(x, OUTCOME_INVALID_PATH, trouble);
			return false;
		}
		CHECK(count < ROUTE_NAMES_MAX);
		call_of(x)->names[count++] = p->segments[i];
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
	       (bytes == 33 &&
		strncasecmp(type, "application/x-www-form-urlencoded", bytes) == 0) ||
	       (bytes > 17 && strncasecmp(type, "application/", 12) == 0 &&
		strncasecmp(type + bytes - 5, "+json", 5) == 0);
}

/* ---------------------------------------------------------------- dispatch */

static void run(struct exchange *x, const struct route *r, const struct path *p)
{
	x->route = r;
	x->label = r->label;
	crash_note_doing(r->label);
	if (!access_admit(x) || !read_names(x, r, p) || !read_query(x, r))
		return;
	if (r->method != HTTP_GET && !media_type_is_json(x))
		reply_refuse(x, OUTCOME_UNSUPPORTED_MEDIA, NULL);
	else if (r->method == HTTP_GET)
		min_seq_run(x);
	else
		r->handler(x);
}

/* The path is known, the method is not. */
static void refuse_method(struct exchange *x, const struct path *p)
{
	const char *allow = allowed_methods(x, p);

	if (allow != NULL)
		exchange_header_add(x, "Allow", allow);
	if (x->method == HTTP_OPTIONS)
		reply_empty(x, 204);
	else
		reply_refuse(x, OUTCOME_METHOD_NOT_ALLOWED, NULL);
}

static void dispatch(struct exchange *x, const struct path *p)
{
	bool is_known = false;

	for (size_t i = 0; i < LENGTH_OF(routes); i++) {
		if (!path_fits(routes[i].path, p))
			continue;
		if (method_fits(&routes[i], x->method)) {
			run(x, &routes[i], p);
			return;
		}
		is_known = true;
	}
	if (is_known)
		refuse_method(x, p);
	else
		reply_refuse(x, OUTCOME_NOT_FOUND, NULL);
}

/* Its handler tells a batch that came by another spelling of the path how to spell it. */
bool routes_stream(const struct exchange *x)
{
	return call_is_batch(x);
}

/* A token is longer than most paths, and what is escaped is longer still. */
static bool has_token(const char *raw, const struct path *p)
{
	if (strlen(raw) < TOKEN_BYTES)
		return false;
	for (int i = 0; i < p->count; i++)
		if (token_text_is_in(p->segments[i], strlen(p->segments[i])))
			return true;
	return false;
}

void routes_handle(struct exchange *x)
{
	struct call *c = arena_alloc(&x->arena, sizeof(*c));
	struct path p;

	if (c == NULL) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return;
	}
	*c = (struct call){ .preferred_wait_s = -1 };
	x->context = c;

	enum outcome o = path_read(&p, &x->arena, x->path);

	if (o == OUTCOME_DONE && has_token(x->path, &p)) {
		if (!token_text_is_in(x->path, strlen(x->path)))
			x->path = "/a-token"; /* escaped: who writes the log would not know it */
		reply_refuse(x, OUTCOME_INVALID_PATH,
			     "A token belongs into the header Authorization only.");
	} else if (o == OUTCOME_DONE)
		dispatch(x, &p);
	else
		reply_refuse(x, o,
			     o == OUTCOME_INVALID_PATH ? "The path has a bad escape, %00 or %2F."
						       : NULL);
}
