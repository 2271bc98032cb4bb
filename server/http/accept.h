/*
 * accept - what a client would rather have, out of its Accept header (RFC 9110, 12.5.1).
 *
 *     if (accept_quality(accept, "text/csv") > accept_quality(accept, "application/x-ndjson"))
 *
 * Parameters of a media type other than q are not looked at: of what is offered here no two differ
 * in them. Threads: any. Cost: one pass over the header.
 */
#pragma once
#include <stdbool.h>

enum { ACCEPT_QUALITY_MAX = 1000 };

/*
 * How much a type ("text/plain", in lower case) is wanted: 0, not at all, to ACCEPT_QUALITY_MAX, in
 * thousandths. The range that names it most closely decides; of several that are alike the one
 * that wants it most. accept NULL, no header: anything will do. A q that cannot be read is 0.
 */
int accept_quality(const char *accept, const char *type);

/* Is it there by its own name, and not only as one of "*"? NULL: no. */
bool accept_is_named(const char *accept, const char *type);
