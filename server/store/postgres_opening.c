/* postgres_opening - what is said of an opening: how far it is, and what stands in its way. */
#include "base/clock.h"
#include "store/postgres_open.h"
#include <stdio.h>
#include <string.h>

int postgres_refuse(struct postgres_opening *o, enum store_trouble t, const char *what)
{
	CHECK(t != STORE_FINE);
	o->result->trouble = t;
	snprintf(o->result->message, sizeof(o->result->message), "%.160s: %.340s", o->store->shown,
		 what);
	return FAULT(-EACCES);
}

/* What an error of the server's means to whoever starts this; the first row that fits. */
static const struct sentence {
	const char *state; /* what its SQLSTATE begins with; "": any */
	int fault;         /* 0: any */
	enum store_trouble trouble;
	const char *what;
} sentences[] = {
	{ "3D000", 0, STORE_UNFIT, "; make it: createdb -E UTF8 -T template0" },
	{ "28", 0, STORE_FORBIDDEN,
	  "; a password comes from PGPASSFILE or PGSERVICE, see docs/postgresql.md" },
	{ "42501", 0, STORE_FORBIDDEN,
	  "; the role needs CREATE on the database once, or the owner of the store migrates it" },
	{ "55P03", 0, STORE_LOCKED, "; see pg_stat_activity for who holds it" },
	{ "53300", 0, STORE_UNREACHABLE, "; see max_connections" },
	{ "", -EROFS, STORE_UNREACHABLE,
	  "; each server of the address is a standby: one that takes writes is needed" },
	{ "", -ENOTCONN, STORE_UNREACHABLE, "; is PostgreSQL there, and is this its address?" },
	{ "", -ENOSPC, STORE_FULL, "" },
	{ "", -EBUSY, STORE_LOCKED, "" },
	{ "", -EAGAIN, STORE_LOCKED, "; try again" },
	{ "", -EACCES, STORE_FORBIDDEN, "" },
	{ "", -EUCLEAN, STORE_CORRUPT, "" },
	{ "", -EBADMSG, STORE_CORRUPT, "" },
	{ "", 0, STORE_UNREACHABLE, "" },
};

int postgres_refuse_fault(struct postgres_opening *o, int r, const struct postgres_error *e)
{
	const struct sentence *s = sentences;
	/* Of a connection that was refused libpq's message has it already. */
	bool has_state = e->state[0] != '\0' && strstr(e->message, e->state) == NULL;
	char text[400];

	CHECK(r < 0);
	while (strncmp(e->state, s->state, strlen(s->state)) != 0 ||
	       (s->fault != 0 && s->fault != r))
		s++;
	snprintf(text, sizeof(text), "%s%s%s%s%s",
		 e->message[0] != '\0' ? e->message : strerror(-r), has_state ? " (" : "",
		 has_state ? e->state : "", has_state ? ")" : "", s->what);
	return postgres_refuse(o, s->trouble, text);
}

void postgres_opening_look(struct postgres_opening *o, const char *stage)
{
	int64_t now_ns = clock_monotonic_ns();
	struct store_progress p = { .stage = stage,
				    .percent = -1,
				    .elapsed_ms = (now_ns - o->begun_ns) / NS_PER_MS,
				    .version_from = o->result->version_from,
				    .version = POSTGRES_VERSION_NEWEST };

	CHECK(stage != NULL);
	if (o->options->progress == NULL ||
	    now_ns < o->told_ns + o->options->progress_ms * NS_PER_MS)
		return;
	o->told_ns = now_ns;
	o->options->progress(o->options->progress_context, &p);
}
