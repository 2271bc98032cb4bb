#include "offline/offline.h"
#include "base/check.h"
#include <stdio.h>
#include <string.h>

enum { TAKES_TRUST = 1, TAKES_APPLY = 2, TAKES_BACKUP = 4 };

/* clang-format off */
static const struct command {
	const char *name;
	int takes;
	int (*run)(const struct offline_arguments *a);
	const char *help;
} commands[] = {
	{ "verify",  0,                         offline_verify_run,
	  "usage: rowlockd verify --store FILE\n\n"
	  "Checks a store that no server has: that the file is whole, that every reference in it leads\n"
	  "somewhere, and that the books balance. It is only read. What the findings mean is in\n"
	  "docs/operating.md.\n\n"
	  "Exit codes: 0 all is well, 65 it is not, 75 a server has it.\n" },
	{ "repair",  TAKES_TRUST | TAKES_APPLY, offline_repair_run,
	  "usage: rowlockd repair --store FILE --trust ledger|level [--apply]\n\n"
	  "Says how the rows of a store can be made to agree with their ledger again; with --apply does\n"
	  "it, after copying the store to a file beside it.\n\n"
	  "  --trust ledger   rows become what their movements say\n"
	  "  --trust level    on_hand is right as it is; a movement of kind edit says so in the ledger\n"
	  "  --apply          without it nothing is changed\n\n"
	  "reserved becomes what the active reservations promise. The ledger is append-only: movements\n"
	  "that are lost or contradict each other stay so, and are listed.\n\n"
	  "Exit codes: 0 all is well (now), 65 it is not, 75 a server has it.\n" },
	{ "restore", TAKES_BACKUP,              offline_restore_run,
	  "usage: rowlockd restore BACKUP --store FILE\n\n"
	  "Puts a copy of BACKUP in the place of FILE, which is kept under another name. BACKUP is a store\n"
	  "file: of GET /v1/backup, of the sqlite3 shell's .backup, or a copy of a closed one. The store\n"
	  "gets a new epoch: cursors of the change feed that were given out before are refused.\n\n"
	  "Exit codes: 0 done, 65 BACKUP is no store, is damaged, or is of a newer version; 75 a server, or\n"
	  "another program, has FILE.\n" },
};
/* clang-format on */

/* "rowlockd verify: <before><word><behind>" */
static int wrong(const struct command *c, const char *before, const char *word, const char *behind)
{
	fprintf(stderr, "rowlockd %s: %s%s%s\nrowlockd %s --help says how it is used.\n", c->name,
		before, word, behind, c->name);
	return OFFLINE_USAGE;
}

/* The value behind a flag: "--store FILE" or "--store=FILE". False: it is another flag. */
static bool flag_read(const char *flag, char *argv[], int *at, const char **ret)
{
	size_t bytes = strlen(flag);

	if (strncmp(argv[*at], flag, bytes) != 0)
		return false;
	if (argv[*at][bytes] == '=')
		*ret = argv[*at] + bytes + 1;
	else if (argv[*at][bytes] == '\0')
		*ret = argv[*at + 1] != NULL ? argv[++*at] : "";
	else
		return false;
	return true;
}

static int arguments_read(const struct command *c, char *argv[], struct offline_arguments *ret)
{
	for (int at = 0; argv[at] != NULL; at++) {
		if (flag_read("--store", argv, &at, &ret->store))
			continue;
		if ((c->takes & TAKES_TRUST) != 0 && flag_read("--trust", argv, &at, &ret->trust))
			continue;
		if ((c->takes & TAKES_APPLY) != 0 && strcmp(argv[at], "--apply") == 0)
			ret->must_apply = true;
		else if ((c->takes & TAKES_BACKUP) != 0 && argv[at][0] != '-' &&
			 ret->backup == NULL)
			ret->backup = argv[at];
		else
			return wrong(c, "'", argv[at], "' is nothing that it takes");
	}
	if (ret->store == NULL || ret->store[0] == '\0')
		return wrong(c, "", "--store FILE", " is missing");
	if ((c->takes & TAKES_BACKUP) != 0 && ret->backup == NULL)
		return wrong(c, "", "BACKUP", " is missing");
	if ((c->takes & TAKES_TRUST) == 0)
		return OFFLINE_OK;
	if (ret->trust == NULL ||
	    (strcmp(ret->trust, "ledger") != 0 && strcmp(ret->trust, "level") != 0))
		return wrong(c, "what is right: ", "--trust ledger, or --trust level", "?");
	return OFFLINE_OK;
}

static int command_run(const struct command *c, char *argv[])
{
	struct offline_arguments arguments = { 0 };
	int code;

	for (int i = 0; argv[i] != NULL; i++)
		if (strcmp(argv[i], "--help") == 0) {
			fputs(c->help, stdout);
			return OFFLINE_OK;
		}
	code = arguments_read(c, argv, &arguments);
	return code != OFFLINE_OK ? code : c->run(&arguments);
}

bool offline_command(int argc, char *argv[], int *ret_exit_code)
{
	for (size_t i = 0; i < LENGTH_OF(commands); i++)
		if (argc > 1 && strcmp(argv[1], commands[i].name) == 0) {
			*ret_exit_code = command_run(&commands[i], argv + 2);
			return true;
		}
	return false;
}
