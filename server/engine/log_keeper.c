#include "engine/log_keeper.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/pulse.h"
#include "ops/metrics.h"

void log_keeper_init(struct log_keeper *k, struct store_writer *writer)
{
	*k = (struct log_keeper){ .writer = writer,
				  .restart_from_bytes = WAL_BYTES_RESTART,
				  .wrote_ns = clock_monotonic_ns() };
	copy_size_init(&k->copy_size);
	read_admission_init(&k->admission);
}

void log_keeper_fini(struct log_keeper *k)
{
	CHECK(k->tries <= LOG_RESTART_TRIES);
	read_admission_fini(&k->admission);
}

static void open_admission(struct log_keeper *k)
{
	CHECK(IMPLIES(!k->is_closed, k->tries == 0));
	if (k->is_closed)
		read_admission_open(&k->admission);
	k->is_closed = false;
	k->tries = 0;
}

void log_keeper_stop(struct log_keeper *k)
{
	open_admission(k);
}

static bool must_copy(const struct log_keeper *k, int64_t bytes, bool is_idle)
{
	CHECK(k->again_from_bytes >= 0);
	if (k->again_from_bytes > 0)
		return bytes >= k->again_from_bytes;
	return bytes >= (is_idle ? k->copy_size.bytes : WAL_BYTES_CHECKPOINT);
}

/* A log of gigabytes takes its time, also on a slow disk: no slower than that is thought alive. */
enum { COPY_BYTES_PER_S_MIN = 4 << 20 };

static int64_t tend(struct log_keeper *k, enum tending how, int64_t wait_ms)
{
	int64_t limit_ns = k->bytes / COPY_BYTES_PER_S_MIN * NS_PER_S + wait_ms * NS_PER_MS;
	int64_t r;

	CHECK(k->bytes >= 0);
	pulse_excuse(clock_monotonic_ns() + limit_ns);
	r = k->writer->ops->tend(k->writer, how, wait_ms);
	pulse_excuse(0);
	return r;
}

/* Beside whoever reads. */
static int copy(struct log_keeper *k, int64_t bytes)
{
	int64_t begun_ns = clock_monotonic_ns();
	int64_t frames = tend(k, TEND_COPY, 0);
	int64_t took_ns = clock_monotonic_ns() - begun_ns;

	CHECK(bytes >= COPY_BYTES_MIN);
	metric_observe(METRIC_CHECKPOINT_TIME, took_ns);
	copy_size_note(&k->copy_size, bytes, took_ns);
	/* If a reader held it up, the log goes on growing: try again a quarter further on. */
	k->again_from_bytes = bytes + WAL_BYTES_CHECKPOINT / 4;
	/* Before it has to be copied, somebody else who copies is no news. */
	if (frames == -EBUSY && bytes < WAL_BYTES_CHECKPOINT)
		return 0;
	return frames < 0 ? (int)frames : 0;
}

/* Nobody reads long any more. */
static int restart(struct log_keeper *k, int64_t bytes, int64_t now_ns)
{
	int r;

	CHECK(k->is_closed);
	CHECK(k->tries < LOG_RESTART_TRIES);
	if (now_ns - k->tried_ns < LOG_RESTART_AGAIN_MS * NS_PER_MS && k->tries > 0)
		return 0;
	k->tried_ns = now_ns;
	k->tries++;
	r = (int)tend(k, TEND_RESTART, LOG_RESTART_WAIT_MS);
	metric_observe(METRIC_CHECKPOINT_TIME, clock_monotonic_ns() - now_ns);
	if (r == 0) {
		metric_add(METRIC_LOG_RESTARTS, 1);
		k->restart_from_bytes = WAL_BYTES_RESTART;
		k->again_from_bytes = 0;
		open_admission(k);
	} else if (r != -EBUSY || k->tries == LOG_RESTART_TRIES) {
		k->restart_from_bytes = bytes + bytes / 4;
		open_admission(k);
	}
	return r == -EBUSY ? 0 : r;
}

int log_keeper_look(struct log_keeper *k, int64_t now_ns, bool is_idle)
{
	int64_t bytes = k->writer->ops->log_bytes(k->writer);
	int r = 0;

	CHECK(bytes >= 0);
	metric_set(METRIC_WAL_BYTES, bytes);
	if (bytes != k->bytes) {
		k->wrote_ns = now_ns;
		k->is_empty = false;
	}
	if (bytes < k->bytes)
		k->again_from_bytes = 0; /* it has begun anew */
	k->bytes = bytes;
	if (bytes < WAL_BYTES_CHECKPOINT) {
		k->restart_from_bytes = WAL_BYTES_RESTART;
		open_admission(k);
	}
	if (must_copy(k, bytes, is_idle))
		r = copy(k, bytes);
	if (r < 0 || bytes < k->restart_from_bytes)
		return r;
	k->is_closed = true;
	return read_admission_close(&k->admission) ? restart(k, bytes, now_ns) : 0;
}

int log_keeper_rest(struct log_keeper *k, int64_t now_ns)
{
	int r;

	CHECK(k->bytes >= 0);
	if (k->is_empty || now_ns - k->wrote_ns < LOG_IDLE_S * NS_PER_S ||
	    read_admission_reading(&k->admission) > 0)
		return 0;
	r = (int)tend(k, TEND_CUT, 0);
	if (r == 0) {
		k->is_empty = true;
		k->bytes = 0;
		k->again_from_bytes = 0;
		metric_set(METRIC_WAL_BYTES, 0);
	}
	return r == -EBUSY ? 0 : r;
}

int64_t log_keeper_next_ns(const struct log_keeper *k, int64_t now_ns)
{
	CHECK(k->tries <= LOG_RESTART_TRIES);
	return k->is_closed ? now_ns + LOG_LOOK_MS * NS_PER_MS : INT64_MAX;
}
