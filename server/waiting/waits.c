#include "waiting/waits.h"
#include "base/fault.h"
#include <stdlib.h>

int waits_open(struct host *h, const struct waits_options *options)
{
	struct waits *w = calloc(1, sizeof(*w));

	CHECK(h->waits == NULL);
	if (w == NULL)
		return FAULT(-ENOMEM);
	credentials_init(&w->credentials, h);
	detached_line_init(&w->detached, h);
	operation_line_init(&w->operations, h, options->operations);
	seq_line_init(&w->seqs, h);
	subscribers_init(&w->subscribers, h);
	h->waits = w;
	return 0;
}

void waits_close(struct host *h)
{
	if (h->waits != NULL)
		credentials_fini(&h->waits->credentials);
	free(h->waits);
	h->waits = NULL;
}
