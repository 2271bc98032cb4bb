/* upkeep - rowlockd epoch and rowlockd store: a store as a whole. */
#include "store/upkeep.h"
#include "base/check.h"
#include "offline/offline.h"
#include "offline/words.h"
#include "store/postgres.h"
#include <stdio.h>
#include <string.h>

struct upkeep_words {
	const char *command;     /* "epoch" or "store" */
	const char *store;       /* --store */
	const char *operands[3]; /* what stands behind the command; NULL: nothing more */
	int operand_count;
	bool is_new;       /* --new */
	bool keeps_tokens; /* --keep-tokens */
};

static int wrong(const struct upkeep_words *w, const char *what, const char *word)
{
	fprintf(stderr, "rowlockd %s: %s%s\nrowlockd %s --help says how it is used.\n", w->command,
		what, word, w->command);
	return EX_USAGE;
}

static int words_read(struct upkeep_words *w, char *argv[])
{
	bool is_epoch = strcmp(w->command, "epoch") == 0;

	CHECK(w->operand_count == 0);
	for (int at = 0; argv[at] != NULL; at++) {
		if (offline_flag("--store", argv, &at, &w->store))
			continue;
		if (is_epoch && strcmp(argv[at], "--new") == 0)
			w->is_new = true;
		else if (is_epoch && strcmp(argv[at], "--keep-tokens") == 0)
			w->keeps_tokens = true;
		else if (!is_epoch && argv[at][0] != '-' &&
			 w->operand_count < (int)LENGTH_OF(w->operands))
			w->operands[w->operand_count++] = argv[at];
		else
			return wrong(w, "it takes no ", argv[at]);
	}
	if (w->store == NULL || w->store[0] == '\0')
		return wrong(w, "--store is missing", "");
	if (postgres_is_uri(w->store))
		offline_uri_warn(w->command, w->store);
	return EX_OK;
}

static int refused(const struct upkeep_words *w, const struct store_open_result *result)
{
	fprintf(stderr, "rowlockd %s: %s\n", w->command, result->message);
	return store_exit_code(result->trouble);
}

static int show(const struct upkeep_words *w)
{
	struct store_open_result result;
	struct store_about about;

	if (upkeep_look(&(struct upkeep_options){ .path = w->store }, &about, &result) < 0)
		return refused(w, &result);
	printf("store         %s, schema %d\n", about.kind, about.version);
	printf("epoch         %s\n", about.epoch);
	printf("seq           %lld\n", (long long)about.seq);
	printf("catalogue     %lld items, %lld locations, %lld rows of stock\n",
	       (long long)about.items, (long long)about.locations, (long long)about.rows);
	printf("tokens        %lld valid%s\n", (long long)about.tokens,
	       about.had_token ? "" : "; there never was one: it is open to whoever reaches it");
	if (about.row_release[0] != '\0')
		printf("row-release   %s\n", about.row_release);
	if (postgres_is_uri(w->store))
		printf("front ends    %s\n",
		       about.front_ends[0] != '\0' ? about.front_ends : "none is alive");
	return EX_OK;
}

static int set_row_release(const struct upkeep_words *w, const char *value)
{
	struct store_open_result result;
	struct actor who;

	if (!postgres_is_uri(w->store))
		return wrong(w, "of a file that is a matter of each start: rowlockd --row-release ",
			     value);
	if (strcmp(value, "early") == 0)
		return wrong(w,
			     "over PostgreSQL this version passes rows on with their commit: "
			     "row-release is commit, not ",
			     value);
	if (strcmp(value, "commit") != 0)
		return wrong(w, "row-release is commit, not ", value);
	offline_who(&who);
	if (postgres_upkeep_set_row_release(
		    &(struct upkeep_options){ .path = w->store, .actor = who.name }, value,
		    &result) < 0)
		return refused(w, &result);
	printf("row-release   %s\n", value);
	return EX_OK;
}

int offline_store_run(char *argv[])
{
	struct upkeep_words w = { .command = "store" };
	int code = words_read(&w, argv);

	if (code != EX_OK)
		return code;
	if (w.operand_count == 1 && strcmp(w.operands[0], "show") == 0)
		return show(&w);
	if (w.operand_count == 3 && strcmp(w.operands[0], "set") == 0 &&
	    strcmp(w.operands[1], "row-release") == 0)
		return set_row_release(&w, w.operands[2]);
	return wrong(&w, "show, or set row-release commit?", "");
}

int offline_epoch_run(char *argv[])
{
	struct upkeep_words w = { .command = "epoch" };
	struct upkeep_options options = { 0 };
	struct store_open_result result;
	struct store_about about;
	struct actor who;
	int code = words_read(&w, argv);

	if (code != EX_OK)
		return code;
	if (!w.is_new)
		return wrong(&w, "a new one: --new; rowlockd store show says which it is", "");
	offline_who(&who);
	options = (struct upkeep_options){ .path = w.store,
					   .actor = who.name,
					   .keeps_tokens = w.keeps_tokens };
	if (upkeep_renew_epoch(&options, &about, &result) < 0)
		return refused(&w, &result);
	printf("epoch         %s, from seq %lld on\n", about.epoch, (long long)about.seq);
	if (about.void_count > 0)
		printf("tokens        %lld are void: rowlockd token rotate NAME gives one a new "
		       "secret\n",
		       (long long)about.void_count);
	return EX_OK;
}
