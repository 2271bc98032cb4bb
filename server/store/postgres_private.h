/*
 * postgres_private - what the postgres_*.c files share: the store, its links, its tables' versions.
 */
#pragma once
#include "base/check.h"
#include "base/fault.h"
#include "store/group.h"
#include "store/postgres.h"
#include "store/postgres_connection.h"
#include <pthread.h>

enum { POSTGRES_NAME_BYTES = 65 };

/* For each wait where nothing else is said. */
enum {
	POSTGRES_CONNECT_MS = 3000,    /* for each host that the URI names */
	POSTGRES_RECONNECT_MS = 10000, /* until whoever waits for a reconnection hears of it */
	POSTGRES_STATEMENT_MS = 10000, /* of a link that writes */
	/*
	 * lock_timeout of a link that writes, unless a group sets its own: how long it takes until
	 * those hear of it who wait no longer for a store that somebody holds.
	 */
	POSTGRES_LOCK_MS = 500,
};

/* See store/postgres_witness.h. */
struct postgres_witness {
	pthread_mutex_t mutex;
	char epoch[EPOCH_BYTES_MAX + 1]; /* "": there is nothing to lose yet */
	int64_t seq, at_ms;              /* of the newest movement that is known to be durable */
};

struct postgres_house; /* store/postgres_house.h */

struct postgres_store {
	struct store store;
	char *conninfo; /* the URI without `schema` */
	char schema
		[POSTGRES_SCHEMA_BYTES]; /* where all objects are; search_path of every session */
	char shown[POSTGRES_URI_BYTES];  /* the URI as it may be shown */
	char name[POSTGRES_NAME_BYTES];  /* of this front end; "": of a tool */
	int busy_ms;                     /* store_options.busy_ms */
	void (*tell)(void *context, enum store_event event, int64_t a, int64_t b); /* or NULL */
	void *tell_context;
	int server_version;           /* 150018: of the server it was opened on */
	int64_t front_end_id;         /* our row of front_end */
	struct postgres_house *house; /* NULL: of a tool */
	atomic_bool is_ousted;        /* another process is this front end now: it stops */
	atomic_bool keeps_house;    /* of all front ends that live it is the one that does chores */
	struct postgres_link *link; /* of the opening thread, as whoever keeps house */
	struct postgres_witness witness;
	/* The newest seq that is known to be durable, by whichever link: never above the truth. */
	atomic_int_fast64_t durable_seq;
};

/* Of postgres_store.link. */
enum {
	POSTGRES_READ_EPOCH,
	POSTGRES_READ_RELEASE,
	POSTGRES_IS_COPIED_TO,
	POSTGRES_HAS_ITEM,
	POSTGRES_LOAD_TIME,
	POSTGRES_STORE_TEXTS
};
extern const char *const postgres_store_texts[];

extern const struct store_ops postgres_store_ops;

static inline struct postgres_store *postgres_of(struct store *s)
{
	CHECK(s->ops != NULL);
	return CONTAINER_OF(s, struct postgres_store, store);
}

/* Each in its own file; see store_ops. */
int postgres_open_reader(struct store *s, struct reader **ret);
int postgres_open_writer(struct store *s, uint64_t seed, struct store_writer **ret);
