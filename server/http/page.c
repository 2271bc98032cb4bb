#include "http/page.h"
#include "wire/json_field.h"
#include "wire/message_fields.h"
#include <stdio.h>
#include <string.h>

bool page_read_limit(struct exchange *x, int *ret)
{
	return page_read_limit_or(x, PAGE_ROWS_DEFAULT, ret);
}

bool page_read_limit_or(struct exchange *x, int when_absent, int *ret)
{
	const char *text = call_parameter(x, "limit");
	int64_t n = when_absent;

	if (text == NULL || (integer_read(text, &n) && n >= 1 && n <= PAGE_ROWS_MAX)) {
		*ret = (int)n;
		return true;
	}
	reply_wrong_parameter(x, "limit", "is 1 to 1000.");
	return false;
}

static bool refuse_cursor(struct exchange *x)
{
	reply_wrong_parameter(x, "after", "is no cursor of this list: take `next` of a page.");
	return false;
}

bool page_read_cursor(struct exchange *x, char letter, const char **ret)
{
	const char *text = call_parameter(x, "after");

	if (text != NULL && text[0] != letter)
		return refuse_cursor(x);
	*ret = text != NULL ? text + 1 : NULL;
	return *ret == NULL || code_is_valid(*ret, strlen(*ret)) || refuse_cursor(x);
}

bool page_read_cursor_number(struct exchange *x, char letter, int64_t *ret)
{
	const char *place;

	*ret = 0;
	if (!page_read_cursor(x, letter, &place))
		return false;
	return place == NULL || (integer_read(place, ret) && *ret > 0) || refuse_cursor(x);
}

const char *page_cursor(struct exchange *x, char letter, const char *place)
{
	size_t bytes = strlen(place);
	char *cursor = arena_alloc(&x->arena, bytes + 2);

	if (cursor == NULL)
		return NULL;
	cursor[0] = letter;
	memcpy(cursor + 1, place, bytes + 1);
	return cursor;
}

const char *page_cursor_number(struct exchange *x, char letter, int64_t place)
{
	char digits[21];

	digits[text_format_int(digits, place)] = '\0';
	return page_cursor(x, letter, digits);
}

bool page_read_name(struct exchange *x, const char *name, const char **ret)
{
	*ret = call_parameter(x, name);
	if (*ret == NULL || code_is_valid(*ret, strlen(*ret)))
		return true;
	reply_wrong_parameter(x, name,
			      "is 1 to 64 of A-Z a-z 0-9 . _ : -, first a letter or digit.");
	return false;
}

/* "is adjust, set, ... supersede or edit." */
static void kinds_text(char ret[], size_t byte_count)
{
	size_t used = (size_t)snprintf(ret, byte_count, "is ");

	for (enum movement_kind kind = 0; kind < MOVEMENT_KINDS && used < byte_count; kind++)
		used += (size_t)snprintf(ret + used, byte_count - used, "%s%s",
					 movement_kind_text(kind),
					 kind + 2 < MOVEMENT_KINDS    ? ", "
					 : kind + 2 == MOVEMENT_KINDS ? " or "
								      : ".");
}

/* Adds the kinds between its commas. False: one of them is none. */
static bool add_kinds(const char *text, unsigned *kinds)
{
	char word[32];

	for (;;) {
		size_t bytes = strcspn(text, ",");
		enum movement_kind kind = MOVEMENT_KINDS;

		if (bytes < sizeof(word)) {
			memcpy(word, text, bytes);
			word[bytes] = '\0';
			kind = movement_kind_by_text(word);
		}
		if (kind == MOVEMENT_KINDS)
			return false;
		*kinds |= 1u << kind;
		if (text[bytes] == '\0')
			return true;
		text += bytes + 1;
	}
}

bool page_read_kinds(struct exchange *x, unsigned *ret)
{
	const char *text;
	char words[256];
	int at = 0;

	*ret = 0;
	while ((text = query_next_value(&call_of(x)->query, "kind", &at)) != NULL) {
		if (add_kinds(text, ret))
			continue;
		kinds_text(words, sizeof(words));
		reply_wrong_parameter(x, "kind", words);
		return false;
	}
	return true;
}

bool page_read_reason(struct exchange *x, const char **ret)
{
	static const struct field reason = { .name = "reason", .type = FIELD_REASON };
	const char *text = call_parameter(x, "reason");
	char *folded;

	*ret = NULL;
	if (text == NULL)
		return true;
	if (!field_takes_text(&reason, text, strlen(text))) {
		reply_wrong_parameter(x, "reason", "is 1 to 32 of a-z, 0-9 and _.");
		return false;
	}
	folded = arena_copy(&x->arena, text, strlen(text));
	if (folded == NULL) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return false;
	}
	(void)reason_fold(folded);
	*ret = folded;
	return true;
}

/* Behind `after=` and such: what is not plain is escaped. */
static void add_escaped(struct text *t, const char *s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("._:-", c) != NULL) {
			text_add_char(t, *s);
		} else {
			text_add_char(t, '%');
			text_add_char(t, hex[c >> 4]);
			text_add_char(t, hex[c & 15]);
		}
	}
}

void page_link(struct exchange *x, const char *next)
{
	const struct query *q = &call_of(x)->query;
	const char *value = NULL;
	struct text t;

	text_init(&t);
	text_add_format(&t, "<%s?", x->path);
	for (int i = 0; i < q->count; i++) {
		if (strcmp(q->parameters[i].name, "after") == 0)
			continue;
		text_add_format(&t, "%s=", q->parameters[i].name);
		add_escaped(&t, q->parameters[i].value);
		text_add_char(&t, '&');
	}
	text_add(&t, "after=");
	add_escaped(&t, next);
	text_add(&t, ">; rel=\"next\"");
	if (!t.failed)
		value = arena_copy(&x->arena, t.data, t.byte_count);
	text_fini(&t);
	if (value != NULL)
		exchange_header_add(x, "Link", value);
}

void page_reply(struct exchange *x, const struct text *rows, bool has_next, const char *next,
		int64_t seq)
{
	struct json j = json_begin(&x->reply);

	if (rows->failed || (has_next && next == NULL)) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return;
	}
	text_reserve(&x->reply, rows->byte_count + 128);
	json_open(&j, '{');
	JSON_NAME(&j, "data"), json_open(&j, '[');
	if (rows->byte_count > 0)
		json_raw(&j, rows->data);
	json_close(&j, ']');
	JSON_NAME(&j, "next"), json_text(&j, next);
	json_close(&j, '}');
	text_add_char(&x->reply, '\n');
	if (next != NULL)
		page_link(x, next);
	reply_json(x, 200, seq);
}
