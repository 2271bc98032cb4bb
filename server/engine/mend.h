/*
 * mend - what a request may say, made of what a store has.
 *
 * A hand can leave texts in a store that the service would have refused: no name, one that is too
 * long, attributes that are no JSON object. An export must not fail on them when it is imported,
 * and must not hide the rest of the item either. So what can be said in its place is:
 *
 *     no name        the sku, or the code of the location
 *     too long       its first characters, as many as are allowed
 *     no unit        "piece"
 *     attributes     left out, unless they are what a request may have
 *     a reservation's own id that is none: the importing server makes one
 *
 * What no request can name, a sku, a code, is left out, with its stock and whatever rests on it. A
 * verification names all of these (item-text-wrong, location-text-wrong).
 *
 * Threads: none inside. Cost: a look at each text; attributes are parsed.
 */
#pragma once
#include "base/arena.h"
#include "core/catalogue.h"
#include "core/reservation.h"

/* Of the arena is what is made. 0 or a fault; *ret_can_be_said false: it is to be left out. */
int mend_item(struct item *item, struct arena *a, bool *ret_can_be_said);
int mend_location(struct location *location, struct arena *a, bool *ret_can_be_said);
int mend_reservation(struct reservation *reservation, struct arena *a, bool *ret_can_be_said);

bool mend_can_say(const struct code *code);
