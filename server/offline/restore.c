/* restore - rowlockd restore: a backup in the place of a store. */
#include "offline/offline.h"
#include "offline/words.h"
#include "store/offline.h"
#include <stdio.h>
#include <sys/stat.h>

static bool is_same_file(const char *a, const char *b)
{
	struct stat of_a, of_b;

	return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
	       of_a.st_ino == of_b.st_ino;
}

int offline_restore_run(const struct offline_arguments *a)
{
	struct actor who;
	struct restore_options o = { .backup = a->backup,
				     .path = a->store,
				     .actor = who.name,
				     .keeps_tokens = a->keeps_tokens };
	struct store_open_result result;
	struct restore_report report;

	offline_who(&who);
	if (is_same_file(a->backup, a->store)) {
		fprintf(stderr, "rowlockd restore: BACKUP and the store are the same file\n");
		return EX_USAGE;
	}
	if (restore_run(&o, &report, &result) < 0) {
		fprintf(stderr, "rowlockd restore: %s\n%s is as it was.\n", result.message,
			a->store);
		return store_exit_code(result.trouble);
	}
	if (report.kept[0] != '\0')
		printf("kept          %s is the store as it was%s\n", report.kept,
		       report.was_damaged ? "; it could not be read, and its log was kept with it"
					  : "");
	printf("restored      %s from %s, up to seq %lld, epoch %s\n", a->store, a->backup,
	       (long long)report.seq, report.epoch);
	if (report.was_damaged && report.is_open)
		printf("tokens        none: whether the store had any could not be read. If it "
		       "did, "
		       "rowlockd token add NAME --role ROLE --store %s closes it\n",
		       a->store);
	if (report.void_count > 0)
		printf("tokens        %lld are void: rowlockd token rotate NAME --store %s gives "
		       "one "
		       "a new secret\n",
		       (long long)report.void_count, a->store);
	return EX_OK;
}
