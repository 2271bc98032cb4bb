/*
 * answers_finding - what a check of the store found, as clients read it. For the ways of all
 * answers see answers.h.
 */
#pragma once
#include "core/finding.h"
#include "wire/json_write.h"

void finding_write(struct json *j, const struct finding *f);
