/*
 * show - the server's objects for people: which fields, in which columns.
 *
 *     struct table t;
 *     show_table(&t, &show_stock);
 *     show_stock.add_row(&t, stock_object, &show_stock);
 *     table_print(&t, stdout);
 */
#pragma once
#include "client/json.h"
#include "client/session.h"
#include "client/table.h"

struct listing {
	const struct column *columns;
	size_t column_count;
	void (*add_row)(struct table *t, const json_t *row, const struct listing *listing);
	const char *shape; /* that each row has at least (shape.h) */
};

extern const struct listing show_items;
extern const struct listing show_locations;
extern const struct listing show_stock;
extern const struct listing show_movements;
extern const struct listing show_audit;
extern const struct listing show_leases;
extern const struct listing show_locks;
extern const struct listing show_reservations;
extern const struct listing show_front_ends;

/* An empty table with the listing's columns. */
void show_table(struct table *t, const struct listing *listing);

/* What the answer to a write of one row, and to a transfer, has. */
extern const char show_change_shape[];
extern const char show_transfer_shape[];

/* Are the movements in such an answer movements? */
bool show_write_fits(const json_t *answer);

/* Prints one object as one row under its headings. */
void show_one(const json_t *row, const struct listing *listing);

/* Prints one object downwards, every field that it has. */
void show_fields(json_t *object);

/* Was it answered before it was done (--async)? Then the id of the operation is printed. */
bool show_accepted(const struct session *s, const struct response *a);

/*
 * Asks for one thing of this listing and prints it, or the id of the operation that was made of the
 * request (status 202). DONE: *ret_response is the caller's to end.
 */
enum exit_code show_asked(struct session *s, struct api_request *r, const struct listing *listing,
			  struct response *ret_response);

/* Prints the answer's body as it came: what --json is for. */
void show_body(const struct response *a);

/*
 * After a write: its movements, and what its lock cost; or the body, with --json.
 */
void show_write(const struct session *s, const struct response *a);

/* Says so where the answer is what its key got the first time: what it shows may be history. */
void show_replayed(const struct response *a);

/* The line about what the lock cost, where the answer says it. */
void show_timing(const struct response *a);
