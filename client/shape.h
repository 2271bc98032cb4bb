/*
 * shape - is an answer what the contract says? Something else may listen at the server's address.
 *
 *     if (!shape_fits(response.json, "s:sku s:location i:on_hand o:movement"))
 *             ...this is not what was asked for...
 *
 * A shape names the members that an object must have: s a text, i a whole number, b true or false,
 * o an object, a an array, t anything that is there. Members that it does not name may be there or
 * not, so that a newer server may say more and an older one less.
 *
 * Threads: none inside.
 */
#pragma once
#include "client/json.h"

/* A value that is no object has no shape: false, NULL too. */
bool shape_fits(const json_t *value, const char *shape);

/* Is it an array, each of whose elements fits? */
bool shape_fits_all(const json_t *array, const char *shape);
