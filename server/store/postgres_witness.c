/* postgres_witness - the newest movement that was seen, and whether it is still there. */
#include "base/secret.h"
#include "store/postgres_witness.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void postgres_witness_begin(struct postgres_store *s, const char *epoch)
{
	CHECK(s->witness.epoch[0] == '\0');
	CHECK(pthread_mutex_lock(&s->witness.mutex) == 0);
	snprintf(s->witness.epoch, sizeof(s->witness.epoch), "%s", epoch);
	CHECK(pthread_mutex_unlock(&s->witness.mutex) == 0);
}

void postgres_witness_note(struct postgres_store *s, int64_t seq, int64_t at_ms)
{
	CHECK(seq >= 0);
	CHECK(pthread_mutex_lock(&s->witness.mutex) == 0);
	if (seq > s->witness.seq) {
		s->witness.seq = seq;
		s->witness.at_ms = at_ms;
	}
	CHECK(pthread_mutex_unlock(&s->witness.mutex) == 0);
}

static struct postgres_witness copy_of(struct postgres_store *s)
{
	struct postgres_witness copy;

	CHECK(pthread_mutex_lock(&s->witness.mutex) == 0);
	copy = s->witness;
	CHECK(pthread_mutex_unlock(&s->witness.mutex) == 0);
	return copy;
}

/* Once: all links find it. */
static int end(struct postgres_store *s, enum store_event event, int64_t a, int64_t b)
{
	CHECK(event == STORE_NEW_EPOCH || event == STORE_LOST_COMMITS);
	if (!atomic_exchange(&s->is_ousted, true) && s->tell != NULL)
		s->tell(s->tell_context, event, a, b);
	return FAULT(-ESTALE);
}

/* Of the front ends that find it the first begins the epoch; the others find that. */
static int begin_epoch(struct postgres_store *s, struct postgres_link *l,
		       const struct postgres_witness *known, int64_t newest)
{
	unsigned char random[8];
	char text[2 * sizeof(random) + 1], sql[200];
	int r;

	CHECK(known->epoch[0] != '\0');
	secret_random(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(text + 2 * i, 3, "%02x", random[i]);
	snprintf(sql, sizeof(sql), "UPDATE store SET epoch = '%s' WHERE id = 1 AND epoch = '%.*s'",
		 text, EPOCH_BYTES_MAX, known->epoch);
	/* The session that looks every second does not wait for the disk else. */
	r = postgres_run_text(l, "SET synchronous_commit = on", NULL);
	if (r == 0)
		r = postgres_run_text(l, sql, NULL);
	return r < 0 ? r
		     : end(s, STORE_LOST_COMMITS, known->seq,
			   newest < known->seq ? newest : known->seq - 1);
}

int postgres_witness_judge(struct postgres_store *s, struct postgres_link *l)
{
	/* Before the look: what is noted behind it may not be in it. */
	const struct postgres_witness known = copy_of(s);
	CLEANUP(postgres_clear) PGresult *seen = NULL;
	char sql[400];
	int64_t newest;
	int r;

	CHECK(l != NULL);
	if (known.epoch[0] == '\0')
		return 0;
	snprintf(sql, sizeof(sql),
		 "SELECT epoch, coalesce(seq, 0), coalesce(at, 0), %" PRId64 " = 0 OR EXISTS "
		 "(SELECT FROM movement WHERE seq = %" PRId64 " AND at = %" PRId64 ") FROM store "
		 "LEFT JOIN (SELECT seq, at FROM movement ORDER BY seq DESC LIMIT 1) AS m ON true",
		 known.seq, known.seq, known.at_ms);
	r = postgres_run_text(l, sql, &seen);
	if (r < 0)
		return r;
	if (PQntuples(seen) != 1)
		return FAULT(-EUCLEAN);
	newest = postgres_int(seen, 0, 1);
	if (strcmp(postgres_peek_text(seen, 0, 0), known.epoch) != 0)
		return end(s, STORE_NEW_EPOCH, 0, 0);
	if (!postgres_bool(seen, 0, 3))
		return begin_epoch(s, l, &known, newest);
	postgres_witness_note(s, newest, postgres_int(seen, 0, 2));
	return 0;
}
