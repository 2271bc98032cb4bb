/*
 * list - a circular doubly linked list whose links live in the things that are listed.
 *
 *     struct waiter { struct list link; ... };
 *     list_push_back(&queue, &w->link);
 *     LIST_EACH(it, &queue) { struct waiter *w = CONTAINER_OF(it, struct waiter, link); ... }
 *
 * Nothing is allocated, and leaving is O(1). A link that is in no list points to itself.
 */
#pragma once
#include "base/check.h"

struct list {
	struct list *next;
	struct list *prev;
};

#define LIST_EACH(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)

/* The same, when the body may remove `it` (and nothing else) from the list. */
#define LIST_EACH_SAFE(it, head)                                                  \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head); \
	     it = it##_next, it##_next = it->next)

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

/* Is this link in some list? */
static inline bool list_is_linked(const struct list *l)
{
	return l->next != l;
}

static inline void list_insert_before(struct list *at, struct list *l)
{
	CHECK(!list_is_linked(l));
	l->prev = at->prev;
	l->next = at;
	at->prev->next = l;
	at->prev = l;
}

static inline void list_push_back(struct list *head, struct list *l)
{
	list_insert_before(head, l);
}

/* Takes a link out; harmless when it is in no list. */
static inline void list_remove(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

/* The first link, taken out, or NULL. */
static inline struct list *list_pop_front(struct list *head)
{
	struct list *first = head->next;

	if (first == head)
		return NULL;
	list_remove(first);
	return first;
}

/* Moves everything in `from` to the end of `to`, in order. */
static inline void list_splice_back(struct list *to, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = to->prev;
	from->prev->next = to;
	to->prev->next = from->next;
	to->prev = from->prev;
	list_init(from);
}
