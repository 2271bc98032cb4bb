/*
 * export_lines - lines of a batch (messages_batch.h) that make what is given, and overwrite
 * nothing: an export is a batch.
 *
 *     {"op":"set","sku":"A-1","location":"WH1","on_hand":40,"expected_version":0,"reason":"import"}
 *
 * Each is appended with its newline. Threads: none inside.
 */
#pragma once
#include "core/catalogue.h"
#include "core/reservation.h"

struct text;

/* An item or location that is not there yet, in use. */
void export_item_write(struct text *out, const struct item *item);
void export_location_write(struct text *out, const struct location *location);

/* What is left to say of it once it has its stock. */
void export_item_rest_write(struct text *out, const struct item *item);
void export_location_rest_write(struct text *out, const struct location *location);

/* The level, or what is owed, of a row that was never stocked. */
void export_level_write(struct text *out, const struct code *sku, const struct code *location,
			int64_t on_hand);

/* A reservation for so many more seconds, under its own id where its client chose that. */
void export_reservation_write(struct text *out, const struct reservation *r, int64_t ttl_s);
