/*
 * args - the words and flags of one command line.
 *
 *     rowlock --server http://shop:8080 adjust A-1 WH1 -3 --reason=sale
 *
 * Flags (options.def) may stand anywhere; "--" ends them. A word that starts with a minus sign and
 * a digit is a number, not a flag. Which verb takes which flag is not known here: command.h is
 * asked.
 *
 * Ownership: everything points into argv, which must outlive the args.
 */
#pragma once
#include "client/exit.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option {
#define OPTION(name, flag, value, kind, place, wire_name, help) OPTION_##name,
#include "client/options.def"
#undef OPTION
	OPTION_COUNT,
};

enum option_kind {
	KIND_SWITCH,
	KIND_TEXT,
	KIND_NUMBER,
	KIND_COUNT,
	KIND_QUANTITY,
	KIND_JSON,
	KIND_TAG,
};

enum option_place { PLACE_HEADER, PLACE_QUERY, PLACE_PARAMETER, PLACE_LOCAL };

struct option_row {
	const char *flag;  /* without the two minus signs */
	const char *value; /* what the help calls its value; NULL: it takes none */
	enum option_kind kind;
	enum option_place place;
	const char *wire_name;
	const char *help;
};

struct args {
	const char *values[OPTION_COUNT]; /* NULL: not given; "" for a switch that was given */
	const char **words; /* verb, action and operands in order; one NULL behind them */
	int word_count;
	const char **operands; /* within words; set by command_find() */
	int operand_count;
};

const struct option_row *option_row(enum option o);

/* Complains on stderr about a flag that does not exist, lacks its value, or comes twice. */
enum exit_code args_parse(struct args *a, int argc, char *argv[]);
void args_fini(struct args *a);

static inline bool args_has(const struct args *a, enum option o)
{
	return a->values[o] != NULL;
}

/* The option's number, or `otherwise` when it was not given. Kinds NUMBER and COUNT only. */
int64_t args_number(const struct args *a, enum option o, int64_t otherwise);

/* Reads a whole number in decimal, with an optional sign, and nothing else. */
bool number_read(const char *s, int64_t *ret_number);
