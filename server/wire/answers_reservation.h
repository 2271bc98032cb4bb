/*
 * answers_reservation - reservations, as clients read them. For the ways of all answers see
 * answers.h.
 */
#pragma once
#include "core/reservation.h"
#include "wire/json_write.h"

void reservation_write(struct json *j, const struct reservation *r);
