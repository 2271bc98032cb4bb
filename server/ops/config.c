#include "ops/config.h"
#include "base/check.h"
#include "ops/config_file.h"
#include "ops/config_show.h"
#include "ops/log.h"
#include "ops/disguise.h"
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* What is asked for by flags that are no settings. */
static const struct {
	const char *flag;
	enum config_wish wish;
} wishes[] = {
	{ "help", WISH_HELP },
	{ "version", WISH_VERSION },
	{ "print-config", WISH_VALUES },
	{ "print-example", WISH_EXAMPLE },
};

/* Always false, for whoever returns it. */
__attribute__((format(printf, 3, 4))) static bool refuse(struct config_reading *r, int exit_code,
							 const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(r->error, sizeof(r->error), format, arguments);
	va_end(arguments);
	disguise(r->error);
	r->exit_code = exit_code;
	return false;
}

/* Where a value goes: `before` is what a list has come to there by now, or NULL. */
struct place {
	struct config *config;
	const char *before;
	char **list; /* what holds its text, where it is more than one */
};

static bool text_read(const struct place *p, const struct setting *s, const char *from,
		      const char *text, char ret_error[SETTING_ERROR_BYTES])
{
	if (setting_read(p->config, s, text))
		return true;
	setting_complain(s, from, text, ret_error);
	return false;
}

/* What is added is judged alone first, so that this is what a complaint shows. */
static bool place_take(const struct place *p, const struct setting *s, const char *from,
		       const char *text, char ret_error[SETTING_ERROR_BYTES])
{
	char *whole;

	if (!text_read(p, s, from, text, ret_error))
		return false;
	if (p->before == NULL)
		return true;
	whole = setting_join(p->before, text);
	if (whole == NULL) {
		snprintf(ret_error, SETTING_ERROR_BYTES, "%s: %s", from, strerror(ENOMEM));
		return false;
	}
	free(*p->list);
	*p->list = whole;
	return text_read(p, s, from, whole, ret_error);
}

/* The places that rank higher have spoken before. */
static struct place place_of(struct config_reading *r, const struct setting *s,
			     enum config_rank rank)
{
	ptrdiff_t at = s - settings;
	bool adds = s->kind == KIND_LIST && r->ranks[at] == rank;

	return (struct place){ .config = &r->config,
			       .before = adds ? setting_text(&r->config, s) : NULL,
			       .list = &r->lists[at] };
}

static bool value_take(struct config_reading *r, const struct setting *s, enum config_rank rank,
		       const char *from, const char *text)
{
	struct place place = place_of(r, s, rank);

	if (!place_take(&place, s, from, text, r->error)) {
		r->exit_code = rank == FROM_FLAG ? EX_USAGE : EX_CONFIG;
		return false;
	}
	r->times[s - settings] = r->ranks[s - settings] == rank ? r->times[s - settings] + 1 : 1;
	r->ranks[s - settings] = rank;
	return true;
}

/* ---------------------------------------------------------------- flags */

static bool flag_refuse(struct config_reading *r, const char *name, size_t bytes)
{
	static const char *const others[] = { "help", "version", "print-config", "print-example",
					      NULL };
	const char *nearest = setting_nearest(name, bytes, others);

	return refuse(r, EX_USAGE, "unknown flag --%.*s%s%s%s\nrowlockd --help lists the flags.",
		      (int)bytes, name, nearest != NULL ? " (did you mean --" : "",
		      nearest != NULL ? nearest : "", nearest != NULL ? "?)" : "");
}

static bool wish_take(struct config_reading *r, const char *name)
{
	for (size_t i = 0; i < LENGTH_OF(wishes); i++)
		if (strcmp(wishes[i].flag, name) == 0) {
			r->wish = wishes[i].wish;
			return true;
		}
	return false;
}

/* Takes the flag at r->argv[*at], and leaves *at behind it and its value. */
static bool flag_take(struct config_reading *r, int *at)
{
	const char *name = r->argv[(*at)++] + 2;
	const char *equals = strchr(name, '=');
	size_t bytes = equals != NULL ? (size_t)(equals - name) : strlen(name);
	const struct setting *s = setting_find(name, bytes);
	char from[SETTING_NAME_BYTES];

	if (s == NULL)
		return wish_take(r, name) || flag_refuse(r, name, bytes);
	snprintf(from, sizeof(from), "--%s", s->flag);
	if (equals != NULL)
		return value_take(r, s, FROM_FLAG, from, equals + 1);
	if (s->kind == KIND_SWITCH)
		return value_take(r, s, FROM_FLAG, from, "1");
	if (*at >= r->argc || strncmp(r->argv[*at], "--", 2) == 0)
		return refuse(r, EX_USAGE, "--%s needs a value: --%s %s", s->flag, s->flag,
			      s->argument);
	return value_take(r, s, FROM_FLAG, from, r->argv[(*at)++]);
}

/* Up to the first that asks for help or the version, which nothing behind it can spoil. */
static bool flags_take(struct config_reading *r)
{
	for (int at = 1; at < r->argc && r->wish != WISH_HELP && r->wish != WISH_VERSION;) {
		const char *flag = r->argv[at];

		if (strncmp(flag, "--", 2) != 0 || flag[2] == '\0')
			return refuse(r, EX_USAGE,
				      "'%s' is not a flag\nrowlockd --help lists them.", flag);
		if (!flag_take(r, &at))
			return false;
	}
	return true;
}

/* ---------------------------------------------------------------- the environment */

static bool environment_take(struct config_reading *r)
{
	for (const struct setting *s = settings; s < settings + SETTINGS; s++) {
		char name[SETTING_NAME_BYTES];
		const char *text;

		setting_variable(s, name);
		text = getenv(name);
		/* A flag outranks it, so that a wrong value there does no harm. */
		if (text == NULL || r->ranks[s - settings] == FROM_FLAG)
			continue;
		if (!value_take(r, s, FROM_ENVIRONMENT, name, text))
			return false;
	}
	return true;
}

static const char variable_prefix[] = "ROWLOCK_";

/* ROWLOCK_SLOW_MS=1 is slow-ms. Returns its bytes; 0: it is none, or too long for one. */
static size_t variable_flag(const char *variable, char ret[SETTING_NAME_BYTES])
{
	size_t bytes = 0;

	if (strncmp(variable, variable_prefix, strlen(variable_prefix)) != 0)
		return 0;
	for (variable += strlen(variable_prefix); *variable != '=' && *variable != '\0';
	     variable++) {
		if (bytes == SETTING_NAME_BYTES)
			return 0;
		ret[bytes++] = *variable == '_' ? '-' : (char)tolower((unsigned char)*variable);
	}
	return bytes;
}

void config_warn_of_variables(void)
{
	/* The command line's own, in the environment of people who use both. */
	static const char *const others[] = { "server", "token",      "token-file",
					      "ca",     "plain-http", NULL };

	for (char **variable = environ; *variable != NULL; variable++) {
		char flag[SETTING_NAME_BYTES], name[SETTING_NAME_BYTES];
		size_t bytes = variable_flag(*variable, flag);
		const struct setting *s;
		const char *nearest;

		if (bytes == 0 || setting_find(flag, bytes) != NULL)
			continue;
		nearest = setting_nearest(flag, bytes, others);
		s = nearest != NULL ? setting_find(nearest, strlen(nearest)) : NULL;
		if (nearest != NULL && s == NULL && strlen(nearest) == bytes &&
		    memcmp(nearest, flag, bytes) == 0)
			continue;
		if (s != NULL)
			setting_variable(s, name);
		log_write(LOG_WARN, "unknown_variable", "name=%.*s nearest=%s",
			  (int)strcspn(*variable, "="), *variable, s != NULL ? name : NULL);
	}
}

/* ---------------------------------------------------------------- the file */

static bool name_refuse(const char *name, char ret_error[SETTING_ERROR_BYTES])
{
	static const char *const others[] = { NULL };
	const char *nearest = setting_nearest(name, strlen(name), others);
	int name_bytes_max = SETTING_QUOTED_BYTES;

	snprintf(ret_error, SETTING_ERROR_BYTES, "unknown setting %.*s%s%s%s", name_bytes_max, name,
		 nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "",
		 nearest != NULL ? "?)" : "");
	disguise(ret_error);
	return false;
}

/* A value that a flag or a variable outranks is read all the same, to be found wrong now. */
static struct place outranked_place(struct config_reading *r, const struct setting *s)
{
	static struct config unused;
	bool adds = s->kind == KIND_LIST && r->lines[s - settings] != 0;

	return (struct place){ .config = &unused,
			       .before = adds ? setting_text(&unused, s) : NULL,
			       .list = &r->outranked_lists[s - settings] };
}

static bool line_value_take(struct config_reading *r, const struct setting *s, const char *value,
			    char ret_error[SETTING_ERROR_BYTES])
{
	struct place place;

	if (r->ranks[s - settings] > FROM_FILE) {
		place = outranked_place(r, s);
		return place_take(&place, s, s->flag, value, ret_error);
	}
	place = place_of(r, s, FROM_FILE);
	if (!place_take(&place, s, s->flag, value, ret_error))
		return false;
	r->ranks[s - settings] = FROM_FILE;
	r->times[s - settings]++;
	return true;
}

static bool line_take(void *context, int line, const char *name, const char *value,
		      char ret_error[SETTING_ERROR_BYTES])
{
	struct config_reading *r = context;
	const struct setting *s = setting_find(name, strlen(name));

	if (s == NULL || s == settings + SETTING_OF_config)
		return name_refuse(name, ret_error);
	if (r->lines[s - settings] != 0 && s->kind != KIND_LIST) {
		snprintf(ret_error, SETTING_ERROR_BYTES, "%s stands in line %d already", s->flag,
			 r->lines[s - settings]);
		return false;
	}
	if (!line_value_take(r, s, value, ret_error))
		return false;
	if (r->lines[s - settings] == 0)
		r->lines[s - settings] = line;
	return true;
}

static bool file_take(struct config_reading *r)
{
	if (r->config.config[0] == '\0')
		return true;
	r->exit_code = EX_CONFIG;
	r->text = config_file_read(r->config.config, r->error);
	if (r->text != NULL && config_file_parse(r->config.config, r->text, line_take, r, r->error))
		return true;
	disguise(r->error);
	return false;
}

/* ---------------------------------------------------------------- all of it */

/* The highest rank first: what is set is left alone by those below. */
static bool reading_take(struct config_reading *r, int argc, char *argv[])
{
	*r = (struct config_reading){ .argc = argc, .argv = argv };
	for (const struct setting *s = settings; s < settings + SETTINGS; s++)
		setting_set_default(&r->config, s);
	if (!flags_take(r))
		return false;
	if (r->wish != WISH_RUN && r->wish != WISH_VALUES)
		return true;
	return environment_take(r) && file_take(r);
}

enum config_result config_read(struct config_reading *r, int argc, char *argv[], int *ret_exit_code)
{
	if (!reading_take(r, argc, argv)) {
		fprintf(stderr, "rowlockd: %s\n", r->error);
		*ret_exit_code = r->exit_code;
		return CONFIG_WRONG;
	}
	if (r->wish != WISH_RUN)
		*ret_exit_code = EXIT_SUCCESS;
	switch (r->wish) {
	case WISH_RUN:
		return CONFIG_RUN;
	case WISH_HELP:
		config_show_help();
		break;
	case WISH_VERSION:
		printf("rowlockd %s\n", ROWLOCK_VERSION);
		break;
	case WISH_VALUES:
		config_show_values(r);
		break;
	case WISH_EXAMPLE:
		config_show_example();
		break;
	}
	return CONFIG_SHOWN;
}

void config_reading_fini(struct config_reading *r)
{
	free(r->text);
	free(r->live_text);
	r->text = r->live_text = NULL;
	for (int i = 0; i < SETTINGS; i++) {
		free(r->lists[i]);
		free(r->outranked_lists[i]);
		r->lists[i] = r->outranked_lists[i] = NULL;
	}
}

static void change_log(const struct config_reading *r, const struct config_reading *next,
		       const struct setting *s)
{
	char was[SETTING_VALUE_BYTES], is[SETTING_VALUE_BYTES];

	setting_format(&r->config, s, was);
	setting_format(&next->config, s, is);
	if (s->when == LIVE)
		log_write(LOG_INFO, "setting_changed", "name=%s was=%s is=%s", s->flag, was, is);
	else
		log_write(LOG_WARN, "setting_needs_restart", "name=%s was=%s is=%s", s->flag, was,
			  is);
}

/* The more talkative of two levels is in force while their change is logged. */
static void level_lower(const struct config *now, const struct config *next)
{
	enum log_level level, next_level;

	if (log_level_read(now->log_level, &level) &&
	    log_level_read(next->log_level, &next_level) && next_level < level)
		log_set_level(next_level);
}

static void value_replace(struct config_reading *r, struct config_reading *next,
			  const struct setting *s)
{
	ptrdiff_t at = s - settings;

	setting_copy(&r->config, &next->config, s);
	r->ranks[at] = next->ranks[at];
	r->times[at] = next->times[at];
	r->lines[at] = next->lines[at];
	free(r->lists[at]);
	r->lists[at] = next->lists[at];
	next->lists[at] = NULL;
}

bool config_read_again(struct config_reading *r)
{
	static struct config_reading next;

	if (!reading_take(&next, r->argc, r->argv)) {
		log_write(LOG_ERROR, "reload_refused", "error=\"%s\"", next.error);
		config_reading_fini(&next);
		return false;
	}
	level_lower(&r->config, &next.config);
	for (const struct setting *s = settings; s < settings + SETTINGS; s++) {
		if (!setting_is_equal(&r->config, &next.config, s))
			change_log(r, &next, s);
		if (s->when == LIVE)
			value_replace(r, &next, s);
	}
	/* Only what is LIVE lies in the text that was read again, and all of that is new now. */
	free(r->live_text);
	r->live_text = next.text;
	next.text = NULL;
	config_reading_fini(&next);
	return true;
}
