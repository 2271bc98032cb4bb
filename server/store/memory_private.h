/*
 * memory_private - what the files behind store/memory.h share: versions, who sees them, holds.
 */
#pragma once
#include "store/memory.h"
#include <pthread.h>

enum memory_kind {
	MEMORY_ITEM,
	MEMORY_LOCATION,
	MEMORY_ROW,
	MEMORY_LEASE_ROW,
	MEMORY_RESERVATION,
	MEMORY_KEY,
	MEMORY_AUDIT,
	MEMORY_KINDS,
};

struct memory_row {
	int64_t item_id;
	int64_t location_id;
	struct stock stock;
};

struct memory_lease {
	struct lease_row row; /* its sku and location are looked up: they may be renamed */
	int64_t item_id;
	int64_t location_id;
};

/* One version of a record. Texts are in memory.texts. */
struct memory_version {
	enum memory_kind kind;
	int64_t id;    /* of the record; of a lease row its fence */
	int64_t since; /* the commit from which on it holds */
	int64_t until; /* the commit from which on it does not; INT64_MAX: it is the newest */
	const struct memory_writer *made_by;  /* whose open group made it; NULL: it is kept */
	const struct memory_writer *ended_by; /* whose open group has replaced or deleted it */
	const struct memory_writer *author;   /* who made it, kept or not */
	union {
		struct item item;
		struct location location;
		struct memory_row row;
		struct memory_lease lease;
		struct reservation reservation;
		struct key_record key;
		struct audit_entry audit;
	};
};

struct memory_table {
	struct memory_version **all; /* in the order in which they were made */
	size_t count;
	size_t capacity;
};

struct memory_movement {
	struct movement movement;
	int64_t item_id;
	int64_t location_id;
};

/* What a writer holds: "kind name name". */
struct memory_hold {
	const struct memory_writer *writer;
	bool is_shared;
	char what[2 * CODE_BYTES_MAX + ID_BYTES_MAX + 8];
};

/* What is given out by counting. */
struct memory_numbers {
	int64_t ids[MEMORY_KINDS]; /* the last of each kind; of MEMORY_LEASE_ROW the last fence */
};

struct memory {
	struct memory_options options;
	pthread_mutex_t mutex;  /* guards all below, and the versions */
	pthread_cond_t changed; /* a hold, or the numbering, became free */
	struct memory_table tables[MEMORY_KINDS];
	struct memory_movement *movements; /* movements[seq - 1]; those of the open group behind */
	size_t movement_count;
	size_t movement_capacity;
	int64_t newest_seq; /* that is kept */
	int64_t commit;     /* the number of the last one */
	struct memory_numbers numbers;
	struct stored_time time;
	struct memory_writer *numbering; /* whose group is numbered, and is not over */
	struct memory_hold *holds;
	size_t hold_count;
	size_t hold_capacity;
	struct memory_writer *writers; /* all that are open */
	struct arena texts;
	char epoch[EPOCH_BYTES_MAX + 1];
	struct stored_access access; /* its arrays are in `texts` */
};

/* One that was handed out as overdue. */
struct memory_overdue {
	int64_t id;
	int64_t ended_ms; /* when it ran out: one that was extended since is another matter */
	int64_t until_ms; /* it is not handed out again before */
	bool is_of_group; /* of the open one */
};

enum { MEMORY_OVERDUE_MAX = 4096 };

struct memory_writer {
	struct store_writer writer;
	struct writer_ops ops; /* those of all, with what the options say */
	struct memory *m;
	struct memory_writer *next; /* in memory.writers */
	struct row_set rows;
	bool is_in_group;
	bool was_locked;  /* lock() was called in this group */
	bool has_written; /* in this group */
	bool was_kept;    /* the last one: for settle() */
	int64_t others;   /* commits of other writers */
	int64_t others_begun;
	int64_t others_taken;
	int64_t commit_begun; /* memory.commit then, and when the news were taken */
	int64_t commit_taken;
	int64_t seq_taken; /* of the group that is numbered: memory.newest_seq */
	struct memory_numbers numbers_before;
	struct stored_time time_after; /* of the open group */
	struct memory_overdue handed[MEMORY_OVERDUE_MAX];
	size_t handed_count;
	size_t overdue_lines;            /* handed out in this group */
	struct memory_version **touched; /* made or ended by the open group */
	size_t touched_count;
	size_t touched_capacity;
};

/* ---------------------------------------------------------------- who sees what */

/* A snapshot, or the newest that is kept and what the writer's open group has done. */
struct memory_view {
	int64_t commit;
	const struct memory_writer *writer; /* NULL: a reader's */
};

bool memory_sees(const struct memory_view *v, const struct memory_version *version);

static inline struct memory_view memory_view_of(const struct memory_writer *w)
{
	return (struct memory_view){ .commit = w->m->commit, .writer = w };
}

/* Each is the version in this view, or NULL. */
struct memory_version *memory_item(struct memory *m, const struct memory_view *v, const char *sku);
struct memory_version *memory_location(struct memory *m, const struct memory_view *v,
				       const char *code);
struct memory_version *memory_row(struct memory *m, const struct memory_view *v, int64_t item_id,
				  int64_t location_id);
struct memory_version *memory_reservation(struct memory *m, const struct memory_view *v,
					  const char *name);
struct memory_version *memory_key(struct memory *m, const struct memory_view *v, int64_t token_id,
				  const char *key);
struct memory_version *memory_by_id(struct memory *m, const struct memory_view *v,
				    enum memory_kind kind, int64_t id);
/* One that closes the row at now_ms. */
struct memory_version *memory_lease_of(struct memory *m, const struct memory_view *v,
				       int64_t item_id, int64_t location_id, int64_t now_ms);

/* The next one in this view behind *at, which is moved; NULL: there is none. From *at = 0. */
struct memory_version *memory_next(struct memory *m, const struct memory_view *v,
				   enum memory_kind kind, size_t *at);

/* Was it ever stocked, or is it leased at now_ms? */
bool memory_is_in_use(struct memory *m, const struct memory_view *v, enum memory_kind kind,
		      int64_t id, int64_t now_ms);

/* The newest movement behind down_to_seq, from from_seq back, that stated its row's level. */
int64_t memory_stated_since(const struct memory *m, int64_t from_seq, int64_t down_to_seq);

/* ---------------------------------------------------------------- changing */

/* A new version, of the writer's open group. NULL: memory is short. */
struct memory_version *memory_add(struct memory_writer *w, enum memory_kind kind, int64_t id);
/* The version does not hold any more, as far as the writer's open group goes. 0 or a fault. */
int memory_end(struct memory_writer *w, struct memory_version *version);

/* A copy that stays; NULL for NULL, and where memory is short: *is_short. */
const char *memory_keep(struct memory *m, const char *text, bool *is_short);

/* A record as it is handed out, with its texts in the arena. 0 or a fault. */
int memory_copy_item(const struct item *item, struct arena *texts, struct item *ret);
int memory_copy_location(const struct location *location, struct arena *texts,
			 struct location *ret);
/* With its lines, whose names are those of now. */
int memory_copy_reservation(struct memory *m, const struct memory_view *v,
			    const struct reservation *reservation, struct arena *a,
			    struct reservation *ret);
int memory_copy_audit(const struct audit_entry *entry, struct arena *a, struct audit_entry *ret);
int memory_copy_key(const struct key_record *record, struct arena *a, struct key_record *ret);
int memory_copy_movement(struct memory *m, const struct memory_view *v,
			 const struct memory_movement *movement, struct arena *a,
			 struct movement_view *ret);
void memory_names_of(struct memory *m, const struct memory_view *v, int64_t item_id,
		     int64_t location_id, struct code *ret_sku, struct code *ret_location);

/* ---------------------------------------------------------------- holds */

/* memory_found.c: see writer_ops. */
int memory_lock(struct store_writer *w, const struct want *want, int64_t wait_ms,
		struct found *found);
int memory_sweep(struct store_writer *w, int64_t now_ms, struct found *found);

/* memory_holds.c. Two of the same writer never conflict. Under the mutex, as are all below. */
bool memory_is_held_by_others(const struct memory_writer *w, const char *what, bool is_shared);
int memory_hold(struct memory_writer *w, const char *what, bool is_shared);
void memory_release_all(struct memory_writer *w);
/* Waits until something is free, or until_ns has passed: false. */
bool memory_wait(struct memory *m, int64_t until_ns);

/* memory_reader.c, memory_audit.c. */
struct memory_reader {
	struct reader reader;
	struct memory *m;
	struct memory_view view;
	int64_t seq;
	bool is_in_snapshot;
};

static inline struct memory_reader *memory_reader_of(struct reader *r)
{
	return CONTAINER_OF(r, struct memory_reader, reader);
}

static inline struct memory_writer *memory_writer_of(struct store_writer *w)
{
	return CONTAINER_OF(w, struct memory_writer, writer);
}

/* memory_access.c: see reader_ops. */
int memory_access_version(struct reader *reader, int64_t *ret);
int memory_access(struct reader *reader, struct arena *a, struct stored_access *ret);

extern const struct audit_ops memory_audit_ops;
