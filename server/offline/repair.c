/* repair - rowlockd repair: first what would be done, then, with --apply, does it. */
#include "offline/offline.h"
#include "offline/report.h"
#include "offline/words.h"
#include <stdio.h>
#include <string.h>

static void print_number(const char *name, int64_t before, int64_t after)
{
	if (before != after)
		printf(", %s %lld -> %lld", name, (long long)before, (long long)after);
}

static void print_change(const struct repair_change *c)
{
	printf("row           ");
	if (c->sku.text[0] != '\0') {
		report_text(c->sku.text);
		printf(" ");
		report_text(c->location.text);
	} else {
		printf("of stock.id %lld", (long long)c->stock_id);
	}
	print_number("on_hand", c->before.on_hand, c->after.on_hand);
	print_number("reserved", c->before.reserved, c->after.reserved);
	print_number("version", c->before.version, c->after.version);
	print_number("seq", c->before.seq, c->after.seq);
	printf("\n");
	if (c->has_movement)
		printf("movement      seq %lld, kind edit, reason repair: on_hand %+lld, "
		       "reserved %+lld\n",
		       (long long)c->after.seq, (long long)c->on_hand_delta,
		       (long long)c->reserved_delta);
}

static void print_plan(const struct repair_plan *p)
{
	for (int64_t i = 0; i < p->count; i++)
		print_change(&p->changes[i]);
	if (p->line_count > 0)
		printf("reservations  %lld lines become open, or closed, as their reservations "
		       "are\n",
		       (long long)p->line_count);
	if (p->fence_after != p->fence_before)
		printf("store         next_fence %lld -> %lld\n", (long long)p->fence_before,
		       (long long)p->fence_after);
	if (p->needs_epoch)
		printf("store         a new epoch: the newest movements are lost, and their seqs "
		       "will be given out again\n");
}

static int verify_again(struct offline *f, const char *path)
{
	struct verify *v = NULL;
	int code, r = offline_verify(f, &v);

	if (r < 0)
		return report_fault("repair", path, r);
	if (verify_result(v)->finding_count > 0)
		printf("What is left cannot be repaired without rewriting the ledger:\n");
	report_findings(verify_result(v));
	code = verify_result(v)->finding_count == 0 ? EX_OK : EX_DATAERR;
	verify_destroy(v);
	return code;
}

static int apply(struct offline *f, const struct repair_plan *p, const char *path)
{
	struct store_open_result result = { 0 };
	char copy[OFFLINE_PATH_BYTES];
	struct actor who;

	offline_who(&who);
	if (repair_apply(f, p, who.name, copy, &result) < 0) {
		fprintf(stderr, "rowlockd repair: %s\nNothing was changed.\n", result.message);
		return store_exit_code(result.trouble);
	}
	printf("copy          %s is the store as it was\n", copy);
	printf("Repaired.\n");
	return verify_again(f, path);
}

static int repair_verified(struct offline *f, const struct offline_arguments *a,
			   const struct verify *v)
{
	enum repair_trust trust = strcmp(a->trust, "ledger") == 0 ? TRUST_LEDGER : TRUST_LEVEL;
	struct repair_plan plan;
	int code = verify_result(v)->finding_count == 0 ? EX_OK : EX_DATAERR;
	int r = repair_plan_make(f, v, trust, &plan);

	if (r < 0)
		return report_fault("repair", a->store, r);
	print_plan(&plan);
	if (repair_plan_is_empty(&plan))
		printf(code == EX_OK ? "There is nothing to repair.\n"
				     : "None of this can be repaired without rewriting the "
				       "ledger.\n");
	else if (a->must_apply)
		code = apply(f, &plan, a->store);
	else
		printf("Nothing was changed: --apply does it.\n");
	repair_plan_fini(&plan);
	return code;
}

int offline_repair_run(const struct offline_arguments *a)
{
	int code = EX_SOFTWARE, r;
	struct verify *v = NULL;
	struct offline *f = report_open(
		"repair", &(struct offline_options){ .path = a->store, .may_write = a->must_apply },
		&code);

	if (f == NULL)
		return code;
	code = report_check("repair", f, a->store);
	if (code != EX_OK) {
		printf("A damaged file is not repaired: restore a backup.\n");
		offline_close(f);
		return code;
	}
	r = offline_verify(f, &v);
	if (r == 0) {
		report_findings(verify_result(v));
		code = repair_verified(f, a, v);
	} else {
		code = report_fault("repair", a->store, r);
	}
	verify_destroy(v);
	offline_close(f);
	return code;
}
