#include "ops/config.h"
#include "base/check.h"
#include "ops/address.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 64, EXIT_CONFIGURATION = 78 };
enum setting_kind { KIND_TEXT, KIND_NUMBER, KIND_SWITCH, KIND_CHOICE };
enum setting_source { FROM_DEFAULT, FROM_ENVIRONMENT, FROM_FLAG };

struct setting {
	enum setting_kind kind;
	const char *flag;
	const char *argument; /* what --help calls the value; of a choice, the choices: "a|b" */
	const char *help;
	const char *text; /* the default of a text or choice */
	bool (*judge)(const char *text);
	const char *must;    /* what a text must be that `judge` refuses */
	int64_t number;      /* the default of a number */
	int64_t least, most; /* of a number */
	size_t offset;       /* of the field in struct config */
};

static bool text_is_there(const char *text)
{
	return text[0] != '\0';
}

static const struct setting settings[] = {
#define SETTING_TEXT(field, name, value, arg, about) \
	{ .kind = KIND_TEXT,                         \
	  .flag = name,                              \
	  .argument = arg,                           \
	  .help = about,                             \
	  .text = value,                             \
	  .offset = offsetof(struct config, field) },
#define SETTING_JUDGED(field, name, value, arg, is_fit, wanted, about) \
	{ .kind = KIND_TEXT,                                           \
	  .flag = name,                                                \
	  .argument = arg,                                             \
	  .help = about,                                               \
	  .text = value,                                               \
	  .judge = is_fit,                                             \
	  .must = wanted,                                              \
	  .offset = offsetof(struct config, field) },
#define SETTING_NUMBER(field, name, value, low, high, arg, about) \
	{ .kind = KIND_NUMBER,                                    \
	  .flag = name,                                           \
	  .argument = arg,                                        \
	  .help = about,                                          \
	  .number = value,                                        \
	  .least = low,                                           \
	  .most = high,                                           \
	  .offset = offsetof(struct config, field) },
#define SETTING_SWITCH(field, name, about) \
	{ .kind = KIND_SWITCH,             \
	  .flag = name,                    \
	  .help = about,                   \
	  .offset = offsetof(struct config, field) },
#define SETTING_CHOICE(field, name, value, choices, about) \
	{ .kind = KIND_CHOICE,                             \
	  .flag = name,                                    \
	  .argument = choices,                             \
	  .help = about,                                   \
	  .text = value,                                   \
	  .offset = offsetof(struct config, field) },
#include "schema/settings.def"
#undef SETTING_TEXT
#undef SETTING_JUDGED
#undef SETTING_NUMBER
#undef SETTING_SWITCH
#undef SETTING_CHOICE
};

/* What is being read, and where each value came from. */
struct reading {
	struct config *config;
	enum setting_source sources[LENGTH_OF(settings)];
	bool wants_print;
};

/* Names in messages: the flag as it is typed, or the environment variable. */
struct origin {
	enum setting_source source;
	char name[64];
};

static void environment_name(const struct setting *s, char name[64])
{
	size_t at = (size_t)snprintf(name, 64, "ROWLOCK_");

	for (const char *c = s->flag; *c != '\0'; c++)
		name[at++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
	CHECK(at < 64);
	name[at] = '\0';
}

static void *field_of(struct config *c, const struct setting *s)
{
	return (char *)c + s->offset;
}

/* ---------------------------------------------------------------- values */

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

static bool value_read(struct config *c, const struct setting *s, const char *text)
{
	switch (s->kind) {
	case KIND_TEXT:
		*(const char **)field_of(c, s) = text;
		return s->judge == NULL || s->judge(text);
	case KIND_NUMBER:
		return number_read(s, text, field_of(c, s));
	case KIND_SWITCH:
		return switch_read(text, field_of(c, s));
	case KIND_CHOICE:
		if (!choice_is_known(s->argument, text))
			return false;
		*(const char **)field_of(c, s) = text;
		return true;
	}
	return false;
}

static void value_complain(const struct setting *s, const struct origin *from, const char *text)
{
	fprintf(stderr, "rowlockd: %s: '%s' is not ", from->name, text);
	switch (s->kind) {
	case KIND_NUMBER:
		fprintf(stderr, "a whole number from %lld to %lld\n", (long long)s->least,
			(long long)s->most);
		break;
	case KIND_CHOICE:
		fprintf(stderr, "one of %s\n", s->argument);
		break;
	case KIND_TEXT:
		fprintf(stderr, "%s\n", s->must);
		break;
	case KIND_SWITCH:
		fprintf(stderr, "a switch: 1 or 0\n");
		break;
	}
}

static bool value_take(struct reading *r, const struct setting *s, const struct origin *from,
		       const char *text)
{
	if (!value_read(r->config, s, text)) {
		value_complain(s, from, text);
		return false;
	}
	r->sources[s - settings] = from->source;
	return true;
}

/* ---------------------------------------------------------------- defaults and environment */

static void defaults_take(struct reading *r)
{
	for (const struct setting *s = settings; s < settings + LENGTH_OF(settings); s++) {
		void *field = field_of(r->config, s);

		if (s->kind == KIND_TEXT || s->kind == KIND_CHOICE)
			*(const char **)field = s->text;
		else if (s->kind == KIND_NUMBER)
			*(int64_t *)field = s->number;
		else
			*(bool *)field = false;
	}
}

static bool environment_take(struct reading *r)
{
	for (const struct setting *s = settings; s < settings + LENGTH_OF(settings); s++) {
		struct origin from = { .source = FROM_ENVIRONMENT };
		const char *text;

		environment_name(s, from.name);
		text = getenv(from.name);
		/* A flag outranks it, so that a wrong value there does no harm. */
		if (text == NULL || r->sources[s - settings] == FROM_FLAG)
			continue;
		if (!value_take(r, s, &from, text))
			return false;
	}
	return true;
}

/* ---------------------------------------------------------------- flags */

static const struct setting *setting_by_flag(const char *name, size_t bytes)
{
	for (const struct setting *s = settings; s < settings + LENGTH_OF(settings); s++)
		if (strlen(s->flag) == bytes && memcmp(s->flag, name, bytes) == 0)
			return s;
	return NULL;
}

/* Levenshtein's distance, a row of the matrix at a time; names beyond it are far from all. */
static size_t edit_distance(const char *a, size_t a_bytes, const char *b)
{
	size_t row[64];
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

static void flag_complain(const char *name, size_t bytes)
{
	static const char *const others[] = { "help", "version", "print-config" };
	const char *nearest = NULL;
	size_t least = 3; /* further away it is another word */

	for (size_t i = 0; i < LENGTH_OF(settings) + LENGTH_OF(others); i++) {
		const char *flag = i < LENGTH_OF(settings) ? settings[i].flag
							   : others[i - LENGTH_OF(settings)];
		size_t distance = edit_distance(name, bytes, flag);

		if (distance < least) {
			least = distance;
			nearest = flag;
		}
	}
	fprintf(stderr, "rowlockd: unknown flag --%.*s", (int)bytes, name);
	if (nearest != NULL)
		fprintf(stderr, " (did you mean --%s?)", nearest);
	fprintf(stderr, "\nrowlockd --help lists the flags.\n");
}

/* Returns how many arguments the flag at argv[at] took; 0: it is wrong, and that was said. */
static int flag_take(struct reading *r, int argc, char *argv[], int at)
{
	const char *name = argv[at] + 2;
	const char *equals = strchr(name, '=');
	size_t bytes = equals != NULL ? (size_t)(equals - name) : strlen(name);
	const struct setting *s = setting_by_flag(name, bytes);
	struct origin from = { .source = FROM_FLAG };

	if (s == NULL) {
		flag_complain(name, bytes);
		return 0;
	}
	snprintf(from.name, sizeof(from.name), "--%s", s->flag);
	if (equals != NULL)
		return value_take(r, s, &from, equals + 1) ? 1 : 0;
	if (s->kind == KIND_SWITCH)
		return value_take(r, s, &from, "1") ? 1 : 0;
	if (at + 1 >= argc || strncmp(argv[at + 1], "--", 2) == 0) {
		fprintf(stderr, "rowlockd: --%s needs a value: --%s %s\n", s->flag, s->flag,
			s->argument);
		return 0;
	}
	return value_take(r, s, &from, argv[at + 1]) ? 2 : 0;
}

/* ---------------------------------------------------------------- what is shown */

static void help_show(void)
{
	printf("rowlockd %s - an inventory service that never sells a unit twice\n\n"
	       "usage: rowlockd [--flag value | --flag=value]...\n"
	       "       rowlockd verify|repair|repack|restore ...    a store that no server has; "
	       "each has a --help\n"
	       "       rowlockd token ...                           who may do what; --help\n\n",
	       ROWLOCK_VERSION);
	for (const struct setting *s = settings; s < settings + LENGTH_OF(settings); s++) {
		char left[80];

		snprintf(left, sizeof(left), "--%s %s", s->flag,
			 s->argument != NULL ? s->argument : "");
		printf("  %-34s %s", left, s->help);
		if (s->kind == KIND_NUMBER)
			printf(" [%lld]", (long long)s->number);
		else if (s->text != NULL && s->text[0] != '\0')
			printf(" [%s]", s->text);
		printf("\n");
	}
	printf("  %-34s %s\n", "--print-config",
	       "show each value and where it came from, then stop");
	printf("  %-34s %s\n", "--version", "show the version, then stop");
	printf("  %-34s %s\n", "--help", "show this, then stop");
	printf("\nEach flag is also an environment variable: --slow-ms is ROWLOCK_SLOW_MS. "
	       "A flag outranks it.\n");
}

static void config_show(struct reading *r)
{
	for (const struct setting *s = settings; s < settings + LENGTH_OF(settings); s++) {
		void *field = field_of(r->config, s);
		char name[64];

		printf("%-24s ", s->flag);
		if (s->kind == KIND_NUMBER)
			printf("%-20lld", (long long)*(int64_t *)field);
		else if (s->kind == KIND_SWITCH)
			printf("%-20s", *(bool *)field ? "true" : "false");
		else
			printf("%-20s", *(const char **)field);
		environment_name(s, name);
		if (r->sources[s - settings] == FROM_FLAG)
			printf(" (flag --%s)\n", s->flag);
		else if (r->sources[s - settings] == FROM_ENVIRONMENT)
			printf(" (environment %s)\n", name);
		else
			printf(" (default)\n");
	}
}

/* ---------------------------------------------------------------- all of it */

static enum config_result stop_with(enum config_result result, int exit_code, int *ret_exit_code)
{
	*ret_exit_code = exit_code;
	return result;
}

enum config_result config_read(struct config *c, int argc, char *argv[], int *ret_exit_code)
{
	struct reading r = { .config = c };

	defaults_take(&r);
	for (int at = 1, taken; at < argc; at += taken) {
		taken = 1;
		if (strcmp(argv[at], "--help") == 0) {
			help_show();
			return stop_with(CONFIG_SHOWN, EXIT_SUCCESS, ret_exit_code);
		}
		if (strcmp(argv[at], "--version") == 0) {
			printf("rowlockd %s\n", ROWLOCK_VERSION);
			return stop_with(CONFIG_SHOWN, EXIT_SUCCESS, ret_exit_code);
		}
		if (strcmp(argv[at], "--print-config") == 0) {
			r.wants_print = true;
			continue;
		}
		if (strncmp(argv[at], "--", 2) != 0 || argv[at][2] == '\0') {
			fprintf(stderr,
				"rowlockd: '%s' is not a flag\nrowlockd --help lists them.\n",
				argv[at]);
			return stop_with(CONFIG_WRONG, EXIT_USAGE, ret_exit_code);
		}
		taken = flag_take(&r, argc, argv, at);
		if (taken == 0)
			return stop_with(CONFIG_WRONG, EXIT_USAGE, ret_exit_code);
	}
	if (!environment_take(&r))
		return stop_with(CONFIG_WRONG, EXIT_CONFIGURATION, ret_exit_code);
	if (r.wants_print) {
		config_show(&r);
		return stop_with(CONFIG_SHOWN, EXIT_SUCCESS, ret_exit_code);
	}
	return CONFIG_RUN;
}
