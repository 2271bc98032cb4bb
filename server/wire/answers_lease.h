/* answers_lease - leases, as clients read them. For the ways of all answers see answers.h. */
#pragma once
#include "core/answer.h"
#include "wire/json_write.h"

void lease_write(struct json *j, const struct lease_view *l);
