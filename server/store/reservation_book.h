/*
 * reservation_book - when the active reservations run out, and of which rows they are.
 *
 * The truth is in the store; this is who is next, and who is overdue. Each active reservation is in
 * it once:
 *
 *     put ──> waiting, in a heap by time
 *                  │ collect: its time has come
 *                  ▼
 *             overdue, in order of time and by the rows of its lines ──> booked, and removed
 *
 * What is overdue is booked in slices, so that nobody has to wait for all of it. A decision is
 * exact all the same: before a row is decided on, whoever is overdue in that row is booked
 * (reservation_book_overdue_in). Rows are 32 bits of a hash: two rows that share them cost a
 * booking ahead of its turn, and nothing else.
 *
 * A group changes the book as it goes; when it fails, everything is as it was before it. Undoing
 * needs no memory.
 *
 * Threads: the writer's. Memory: 56 bytes for each active reservation and 20 for each of its lines,
 * as many as there were at once. Cost: put, remove, undo O(log n), collect O(log n) for each that
 * is due, the others O(1). What is stored may be damaged: ids that are not here are no matter.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OVERDUE_BUCKETS = 1 << 16 };

/* Indices into the arrays below are one more than they say; 0: none. */
typedef uint32_t book_index;

enum promise_state {
	PROMISE_FREE,
	PROMISE_WAITING, /* in the heap */
	PROMISE_OVERDUE, /* in the line of those to be booked */
	PROMISE_GONE,    /* removed by the open group: it comes back if that fails */
};

/* A reservation, as far as time goes. */
struct promise {
	int64_t id;
	int64_t at_ms;    /* UTC, store time */
	book_index place; /* WAITING: in the heap */
	book_index next;  /* OVERDUE: in line; FREE: the next free one */
	book_index prev;
	book_index same;  /* the next in its bucket of `by_id` */
	book_index lines; /* the first */
	enum promise_state state;
};

struct promise_line {
	uint32_t row;
	book_index owner;
	book_index sibling; /* the owner's next; of a free one the next free one */
	book_index next;    /* while the owner is overdue: in its bucket of `overdue_rows` */
	book_index prev;
};

/* What the open group did, to be undone from behind. */
struct promise_change {
	book_index promise;
	enum { PROMISE_ADDED, PROMISE_MOVED, PROMISE_REMOVED } kind;
	int64_t was_at_ms;
};

struct reservation_book {
	struct promise *promises;
	size_t promise_count; /* used or free again */
	size_t promise_capacity;
	book_index free_promise;
	book_index *by_id; /* as many buckets as promise_capacity */

	struct heap_entry {
		int64_t at_ms;
		book_index promise;
	} * heap; /* as many as promise_capacity */
	size_t heap_count;

	struct promise_line *lines;
	size_t line_count; /* used or free again */
	size_t line_capacity;
	book_index free_line;
	size_t living_lines;

	book_index overdue_first;
	book_index overdue_last;
	size_t overdue_count;
	book_index overdue_rows[OVERDUE_BUCKETS];

	struct promise_change *changes;
	size_t change_count;
	size_t change_capacity;
	bool is_in_group;

	int64_t active_count; /* with what the open group made and resolved */
};

void reservation_book_fini(struct reservation_book *b);

/* The name of a row here. */
uint32_t reservation_book_row(int64_t item_id, int64_t location_id);

/* From now on it runs out at at_ms. rows: of a new one; there may be none. 0 or a fault. */
int reservation_book_put(struct reservation_book *b, int64_t id, int64_t at_ms,
			 const uint32_t rows[], int row_count);

/* One more row of one that is waiting. 0 or a fault. */
int reservation_book_add_row(struct reservation_book *b, int64_t id, uint32_t row);

/* The reservation does not run out any more. 0 or a fault. */
int reservation_book_remove(struct reservation_book *b, int64_t id);

/* When the next one runs out that was not collected yet; INT64_MAX: there is none. */
int64_t reservation_book_next_ms(const struct reservation_book *b);

/* All whose time is now_ms or before it are overdue from here on. */
void reservation_book_collect(struct reservation_book *b, int64_t now_ms);

/* The one that has been overdue for longest, or one in this row; 0: there is none. */
int64_t reservation_book_overdue(const struct reservation_book *b);
int64_t reservation_book_overdue_in(const struct reservation_book *b, uint32_t row);
bool reservation_book_is_overdue(const struct reservation_book *b, int64_t id);

/*
 * What is put and removed from here on belongs to a group, until it is kept or undone. A writer
 * may fail without a group, too (between two of them, or before one has begun): undoing is then
 * harmless, and changes nothing of what earlier groups have kept.
 */
void reservation_book_begin_group(struct reservation_book *b);

/* The group is durable, or had nothing to write. */
void reservation_book_keep_group(struct reservation_book *b);

/* The group was rolled back: all is as it was, but that what is due may have to be collected. */
void reservation_book_undo_group(struct reservation_book *b);
