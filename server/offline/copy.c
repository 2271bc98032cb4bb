/* copy - rowlockd copy: a store over to PostgreSQL, or back. */
#include "store/copy.h"
#include "base/check.h"
#include "offline/offline.h"
#include "offline/report.h"
#include "offline/words.h"
#include "store/postgres.h"
#include <stdio.h>
#include <string.h>

enum { PROGRESS_PERCENT = 10 };

struct copy_words {
	const char *from, *to;
	bool keeps_epoch;
};

static int wrong(const char *what, const char *word)
{
	char hidden[POSTGRES_URI_BYTES];

	postgres_uri_hide(word, hidden, sizeof(hidden));
	fprintf(stderr, "rowlockd copy: %s%s\nrowlockd copy --help says how it is used.\n", what,
		hidden);
	return EX_USAGE;
}

static int words_read(char *argv[], struct copy_words *ret)
{
	for (int at = 0; argv[at] != NULL; at++) {
		if (strcmp(argv[at], "--keep-epoch") == 0)
			ret->keeps_epoch = true;
		else if (argv[at][0] == '-' || ret->to != NULL)
			return wrong("it takes no ", argv[at]);
		else if (ret->from == NULL)
			ret->from = argv[at];
		else
			ret->to = argv[at];
	}
	if (ret->to == NULL || ret->to[0] == '\0' || ret->from[0] == '\0')
		return wrong("from where, and to where: rowlockd copy FROM TO", "");
	if (!postgres_is_uri(ret->from) && !postgres_is_uri(ret->to))
		return wrong(
			"one of the two is to be over PostgreSQL (postgresql://...); a copy of "
			"a file is what rowlockd restore makes",
			"");
	if (postgres_is_uri(ret->from) && postgres_is_uri(ret->to))
		return wrong("one of the two is to be a file; from PostgreSQL to PostgreSQL "
			     "pg_dump copies, or a standby",
			     "");
	offline_uri_warn("copy", postgres_is_uri(ret->from) ? ret->from : ret->to);
	return EX_OK;
}

/* Each tenth, on stderr: a large store takes a while. */
static void tell(void *context, enum copy_stage stage, int percent)
{
	static const char *const words[] = { [COPY_VERIFIES_SOURCE] = "verifying     the source",
					     [COPY_COPIES] = "copying",
					     [COPY_COMPARES] = "comparing",
					     [COPY_VERIFIES_TARGET] = "verifying     the copy" };
	int *next = context;

	if (percent < 0 || percent == 0) {
		*next = PROGRESS_PERCENT;
		if (percent < 0)
			fprintf(stderr, "%s\n", words[stage]);
		return;
	}
	if (percent < *next)
		return;
	fprintf(stderr, "%-13s %d %%\n", words[stage], percent - percent % PROGRESS_PERCENT);
	*next = percent - percent % PROGRESS_PERCENT + PROGRESS_PERCENT;
}

static void print_report(const struct copy_words *w, const struct copy_report *report)
{
	char to[POSTGRES_URI_BYTES];

	postgres_uri_hide(w->to, to, sizeof(to));
	if (report->goes_on)
		printf("went on       %lld rows were there already\n",
		       (long long)report->rows_before);
	if (report->begins_again)
		printf("began again   what an earlier copy had left was thrown away\n");
	printf("copied        %lld rows, %lld movements of them, up to seq %lld\n",
	       (long long)report->rows, (long long)report->movements, (long long)report->seq);
	printf("compared      each column of each row is the same\n");
	printf("The books of both balance.\n");
	printf("epoch         %s%s\n", report->epoch,
	       w->keeps_epoch ? ", as before: never open the source again"
			      : ", a new one: followers of the change feed begin anew");
	printf("Now           rowlockd --store '%s'\n", to);
}

int offline_copy_run(char *argv[])
{
	int next = PROGRESS_PERCENT;
	struct copy_words words = { 0 };
	struct store_open_result result;
	struct copy_report report;
	struct actor who;
	int code = words_read(argv, &words);

	if (code != EX_OK)
		return code;
	offline_who(&who);
	if (copy_run(&(struct copy_options){ .from = words.from,
					     .to = words.to,
					     .actor = who.name,
					     .keeps_epoch = words.keeps_epoch,
					     .progress = tell,
					     .context = &next },
		     &report, &result) < 0) {
		if (report.verify != NULL)
			report_findings(verify_result(report.verify));
		verify_destroy(report.verify);
		fprintf(stderr, "rowlockd copy: %s\n", result.message);
		return store_exit_code(result.trouble);
	}
	print_report(&words, &report);
	return EX_OK;
}
