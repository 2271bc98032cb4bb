#include "offline/offline.h"
#include "base/check.h"
#include "offline/words.h"
#include "ops/disguise.h"
#include "store/offline.h"
#include "store/postgres.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAKES_TRUST = 1, TAKES_APPLY = 2, TAKES_BACKUP = 4, TAKES_PAGE_SIZE = 8, TAKES_VERB = 16 };

/* clang-format off */
static const struct verb {
	const char *name;
	int takes;
	int (*run)(const struct offline_arguments *a);
	int (*run_words)(char *argv[]); /* of TAKES_VERB: reads its words itself */
	const char *instead;            /* what does it over PostgreSQL; NULL: the same */
	const char *help;
} verbs[] = {
	{ "verify",  0,                         offline_verify_run, NULL, NULL,
	  "usage: rowlockd verify --store FILE\n\n"
	  "Checks a store that no server has: that the file is whole, that every reference in it leads\n"
	  "somewhere, and that the books balance. It is only read. What the findings mean is in\n"
	  "docs/operating.md.\n\n"
	  "Exit codes: 0 all is well, 65 it is not, 75 a server has it.\n" },
	{ "repair",  TAKES_TRUST | TAKES_APPLY, offline_repair_run, NULL,
	  "repair is of files: over PostgreSQL a row is what its last movement says, and there are no two "
	  "that could disagree. rowlockd verify looks, and a backup helps (docs/postgresql.md)",
	  "usage: rowlockd repair --store FILE --trust ledger|level [--apply]\n\n"
	  "Says how the rows of a store can be made to agree with their ledger again; with --apply does\n"
	  "it, after copying the store to a file beside it.\n\n"
	  "  --trust ledger   rows become what their movements say\n"
	  "  --trust level    on_hand is right as it is; a movement of kind edit says so in the ledger\n"
	  "  --apply          without it nothing is changed\n\n"
	  "reserved becomes what the active reservations promise. The ledger is append-only: movements\n"
	  "that are lost or contradict each other stay so, and are listed.\n\n"
	  "Exit codes: 0 all is well (now), 65 it is not, 75 a server has it.\n" },
	{ "repack",  TAKES_PAGE_SIZE,           offline_repack_run, NULL,
	  "repack is of files: PostgreSQL cleans up by itself; VACUUM and REINDEX do by hand",
	  "usage: rowlockd repack --store FILE [--page-size BYTES]\n\n"
	  "Writes a store that no server has anew: without gaps, and with pages of another size, which\n"
	  "a store otherwise keeps for ever. It is verified, copied to a file beside it, and the copy is\n"
	  "verified before it takes the store's place, with its owner and mode. The disk must have room\n"
	  "for both. A crash leaves the old store or the new one; then FILE.repacking is of no use.\n\n"
	  "  --page-size BYTES   a power of two from 1024 to 65536 [2048, as new stores have]\n\n"
	  "Exit codes: 0 done, 65 the store is damaged, or its books do not balance (it is repacked all\n"
	  "the same); 75 a server, or another program, has it, 73 there is no room.\n" },
	{ "restore", TAKES_BACKUP,              offline_restore_run, NULL,
	  "restore is of files: pg_restore, or a base backup, brings a database back; then rowlockd epoch "
	  "--new (docs/postgresql.md)",
	  "usage: rowlockd restore BACKUP --store FILE [--keep-tokens]\n\n"
	  "Puts a copy of BACKUP in the place of FILE, which is kept under another name. BACKUP is a store\n"
	  "file: of GET /v1/backup, of the sqlite3 shell's .backup, or a copy of a closed one. The store\n"
	  "gets a new epoch: cursors of the change feed that were given out before are refused.\n\n"
	  "  --keep-tokens   tokens that were revoked since BACKUP was made open the store again; without\n"
	  "                  it all tokens are void, and rowlockd token rotate gives one a new secret\n\n"
	  "Exit codes: 0 done, 65 BACKUP is no store, is damaged, or is of a newer version; 75 a server, or\n"
	  "another program, has FILE.\n" },
	{ "copy",    TAKES_VERB,                NULL, offline_copy_run, NULL,
	  "usage: rowlockd copy FROM TO [--keep-epoch]\n\n"
	  "Copies a store with its whole history, from a file to PostgreSQL or back: one of the two is\n"
	  "a file, the other a URI, postgresql://HOST/DATABASE?schema=NAME. Nobody may serve FROM\n"
	  "meanwhile, and TO must not be there, or be empty. Both are read again and compared, row by\n"
	  "row, and verified, before TO can be served. FROM stays as it is.\n\n"
	  "Killed on the way to PostgreSQL the same command goes on where it was, if FROM is as it was.\n\n"
	  "  --keep-epoch   cursors of the change feed go on in the copy. Only where FROM is never opened\n"
	  "                 again: else the same seq would be of two movements\n\n"
	  "Exit codes: 0 done, 64 usage, 65 FROM is damaged or its books do not balance: nothing was\n"
	  "copied; 69 the database cannot be reached, 73 there is something at TO, or no room; 75 a server\n"
	  "has FROM or TO, 77 no permission.\n" },
	{ "epoch",   TAKES_VERB,                NULL, offline_epoch_run, NULL,
	  "usage: rowlockd epoch --new --store STORE [--keep-tokens]\n\n"
	  "Gives a store that no server has a new epoch, behind a recovery to a point in time, a dump that\n"
	  "was restored, or a file that was copied back: its seqs will be given out again, for other\n"
	  "movements. So cursors of the change feed that were given out before are refused, fences and\n"
	  "numbers of reservations go on a million further, and sessions of the page end.\n\n"
	  "  --keep-tokens   tokens that were revoked since that moment open the store again; without it\n"
	  "                  all tokens are void, and rowlockd token rotate gives one a new secret\n\n"
	  "Exit codes: 0 done, 64 usage, 65 it is no store, 69 the database cannot be reached, 75 a server\n"
	  "has it, 77 no permission.\n" },
	{ "store",   TAKES_VERB,                NULL, offline_store_run, NULL,
	  "usage: rowlockd store show --store STORE\n"
	  "       rowlockd store set row-release commit --store STORE\n\n"
	  "What a store is: its kind, schema, epoch, newest seq, tokens; over PostgreSQL what its front\n"
	  "ends agree on, and which are alive. `set` changes what they agree on, while none is.\n\n"
	  "Exit codes: 0 done, 64 usage, 65 it is no store, 69 the database cannot be reached, 75 a server\n"
	  "has it, 77 no permission.\n" },
	{ "token",   TAKES_VERB,                NULL, offline_token_run, NULL,
	  "usage: rowlockd token add NAME --role ROLE --store FILE [--expires TIME]\n"
	  "                      [--location CODE]... [--from-file FILE]\n"
	  "       rowlockd token list --store FILE\n"
	  "       rowlockd token rotate NAME --store FILE [--overlap TIME] [--expires TIME]\n"
	  "                      [--from-file FILE]\n"
	  "       rowlockd token revoke NAME --store FILE\n\n"
	  "Who may do what, in a store that a server has or not; a server sees it within a second. From\n"
	  "the first token on, who has none is shut out. A store that is not there is made by add.\n\n"
	  "  --role ROLE        reader, clerk, writer or admin: docs/access.md says who may do what\n"
	  "  --expires TIME     90d, 12h, 30m, 45s: from now [never]\n"
	  "  --location CODE    limits what it writes to this location; may be given again\n"
	  "  --overlap TIME     so long the token before goes on beside the new one; 0s: not at all [1h]\n"
	  "  --from-file FILE   takes the token from the first line of FILE (-: of the input), rather\n"
	  "                     than making one: for configuration management\n\n"
	  "add and rotate print the token on the output, once: the store keeps only a hash of it.\n"
	  "As root it first becomes the owner of the store's folder. Each change is in the audit.\n\n"
	  "Exit codes: 0 done, 64 usage, 65 the name is taken, or there is no such token; 73 the disk is\n"
	  "full, 75 another program has held the store for 10 s, 77 it must not be written.\n" },
};
/* clang-format on */

/* "rowlockd verify: <before><word><behind>" */
static int wrong(const struct verb *c, const char *before, const char *word, const char *behind)
{
	char text[512];

	snprintf(text, sizeof(text), "%s%s%s", before, word, behind);
	disguise(text); /* it may be a token that was typed in the wrong place */
	fprintf(stderr, "rowlockd %s: %s\nrowlockd %s --help says how it is used.\n", c->name, text,
		c->name);
	return EX_USAGE;
}

/* 0: it is none. */
static int page_bytes_read(const char *text)
{
	char *end;
	long bytes = strtol(text, &end, 10);

	CHECK(text != NULL);
	if (*end != '\0' || bytes < REPACK_PAGE_BYTES_MIN || bytes > REPACK_PAGE_BYTES_MAX ||
	    (bytes & (bytes - 1)) != 0)
		return 0;
	return (int)bytes;
}

static int arguments_read(const struct verb *c, char *argv[], struct offline_arguments *ret)
{
	const char *size = NULL;

	for (int at = 0; argv[at] != NULL; at++) {
		if (offline_flag("--store", argv, &at, &ret->store))
			continue;
		if ((c->takes & TAKES_PAGE_SIZE) != 0 &&
		    offline_flag("--page-size", argv, &at, &size))
			continue;
		if ((c->takes & TAKES_TRUST) != 0 &&
		    offline_flag("--trust", argv, &at, &ret->trust))
			continue;
		if ((c->takes & TAKES_APPLY) != 0 && strcmp(argv[at], "--apply") == 0)
			ret->must_apply = true;
		else if ((c->takes & TAKES_BACKUP) != 0 && strcmp(argv[at], "--keep-tokens") == 0)
			ret->keeps_tokens = true;
		else if ((c->takes & TAKES_BACKUP) != 0 && argv[at][0] != '-' &&
			 ret->backup == NULL)
			ret->backup = argv[at];
		else
			return wrong(c, "'", argv[at], "' is nothing that it takes");
	}
	if (ret->store == NULL || ret->store[0] == '\0')
		return wrong(c, "", "--store FILE", " is missing");
	if (postgres_is_uri(ret->store) && c->instead != NULL)
		return wrong(c, "", c->instead, "");
	if ((c->takes & TAKES_BACKUP) != 0 && ret->backup == NULL)
		return wrong(c, "", "BACKUP", " is missing");
	ret->page_bytes = size != NULL ? page_bytes_read(size) : repack_page_bytes();
	if (ret->page_bytes == 0)
		return wrong(c, "--page-size ", size, " is no power of two from 1024 to 65536");
	if ((c->takes & TAKES_TRUST) == 0)
		return EX_OK;
	if (ret->trust == NULL ||
	    (strcmp(ret->trust, "ledger") != 0 && strcmp(ret->trust, "level") != 0))
		return wrong(c, "what is right: ", "--trust ledger, or --trust level", "?");
	return EX_OK;
}

static int verb_run(const struct verb *c, char *argv[])
{
	struct offline_arguments arguments = { 0 };
	int code;

	for (int i = 0; argv[i] != NULL; i++)
		if (strcmp(argv[i], "--help") == 0) {
			fputs(c->help, stdout);
			return EX_OK;
		}
	if (c->takes == TAKES_VERB)
		return c->run_words(argv);
	code = arguments_read(c, argv, &arguments);
	return code != EX_OK ? code : c->run(&arguments);
}

bool offline_command(int argc, char *argv[], int *ret_exit_code)
{
	for (size_t i = 0; i < LENGTH_OF(verbs); i++)
		if (argc > 1 && strcmp(argv[1], verbs[i].name) == 0) {
			*ret_exit_code = verb_run(&verbs[i], argv + 2);
			return true;
		}
	return false;
}
