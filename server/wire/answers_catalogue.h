/*
 * answers_catalogue - items and locations, as clients read them. For the ways of all answers see
 * answers.h.
 */
#pragma once
#include "core/catalogue.h"
#include "wire/json_write.h"

void item_write(struct json *j, const struct item *i);
void location_write(struct json *j, const struct location *l);
