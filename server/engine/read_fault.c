#include "engine/read_fault.h"
#include "base/fault.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include <errno.h>
#include <string.h>

void read_fault_note(struct published *p, struct lock_manager *locks, int fault,
		     const char *request_id)
{
	const struct fault *f = fault_latest();

	CHECK(fault < 0);
	log_write(LOG_ERROR, "read_failed", "request=%s error=\"%s\" extended=%d at=%s:%d",
		  request_id != NULL ? request_id : "-", strerror(-fault), f->detail,
		  f->file != NULL ? f->file : "", f->line);
	if (outcome_of_fault(fault) == OUTCOME_STORE_DAMAGED)
		metric_add(METRIC_DAMAGED, 1);
	if (fault != -EUCLEAN)
		return;
	/* The writer says where in the log, and refuses whoever waits. */
	atomic_store(&p->is_damaged, true);
	lock_manager_close(locks, OUTCOME_STORE_DAMAGED);
}
