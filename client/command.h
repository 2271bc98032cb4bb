/*
 * command - what can be typed: verb, action, operands, flags, help. One row of verbs.def each.
 *
 *     const struct command *c;
 *     code = command_find(&args, &c);    // which one it is, and whether words and flags fit it
 *     if (code == EXIT_DONE) code = c->run(&session);
 *
 * `rowlock help` and the complaints are printed from the same rows.
 */
#pragma once
#include "client/args.h"
#include "core/limits.h"

struct session;

typedef unsigned __int128 option_bits;

struct command {
	const char *verb;
	const char *action;   /* "" where the verb stands alone */
	const char *operands; /* as the usage shows them */
	int operand_count_min;
	int operand_count_max;
	option_bits options; /* the flags it takes, one bit each */
	const char *summary;
	const char *more; /* the rest of its help: what to know, and examples */
	enum exit_code (*run)(struct session *s);
};

_Static_assert(OPTION_COUNT <= 128, "a command's flags fit the bits that there are");

/*
 * Finds the command that the words name and checks that operands and flags fit it; complains
 * otherwise. Afterwards args->operands is what stands behind verb and action.
 */
enum exit_code command_find(struct args *a, const struct command **ret_command);

/* Does it talk to a server, and so take --server? */
bool command_asks_server(const struct command *c);

/*
 * Prints the help for these words: all of it for none, one verb or action else. Complains about a
 * verb that does not exist.
 */
enum exit_code command_help(const char *const words[]);

#define VERB(function, verb, action, operands, min, max, options, summary, more) \
	enum exit_code function(struct session *s);
#include "client/verbs.def"
#undef VERB
