/*
 * postgres_columns - from the columns of a result to a record: what the writer, the point reads and
 * the lists share.
 *
 * Each reads from column 0 on, what the macro beside it names: item i, location l, movement m (with
 * i and l), reservation r, and of its lines e. Texts are copied into the arena; the database sees
 * to it that they are UTF-8 without a NUL. 0 or a fault: -ENOMEM, or -EBADMSG where a word is none
 * of ours.
 */
#pragma once
#include "store/postgres_value.h"
#include "store/store.h"

#define POSTGRES_ITEM_COLUMNS                                                             \
	"i.id, i.sku, i.name, i.unit, i.backorder_limit, i.reorder_point, i.attributes, " \
	"i.archived, i.version, i.created_at, i.updated_at"

#define POSTGRES_LOCATION_COLUMNS \
	"l.id, l.code, l.name, l.archived, l.version, l.created_at, l.updated_at"

#define POSTGRES_MOVEMENT_COLUMNS                                                               \
	"m.seq, m.stock_id, m.kind, m.on_hand_delta, m.reserved_delta, m.on_hand, m.reserved, " \
	"m.version, m.prev_seq, m.at, m.oversubscribed, m.low_stock, "                          \
	"coalesce(m.reason, m.kind), m.reference, m.reservation, m.request_id, m.actor, "       \
	"m.note, i.sku, l.code"

#define POSTGRES_RESERVATION_COLUMNS                                                \
	"r.id, r.name, r.state, r.owner, r.reference, r.created_at, r.expires_at, " \
	"r.resolved_at"

/* Columns of a line stand behind those of its reservation. */
#define POSTGRES_LINE_COLUMNS \
	"e.sku, e.code, e.item_id, e.location_id, e.quantity, e.committed, e.n"

/*
 * The lines e of a reservation, one more than it may have. What names an item or a location that is
 * not there is left out, and the reservation says that it lacks lines.
 */
#define POSTGRES_LINES_OF(reservation_id)                                                    \
	"LATERAL (SELECT i.sku, l.code, o.item_id, o.location_id, o.quantity, o.committed, " \
	"o.n FROM reservation_line o JOIN item i ON i.id = o.item_id "                       \
	"JOIN location l ON l.id = o.location_id WHERE o.reservation_id = " reservation_id   \
	" ORDER BY o.n LIMIT 65) e"

/* Of the row with an id, and of its newest movement n. */
#define POSTGRES_STOCK_COLUMNS(id) id ", n.on_hand, n.reserved, n.version, n.seq, n.at"

/* The newest movement n of a row; `and` is what else must be so for it to be looked for. */
#define POSTGRES_NEWEST(stock_id, and)                                                   \
	"LATERAL (SELECT v.on_hand, v.reserved, v.version, v.seq, v.at FROM movement v " \
	"WHERE v.stock_id = " stock_id and                                               \
		" ORDER BY v.version DESC LIMIT 1) n"

enum {
	ITEM_COLUMNS = 11,
	LOCATION_COLUMNS = 7,
	MOVEMENT_COLUMNS = 20,
	RESERVATION_COLUMNS = 8,
	LINE_COLUMNS = 7,
	STOCK_COLUMNS = 6,
};

int postgres_read_item(const PGresult *result, int row, struct arena *a, struct item *ret);
int postgres_read_location(const PGresult *result, int row, struct arena *a, struct location *ret);
int postgres_read_movement(const PGresult *result, int row, struct arena *a,
			   struct movement_view *ret);

/* From `column` on; zeros where it has no movement: never stocked. */
struct stock postgres_read_stock(const PGresult *result, int row, int column);

/*
 * The reservation that begins at *row, with all of its lines, each in a row of its own; of one
 * without any the columns of a line are NULL. *row is then behind them.
 */
int postgres_read_reservation(const PGresult *result, int *row, struct arena *a,
			      struct reservation *ret);
