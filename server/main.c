/*
 * rowlockd - wires the layers together; the only file that knows which store there is.
 *
 * Start: settings and all that may be wrong with them, then the store (before any thread), engine,
 * edge. Stop: SIGTERM or SIGINT drains and exits 0 (65 where the store is damaged); a second one
 * exits at once; a failed disk stops the process with 74.
 */
#include "base/clock.h"
#include "base/crash.h"
#include "base/fault.h"
#include "base/standard_files.h"
#include "core/store_clock.h"
#include "http/asset.h"
#include "http/batch/batch.h"
#include "edge/edge.h"
#include "http/reply.h"
#include "http/routes.h"
#include "offline/offline.h"
#include "lab/lab.h"
#include "lab/runs.h"
#include "ops/config.h"
#include "ops/log.h"
#include "ops/spool.h"
#include "store/sqlite.h"
#include "waiting/waits.h"
#include <inttypes.h>
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
#include <unistd.h>

/* sysexits.h, and what docs/operating.md says of each. */
enum {
	EXIT_DATA = 65,
	EXIT_SOFTWARE_FAULT = 70,
	EXIT_OS_FAULT = 71,
	EXIT_CONFIGURATION = 78,
	LAST_ANSWERS_MS = 500, /* after the disk failed: time for the answers that say so */
};

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

static int load_demo(struct store *store)
{
	bool is_empty;
	char *message = NULL;
	int r = store->ops->is_empty(store, &is_empty);

	if (r < 0 || !is_empty)
		return r;
	r = store->ops->run_script(store, sqlite_demo_script(), &message);
	if (r < 0)
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
		  days, c->store);
	return EXIT_CONFIGURATION;
}

static int open_store(const struct config *c, struct store **ret)
{
	struct store_options options = { .path = c->store,
					 .may_create_gone = c->create,
					 .busy_ms = (int)c->store_busy_ms };
	struct store_open_result result = { 0 };

	if (sqlite_open(&options, ret, &result) < 0) {
		log_write(LOG_CRIT, "store_refused", "message=\"%s\"", result.message);
		return store_exit_code(result.trouble);
	}
	log_write(LOG_INFO, "store_open",
		  "path=%s new=%d schema=%d was=%d wal_frames=%" PRId64 " ms=%.1f", c->store,
		  result.is_new, result.version, result.version_from, result.wal_frames_recovered,
		  result.open_ms);

	int code = check_clock(c, *ret);

	if (code == 0 && c->demo && load_demo(*ret) < 0)
		code = EXIT_SOFTWARE_FAULT;
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
	if (read(signals, &info, sizeof(info)) == sizeof(info)) {
		log_write(LOG_WARN, "forced", "signal=%u", info.ssi_signo);
		_exit(EXIT_SOFTWARE_FAULT);
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
	_exit(atomic_load(&failure_code));
}

/* Waits for a signal or a failure; returns the exit code. */
static int wait_for_end(const struct config *c, int signals, struct service *service,
			struct edge *edge)
{
	struct pollfd fds[] = { { .fd = signals, .events = POLLIN },
				{ .fd = failure_fd, .events = POLLIN } };
	struct signalfd_siginfo info;
	struct service_health health;
	pthread_t leaver;

	while (poll(fds, LENGTH_OF(fds), -1) < 0)
		CHECK(errno == EINTR);
	if (fds[1].revents != 0) {
		/*
		 * Clients who share the group's fate should still hear of it; then stop, without
		 * drain.
		 */
		struct timespec last = { .tv_nsec = LAST_ANSWERS_MS * NS_PER_MS };

		nanosleep(&last, NULL);
		stop_failed();
	}
	CHECK(read(signals, &info, sizeof(info)) == sizeof(info));
	log_write(LOG_INFO, "signal", "number=%u", info.ssi_signo);
	if (pthread_create(&leaver, NULL, leave_on_signal, (void *)(intptr_t)signals) == 0)
		pthread_detach(leaver);
	drain(c, service, edge);
	if (atomic_load(&failure_code) != 0)
		stop_failed(); /* meanwhile: all have heard of it */
	service_health(service, &health);
	return health.is_damaged ? EXIT_DATA : 0;
}

/* Blocks the signals for every thread to come, and hands them over as a file descriptor. */
static int open_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file at its size limit is a full disk, not a reason to die */
	/*
	 * A terminal that closes, or a habit from another daemon, must not end it without a drain.
	 */
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void log_cannot_listen(const struct config *c, int r)
{
	const char *hint = "";

	if (r == -EADDRINUSE)
		hint = " hint=\"choose another: --listen 127.0.0.1:8081\"";
	else if (r == -EADDRNOTAVAIL)
		hint = " hint=\"it is no address of this machine: --listen 127.0.0.1:8080\"";
	else if (r == -EACCES)
		hint = " hint=\"ports below 1024 are root's: --listen 127.0.0.1:8080\"";
	log_write(LOG_CRIT, "cannot_listen", "address=%s error=\"%s\"%s", c->listen, strerror(-r),
		  hint);
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

static int serve(const struct config *c, struct service *service, const struct listener *listener,
		 int signals)
{
	static struct operation_book operations; /* large */
	struct waits_options waits = { .operations = &operations };
	char *names = strdup(c->host_name);
	const char *host_names[HOST_NAMES_MAX + 1];
	char address[128];
	struct edge *edge;

	if (names == NULL)
		return EXIT_OS_FAULT;
	split_names(names, host_names);

	struct edge_options options = { .listener = listener,
					.loop_count = loop_count(c),
					.connection_limit = (int)c->connections,
					.header_timeout_ms = (int)c->header_timeout_ms,
					.body_timeout_ms = (int)c->body_timeout_ms,
					.reply_timeout_ms = (int)c->reply_timeout_ms,
					.host_names = host_names,
					.logs_requests = c->log_requests,
					.handle = routes_handle,
					.streams = routes_stream,
					.refuse = reply_refuse,
					.open_waits = waits_open,
					.close_waits = waits_close,
					.waits_options = &waits,
					.service = service };
	service_open_operations(service, &operations, c->operation_wait_ms);

	int r = edge_open(&options, &edge, address);

	if (r == 0)
		r = edge_begin(edge);
	if (r < 0) {
		log_cannot_listen(c, r);
		operation_book_fini(&operations);
		free(names);
		return EXIT_OS_FAULT;
	}
	log_write(LOG_INFO, "listening", "listening on http://%s loops=%d row_release=%s", address,
		  options.loop_count, c->row_release);

	int code = wait_for_end(c, signals, service, edge);

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

/* All that may be wrong with a setting, before the store is touched. 0, or the exit code. */
static int settings_try(const struct config *c, struct listener *listener)
{
	int r;

	if (!can_spool(c) || !has_ui_folder(c))
		return EXIT_CONFIGURATION;
	spool_clean_up();
	lab_clean_up(spool_folder());
	r = listener_bind(listener, c->listen);
	if (r < 0)
		log_cannot_listen(c, r);
	return r < 0 ? EXIT_OS_FAULT : 0;
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
		  "path=%s error=\"%s\" extended=%d at=%s:%d%s%s%s", c->store, strerror(-r),
		  f->detail, f->file, f->line, where[0] != '\0' ? " where=\"" : "", where,
		  where[0] != '\0' ? "\"" : "");
	if (is_damaged)
		log_write(
			LOG_CRIT, "store_refused",
			"message=\"%s is damaged: rowlockd verify --store FILE says what is left "
			"of it, rowlockd repair mends rows, rowlockd restore BACKUP puts a backup "
			"in its place\"",
			c->store);
	if (r == -EBUSY)
		log_write(LOG_CRIT, "store_refused",
			  "message=\"%s is held by another program: close it and try again\"",
			  c->store);
	store->ops->close(store);
	if (r == -EBUSY)
		return store_exit_code(STORE_LOCKED);
	return is_damaged ? EXIT_DATA : EXIT_OS_FAULT;
}

static int open_service(const struct config *c, struct store *store, struct service **ret)
{
	struct service_options options = { .store = store,
					   .releases_rows_early =
						   strcmp(c->row_release, "early") == 0,
					   .slow_ns = c->slow_ms * NS_PER_MS,
					   .reader_count = (int)c->readers,
					   .fail = on_failure };
	int r = service_open(&options, ret);

	return r < 0 ? engine_failed(c, store, r) : 0;
}

static int run_service(const struct config *c, struct service *service,
		       const struct listener *listener, int signals)
{
	struct lab_runs *lab = NULL;
	int code;

	batches_init();
	if (c->lab && lab_runs_open(spool_folder(), &lab) < 0)
		return EXIT_OS_FAULT;
	calls_configure(&(struct calls_options){ .wait_default_ms = c->wait_default_ms,
						 .requires_keys = c->require_key,
						 .lab = lab });
	asset_set_folder(c->ui_dir);
	code = serve(c, service, listener, signals);
	lab_runs_close(lab);
	return code;
}

static int run(const struct config *c)
{
	int signals = open_signals();
	struct listener listener;
	struct service *service;
	struct store *store;
	int code;

	failure_fd = eventfd(0, EFD_CLOEXEC);
	if (signals < 0 || failure_fd < 0)
		return EXIT_OS_FAULT;
	code = settings_try(c, &listener);
	if (code != 0)
		return code;
	log_write(LOG_INFO, "start", "rowlockd=%s sqlite=%s%s", ROWLOCK_VERSION, sqlite_version(),
		  sqlite_has_wal_reset_bug() ? " note=\"this SQLite can corrupt its WAL when two "
					       "connections write or checkpoint at once; rowlockd "
					       "uses one, and by hand: rowlock sql FILE\""
					     : "");
	code = open_store(c, &store);
	if (code == 0)
		code = open_service(c, store, &service);
	if (code != 0)
		return code;
	code = run_service(c, service, &listener, signals);
	service_close(service);
	log_write(LOG_INFO, "stop", "exit=%d", code);
	return code;
}

int main(int argc, char *argv[])
{
	struct config config;
	int code = 0;

	if (standard_files_open() < 0)
		return EXIT_OS_FAULT;
	crash_begin("rowlockd " ROWLOCK_VERSION);
	if (offline_command(argc, argv, &code))
		return code;
	if (config_read(&config, argc, argv, &code) != CONFIG_RUN)
		return code;
	if (strcmp(config.log_level, "debug") == 0)
		log_set_level(LOG_DEBUG);
	else if (strcmp(config.log_level, "warn") == 0)
		log_set_level(LOG_WARN);
	else if (strcmp(config.log_level, "error") == 0)
		log_set_level(LOG_ERROR);
	return run(&config);
}
