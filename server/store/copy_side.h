/*
 * copy_side - one end of a copy (store/copy.h): a store whose rows are read, or one that gets them.
 *
 * Rows go from one to the other as they stand in the tables that both kinds of stores have
 * (copy_tables[]), in the order of their keys:
 *
 *     r = from->ops->read(from, table, after);
 *     while (r == 0 && (r = from->ops->next(from, row, &has_row)) == 0 && has_row) ...
 *     from->ops->stop(from);
 *
 *     r = to->ops->begin(to, table);                   // a part: kept as a whole
 *     r = to->ops->put(to, table, row); ...
 *     r = to->ops->end(to, table);
 *
 * A side is read or written, not both at once. Each call returns 0 or a fault, whose words and
 * trouble are in the result that the side was opened with.
 *
 * Threads: one. Ownership: close() ends it, whatever state it is in; what is not ended is undone.
 */
#pragma once
#include "store/verify.h"

enum { COPY_COLUMNS_MAX = 20, COPY_KEYS_MAX = 2, COPY_MARK_BYTES = 256 };

/* What a column has. Both kinds of stores hold the same, each in its own way. */
enum copy_type {
	COPY_NUMBER,    /* 64 bits */
	COPY_NUMBER_32, /* the same where PostgreSQL has an integer */
	COPY_FLAG,      /* 0 or 1: in PostgreSQL a boolean */
	COPY_TEXT,
	COPY_BYTES,
};

struct copy_column {
	const char *name; /* NULL: behind the last */
	enum copy_type type;
};

struct copy_table {
	const char *name;
	int key_count; /* the first columns, by which its rows are told apart and ordered */
	/*
	 * The table has rows from the beginning: a statement with the columns as $1, $2, ...
	 * instead of an INSERT.
	 */
	const char *put;
	bool may_have_more;        /* rows that the source does not have: it is not compared */
	const char *only_sqlite;   /* rows that are copied; NULL: all */
	const char *only_postgres; /* the same */
	bool never_again; /* an id that was given is not given again, whatever became of its row */
	struct copy_column columns[COPY_COLUMNS_MAX + 1];
};

/* In the order in which rows may be put: what is referred to comes first. */
enum { COPY_TABLES = 14 };
extern const struct copy_table copy_tables[COPY_TABLES];

int copy_column_count(const struct copy_table *t);

/*
 * Appends its names, "id, sku, name", to a text that has room for `bytes`; only the first `count`.
 */
void copy_column_list(const struct copy_table *t, int count, char *text, size_t bytes);

/* Of texts and bytes `bytes`, else `number`; until the side is asked for something else. */
struct copy_value {
	bool is_null;
	int64_t number;
	const char *bytes;
	size_t byte_count;
};

bool copy_values_are_equal(enum copy_type type, const struct copy_value *a,
			   const struct copy_value *b);

struct copy_side;

struct copy_end {
	const char *actor;
	const char *from;  /* "sqlite" or "postgresql": for the audit */
	const char *epoch; /* NULL: its own, which is new */
	int64_t seq;
	int64_t last_ids[COPY_TABLES]; /* of tables with never_again; 0: none was given */
};

enum copy_beginning {
	COPY_BEGINS,
	COPY_GOES_ON,      /* where one that was interrupted has come to */
	COPY_BEGINS_AGAIN, /* what an interrupted one had copied was thrown away */
};

struct copy_side_ops {
	const char *kind; /* "sqlite" or "postgresql" */

	/* ---- of one that is read */
	/* Changes whenever its rows do: so that an interrupted copy knows what it was of. */
	int (*mark)(struct copy_side *s, char ret[COPY_MARK_BYTES]);
	int (*count)(struct copy_side *s, const struct copy_table *t, int64_t *ret);
	/* That was given, in a table with never_again. */
	int (*last_id)(struct copy_side *s, const struct copy_table *t, int64_t *ret);
	int (*epoch)(struct copy_side *s, char ret[EPOCH_BYTES_MAX + 1]);
	/* Behind the row with these keys; NULL: from the first. */
	int (*read)(struct copy_side *s, const struct copy_table *t,
		    const struct copy_value after[]);
	int (*next)(struct copy_side *s, struct copy_value row[], bool *ret_has_row);
	void (*stop)(struct copy_side *s);
	/* Was it changed, in spite of all locks? */
	bool (*has_changed)(struct copy_side *s);

	/* ---- of one that is written: it reads, too, once all is written */
	/* Looks that it is empty, or holds a part of a copy of the store with this mark. */
	int (*prepare)(struct copy_side *s, const char *mark, enum copy_beginning *ret);
	/* The keys of its last row. */
	int (*last)(struct copy_side *s, const struct copy_table *t, struct copy_value ret[],
		    bool *ret_has_row);
	int (*begin)(struct copy_side *s, const struct copy_table *t);
	int (*put)(struct copy_side *s, const struct copy_table *t, const struct copy_value row[]);
	int (*end)(struct copy_side *s, const struct copy_table *t);
	/* All rows are there: works out what follows from them, and notes who copied. */
	int (*complete)(struct copy_side *s, const struct copy_end *e);
	/* The copy was verified: from now on it is a store as any other. */
	int (*publish)(struct copy_side *s);

	/* ---- of both */
	/* The whole verification; *ret is the caller's to destroy. */
	int (*verify)(struct copy_side *s, struct verify **ret);
	void (*close)(struct copy_side *s);
};

struct copy_side {
	const struct copy_side_ops *ops;
	struct store_open_result *result;
};

/*
 * Each: 0, or a fault with the trouble in `result`. A source is locked against whoever would write
 * to it until it is closed; a target is made where there is none.
 */
int sqlite_copy_source(const char *path, struct copy_side **ret, struct store_open_result *result);
int sqlite_copy_target(const char *path, struct copy_side **ret, struct store_open_result *result);
int postgres_copy_source(const char *uri, struct copy_side **ret, struct store_open_result *result);
int postgres_copy_target(const char *uri, struct copy_side **ret, struct store_open_result *result);
