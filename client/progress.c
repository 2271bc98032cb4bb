#include "client/progress.h"
#include "base/clock.h"
#include <stdio.h>
#include <unistd.h>

enum { BAR_COLUMNS = 38, SHOW_EVERY_MS = 100 };

struct progress progress_begin(int64_t total_bytes)
{
	return (struct progress){ .is_shown = isatty(STDERR_FILENO) == 1,
				  .begun_ns = clock_monotonic_ns(),
				  .total_bytes = total_bytes };
}

static void bar_print(int64_t byte_count, int64_t total_bytes)
{
	int columns = (int)(byte_count * BAR_COLUMNS / total_bytes);

	fprintf(stderr, " %3d %%  [", (int)(byte_count * 100 / total_bytes));
	for (int i = 0; i < BAR_COLUMNS; i++)
		fputc(i < columns ? '#' : '.', stderr);
	fprintf(stderr, "]  %.1f of %.1f MB", (double)byte_count / 1e6, (double)total_bytes / 1e6);
}

void progress_show(struct progress *p, int64_t byte_count)
{
	int64_t now_ns = clock_monotonic_ns();

	if (!p->is_shown || now_ns - p->shown_ns < SHOW_EVERY_MS * NS_PER_MS)
		return;
	p->shown_ns = now_ns;
	fputs("\r\033[K", stderr);
	if (p->total_bytes > 0 && byte_count <= p->total_bytes)
		bar_print(byte_count, p->total_bytes);
	else
		fprintf(stderr, "  %.1f MB", (double)byte_count / 1e6);
	fprintf(stderr, "  %.1f MB/s",
		(double)byte_count * 1e3 / (double)(now_ns - p->begun_ns + 1));
	fflush(stderr);
}

void progress_end(struct progress *p)
{
	if (p->is_shown && p->shown_ns != 0)
		fputs("\r\033[K", stderr);
	p->is_shown = false;
}
