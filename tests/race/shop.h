/*
 * shop - an engine over a store of its own for a test: item S at the locations WH-0, WH-1, ...
 *
 *     shop_init(&s, true);
 *     shop_open(&s);
 *     shop_stock(&s, 10, 50);         // 50 units in each of ten rows
 *     ...callers on s.service...
 *     shop_close(&s);                 // the books must balance
 *     ...shop_query(&s, "SELECT ...")...
 *     shop_fini(&s);
 *
 * A row of the shop is the number of its location. Threads: the main thread's; it asserts.
 */
#pragma once
#include "engine/service.h"

struct shop {
	char folder[64];
	char path[96];
	bool releases_rows_early;
	struct service *service; /* NULL: closed */
};

void shop_init(struct shop *s, bool releases_rows_early);
void shop_open(struct shop *s); /* over the same store each time */

/* Makes the item, and rows with so many units in each: their version is 1 then. */
void shop_stock(struct shop *s, int row_count, int64_t units);

void shop_close(struct shop *s);
void shop_fini(struct shop *s); /* removes the folder */

/* The first column of the first row, as a number, from the store of a closed shop. */
int64_t shop_query(const struct shop *s, const char *sql);
