/*
 * access - who may call what: between the route of a request and its handler, and so at the head of
 * a body that is taken piece by piece.
 *
 *     if (access_admit(x))
 *             ...x->actor may call x->route...
 *
 * A store that never had a token lets everybody do everything, but through a proxy: then whoever
 * reaches that could. One that ever had a token is closed: 401 without a good one, 403 where its
 * role is too little, and 429 instead of 401 where an address has failed too often. What is public
 * is answered to everybody.
 *
 * Threads: the loop's.
 */
#pragma once
#include "exchange/exchange.h"

/* False: it was answered. */
bool access_admit(struct exchange *x);

/* Has its actor this role, too? False: it was answered 403, with the role. */
bool access_demand(struct exchange *x, enum role role);
