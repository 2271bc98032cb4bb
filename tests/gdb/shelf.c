/* shelf - a list, a map and a tree with the same three things in them, for printers.py. */
#include "base/list.h"
#include "base/map.h"
#include "base/tree.h"

enum { THINGS = 3, BUCKETS = 8 };

struct thing {
	int number;
	struct list link;
	struct map_node node;
	struct tree_node in_order;
};

static struct thing things[THINGS];
static struct list all, none;
struct list torn; /* seen from outside, so that it is kept */
static struct map map;
static struct map_node *buckets[BUCKETS];
static struct tree tree, empty;

__attribute__((noinline)) static int look_here(void)
{
	__asm__ volatile("");
	return list_is_empty(&all) + (tree_is_empty(&empty) ? 0 : 1);
}

int main(void)
{
	list_init(&all);
	list_init(&none);
	torn.next = (struct list *)8; /* a link that leads nowhere */
	map_init(&map, buckets, BUCKETS);
	tree_init(&tree);
	tree_init(&empty);
	for (int i = 0; i < THINGS; i++) {
		things[i].number = 10 * (i + 1);
		list_init(&things[i].link);
		list_push_back(&all, &things[i].link);
		map_insert(&map, &things[i].node, (uint64_t)i + 70);
		tree_insert(&tree, &things[i].in_order, 90 - i);
	}
	return look_here();
}
