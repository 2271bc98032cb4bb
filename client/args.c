#include "client/args.h"
#include "base/check.h"
#include "client/memory.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct option_row rows[OPTION_COUNT] = {
#define OPTION(name, flag, value, kind, place, wire_name, help) \
	{ flag, value, KIND_##kind, PLACE_##place, wire_name, help },
#include "client/options.def"
#undef OPTION
};

static enum option option_by_flag(const char *flag, size_t flag_bytes)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (strlen(rows[i].flag) == flag_bytes &&
		    memcmp(rows[i].flag, flag, flag_bytes) == 0)
			return (enum option)i;
	return OPTION_COUNT;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_flag(const char *word)
{
	return word[0] == '-' && word[1] != '\0' && !is_digit(word[1]);
}

static enum exit_code value_check(const struct option_row *row, const char *value)
{
	int64_t number;

	switch (row->kind) {
	case KIND_NUMBER:
		if (!number_read(value, &number) || number < 0)
			return exit_usage("--%s takes a whole number, not '%s'", row->flag, value);
		return EXIT_DONE;
	case KIND_COUNT:
		if (!number_read(value, &number) || number < 1)
			return exit_usage("--%s takes a whole number from 1, not '%s'", row->flag,
					  value);
		return EXIT_DONE;
	case KIND_QUANTITY:
		if (strcmp(value, "null") != 0 && !number_read(value, &number))
			return exit_usage("--%s takes a whole number or null, not '%s'", row->flag,
					  value);
		return EXIT_DONE;
	case KIND_SWITCH:
	case KIND_TEXT:
	case KIND_JSON:
	case KIND_TAG:
		break;
	}
	return EXIT_DONE;
}

/*
 * Reads the flag at argv[*at], and its value from behind the '=' or from the next word, in which
 * case *at moves on to that word.
 */
static enum exit_code flag_parse(struct args *a, char *argv[], int *at)
{
	const char *word = argv[*at];
	const char *flag = word + 2;
	const char *equals = strchr(word, '=');
	size_t flag_bytes = equals == NULL ? strlen(flag) : (size_t)(equals - flag);
	enum option o;

	if (strcmp(word, "-h") == 0)
		o = OPTION_HELP;
	else
		o = word[1] == '-' ? option_by_flag(flag, flag_bytes) : OPTION_COUNT;
	if (o == OPTION_COUNT)
		return exit_usage("unknown flag %.*s: rowlock help VERB lists them",
				  equals == NULL ? (int)strlen(word) : (int)(equals - word), word);
	if (args_has(a, o))
		return exit_usage("--%s is given twice", rows[o].flag);
	if (rows[o].kind == KIND_SWITCH) {
		if (equals != NULL)
			return exit_usage("--%s takes no value", rows[o].flag);
		a->values[o] = "";
		return EXIT_DONE;
	}

	const char *value = equals == NULL ? argv[*at + 1] : equals + 1;
	if (value == NULL || (equals == NULL && is_flag(value)))
		return exit_usage("--%s needs a value: --%s %s", rows[o].flag, rows[o].flag,
				  rows[o].value);
	if (equals == NULL)
		(*at)++;
	a->values[o] = value;
	return value_check(&rows[o], value);
}

const struct option_row *option_row(enum option o)
{
	CHECK(o < OPTION_COUNT);
	return &rows[o];
}

enum exit_code args_parse(struct args *a, int argc, char *argv[])
{
	bool flags_ended = false;

	*a = (struct args){ .words = memory_or_exit(calloc((size_t)argc + 1, sizeof(*a->words))) };
	for (int i = 1; i < argc; i++) {
		if (!flags_ended && strcmp(argv[i], "--") == 0) {
			flags_ended = true;
		} else if (!flags_ended && is_flag(argv[i])) {
			enum exit_code code = flag_parse(a, argv, &i);

			if (code != EXIT_DONE)
				return code;
		} else {
			a->words[a->word_count++] = argv[i];
		}
	}
	return EXIT_DONE;
}

void args_fini(struct args *a)
{
	free(a->words);
	a->words = NULL;
}

int64_t args_number(const struct args *a, enum option o, int64_t otherwise)
{
	int64_t number;

	if (!args_has(a, o))
		return otherwise;
	bool is_number = number_read(a->values[o], &number);

	CHECK(is_number); /* args_parse() refused everything else */
	return number;
}

bool number_read(const char *s, int64_t *ret_number)
{
	const char *digits = s[0] == '-' || s[0] == '+' ? s + 1 : s;
	char *end;

	if (!is_digit(digits[0]))
		return false;
	errno = 0;
	long long number = strtoll(s, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*ret_number = number;
	return true;
}
