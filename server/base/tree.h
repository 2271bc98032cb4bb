/*
 * tree - things in the order of a number, that carry their own links: a treap (Aragon and Seidel
 * 1989, "Randomized Search Trees").
 *
 *     struct lease { struct tree_node by_fence; ... };
 *     tree_insert(&t, &l->by_fence, fence);
 *     for (struct tree_node *n = tree_first(&t); n != NULL; n = tree_after(&t, n->key)) ...
 *
 * A cursor is a key, not a node: what it stood at may be gone when one goes on. Keys may be equal;
 * tree_after() then skips those that are.
 *
 * The priorities are a hash of the key and of where the node lies, so nothing is drawn and nothing
 * is stored for them, and many equal keys make it no deeper.
 *
 * Cost: O(log n) expected; tree_is_empty() O(1). Threads: none inside. Nothing is allocated.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tree_node {
	struct tree_node *left, *right;
	int64_t key;
};

struct tree {
	struct tree_node *root;
};

static inline void tree_init(struct tree *t)
{
	t->root = NULL;
}

static inline bool tree_is_empty(const struct tree *t)
{
	return t->root == NULL;
}

/* The node must be in no tree. */
void tree_insert(struct tree *t, struct tree_node *n, int64_t key);

/* The node must be in this tree. */
void tree_remove(struct tree *t, struct tree_node *n);

/* One with the smallest key above this one, or NULL. */
struct tree_node *tree_after(const struct tree *t, int64_t key);

/* One with the smallest key, or NULL. */
struct tree_node *tree_first(const struct tree *t);
