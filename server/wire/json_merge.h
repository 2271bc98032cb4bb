/*
 * json_merge - a JSON object with a merge patch applied to it (RFC 7396).
 *
 *     json_merge("{\"a\":1,\"b\":{\"c\":2}}", "{\"a\":null,\"b\":{\"d\":3}}", arena)
 *                                                           // {"b":{"c":2,"d":3}}
 *
 * A null takes its member away, an object is merged into what is there, anything else takes its
 * place. Members keep their order, new ones come last. Values stay as they were typed: a number
 * that went through a double would come back as another text.
 *
 * Cost: one pass over both, and one comparison of hashes for each pair of members. Threads: none
 * inside.
 */
#pragma once
#include "base/arena.h"

/*
 * The merged object. `object` may be NULL or, as somebody's hand may have left it, no object: then
 * it counts as {}. The patch must be a well-formed object. NULL: memory is short.
 */
char *json_merge(const char *object, const char *patch, struct arena *a);
