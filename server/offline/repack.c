/* repack - rowlockd repack: a store written anew, with pages of the size that suits it. */
#include "offline/offline.h"
#include "offline/report.h"
#include "offline/words.h"
#include <stdio.h>

enum { PROGRESS_PERCENT = 10 };

/* Each tenth, on stderr: a large store takes a while. */
static void tell(void *context, int percent)
{
	int *next = context;

	if (percent < *next)
		return;
	fprintf(stderr, "repacking     %d %%\n", percent - percent % PROGRESS_PERCENT);
	*next = percent - percent % PROGRESS_PERCENT + PROGRESS_PERCENT;
}

static int verify_before(const char *path, int64_t *ret_finding_count)
{
	int code = EX_SOFTWARE, r;
	struct verify *v = NULL;
	struct offline *f = report_open("repack", &(struct offline_options){ .path = path }, &code);

	if (f == NULL)
		return code;
	code = report_check("repack", f, path);
	if (code == EX_OK && (r = offline_verify(f, &v)) < 0)
		code = report_fault("repack", path, r);
	if (code == EX_OK) {
		*ret_finding_count = verify_result(v)->finding_count;
		report_findings(verify_result(v));
	} else {
		printf("Nothing was changed: what is damaged is not repacked, restore a backup.\n");
	}
	verify_destroy(v);
	offline_close(f);
	return code;
}

int offline_repack_run(const struct offline_arguments *a)
{
	int next = PROGRESS_PERCENT;
	struct actor who;
	struct repack_options o = { .path = a->store,
				    .actor = who.name,
				    .page_bytes = a->page_bytes,
				    .progress = tell,
				    .context = &next };
	struct store_open_result result;
	struct repack_report report;
	int code = verify_before(a->store, &o.finding_count);

	if (code != EX_OK)
		return code;
	offline_who(&who);
	if (repack_run(&o, &report, &result) < 0) {
		fprintf(stderr, "rowlockd repack: %s\n", result.message);
		if (!report.is_in_place)
			fprintf(stderr, "%s is as it was.\n", a->store);
		return store_exit_code(result.trouble);
	}
	printf("repacked      %s: pages of %lld bytes became %d, %lld KiB became %lld\n", a->store,
	       (long long)report.page_bytes_before, a->page_bytes,
	       (long long)report.bytes_before >> 10, (long long)report.bytes_after >> 10);
	return o.finding_count == 0 ? EX_OK : EX_DATAERR;
}
