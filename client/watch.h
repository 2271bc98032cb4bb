/*
 * watch - what `rowlock watch` knows of a server, and the picture of it.
 *
 *     rowlock watch  http://127.0.0.1:8080
 *     seq 990018   updates/s 28411   group 37.2   waiting 9   leases 1   reservations 12
 *
 *     LOCKS  2 held or queued for, 8 waiting
 *     A-1/WH1  [lease l_1 cycle count, 41 s left] < 1.8 s < 1.2 s < 0.3 s  +4
 *     B-2/WH1  [command 280aec3f-2, 0.0 s] < 0.0 s
 *
 *     STOCK  what changes, the latest first
 *     SKU  LOCATION  ON_HAND  RESERVED  AVAILABLE  LAST  CHANGES/S  BY
 *     A-1  WH1         11998         0      11998    -1       12.0  adjust sale, 0.3 s ago
 *
 * A row that somebody holds or waits for is a lane: its holder, then those who wait, in the order
 * in which they will be served, each with how long it has waited. Lines end at the screen's edge.
 *
 * No I/O, no clock: time comes in as an argument. Memory: at most WATCHED_ROWS_MAX rows, those that
 * changed last, about 3 MB. Cost of a movement: O(1). Threads: one.
 */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "client/json.h"

enum { WATCHED_ROWS_MAX = 10000, WATCHED_BUCKETS = 4096, WATCHED_TEXT_BYTES = 72 };

struct watched_row {
	struct map_node node;    /* by the hash of sku and location */
	struct list latest_link; /* in watch.latest */
	char sku[WATCHED_TEXT_BYTES], location[WATCHED_TEXT_BYTES];
	char kind[16], reason[40], actor[WATCHED_TEXT_BYTES];
	int64_t on_hand, reserved, available;
	int64_t delta; /* the last change of what is available */
	int64_t seq;
	int64_t seen_ns;
	int64_t changes, changes_before; /* since the view began; at the last metrics */
	double changes_per_s;
};

/* What /metrics says, and what it said before. */
struct watched_numbers {
	double movements, seq, waiting, leases, reservations;
	double groups, grouped; /* groups, and the commands in them */
	int64_t at_ns;          /* 0: none yet */
};

struct watch {
	const char *url;
	const char *sku, *location; /* only these; NULL: all */
	struct watched_numbers numbers, numbers_before;
	struct map rows;
	struct map_node *buckets[WATCHED_BUCKETS];
	struct list latest; /* the rows, the latest change first */
	json_t *locks;      /* the rows of GET /v1/locks; NULL: none yet */
	int64_t lost_ns;    /* since when the server does not answer; 0: it does */
	char lost_reason[160];
};

/* How the picture is drawn. */
struct watch_style {
	int columns, rows;
	bool is_utf8, is_coloured;
};

void watch_init(struct watch *w, const char *url, const char *sku, const char *location);
void watch_fini(struct watch *w);

/* Nothing is known of stock any more. */
void watch_forget_rows(struct watch *w);

/* A movement object, in the order of their seqs. is_old: from before the view began. */
void watch_movement(struct watch *w, const json_t *movement, int64_t now_ns, bool is_old);

/* The text of /metrics. False: it is none of ours. */
bool watch_metrics(struct watch *w, const char *metrics, int64_t now_ns);

/* The answer of GET /v1/locks. False: it is none of ours. */
bool watch_locks(struct watch *w, const json_t *answer);

/* The server does not answer, or not as it should; and it does again. */
void watch_lose(struct watch *w, const char *reason, int64_t now_ns);
void watch_find(struct watch *w);

/* Appends the picture, a line each. */
void watch_draw(const struct watch *w, const struct watch_style *style, int64_t now_ns,
		struct text *into);
