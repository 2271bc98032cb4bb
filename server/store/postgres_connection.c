/*
 * postgres_connection - how a link comes to be, and comes back.
 *
 * The hosts of a URI are tried one after the other, each for as long as it may take: libpq's own
 * walk over them has no limit where one does not block, and a host that swallows packets would be
 * the last.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "store/postgres_link.h"
#include "store/postgres_witness.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPTIONS_MAX = 16,
	HOST_BYTES = 256,
	BACK_OFF_MS = 20, /* at first, and as much again by chance */
	BACK_OFF_MAX_MS = 250,
};

/* ---------------------------------------------------------------- the session */

/*
 * Short statements over few rows, on tables of any size: a plan that was made while a table was
 * empty must not stay a scan of it. What waits is bounded, as is what was left open: a front end
 * that is stopped in the middle of a group holds its rows for a second, no longer.
 */
#define SESSION_WRITES                                                                     \
	"SET plan_cache_mode = force_generic_plan;"                                        \
	"SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;" \
	"SET idle_in_transaction_session_timeout = '1s';"

/*
 * A page that is read slowly keeps its snapshot; a reader's own limits end it. Its plans are made
 * once, since making one costs more than most pages do, and for tables of any size: what a page
 * examines comes from an index in its order, which a bitmap of one would have to be sorted into.
 */
#define SESSION_READS                                                                              \
	"SET plan_cache_mode = force_generic_plan; SET enable_bitmapscan = off;"                   \
	"SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"         \
	"SET default_transaction_read_only = on; SET lock_timeout = 0; SET statement_timeout = 0;" \
	"SET idle_in_transaction_session_timeout = 0;"

#define SESSION_TOOLS "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;"

/*
 * A commit that was answered is on the disk, whatever the database or the role say otherwise. Where
 * the store is a cell of Citus the plan depends on which node has it, which a generic plan does not
 * know (docs/cells.md). A server notices a client that is gone also while it waits for a lock. Who
 * we are is for the guards (schema/postgres/002_views.sql), which are for people.
 */
#define SESSION_ALL                                                                   \
	"SET rowlock.service = on;"                                                   \
	"SET default_transaction_isolation = 'read committed'; SET TimeZone = 'UTC';" \
	"SET jit = off; SET client_min_messages = warning; SET "                      \
	"standard_conforming_strings = on;"                                           \
	"SET client_connection_check_interval = '500ms';"                             \
	"SELECT set_config('synchronous_commit', 'on', false)"                        \
	" WHERE current_setting('synchronous_commit') = 'off';"                       \
	"SELECT set_config('plan_cache_mode', 'auto', false)"                         \
	" WHERE EXISTS (SELECT FROM pg_extension WHERE extname = 'citus');"

static const char *const sessions[] = {
	[POSTGRES_WRITES] = SESSION_WRITES SESSION_ALL,
	[POSTGRES_READS] = SESSION_READS SESSION_ALL,
	[POSTGRES_TOOLS] = SESSION_TOOLS SESSION_ALL,
};

_Static_assert(LENGTH_OF(sessions) == POSTGRES_ROLES, "a session for each role");

static const char *const role_names[] = {
	[POSTGRES_WRITES] = "writes",
	[POSTGRES_READS] = "reads",
	[POSTGRES_TOOLS] = "tools",
};

_Static_assert(LENGTH_OF(role_names) == POSTGRES_ROLES, "a name for each role");

static void write_session(const struct postgres_link *l, char *ret, size_t ret_bytes)
{
	int lock_ms = l->role == POSTGRES_WRITES ? POSTGRES_LOCK_MS : l->store->busy_ms;
	char own[160] = "";
	int n;

	if (l->role != POSTGRES_READS)
		snprintf(own, sizeof(own), "SET lock_timeout = %d;", lock_ms);
	if (l->role == POSTGRES_WRITES)
		snprintf(own + strlen(own), sizeof(own) - strlen(own),
			 "SET statement_timeout = %d; SET default_transaction_read_only = off;",
			 POSTGRES_STATEMENT_MS);
	n = snprintf(ret, ret_bytes,
		     "SET search_path = \"%s\", pg_temp; SET rowlock.schema = '%s';%s%s",
		     l->store->schema, l->store->schema, own, sessions[l->role]);
	CHECK(n > 0);
	CHECK((size_t)n < ret_bytes);
}

/* libpq would write them to stderr. */
static void on_notice(void *context, const PGresult *result)
{
	struct postgres_link *l = context;
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

	CHECK(l != NULL);
	if (state == NULL || function == NULL || strcmp(state, "01000") != 0 ||
	    strcmp(function, "SyncRepWaitForLSN") != 0)
		return;
	l->kept_here_only++;
	if (l->store->tell != NULL)
		l->store->tell(l->store->tell_context, STORE_KEPT_HERE, l->kept_here_only, 0);
}

/* ---------------------------------------------------------------- one host */

struct host {
	char host[HOST_BYTES];
	char address[HOST_BYTES];
	char port[HOST_BYTES];
};

struct options {
	const char *names[OPTIONS_MAX + 1];
	const char *values[OPTIONS_MAX + 1];
	int count;
};

static void add_option(struct options *o, const char *name, const char *value)
{
	CHECK(o->count < OPTIONS_MAX);
	if (value == NULL || value[0] == '\0')
		return;
	o->names[o->count] = name;
	o->values[o->count++] = value;
}

/* What the URI says stands over what comes before it, and under what comes behind it. */
static void add_options(struct options *o, const struct postgres_link *l, const struct host *h,
			const char *name)
{
	add_option(o, "target_session_attrs", "read-write");
	add_option(o, "keepalives_idle", "5");
	add_option(o, "keepalives_interval", "2");
	add_option(o, "keepalives_count", "3");
	add_option(o, "tcp_user_timeout", "10000");
	add_option(o, "dbname", l->store->conninfo);
	add_option(o, "application_name", name);
	add_option(o, "client_encoding", "UTF8");
	add_option(o, "host", h->host);
	add_option(o, "hostaddr", h->address);
	add_option(o, "port", h->port);
	CHECK(o->count <= OPTIONS_MAX);
}

/* Until it is there, cannot be had, or the time is over. */
static PostgresPollingStatusType poll_connection(PGconn *c, int64_t deadline_ns)
{
	PostgresPollingStatusType s = PGRES_POLLING_WRITING;

	CHECK(c != NULL);
	while (s == PGRES_POLLING_READING || s == PGRES_POLLING_WRITING) {
		struct pollfd fd = { .fd = PQsocket(c),
				     .events = s == PGRES_POLLING_READING ? POLLIN : POLLOUT };
		int64_t left_ms = (deadline_ns - clock_monotonic_ns()) / NS_PER_MS;

		if (left_ms <= 0 || fd.fd < 0)
			return s;
		if (poll(&fd, 1, (int)left_ms) > 0)
			s = PQconnectPoll(c);
	}
	return s;
}

static int note_slow_host(struct postgres_link *l, const struct host *h)
{
	char host[64];

	postgres_words(h->address[0] != '\0' ? h->address : h->host, host, sizeof(host));
	snprintf(l->error.message, sizeof(l->error.message), "%s did not answer within %d ms",
		 host[0] != '\0' ? host : "the server", POSTGRES_CONNECT_MS);
	return postgres_give_up(l);
}

static int refuse_connection(struct postgres_link *l)
{
	int r;

	postgres_note_error(l, NULL);
	r = l->error.state[0] != '\0' ? postgres_fault_of(l->error.state) : -ENOTCONN;
	/* libpq's own words; nothing else says that it is a standby. */
	if (strstr(l->error.message, "session is read-only") != NULL)
		r = -EROFS;
	CHECK(r < 0);
	(void)postgres_give_up(l);
	return FAULT_DETAIL(r, postgres_detail_of(l->error.state));
}

static int begin_session(struct postgres_link *l)
{
	char text[2048];
	int r;

	CHECK(l->connection != NULL);
	PQsetNoticeReceiver(l->connection, on_notice, l);
	if (PQsetnonblocking(l->connection, 1) != 0)
		return postgres_give_up(l);
	write_session(l, text, sizeof(text));
	r = postgres_run_script(l, text);
	if (r == 0 && l->role != POSTGRES_READS)
		r = postgres_witness_judge(l->store, l);
	if (r < 0 && l->connection != NULL)
		(void)postgres_give_up(l);
	return r;
}

static int connect_host(struct postgres_link *l, const struct host *h)
{
	struct options o = { .count = 0 };
	char name[128];
	PostgresPollingStatusType s;

	CHECK(l->connection == NULL);
	snprintf(name, sizeof(name), "rowlockd %s%s%.40s", role_names[l->role],
		 l->store->name[0] != '\0' ? " " : "", l->store->name);
	add_options(&o, l, h, name);
	l->error = (struct postgres_error){ 0 };
	l->connection = PQconnectStartParams(o.names, o.values, 1);
	if (l->connection == NULL)
		return FAULT(-ENOMEM);
	if (PQstatus(l->connection) == CONNECTION_BAD)
		return refuse_connection(l);
	/* Else it does not say the SQLSTATE of what the server says. */
	PQsetErrorVerbosity(l->connection, PQERRORS_VERBOSE);
	s = poll_connection(l->connection, clock_monotonic_ns() + POSTGRES_CONNECT_MS * NS_PER_MS);
	if (s == PGRES_POLLING_OK)
		return begin_session(l);
	return s == PGRES_POLLING_FAILED ? refuse_connection(l) : note_slow_host(l, h);
}

/* ---------------------------------------------------------------- all hosts */

/* The n-th of a list "a,b,c"; "" behind its end. A list of one is everybody's. */
static void pick(const char *list, int n, bool is_everybodys, char ret[HOST_BYTES])
{
	const char *at = list != NULL ? list : "";
	size_t bytes;

	CHECK(n >= 0);
	ret[0] = '\0';
	if (is_everybodys && strchr(at, ',') == NULL)
		n = 0;
	for (; n > 0 && at != NULL; n--) {
		at = strchr(at, ',');
		at = at != NULL ? at + 1 : NULL;
	}
	bytes = at != NULL ? strcspn(at, ",") : 0;
	if (bytes >= HOST_BYTES)
		return;
	memcpy(ret, at != NULL ? at : "", bytes);
	ret[bytes] = '\0';
}

static const char *value_of(const PQconninfoOption *options, const char *name)
{
	CHECK(name != NULL);
	for (; options != NULL && options->keyword != NULL; options++)
		if (strcmp(options->keyword, name) == 0)
			return options->val;
	return NULL;
}

static int count_of(const char *list)
{
	int count = list != NULL && list[0] != '\0';

	for (; list != NULL && *list != '\0'; list++)
		count += *list == ',';
	CHECK(count >= 0);
	return count;
}

/* The first that takes us. Else the fault of one that answered at all, where there is one. */
static int connect_any(struct postgres_link *l)
{
	PQconninfoOption *options = PQconninfoParse(l->store->conninfo, NULL);
	const char *hosts = value_of(options, "host");
	const char *addresses = value_of(options, "hostaddr");
	int count = count_of(addresses) > 0 ? count_of(addresses) : count_of(hosts);
	struct postgres_error worst = { 0 };
	int worst_r = 0, r = -ENOTCONN;

	/* Without a host it is libpq's to know: by its variables, a service, or the socket. */
	for (int i = 0; r < 0 && i < (count > 0 ? count : 1); i++) {
		struct host h = { 0 };

		if (count > 0) {
			pick(hosts, i, false, h.host);
			pick(addresses, i, false, h.address);
			pick(value_of(options, "port"), i, true, h.port);
		}
		r = connect_host(l, &h);
		CHECK(IMPLIES(r < 0, l->connection == NULL));
		if (r < 0 && (worst_r == 0 || worst_r == -ENOTCONN)) {
			worst_r = r;
			worst = l->error;
		}
	}
	PQconninfoFree(options);
	if (r == 0)
		l->session++;
	else
		l->error = worst;
	return r < 0 ? worst_r : 0;
}

/* ---------------------------------------------------------------- a link */

static struct postgres_link *make_link(struct postgres_store *s, enum postgres_role role,
				       const char *const texts[], int statement_count)
{
	struct postgres_link *l = calloc(1, sizeof(*l));
	bool *is_prepared = calloc((size_t)statement_count + 1, sizeof(*is_prepared));

	CHECK(statement_count >= 0);
	if (l == NULL || is_prepared == NULL) {
		free(is_prepared);
		free(l);
		return NULL;
	}
	*l = (struct postgres_link){ .store = s,
				     .role = role,
				     .texts = texts,
				     .statement_count = statement_count,
				     .is_prepared = is_prepared };
	return l;
}

int postgres_connect_or_say(struct postgres_store *s, enum postgres_role role,
			    const char *const texts[], int statement_count,
			    struct postgres_link **ret, struct postgres_error *ret_error)
{
	struct postgres_link *l = make_link(s, role, texts, statement_count);
	int r;

	CHECK(s->conninfo != NULL);
	if (l == NULL)
		return FAULT(-ENOMEM);
	r = connect_any(l);
	if (ret_error != NULL)
		*ret_error = l->error;
	if (r < 0)
		postgres_disconnect(l);
	else
		*ret = l;
	return r;
}

int postgres_connect(struct postgres_store *s, enum postgres_role role, const char *const texts[],
		     int statement_count, struct postgres_link **ret)
{
	CHECK(ret != NULL);
	return postgres_connect_or_say(s, role, texts, statement_count, ret, NULL);
}

void postgres_disconnect(struct postgres_link *l)
{
	if (l == NULL)
		return;
	PQfinish(l->connection);
	free(l->is_prepared);
	free(l->steps);
	free(l->values);
	free(l);
}

/* By chance, or all front ends would come back at the same moment. */
static void back_off(int *ms, int64_t deadline_ns)
{
	int64_t left_ns = deadline_ns - clock_monotonic_ns();
	struct timespec t;
	uint16_t chance;
	int64_t ns;

	CHECK(*ms > 0);
	secret_random(&chance, sizeof(chance));
	ns = (*ms + (int64_t)*ms * 3 / 2 * chance / UINT16_MAX) * NS_PER_MS;
	if (ns > left_ns)
		ns = left_ns > 0 ? left_ns : 0;
	t = (struct timespec){ .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
	nanosleep(&t, NULL);
	*ms = *ms * 3 / 2 < BACK_OFF_MAX_MS ? *ms * 3 / 2 : BACK_OFF_MAX_MS;
}

int postgres_reconnect(struct postgres_link *l, int64_t deadline_ns)
{
	int ms = BACK_OFF_MS;
	int r = 0;

	CHECK(!l->is_away);
	while (l->connection == NULL) {
		r = connect_any(l);
		if (r == 0 || r == -ESTALE || clock_monotonic_ns() >= deadline_ns)
			return r;
		back_off(&ms, deadline_ns);
	}
	return r;
}

/* ---------------------------------------------------------------- what is known of it */

bool postgres_is_connected(const struct postgres_link *l)
{
	CHECK(l != NULL);
	return l->connection != NULL;
}

int64_t postgres_session(const struct postgres_link *l)
{
	CHECK(l != NULL);
	return l->session;
}

int postgres_backend(const struct postgres_link *l)
{
	return l->connection != NULL ? PQbackendPID(l->connection) : 0;
}

int postgres_server_version(const struct postgres_link *l)
{
	return l->connection != NULL ? PQserverVersion(l->connection) : 0;
}

const char *postgres_parameter(const struct postgres_link *l, const char *name)
{
	return l->connection != NULL ? PQparameterStatus(l->connection, name) : NULL;
}

int postgres_socket(const struct postgres_link *l)
{
	return l->connection != NULL ? PQsocket(l->connection) : -1;
}

const struct postgres_error *postgres_error_of(const struct postgres_link *l)
{
	CHECK(l != NULL);
	return &l->error;
}

int64_t postgres_kept_here_only(const struct postgres_link *l)
{
	CHECK(l->kept_here_only >= 0);
	return l->kept_here_only;
}
