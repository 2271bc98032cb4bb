/*
 * reservation_book - when the active reservations run out.
 *
 * The truth is in the store; this is a heap of (time, id), so that the writer knows whom to look at
 * before it decides anything. An entry may be out of date (the reservation was resolved or extended
 * since, or its group failed): whoever is handed one asks the store.
 *
 * Threads: the writer's. Memory: 16 bytes for each entry.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reservation_due {
	int64_t at_ms; /* UTC, store time */
	int64_t id;
};

struct reservation_book {
	struct reservation_due *heap;
	size_t count;
	size_t capacity;
	struct reservation_due *taken; /* in the open group; they come back if it fails */
	size_t taken_count;
	size_t taken_capacity;
	int64_t active_count; /* with what the open group made and resolved */
	int64_t active_before_group;
	bool is_in_group;
};

void reservation_book_fini(struct reservation_book *b);

/* 0 or a fault. */
int reservation_book_add(struct reservation_book *b, int64_t id, int64_t at_ms);

/* When the next one runs out; INT64_MAX: there is none. */
int64_t reservation_book_next_ms(const struct reservation_book *b);

/* Takes one that is due out; *ret_id 0: nobody is. 0 or a fault. */
int reservation_book_take_due(struct reservation_book *b, int64_t now_ms, int64_t *ret_id);

/*
 * What is taken and counted from here on belongs to a group, until it is kept or undone. A writer
 * may fail without a group, too (between two of them, or before one has begun): undoing is then
 * harmless, and changes nothing of what earlier groups have kept.
 */
void reservation_book_begin_group(struct reservation_book *b);

/* The group is durable, or had nothing to write. */
void reservation_book_keep_group(struct reservation_book *b);

/* The group was rolled back: what was taken is back, and nothing was counted. Needs no memory. */
void reservation_book_undo_group(struct reservation_book *b);
