/*
 * rowlockd - wires the layers together; the only file that knows which store there is.
 *
 * Start: settings and all that may be wrong with them, then the store (before any thread), engine,
 * edge. Stop: SIGTERM or SIGINT drains and exits 0 (65 where the store is damaged); a second one
 * exits at once; a failed disk stops the process with 74. SIGHUP: the settings are read again.
 */
#include "base/clock.h"
#include "base/crash.h"
#include "base/fault.h"
#include "base/secret.h"
#include "base/standard_files.h"
#include "engine/access_book.h"
#include "core/store_clock.h"
#include "http/asset.h"
#include "http/batch/batch.h"
#include "edge/edge.h"
#include "exchange/speaker.h"
#include "http/reply.h"
#include "http/routes.h"
#include "offline/offline.h"
#include "lab/lab.h"
#include "lab/runs.h"
#include "ops/config.h"
#include "ops/front_end.h"
#include "ops/inherited.h"
#include "ops/log.h"
#include "ops/notify.h"
#include "ops/spool.h"
#include "ops/usage.h"
#include "ops/watchdog.h"
#include "store/postgres.h"
#include "store/sqlite.h"
#include "waiting/waits.h"
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	OPENING_LOGGED_MS = 5000,
	LAST_ANSWERS_MS = 500, /* after the disk failed: time for the answers that say so */
};

static struct speakers speakers; /* read only, once the loops have begun */
static const char *row_release;  /* in force, once the store is open */
static int failure_fd = -1;
static atomic_int failure_code;

/* The disk failed: main() stops the process. On the writer thread. */
static void on_failure(void *context, int exit_code)
{
	(void)context;
	atomic_store(&failure_code, exit_code);
	CHECK(eventfd_write(failure_fd, 1) == 0);
}

/* ---------------------------------------------------------------- the store */

/* What main() has to know of each store, before it is one like every other. */
static const struct store_kind {
	const char *(*demo_script)(void);
	int (*open)(const struct store_options *options, struct store **ret,
		    struct store_open_result *result);
	bool is_file;
} store_kinds[] = {
	{ sqlite_demo_script, sqlite_open, true },
	{ postgres_demo_script, postgres_open, false },
};

static const struct store_kind *store_kind_of(const struct config *c)
{
	return &store_kinds[postgres_is_uri(c->store)];
}

/* As it may be shown. */
static const char *store_shown(const struct config *c)
{
	static char text[POSTGRES_URI_BYTES];

	if (text[0] == '\0')
		postgres_uri_hide(c->store, text, sizeof(text));
	return store_kind_of(c)->is_file ? c->store : text;
}

/*
 * Of two that start at once one may have been faster: then there is something in the store, which
 * is all that is wanted.
 */
static bool has_items(struct store *store)
{
	bool is_empty = true;

	return store->ops->is_empty(store, &is_empty) == 0 && !is_empty;
}

static int load_demo(const struct store_kind *kind, struct store *store)
{
	bool is_empty;
	char *message = NULL;
	int r = store->ops->is_empty(store, &is_empty);

	if (r < 0 || !is_empty)
		return r;
	r = store->ops->run_script(store, kind->demo_script(), &message);
	if (r < 0 && has_items(store))
		r = 0;
	else if (r < 0)
		log_write(LOG_ERROR, "demo_failed", "message=\"%s\"",
			  message != NULL ? message : "");
	else
		log_write(LOG_INFO, "demo_loaded", "store=empty");
	free(message);
	return r;
}

/*
 * A clock that is CLOCK_START_DAYS ahead of all that the store knows would end every lease and
 * reservation, and store time never comes back from there: better not to begin.
 */
static int check_clock(const struct config *c, struct store *store)
{
	struct stored_time stored;
	int64_t wall_ms = clock_utc_ms();

	if (store->ops->load_time(store, &stored) < 0 ||
	    store_clock_may_start(stored.newest_ms, wall_ms))
		return 0;

	int64_t days = (wall_ms - stored.newest_ms) / (86400 * MS_PER_S);

	if (c->accept_clock) {
		log_write(LOG_WARN, "clock_accepted", "days_ahead=%" PRId64, days);
		return 0;
	}
	log_write(LOG_CRIT, "clock_refused",
		  "days_ahead=%" PRId64 " store=%s hint=\"the machine's clock is that far ahead of "
		  "the newest entry in the store: set it; if it is right: --accept-clock\"",
		  days, store_shown(c));
	return EX_CONFIG;
}

/* Of a long opening, every second. */
static void tell_opening(void *context, const struct store_progress *p)
{
	int64_t *logged_ms = context;
	char percent[32] = "";

	if (p->elapsed_ms < *logged_ms + OPENING_LOGGED_MS)
		return;
	*logged_ms = p->elapsed_ms;
	if (p->percent >= 0)
		snprintf(percent, sizeof(percent), "%d", p->percent);
	log_write(LOG_INFO, "store_opening", "stage=%s percent=%s schema=%d was=%d s=%.1f",
		  p->stage, p->percent >= 0 ? percent : NULL, p->version, p->version_from,
		  (double)p->elapsed_ms / MS_PER_S);
}

/* What a store finds out while it is served. On any thread. */
static void on_store_event(void *context, enum store_event event, int64_t a, int64_t b)
{
	(void)context;
	switch (event) {
	case STORE_OUSTED:
		log_write(LOG_CRIT, "front_end_ousted",
			  "hint=\"another process has this front end's name, or somebody has "
			  "deleted its row: this one stops\"");
		break;
	case STORE_LOST_COMMITS:
		log_write(LOG_CRIT, "store_lost_commits",
			  "from=%" PRId64 " to=%" PRId64 " hint=\"the database has lost what it "
			  "had answered, as when a standby took over that was behind: a new epoch "
			  "begins\"",
			  b + 1, a);
		break;
	case STORE_NEW_EPOCH:
		log_write(
			LOG_CRIT, "store_new_epoch",
			"hint=\"this store is another one now, as after a restore: this front end "
			"starts anew\"");
		break;
	case STORE_KEPT_HERE:
		log_write(LOG_CRIT, "commits_without_standby",
			  "count=%" PRId64 " hint=\"somebody has ended the wait for the standby: "
			  "what was answered is on the primary alone\"",
			  a);
		break;
	case STORE_SERVED:
		metric_set(METRIC_FRONT_ENDS, a);
		break;
	case STORE_MAY_LOSE:
		log_write(LOG_WARN, "async_replica",
			  "hint=\"no commit waits for a standby: one that takes over may lack what "
			  "was answered; see synchronous_standby_names (docs/postgresql.md)\"");
		break;
	}
}

static void log_copy(const struct store_open_result *result)
{
	if (result->copy[0] != '\0')
		log_write(LOG_INFO, "store_copied",
			  "path=%s bytes=%" PRId64 " note=\"the store as it was before its schema "
			  "changed: keep it until you will not go back\"",
			  result->copy, result->copy_bytes);
}

/* Who this is, among the front ends of a store that may have several. */
static const struct store_front_end *front_end_of(const struct config *c,
						  const struct listeners *listeners)
{
	static char name[FRONT_END_NAME_BYTES], address[FRONT_END_ADDRESS_BYTES];
	static struct store_front_end front_end = { name, address, ROWLOCK_VERSION };
	const struct listener *first = &listeners->all[0];

	for (int i = listeners->count - 1; i >= 0; i--)
		if (listeners->all[i].port > 0)
			first = &listeners->all[i];
	snprintf(name, sizeof(name), "%s", c->front_end);
	if (strcmp(name, "auto") == 0)
		front_end_make_name(first->port, name);
	snprintf(address, sizeof(address), "%s", c->front_end_address);
	if (strcmp(address, "auto") != 0)
		return &front_end;
	address[0] = '\0';
	if (first->port > 0 && first->is_any)
		front_end_make_address(first->port, address);
	else if (first->port > 0)
		listener_text(first, address);
	return &front_end;
}

/* What was said and means nothing to a database, and what is seen that should not be. */
static void warn_of_settings(const struct config_reading *r)
{
	const struct config *c = &r->config;

	if (store_kind_of(c)->is_file)
		return;
	if (c->create)
		log_write(LOG_WARN, "setting_ignored",
			  "name=create reason=\"a schema that is not there is made\"");
	if (c->migrate_without_copy)
		log_write(LOG_WARN, "setting_ignored",
			  "name=migrate-without-copy reason=\"no copy is made of a database\"");
	if (r->ranks[SETTING_OF_store] == FROM_FLAG && postgres_uri_has_password(c->store))
		log_write(
			LOG_WARN, "password_seen",
			"name=store hint=\"whoever is on this machine sees the command line: name "
			"the file that has the password in PGPASSFILE, or the service in "
			"PGSERVICE\"");
}

static int open_store(const struct config *c, const struct listeners *listeners, struct store **ret)
{
	const struct store_kind *kind = store_kind_of(c);
	int64_t logged_ms = 0;
	struct store_options options = { .path = c->store,
					 .may_create_gone = c->create,
					 .busy_ms = (int)c->store_busy_ms,
					 .must_not_migrate = c->no_migrate,
					 .migrates_without_copy = c->migrate_without_copy,
					 .row_release = strcmp(c->row_release, "auto") == 0
								? NULL
								: c->row_release,
					 .front_end = front_end_of(c, listeners),
					 .tell = on_store_event,
					 .progress = tell_opening,
					 .progress_context = &logged_ms,
					 .progress_ms = MS_PER_S };
	struct store_open_result result = { 0 };

	front_end_be(options.front_end->name, options.front_end->address);
	metric_set(METRIC_FRONT_ENDS, 1);
	if (kind->open(&options, ret, &result) < 0) {
		log_write(LOG_CRIT, "store_refused", "message=\"%s\"", result.message);
		return store_exit_code(result.trouble);
	}
	row_release = kind->is_file ? (options.row_release != NULL ? options.row_release : "early")
		      : strcmp(result.row_release, "early") == 0 ? "early"
								 : "commit";
	metric_set(METRIC_SCHEMA, result.version);
	log_copy(&result);
	log_write(LOG_INFO, "store_open",
		  "path=%s new=%d schema=%d was=%d wal_frames=%" PRId64 " ms=%.1f", store_shown(c),
		  result.is_new, result.version, result.version_from, result.wal_frames_recovered,
		  result.open_ms);

	int code = check_clock(c, *ret);

	if (code == 0 && c->demo && load_demo(kind, *ret) < 0)
		code = EX_SOFTWARE;
	if (code != 0)
		(*ret)->ops->close(*ret);
	return code;
}

/* ---------------------------------------------------------------- the edge */

/* Splits "a,b" in place; the array ends with NULL. */
static void split_names(char *names, const char *ret[HOST_NAMES_MAX + 1])
{
	char *rest = NULL;
	int count = 0;

	for (char *name = strtok_r(names, ", ", &rest); name != NULL && count < HOST_NAMES_MAX;
	     name = strtok_r(NULL, ", ", &rest))
		ret[count++] = name;
	ret[count] = NULL;
}

/*
 * Of the cores that it may run on, which need not be all. A limit of processor time, which may
 * change while it runs, is not looked at.
 */
static int loop_count(const struct config *c)
{
	cpu_set_t cores;

	if (c->loops > 0)
		return (int)c->loops;
	return edge_loops_for(sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores)
									       : 1);
}

/* ---------------------------------------------------------------- running */

static void drain(const struct config *c, struct service *service, struct edge *edge)
{
	int64_t begun_ns = clock_monotonic_ns();
	int64_t until_ns = begun_ns + c->drain_ms * NS_PER_MS;

	log_write(LOG_INFO, "draining", "limit_ms=%" PRId64, c->drain_ms);
	lab_runs_stop(calls_configuration()->lab);
	service_drain(service, until_ns);
	edge_drain(edge, until_ns);
	log_write(LOG_INFO, "drained", "ms=%.1f seq=%" PRId64,
		  (double)(clock_monotonic_ns() - begun_ns) / NS_PER_MS, service_seq(service));
}

/* A second signal while we drain: leave at once, as a crash would; the store is safe either way. */
static void *leave_on_signal(void *context)
{
	int signals = (int)(intptr_t)context; /* by value: who began this thread may be gone */
	struct signalfd_siginfo info;
	struct crash_stack stack;

	crash_thread_begin(&stack, "leaver", -1);
	while (read(signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			continue; /* there is nothing to reload for any more */
		log_write(LOG_WARN, "forced", "signal=%u", info.ssi_signo);
		log_flush();
		_exit(EX_SOFTWARE);
	}
	return NULL;
}

/*
 * The store stays as a crash would leave it: what a flush that failed has left in the log is copied
 * nowhere before the next start has read it.
 */
static void stop_failed(void)
{
	log_write(LOG_CRIT, "stopped", "exit=%d reason=disk", atomic_load(&failure_code));
	log_flush();
	_exit(atomic_load(&failure_code));
}

static void log_configure(const struct config *c)
{
	enum log_level level = LOG_INFO;

	CHECK(log_level_read(c->log_level, &level));
	log_set_level(level);
	log_set_format(c->log_format);
}

/* What runs, for those who end or change it. */
struct running {
	struct config_reading *reading;
	int signals;
	struct service *service;
	struct operation_book *operations;
	struct edge *edge;
};

/* What `systemctl status` shows: the reasons of /readyz. */
static const char *state_of(const struct running *r)
{
	struct service_health health;

	service_health(r->service, &health);
	if (health.is_damaged)
		return "writes are refused: store-damaged";
	if (health.is_disk_full)
		return "writes are refused: disk-full";
	if (health.is_unreachable)
		return "writes wait: store-unreachable";
	if (health.is_store_busy)
		return "writes wait: store-busy";
	return health.is_writable ? "serving" : "writes are refused: store-failed";
}

/* Hands over what is LIVE in settings.def, but the time to drain, which is looked at then. */
static void settings_apply(const struct running *r)
{
	const struct config *c = &r->reading->config;

	log_configure(c);
	calls_change(c->wait_default_ms, c->require_key);
	service_set_slow(r->service, c->slow_ms * NS_PER_MS);
	service_keep_audit(r->service, c->keep_audit_days * (int64_t)86400 * MS_PER_S);
	operation_book_set_wait(r->operations, c->operation_wait_ms);
	edge_log_requests(r->edge, c->log_requests);
}

/* Tokens are read again by themselves. */
static void reload(const struct running *r)
{
	notify_reloading();
	if (config_read_again(r->reading)) {
		const char *file = r->reading->config.config;

		settings_apply(r);
		log_write(LOG_INFO, "reloaded", "file=%s", file[0] != '\0' ? file : "-");
	}
	notify_ready(state_of(r));
}

static const char *watched_state(void *context)
{
	return state_of(context);
}

static void watched_wake(void *context)
{
	const struct running *r = context;

	service_nudge(r->service);
	edge_nudge(r->edge);
}

/* Until a signal to end, or a failure: then 0. */
static unsigned wait_for_signal(struct running *r)
{
	struct pollfd fds[] = { { .fd = r->signals, .events = POLLIN },
				{ .fd = failure_fd, .events = POLLIN } };
	struct signalfd_siginfo info = { .ssi_signo = SIGHUP };
	struct watchdog watchdog;
	int count;

	watchdog_init(
		&watchdog, notify_watchdog_ns(),
		&(struct watched){ .wake = watched_wake, .state = watched_state, .context = r });
	while (info.ssi_signo == SIGHUP) {
		while ((count = poll(fds, LENGTH_OF(fds),
				     watchdog_wait_ms(&watchdog, clock_monotonic_ns()))) <= 0) {
			CHECK(count == 0 || errno == EINTR);
			watchdog_turn(&watchdog, clock_monotonic_ns());
		}
		if (fds[1].revents != 0)
			return 0;
		CHECK(read(r->signals, &info, sizeof(info)) == sizeof(info));
		log_write(LOG_INFO, "signal", "number=%u", info.ssi_signo);
		if (info.ssi_signo == SIGHUP)
			reload(r);
	}
	return info.ssi_signo;
}

/* Waits for a signal or a failure; returns the exit code. */
static int wait_for_end(struct running *r)
{
	struct service_health health;
	pthread_t leaver;

	if (wait_for_signal(r) == 0) {
		/*
		 * Clients who share the group's fate should still hear of it; then stop, without
		 * drain.
		 */
		struct timespec last = { .tv_nsec = LAST_ANSWERS_MS * NS_PER_MS };

		nanosleep(&last, NULL);
		stop_failed();
	}
	notify_stopping();
	if (pthread_create(&leaver, NULL, leave_on_signal, (void *)(intptr_t)r->signals) == 0)
		pthread_detach(leaver);
	drain(&r->reading->config, r->service, r->edge);
	if (atomic_load(&failure_code) != 0)
		stop_failed(); /* meanwhile: all have heard of it */
	service_health(r->service, &health);
	return health.is_damaged ? EX_DATAERR : 0;
}

/* Blocks the signals for every thread to come, and hands them over as a file descriptor. */
static int open_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file at its size limit is a full disk, not a reason to die */
	/* A habit from another daemon must not end it without a drain. */
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static const char *listen_hint(int r, bool is_unix)
{
	switch (-r) {
	case EADDRINUSE:
		return is_unix ? "a server that lives has this socket"
			       : "choose another: --listen 127.0.0.1:8081";
	case EADDRNOTAVAIL:
		return "it is no address of this machine: --listen 127.0.0.1:8080";
	case EACCES:
		return is_unix ? "its folder is not ours to write in"
			       : "ports below 1024 are root's: --listen 127.0.0.1:8080";
	case EEXIST:
		return "a file that is no socket has this name";
	case ENOENT:
		return "its folder is not there";
	case ESRCH:
		return "no group is called so";
	case EPERM:
		return "its group is none of ours";
	default:
		return NULL;
	}
}

static void log_cannot_listen(const struct address *a, int r)
{
	const char *hint = listen_hint(r, a->kind == ADDRESS_UNIX);

	log_write(LOG_CRIT, "cannot_listen", "address=%s error=%s hint=%s", a->text, strerror(-r),
		  hint);
}

static void log_listening(const struct listeners *ls, const struct edge_options *options)
{
	for (int i = 0; i < ls->count; i++) {
		char text[LISTENER_TEXT_BYTES];

		listener_text(&ls->all[i], text);
		log_write(LOG_INFO, "listening",
			  "message=\"listening on %s\" loops=%d row_release=%s", text,
			  options->loop_count, row_release);
	}
}

/* Where a thread cannot be had, those that run end again: nobody was let in yet. */
static int edge_begin(struct edge *edge)
{
	int r = edge_start(edge);

	if (r < 0) {
		edge_drain(edge, clock_monotonic_ns());
		edge_close(edge);
	}
	return r;
}

static int serve(struct config_reading *reading, struct service *service,
		 struct listeners *listeners, int signals)
{
	static struct operation_book operations; /* large */
	const struct config *c = &reading->config;
	struct waits_options waits = { .operations = &operations };
	char *names = strdup(c->host_name);
	const char *host_names[HOST_NAMES_MAX + 1];
	struct edge *edge;

	if (names == NULL)
		return EX_OSERR;
	split_names(names, host_names);

	struct edge_options options = { .listeners = listeners,
					.loop_count = loop_count(c),
					.connection_limit = (int)c->connections,
					.header_timeout_ms = (int)c->header_timeout_ms,
					.body_timeout_ms = (int)c->body_timeout_ms,
					.reply_timeout_ms = (int)c->reply_timeout_ms,
					.host_names = host_names,
					.speakers = &speakers,
					.logs_requests = c->log_requests,
					.handle = routes_handle,
					.streams = routes_stream,
					.refuse = reply_refuse,
					.open_waits = waits_open,
					.close_waits = waits_close,
					.waits_options = &waits,
					.service = service };
	service_open_operations(service, &operations, c->operation_wait_ms);

	int r = edge_open(&options, &edge);

	if (r == 0)
		r = edge_begin(edge);
	if (r < 0) {
		log_write(LOG_CRIT, "cannot_serve", "error=\"%s\"", strerror(-r));
		operation_book_fini(&operations);
		free(names);
		return EX_OSERR;
	}
	log_listening(listeners, &options);
	notify_ready("serving");

	int code = wait_for_end(&(struct running){ .reading = reading,
						   .signals = signals,
						   .service = service,
						   .operations = &operations,
						   .edge = edge });

	edge_close(edge);
	operation_book_fini(&operations);
	free(names);
	return code;
}

/* Better found now than by the first export. */
static bool can_spool(const struct config *c)
{
	struct spool *s;

	spool_set_folder(c->spool_dir);
	s = spool_open();
	if (s == NULL)
		log_write(LOG_CRIT, "cannot_spool",
			  "folder=%s error=\"%s\" hint=\"choose another: --spool-dir DIR\"",
			  spool_folder(), strerror(-fault_latest()->error));
	spool_close(s);
	return s != NULL;
}

static bool has_ui_folder(const struct config *c)
{
	struct stat st;
	bool is_folder = stat(c->ui_dir, &st) == 0 && S_ISDIR(st.st_mode);

	if (c->ui_dir[0] == '\0' || is_folder)
		return true;
	log_write(LOG_CRIT, "no_ui_folder", "folder=%s hint=\"name a folder: --ui-dir DIR\"",
		  c->ui_dir);
	return false;
}

/* As they were typed; with those that --listen names. */
static int addresses_of(const struct config *c, struct address ret[ADDRESSES_MAX])
{
	int count = addresses_read(c->listen, ret);

	CHECK(count > 0); /* config_read() has judged it */
	return count;
}

/* A supervisor that opened sockets has said where: --listen is for when there is none. */
static int listeners_take_over(struct listeners *listeners, int count)
{
	int failed = 0;
	int r = count < 0 ? count
			  : listeners_inherit(listeners, INHERITED_FIRST_FD, count, &failed);

	if (r == 0)
		return 0;
	log_write(
		LOG_CRIT, "cannot_inherit",
		"sockets=%d descriptor=%d error=\"%s\" hint=\"1 to %d sockets that listen, for TCP "
		"or as unix sockets: ListenStream=, without Accept=yes\"",
		count, INHERITED_FIRST_FD + failed, strerror(-r), LISTENERS_MAX);
	return EX_CONFIG;
}

static int listeners_acquire(const struct config *c, struct listeners *listeners)
{
	int inherited = inherited_sockets();
	struct address addresses[ADDRESSES_MAX];
	int count = addresses_of(c, addresses);
	int failed, r;

	if (inherited != 0)
		return listeners_take_over(listeners, inherited);
	r = listeners_bind(listeners, addresses, count, &failed);
	if (r == 0)
		return 0;
	log_cannot_listen(&addresses[failed], r);
	return r == -ESRCH || r == -EEXIST ? EX_CONFIG : EX_OSERR;
}

/* Connections wait from now on until the edge has begun. */
static int listeners_begin(const struct config *c, struct listeners *listeners)
{
	struct address addresses[ADDRESSES_MAX];
	int failed;
	int r = listeners_listen(listeners, &failed);

	if (r == 0)
		return 0;
	addresses_of(c, addresses);
	log_cannot_listen(&addresses[failed], r);
	return EX_OSERR;
}

/* Users are looked up before anything else happens, also where their names lie far away. */
static bool speakers_are_known(const struct config *c)
{
	char wrong[SPEAKER_WRONG_BYTES];

	if (speakers_open(&speakers, c->trust_proxy, c->socket_role, wrong))
		return true;
	log_write(LOG_CRIT, "socket_role_refused", "reason=\"%s\"", wrong);
	return false;
}

/* All that may be wrong with a setting, before the store is touched. 0, or the exit code. */
static int settings_try(const struct config *c, struct listeners *listeners)
{
	if (!can_spool(c) || !has_ui_folder(c) || !speakers_are_known(c))
		return EX_CONFIG;
	spool_clean_up();
	lab_clean_up(spool_folder());
	return listeners_acquire(c, listeners);
}

/*
 * The store could be opened, and what is in it could not be read; or memory or threads are short.
 */
static int engine_failed(const struct config *c, struct store *store, int r)
{
	const struct fault *f = fault_latest();
	bool is_damaged = outcome_of_fault(r) == OUTCOME_STORE_DAMAGED;
	char where[DAMAGE_BYTES] = "";

	if (is_damaged)
		store->ops->leave_damaged(store, where);
	log_write(LOG_CRIT, is_damaged ? "store_damaged" : "engine_failed",
		  "path=%s error=\"%s\" extended=%d at=%s:%d where=%s", store_shown(c),
		  strerror(-r), f->detail, f->file, f->line, where[0] != '\0' ? where : NULL);
	if (is_damaged && store_kind_of(c)->is_file)
		log_write(
			LOG_CRIT, "store_refused",
			"message=\"%s is damaged: rowlockd verify --store FILE says what is left "
			"of it, rowlockd repair mends rows, rowlockd restore BACKUP puts a backup "
			"in its place\"",
			store_shown(c));
	if (r == -EBUSY)
		log_write(LOG_CRIT, "store_refused",
			  "message=\"%s is held by another program: close it and try again\"",
			  store_shown(c));
	store->ops->close(store);
	if (r == -EBUSY)
		return store_exit_code(STORE_LOCKED);
	if (r == -ENOTCONN)
		return store_exit_code(STORE_UNREACHABLE);
	return is_damaged ? EX_DATAERR : EX_OSERR;
}

/* How much there may be to migrate, to recover and to read. */
static int64_t store_bytes(const struct config *c)
{
	char wal[PATH_MAX];
	struct stat file, log;

	snprintf(wal, sizeof(wal), "%s-wal", c->store);
	return (stat(c->store, &file) == 0 ? file.st_size : 0) +
	       (stat(wal, &log) == 0 ? log.st_size : 0);
}

static int open_service(const struct config *c, struct store *store, struct service **ret)
{
	/*
	 * A database holds a group's rows until it is durable, whatever this process does with
	 * them: what waits for such a row here goes into the same group, while that is open.
	 */
	bool releases_early = !store_kind_of(c)->is_file || strcmp(row_release, "early") == 0;
	struct service_options options = { .store = store,
					   .releases_rows_early = releases_early,
					   .slow_ns = c->slow_ms * NS_PER_MS,
					   .keep_audit_ms =
						   c->keep_audit_days * (int64_t)86400 * MS_PER_S,
					   .reader_count = (int)c->readers,
					   .fail = on_failure };
	int r = service_open(&options, ret);

	return r < 0 ? engine_failed(c, store, r) : 0;
}

/*
 * Without a token whoever reaches the address may do everything, so nobody beyond this machine may
 * reach it, nor through a proxy, which has another name. 0, or the exit code, with what to type.
 */
static int judge_openness(const struct config *c, struct service *service,
			  const struct listeners *listeners)
{
	const struct listener *open = listeners_first_open(listeners);
	char text[LISTENER_TEXT_BYTES] = "";

	if (c->insecure || access_book_state(service_access(service)) == ACCESS_CLOSED ||
	    (open == NULL && c->host_name[0] == '\0' && c->trust_proxy[0] == '\0'))
		return 0;
	if (open != NULL)
		listener_text(open, text);
	log_write(LOG_CRIT, "open_store_refused",
		  "store=%s opened_by=%s value=%s hint=\"there is no token, so everybody could do "
		  "everything: make "
		  "one, or say that this is wanted; the two lines to type follow\"",
		  store_shown(c),
		  open != NULL           ? "address"
		  : c->host_name[0] != 0 ? "host_name"
					 : "trust_proxy",
		  open != NULL           ? text
		  : c->host_name[0] != 0 ? c->host_name
					 : c->trust_proxy);
	log_flush(); /* the line comes before those that it speaks of */
	fprintf(stderr,
		"rowlockd token add NAME --role admin --store %s\n"
		"rowlockd --insecure --store %s --listen %s%s%s%s%s\n",
		store_shown(c), store_shown(c), c->listen,
		c->host_name[0] != '\0' ? " --host-name " : "", c->host_name,
		c->trust_proxy[0] != '\0' ? " --trust-proxy " : "", c->trust_proxy);
	return EX_CONFIG;
}

static int run_service(struct config_reading *reading, struct service *service,
		       struct listeners *listeners, int signals)
{
	const struct config *c = &reading->config;
	struct lab_runs *lab = NULL;
	int code;

	batches_init();
	if (c->lab && lab_runs_open(spool_folder(), &lab) < 0)
		return EX_OSERR;
	calls_configure(&(struct calls_options){ .wait_default_ms = c->wait_default_ms,
						 .is_insecure = c->insecure,
						 .speakers = &speakers,
						 .requires_keys = c->require_key,
						 .lab = lab });
	asset_set_folder(c->ui_dir);
	code = judge_openness(c, service, listeners);
	if (code == 0)
		code = listeners_begin(c, listeners);
	if (code == 0)
		code = serve(reading, service, listeners, signals);
	lab_runs_close(lab);
	return code;
}

static int run(struct config_reading *reading)
{
	const struct config *c = &reading->config;
	int signals = open_signals();
	static struct listeners listeners; /* large */
	struct service *service;
	struct store *store;
	int code;

	usage_begin(store_kind_of(c)->is_file ? c->store : "");
	metrics_set_build(ROWLOCK_VERSION, sqlite_version());
	failure_fd = eventfd(0, EFD_CLOEXEC);
	if (signals < 0 || failure_fd < 0)
		return EX_OSERR;
	code = settings_try(c, &listeners);
	if (code != 0)
		return code;
	log_write(LOG_INFO, "start", "rowlockd=%s sqlite=%s libpq=%s note=%s", ROWLOCK_VERSION,
		  store_kind_of(c)->is_file ? sqlite_version() : NULL,
		  store_kind_of(c)->is_file ? NULL : postgres_version(),
		  store_kind_of(c)->is_file && sqlite_has_wal_reset_bug()
			  ? "this SQLite can corrupt its WAL when two "
			    "connections write or checkpoint at once; rowlockd "
			    "uses one, and by hand: rowlock sql FILE"
			  : NULL);
	notify_starting(store_bytes(c));
	warn_of_settings(reading);
	code = open_store(c, &listeners, &store);
	if (code == 0 && !log_open()) {
		store->ops->close(store);
		code = EX_OSERR;
	}
	if (code == 0)
		code = open_service(c, store, &service);
	notify_started();
	if (code != 0)
		return code;
	code = run_service(reading, service, &listeners, signals);
	service_close(service);
	log_write(LOG_INFO, "stop", "exit=%d", code);
	return code;
}

int main(int argc, char *argv[])
{
	static struct config_reading reading; /* large */
	int code = 0;

	if (standard_files_open() < 0)
		return EX_OSERR;
	crash_begin("rowlockd " ROWLOCK_VERSION);
	if (!secret_prepare())
		return EX_OSERR;
	if (offline_command(argc, argv, &code))
		return code;
	if (config_read(&reading, argc, argv, &code) != CONFIG_RUN)
		return code;
	log_configure(&reading.config);
	config_warn_of_variables();
	code = run(&reading);
	log_close();
	return code;
}
