/* claimed_part - a part of a batch as its batch submits it: with what its lines claim. */
#pragma once
#include "engine/service.h"

static inline enum submit claim_and_submit_part(struct service *s, struct work *part,
						struct waiter *waiter, int64_t wait_ms)
{
	struct claim_set claims;

	claim_set_init(&claims);
	LIST_EACH (it, &part->lines)
		service_claim(s, &claims, work_of_link(it));
	return service_submit_part(s, part, &claims, waiter, wait_ms);
}
