/*
 * postgres_reader - what the files that read from PostgreSQL share: postgres_snapshot.c,
 * postgres_reader.c (life, point reads), postgres_lists.c (pages), postgres_audit.c (of a
 * verification), postgres_access.c (tokens); and postgres_reads.c, their statements.
 *
 * A snapshot is a transaction, REPEATABLE READ and READ ONLY. Its BEGIN, the newest seq and the
 * stock rows that are expected to be asked for are one trip, each other read is one more, and its
 * COMMIT is sent but not waited for: what the server says to it is taken with the next trip. So
 * nothing of it is left open while nobody reads.
 *
 * Level of a row is its newest movement; a row of `stock` without one was never stocked, and is not
 * shown. Reads never lock, and never write.
 */
#pragma once
#include "store/postgres_columns.h"
#include "store/postgres_private.h"

enum postgres_read {
	READ_SEQ,
	READ_ITEM,
	READ_LOCATION,
	READ_STOCK,
	READ_STOCKS,
	READ_STOCK_SUM,
	READ_STOCK_OF_ITEM,
	READ_MOVEMENT,
	READ_PAST_LEVEL,
	READ_KEY,
	READ_RESERVATION,
	READ_FRONT_ENDS,
	LIST_STOCK,
	LIST_MOVEMENTS_UP,
	LIST_MOVEMENTS_DOWN,
	LIST_HISTORY,
	LIST_ITEMS,
	LIST_LOCATIONS,
	LIST_RESERVATIONS,
	LIST_AUDIT_UP,
	LIST_AUDIT_DOWN,
	AUDIT_MOVEMENTS,
	AUDIT_MOVEMENT,
	AUDIT_ROWS,
	AUDIT_ROW,
	AUDIT_ROW_NAMES,
	AUDIT_ACTIVE,
	AUDIT_LAST_RESERVATION,
	AUDIT_LINES,
	AUDIT_OPEN_LINES,
	AUDIT_RESERVATION_NAME,
	AUDIT_KEYS,
	AUDIT_LEASES,
	AUDIT_ITEMS,
	AUDIT_LOCATIONS,
	AUDIT_ACCESS,
	READ_ACCESS_VERSION,
	READ_ACCESS,
	READ_TOKENS,
	READ_TOKEN_LOCATIONS,
	READ_SECRETS,
	POSTGRES_READ_COUNT,
};

struct postgres_reader {
	struct reader reader;
	struct postgres_link *link;
	bool is_in_snapshot;
	const struct stock_name *expected; /* of reader_ops.expect() */
	size_t expected_count;
	PGresult *stocks;   /* theirs, in their order, while there is a snapshot; NULL: none */
	size_t stocks_next; /* most likely the next that is asked for */
	bool is_ending;     /* a COMMIT is under way, whose answer is not taken yet */
	int64_t newest_seq; /* of the snapshot */
	int64_t page_ms;    /* a page that takes longer ends there */
	int64_t limit_ns;   /* see reader_ops.limit_time() */
	const atomic_int_fast64_t *or_limit_ns;
};

extern const char *const postgres_read_texts[POSTGRES_READ_COUNT];

struct postgres_reader *postgres_reader_of(struct reader *reader);

/* See reader_ops. */
int postgres_begin(struct reader *reader, int64_t *ret_seq);
void postgres_end(struct reader *reader);
void postgres_limit_time(struct reader *reader, int64_t at_ns, const atomic_int_fast64_t *or_at_ns);

void postgres_expect(struct reader *reader, const struct stock_name names[], size_t count);
/* The row of `stocks` that is of these names, with the columns of READ_STOCK; -1: none is. */
int postgres_expected(struct postgres_reader *r, const char *sku, const char *location);

/* One statement within the snapshot: a trip. 0 or a fault; the caller clears *ret. */
int postgres_read(struct reader *reader, enum postgres_read statement, int param_count,
		  const struct postgres_value values[], PGresult **ret);

/*
 * What is left of the last snapshot is taken, and the link stands. Outside of a snapshot. A link
 * that is gone is connected again, for at most a few seconds. 0 or a fault.
 */
int postgres_reader_ready(struct postgres_reader *r);

/* postgres_lists.c */
int postgres_stock_of_item(struct reader *reader, const struct item_stock_query *q, struct arena *a,
			   struct stock_sum *ret_sum, struct page *ret);
int postgres_list_stock(struct reader *reader, const struct stock_query *q, struct arena *a,
			struct page *ret);
int postgres_list_movements(struct reader *reader, const struct movement_query *q, struct arena *a,
			    struct page *ret);
int postgres_list_items(struct reader *reader, const struct catalogue_query *q, struct arena *a,
			struct page *ret);
int postgres_list_locations(struct reader *reader, const struct catalogue_query *q, struct arena *a,
			    struct page *ret);
int postgres_list_reservations(struct reader *reader, const struct reservation_query *q,
			       struct arena *a, struct page *ret);
int postgres_list_audit(struct reader *reader, const struct audit_query *q, struct arena *a,
			struct page *ret);

/* postgres_access.c */
int postgres_access_version(struct reader *reader, int64_t *ret);
int postgres_access(struct reader *reader, struct arena *a, struct stored_access *ret);

/* postgres_audit.c */
extern const struct audit_ops postgres_audit_ops;
