#include "engine/audit_age.h"
#include "base/check.h"
#include "ops/log.h"

void audit_age_init(struct audit_age *a, int64_t keep_ms)
{
	CHECK(keep_ms >= 0);
	atomic_init(&a->keep_ms, keep_ms);
	a->look_ms = 0;
}

void audit_age_keep(struct audit_age *a, int64_t keep_ms)
{
	CHECK(keep_ms >= 0);
	atomic_store_explicit(&a->keep_ms, keep_ms, memory_order_relaxed);
}

void audit_age_ask(const struct audit_age *a, int64_t now_ms, struct effects *e)
{
	int64_t keep_ms = atomic_load_explicit(&a->keep_ms, memory_order_relaxed);
	int count = 2 * (int)e->audits.count;

	CHECK(now_ms >= 0);
	if (keep_ms == 0 || now_ms < a->look_ms)
		return;
	e->audit_old_ms = now_ms - keep_ms;
	e->audit_old_count = count > AUDIT_OLD_PER_GROUP ? count : AUDIT_OLD_PER_GROUP;
}

void audit_age_told(struct audit_age *a, int64_t now_ms, const struct effects *e)
{
	CHECK(e->audit_gone_count <= e->audit_old_count);
	if (e->audit_gone_count > 0)
		log_write(LOG_DEBUG, "audit_pruned", "rows=%d", e->audit_gone_count);
	if (e->audit_old_count > 0 && e->audit_gone_count < e->audit_old_count)
		a->look_ms = now_ms + AUDIT_LOOK_MS;
}
