#include "ops/settings.h"
#include "base/check.h"
#include "ops/address.h"
#include "ops/disguise.h"
#include "ops/front_end.h"
#include "ops/trust.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool text_is_there(const char *text)
{
	return text[0] != '\0';
}

const struct setting settings[SETTINGS] = {
#define SETTING_TEXT(field, name, at, value, arg, about) \
	{ .kind = KIND_TEXT,                             \
	  .when = at,                                    \
	  .flag = name,                                  \
	  .argument = arg,                               \
	  .help = about,                                 \
	  .text = value,                                 \
	  .offset = offsetof(struct config, field) },
#define SETTING_JUDGED(field, name, at, value, arg, is_fit, wanted, about) \
	{ .kind = KIND_TEXT,                                               \
	  .when = at,                                                      \
	  .flag = name,                                                    \
	  .argument = arg,                                                 \
	  .help = about,                                                   \
	  .text = value,                                                   \
	  .judge = is_fit,                                                 \
	  .must = wanted,                                                  \
	  .offset = offsetof(struct config, field) },
#define SETTING_LIST(field, name, at, value, arg, is_fit, wanted, about) \
	{ .kind = KIND_LIST,                                             \
	  .when = at,                                                    \
	  .flag = name,                                                  \
	  .argument = arg,                                               \
	  .help = about,                                                 \
	  .text = value,                                                 \
	  .judge = is_fit,                                               \
	  .must = wanted,                                                \
	  .offset = offsetof(struct config, field) },
#define SETTING_NUMBER(field, name, at, value, low, high, arg, about) \
	{ .kind = KIND_NUMBER,                                        \
	  .when = at,                                                 \
	  .flag = name,                                               \
	  .argument = arg,                                            \
	  .help = about,                                              \
	  .number = value,                                            \
	  .least = low,                                               \
	  .most = high,                                               \
	  .offset = offsetof(struct config, field) },
#define SETTING_SWITCH(field, name, at, about) \
	{ .kind = KIND_SWITCH,                 \
	  .when = at,                          \
	  .flag = name,                        \
	  .help = about,                       \
	  .offset = offsetof(struct config, field) },
#define SETTING_CHOICE(field, name, at, value, choices, about) \
	{ .kind = KIND_CHOICE,                                 \
	  .when = at,                                          \
	  .flag = name,                                        \
	  .argument = choices,                                 \
	  .help = about,                                       \
	  .text = value,                                       \
	  .offset = offsetof(struct config, field) },
#include "schema/settings.def"
#undef SETTING_TEXT
#undef SETTING_JUDGED
#undef SETTING_LIST
#undef SETTING_NUMBER
#undef SETTING_SWITCH
#undef SETTING_CHOICE
};

static void *field_of(struct config *c, const struct setting *s)
{
	return (char *)c + s->offset;
}

static const void *value_of(const struct config *c, const struct setting *s)
{
	return (const char *)c + s->offset;
}

const char *setting_text(const struct config *c, const struct setting *s)
{
	return *(const char *const *)value_of(c, s);
}

/* ---------------------------------------------------------------- names */

const struct setting *setting_find(const char *name, size_t bytes)
{
	for (const struct setting *s = settings; s < settings + SETTINGS; s++)
		if (strlen(s->flag) == bytes && memcmp(s->flag, name, bytes) == 0)
			return s;
	return NULL;
}

/* Levenshtein's distance, a row of the matrix at a time; names beyond it are far from all. */
static size_t edit_distance(const char *a, size_t a_bytes, const char *b)
{
	size_t row[SETTING_NAME_BYTES];
	size_t b_bytes = strlen(b);

	if (a_bytes >= LENGTH_OF(row) || b_bytes >= LENGTH_OF(row))
		return LENGTH_OF(row);
	for (size_t j = 0; j <= b_bytes; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_bytes; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_bytes; j++) {
			size_t above = row[j];
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[b_bytes];
}

/* What is nearest so far. */
struct search {
	const char *name;
	size_t bytes;
	const char *nearest;
	size_t least;
};

static void search_look(struct search *s, const char *name)
{
	size_t distance = edit_distance(s->name, s->bytes, name);

	if (distance < s->least) {
		s->least = distance;
		s->nearest = name;
	}
}

const char *setting_nearest(const char *name, size_t bytes, const char *const others[])
{
	/* Three errors away it is another word. */
	struct search found = { .name = name, .bytes = bytes, .least = 3 };

	for (const struct setting *s = settings; s < settings + SETTINGS; s++)
		search_look(&found, s->flag);
	for (; *others != NULL; others++)
		search_look(&found, *others);
	return found.nearest;
}

void setting_variable(const struct setting *s, char ret[SETTING_NAME_BYTES])
{
	size_t at = (size_t)snprintf(ret, SETTING_NAME_BYTES, "ROWLOCK_");

	for (const char *c = s->flag; *c != '\0'; c++)
		ret[at++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
	CHECK(at < SETTING_NAME_BYTES);
	ret[at] = '\0';
}

/* ---------------------------------------------------------------- values */

void setting_set_default(struct config *c, const struct setting *s)
{
	switch (s->kind) {
	case KIND_TEXT:
	case KIND_LIST:
	case KIND_CHOICE:
		*(const char **)field_of(c, s) = s->text;
		break;
	case KIND_NUMBER:
		*(int64_t *)field_of(c, s) = s->number;
		break;
	case KIND_SWITCH:
		*(bool *)field_of(c, s) = false;
		break;
	}
}

static bool number_read(const struct setting *s, const char *text, int64_t *ret)
{
	char *end;
	long long number;

	if (!isdigit((unsigned char)text[0]) && text[0] != '-')
		return false;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || number < s->least || number > s->most)
		return false;
	*ret = number;
	return true;
}

static bool text_is_among(const char *text, const char *const words[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	return false;
}

static bool switch_read(const char *text, bool *ret)
{
	static const char *const yes[] = { "1", "true", "yes", "on" };
	static const char *const no[] = { "", "0", "false", "no", "off" };

	*ret = text_is_among(text, yes, LENGTH_OF(yes));
	return *ret || text_is_among(text, no, LENGTH_OF(no));
}

static bool choice_is_known(const char *choices, const char *text)
{
	size_t bytes = strlen(text);

	if (strchr(text, '|') != NULL)
		return false;
	for (const char *at = choices; at != NULL; at = strchr(at, '|')) {
		at += *at == '|';
		if (strncmp(at, text, bytes) == 0 && (at[bytes] == '|' || at[bytes] == '\0') &&
		    bytes > 0)
			return true;
	}
	return false;
}

bool setting_read(struct config *c, const struct setting *s, const char *text)
{
	switch (s->kind) {
	case KIND_TEXT:
	case KIND_LIST:
		*(const char **)field_of(c, s) = text;
		return s->judge == NULL || s->judge(text);
	case KIND_NUMBER:
		return number_read(s, text, field_of(c, s));
	case KIND_SWITCH:
		return switch_read(text, field_of(c, s));
	case KIND_CHOICE:
		*(const char **)field_of(c, s) = text;
		return choice_is_known(s->argument, text);
	}
	return false;
}

void setting_complain(const struct setting *s, const char *from, const char *text,
		      char ret[SETTING_ERROR_BYTES])
{
	int at = snprintf(ret, SETTING_ERROR_BYTES, "%s: '%.*s' is not ", from,
			  SETTING_QUOTED_BYTES, text);
	size_t left;

	if (at > SETTING_ERROR_BYTES - 1)
		at = SETTING_ERROR_BYTES - 1;
	left = SETTING_ERROR_BYTES - (size_t)at;
	switch (s->kind) {
	case KIND_NUMBER:
		snprintf(ret + at, left, "a whole number from %lld to %lld", (long long)s->least,
			 (long long)s->most);
		break;
	case KIND_CHOICE:
		snprintf(ret + at, left, "one of %s", s->argument);
		break;
	case KIND_TEXT:
	case KIND_LIST:
		snprintf(ret + at, left, "%s", s->must);
		break;
	case KIND_SWITCH:
		snprintf(ret + at, left, "a switch: true or false");
		break;
	}
	disguise(ret);
}

/* Nobody shall take a part for the whole. */
static void text_format(const char *text, char ret[SETTING_VALUE_BYTES])
{
	static const char dots[] = "...";

	if (snprintf(ret, SETTING_VALUE_BYTES, "%s", text) >= SETTING_VALUE_BYTES)
		memcpy(ret + SETTING_VALUE_BYTES - sizeof(dots), dots, sizeof(dots));
}

void setting_format(const struct config *c, const struct setting *s, char ret[SETTING_VALUE_BYTES])
{
	switch (s->kind) {
	case KIND_TEXT:
	case KIND_LIST:
	case KIND_CHOICE:
		text_format(setting_text(c, s), ret);
		break;
	case KIND_NUMBER:
		snprintf(ret, SETTING_VALUE_BYTES, "%lld",
			 (long long)*(const int64_t *)value_of(c, s));
		break;
	case KIND_SWITCH:
		snprintf(ret, SETTING_VALUE_BYTES, "%s",
			 *(const bool *)value_of(c, s) ? "true" : "false");
		break;
	}
	disguise_address(ret);
}

char *setting_join(const char *a, const char *b)
{
	const char *comma = a[0] != '\0' && b[0] != '\0' ? "," : "";
	size_t room = strlen(a) + strlen(comma) + strlen(b) + 1;
	char *joined = malloc(room);

	if (joined != NULL)
		snprintf(joined, room, "%s%s%s", a, comma, b);
	return joined;
}

bool setting_is_equal(const struct config *a, const struct config *b, const struct setting *s)
{
	switch (s->kind) {
	case KIND_TEXT:
	case KIND_LIST:
	case KIND_CHOICE:
		return strcmp(setting_text(a, s), setting_text(b, s)) == 0;
	case KIND_NUMBER:
		return *(const int64_t *)value_of(a, s) == *(const int64_t *)value_of(b, s);
	case KIND_SWITCH:
		return *(const bool *)value_of(a, s) == *(const bool *)value_of(b, s);
	}
	return false;
}

void setting_copy(struct config *to, const struct config *from, const struct setting *s)
{
	switch (s->kind) {
	case KIND_TEXT:
	case KIND_LIST:
	case KIND_CHOICE:
		*(const char **)field_of(to, s) = setting_text(from, s);
		break;
	case KIND_NUMBER:
		*(int64_t *)field_of(to, s) = *(const int64_t *)value_of(from, s);
		break;
	case KIND_SWITCH:
		*(bool *)field_of(to, s) = *(const bool *)value_of(from, s);
		break;
	}
}
