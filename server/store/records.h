/*
 * records - what is true of the records and questions that cross the border of a store.
 *
 * What is handed to a store is ours, and is CHECKed there. What a store hands out may have been
 * changed by hand: what makes no sense is -EBADMSG, or is mended as store/store.h says.
 *
 * See item_is_sound(), location_is_sound(), stock_is_sound() and reservation_is_sound() for the
 * records of core/. Each costs a few comparisons. Threads: none inside.
 */
#pragma once
#include "store/group.h"

bool key_record_is_sound(const struct key_record *k);
bool lease_row_is_sound(const struct lease_row *l);
/* A movement that was decided: its level is within bounds, and it follows another one. */
bool movement_is_sound(const struct movement *m);

/* A limit within bounds, and a cursor that can be compared. */
bool stock_query_is_sound(const struct stock_query *q);
bool item_stock_query_is_sound(const struct item_stock_query *q);
bool movement_query_is_sound(const struct movement_query *q);
bool catalogue_query_is_sound(const struct catalogue_query *q);
bool audit_query_is_sound(const struct audit_query *q);
bool reservation_query_is_sound(const struct reservation_query *q);

/* Not more than was asked for. */
bool page_is_sound(const struct page *p, int limit);

/* What is wanted names something, and who wants it knows the time and the group. */
bool want_is_sound(const struct want *w);
/* Numbered or relative, and each of its movements one behind the one before it. */
bool effects_are_sound(const struct effects *e);
