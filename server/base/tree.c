#include "base/tree.h"
#include "base/check.h"

/* The finalizer of MurmurHash3: neighbours have priorities that know nothing of each other. */
static uint64_t priority_of(const struct tree_node *n)
{
	uint64_t x = (uint64_t)n->key + (uintptr_t)n * UINT64_C(0x9E3779B97F4A7C15);

	x = (x ^ (x >> 33)) * UINT64_C(0xFF51AFD7ED558CCD);
	x = (x ^ (x >> 33)) * UINT64_C(0xC4CEB9FE1A85EC53);
	return x ^ (x >> 33);
}

/* By key, and by address where keys are equal, so that each can be found again. */
static bool is_before(const struct tree_node *a, const struct tree_node *b)
{
	return a->key != b->key ? a->key < b->key : (uintptr_t)a < (uintptr_t)b;
}

/* Is a nearer to the root? */
static bool is_above(const struct tree_node *a, const struct tree_node *b)
{
	uint64_t x = priority_of(a), y = priority_of(b);

	return x != y ? x > y : (uintptr_t)a > (uintptr_t)b;
}

/* Parts what hangs at `from` into what comes before n, and what comes behind it. */
static void split(struct tree_node *from, struct tree_node *n)
{
	struct tree_node **before = &n->left, **behind = &n->right;

	while (from != NULL) {
		if (is_before(from, n)) {
			*before = from;
			before = &from->right;
			from = from->right;
		} else {
			*behind = from;
			behind = &from->left;
			from = from->left;
		}
	}
	*before = *behind = NULL;
}

void tree_insert(struct tree *t, struct tree_node *n, int64_t key)
{
	struct tree_node **at = &t->root;

	n->key = key;
	while (*at != NULL && is_above(*at, n))
		at = is_before(n, *at) ? &(*at)->left : &(*at)->right;
	split(*at, n);
	*at = n;
}

/* Hangs both at `at`; all of `before` comes before all of `behind`. */
static void join(struct tree_node **at, struct tree_node *before, struct tree_node *behind)
{
	while (before != NULL && behind != NULL) {
		if (is_above(before, behind)) {
			*at = before;
			at = &before->right;
			before = before->right;
		} else {
			*at = behind;
			at = &behind->left;
			behind = behind->left;
		}
	}
	*at = before != NULL ? before : behind;
}

void tree_remove(struct tree *t, struct tree_node *n)
{
	struct tree_node **at = &t->root;

	while (*at != n) {
		CHECK(*at != NULL);
		at = is_before(n, *at) ? &(*at)->left : &(*at)->right;
	}
	join(at, n->left, n->right);
	n->left = n->right = NULL;
}

struct tree_node *tree_after(const struct tree *t, int64_t key)
{
	struct tree_node *n = t->root, *found = NULL;

	while (n != NULL) {
		if (n->key > key) {
			found = n;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return found;
}

struct tree_node *tree_first(const struct tree *t)
{
	struct tree_node *n = t->root;

	while (n != NULL && n->left != NULL)
		n = n->left;
	return n;
}
