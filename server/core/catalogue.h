/*
 * catalogue - items and locations: what stock is of, and where it lies.
 *
 * The texts belong to whoever made or loaded the struct (usually an arena); NULL: none, or not
 * loaded where only the numbers were asked for.
 */
#pragma once
#include "core/stock.h"

struct item {
	int64_t id; /* in the store; 0: there is no such item */
	struct code sku;
	const char *name;
	const char *unit;        /* "piece" when the client names none */
	const char *attributes;  /* a JSON object, or NULL */
	int64_t backorder_limit; /* how far available may go below zero; >= 0 */
	int64_t reorder_point;   /* counts only with has_reorder_point; >= 0 */
	bool has_reorder_point;
	bool is_archived; /* takes no increases, hidden in lists */
	int64_t version;  /* grows by one with each change; its ETag */
	int64_t created_at_ms;
	int64_t updated_at_ms;
};

struct location {
	int64_t id; /* 0: there is no such location */
	struct code code;
	const char *name;
	bool is_archived;
	int64_t version;
	int64_t created_at_ms;
	int64_t updated_at_ms;
};

/* Everything that is true of one that exists. Its texts are not looked at. */
bool item_is_sound(const struct item *item);
bool location_is_sound(const struct location *location);

/* What a patch may name. */
enum member {
	MEMBER_NAME = 1 << 0,
	MEMBER_UNIT = 1 << 1,
	MEMBER_BACKORDER_LIMIT = 1 << 2,
	MEMBER_REORDER_POINT = 1 << 3,
	MEMBER_ATTRIBUTES = 1 << 4,
	MEMBER_ARCHIVED = 1 << 5,
};

/* Takes over the members that are named (MEMBER_*); the others stay as they are. */
void item_patch(struct item *item, const struct item *patch, unsigned named);
void location_patch(struct location *location, const struct location *patch, unsigned named);

/* Do both say the same? Identity, version and times do not count; no attributes are {}. */
bool item_says_the_same(const struct item *a, const struct item *b);
bool location_says_the_same(const struct location *a, const struct location *b);
