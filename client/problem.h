/*
 * problem - says on stderr why the server refused (RFC 9457).
 *
 *     rowlock: 409 insufficient-stock: Fewer units are available than were asked for
 *       detail      A-1 at WH1 has 2 available, 3 were asked for
 *       hint        ...
 *       short       A-1 WH1: requested 3, available 2, shortfall 1
 *       outcome     not_applied
 *       request id  q-7f3a
 */
#pragma once
#include "client/api.h"

/*
 * Prints what a refusing answer says; its JSON as it is when `is_json`. An answer that is no
 * problem body (a proxy's page) is shown by its first line. Returns the exit code it means.
 */
enum exit_code problem_print(const struct response *a, bool is_json);
