/* handlers - what the handler files share beyond the rows of routes.def. */
#pragma once
#include "http/exchange.h"

/* GET /v1/stock/{sku}/{location}?read=locked (handlers_writes.c: it queues like a write). */
void stock_show_locked(struct exchange *x);
