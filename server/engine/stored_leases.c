#include "engine/stored_leases.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "engine/delivery.h"
#include <stdlib.h>
#include <string.h>

/* Every row of row_lock, by fence: the rows of a lease are neighbours. */
struct stored_leases {
	const struct lease_row *rows;
	size_t count;
};

/* How many rows from `first` on are one lease. */
static size_t rows_of_lease(const struct stored_leases *s, size_t first)
{
	size_t n = 1;

	CHECK(first < s->count);
	while (first + n < s->count && s->rows[first + n].fence == s->rows[first].fence)
		n++;
	return n;
}

/* The last of its rows to end keeps all of them: the database refuses edits until then, too. */
static int64_t end_of_rows(const struct lease_row rows[], size_t count)
{
	int64_t end_ms = rows[0].expires_at_ms;

	CHECK(count >= 1);
	for (size_t i = 1; i < count; i++)
		if (end_ms < rows[i].expires_at_ms)
			end_ms = rows[i].expires_at_ms;
	return end_ms;
}

static bool says_the_same(const struct lease *l, const struct lease_row rows[], size_t count)
{
	CHECK(count >= 1);
	if ((size_t)l->row_count != count || strcmp(l->id, rows[0].lease_id) != 0 ||
	    strcmp(l->purpose, rows[0].purpose) != 0 || l->token_id != rows[0].token_id)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(l->rows[i].sku.text, rows[i].sku.text) != 0 ||
		    strcmp(l->rows[i].location.text, rows[i].location.text) != 0)
			return false;
	return true;
}

/* One that the store says is over ends like one whose time is up here: the group deletes it. */
static int make_lease(struct lane *lane, const struct lease_row rows[], size_t count,
		      struct lease **ret)
{
	struct row_ref *refs = malloc(sizeof(refs[0]) * count);
	struct lease *l = NULL;

	CHECK(count >= 1);
	for (size_t i = 0; refs != NULL && i < count; i++)
		refs[i] = (struct row_ref){ .key = hash_pair(rows[i].sku.text,
							     rows[i].location.text, lane->seed),
					    .sku = rows[i].sku,
					    .location = rows[i].location };
	if (refs != NULL)
		l = lease_create(rows[0].lease_id, rows[0].purpose, rows[0].fence, refs,
				 (int)count);
	free(refs);
	if (l == NULL)
		return FAULT(-ENOMEM);
	l->token_id = rows[0].token_id;
	l->taken_at_ms = rows[0].taken_at_ms;
	l->expires_at_ms = end_of_rows(rows, count);
	*ret = l;
	return 0;
}

/*
 * What is known of a lease against what the store says, both by fence. The lease goes when the
 * store has it no longer, or on other rows (an item may have been renamed): it comes anew then,
 * behind all that go, so that no row is closed twice meanwhile.
 */
static bool drop_changed_leases(struct lane *lane, const struct stored_leases *s)
{
	struct lease_book *b = &lane->locks->leases;
	bool has_dropped = false;
	struct lease *l = lease_book_after(b, INT64_MIN);
	size_t i = 0;

	while (l != NULL) {
		struct lease *next = lease_book_after(b, l->gate.fence);

		while (i < s->count && s->rows[i].fence < l->gate.fence)
			i++;

		bool is_there = i < s->count && s->rows[i].fence == l->gate.fence;
		size_t count = is_there ? rows_of_lease(s, i) : 0;
		int64_t end_ms = is_there ? end_of_rows(&s->rows[i], count) : 0;

		if (!is_there || !says_the_same(l, &s->rows[i], count)) {
			lock_manager_drop_lease(lane->locks, l, clock_monotonic_ns());
			has_dropped = true;
		} else if (end_ms != l->expires_at_ms) {
			lock_manager_renew_lease(lane->locks, l, end_ms);
		}
		l = next;
	}
	return has_dropped;
}

static int add_unknown_leases(struct lane *lane, const struct stored_leases *s, int64_t now_ms,
			      bool *has_added)
{
	CHECK(now_ms >= 0);
	for (size_t i = 0, n; i < s->count; i += n) {
		struct lease *l = NULL;
		int r;

		n = rows_of_lease(s, i);
		if (lease_book_by_fence(&lane->locks->leases, s->rows[i].fence) != NULL)
			continue;
		r = make_lease(lane, &s->rows[i], n, &l);
		if (r < 0)
			return r;
		if (lease_has_ended(l, now_ms)) {
			list_push_back(&lane->ended_leases, &l->link);
		} else {
			lock_manager_add_lease(lane->locks, l, clock_monotonic_ns());
			*has_added = true;
		}
	}
	return 0;
}

int stored_leases_take_in(struct lane *lane, const struct news *news, int64_t now_ms)
{
	struct stored_leases s = { .rows = news->leases, .count = news->lease_count };
	struct refused refused;
	bool has_changed;
	int r;

	if (!news->has_leases)
		return 0;
	has_changed = drop_changed_leases(lane, &s);
	r = add_unknown_leases(lane, &s, now_ms, &has_changed);
	if (has_changed) {
		refused_init(&refused);
		lock_manager_send_back(lane->locks, &refused);
		delivery_refuse(&refused);
	}
	return r;
}

int stored_leases_delete_ended(struct lane *lane, struct effects *effects)
{
	CHECK(effects->leases.count == 0);
	LIST_EACH (it, &lane->ended_leases) {
		const struct lease *l = CONTAINER_OF(it, struct lease, link);
		struct lease_effect *e = effects_add_lease(effects);

		CHECK(!l->is_in_book);

		if (e == NULL)
			return FAULT(-ENOMEM);
		*e = (struct lease_effect){ .change = CHANGE_DELETE,
					    .fence = l->gate.fence,
					    .id = l->id,
					    .expires_at_ms = l->expires_at_ms };
	}
	return 0;
}
