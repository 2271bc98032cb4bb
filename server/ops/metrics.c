#include "ops/metrics.h"
#include "base/check.h"
#include "base/clock.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum metric_kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };
enum metric_unit { UNIT_NONE, UNIT_SECONDS, UNIT_COUNTS };

struct metric_row {
	enum metric_kind kind;
	enum metric_unit unit;
	const char *name;
	const char *help;
};

static const struct metric_row rows[] = {
#define COUNTER(name, text, help)            { KIND_COUNTER, UNIT_NONE, text, help },
#define GAUGE(name, text, help)              { KIND_GAUGE, UNIT_NONE, text, help },
#define HISTOGRAM(name, text, buckets, help) { KIND_HISTOGRAM, UNIT_##buckets, text, help },
#include "schema/metrics.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
};
_Static_assert(LENGTH_OF(rows) == METRIC_COUNT, "every metric has a row");

enum {
	SHARDS = 16,      /* one for each of the first threads; the last one is for all others */
	BUCKETS_MAX = 24, /* the last one in use has no upper bound */
	ROUTES_MAX = 128,
	STATUSES_MAX = 40,
};

/*
 * Upper bounds, inclusive. One more bucket takes what is larger. From 10 us, which is a row that is
 * free, to 60 s, which is the longest wait; ten for a factor of a hundred, about 2.5 from each to
 * the next.
 */
static const int64_t bounds_ns[] = {
	10000,     25000,      50000,      100000,     250000,      500000,      1000000,
	2500000,   5000000,    10000000,   25000000,   50000000,    100000000,   250000000,
	500000000, 1000000000, 2500000000, 5000000000, 10000000000, 30000000000, 60000000000,
};
static const char *const bounds_ns_text[] = {
	"1e-05",  "2.5e-05", "5e-05", "0.0001", "0.00025", "0.0005", "0.001",
	"0.0025", "0.005",   "0.01",  "0.025",  "0.05",    "0.1",    "0.25",
	"0.5",    "1.0",     "2.5",   "5.0",    "10.0",    "30.0",   "60.0",
};
static const int64_t bounds_counts[] = { 0,   1,   2,   4,    8,    16,   32,  64,
					 128, 256, 512, 1024, 2048, 4096, 8192 };
static const char *const bounds_counts_text[] = { "0.0",   "1.0",    "2.0",    "4.0",    "8.0",
						  "16.0",  "32.0",   "64.0",   "128.0",  "256.0",
						  "512.0", "1024.0", "2048.0", "4096.0", "8192.0" };
_Static_assert(LENGTH_OF(bounds_ns) == LENGTH_OF(bounds_ns_text), "each bound has its text");
_Static_assert(LENGTH_OF(bounds_counts) == LENGTH_OF(bounds_counts_text),
	       "each bound has its text");
_Static_assert(LENGTH_OF(bounds_ns) < BUCKETS_MAX, "room for the bucket without a bound");
_Static_assert(LENGTH_OF(bounds_counts) < BUCKETS_MAX, "room for the bucket without a bound");

/* Statuses that are answered most come first, since they are looked for in this order. */
static const int statuses[] = {
	200, 201, 409, 204, 304, 404, 400, 202, 423, 503, 422, 412, 429, 428, 405, 401, 403,
	408, 410, 413, 414, 415, 417, 421, 431, 500, 501, 505, 507, 206, 301, 302, 303, 308,
};
#define STATUS_OTHER LENGTH_OF(statuses) /* the place of all that are not listed */
_Static_assert(STATUS_OTHER < STATUSES_MAX, "room for statuses that are not listed");

struct histogram {
	atomic_int_fast64_t buckets[BUCKETS_MAX];
	atomic_int_fast64_t sum;
};

/*
 * What some of the threads have counted; the last one is shared by all that come after the first
 * few, which have one each. Whole cache lines, so that shards do not disturb each
 * other.
 */
struct shard {
	_Alignas(64) atomic_int_fast64_t values[METRIC_COUNT];
	struct histogram histograms[METRIC_COUNT];
	atomic_int_fast64_t requests[ROUTES_MAX][STATUSES_MAX];
};

static struct shard shards[SHARDS];
static atomic_int_fast64_t set_values[METRIC_COUNT];   /* metric_set() */
static _Atomic(const char *) route_labels[ROUTES_MAX]; /* by place; never change once set */

static struct {
	const char *version;
	const char *sqlite_version;
} build = { "", "" };

static _Thread_local bool is_muted;

void metrics_mute_thread(void)
{
	is_muted = true;
}

static struct shard *my_shard(void)
{
	static atomic_uint thread_count;
	static _Thread_local struct shard *mine;

	if (mine == NULL) {
		unsigned number = atomic_fetch_add(&thread_count, 1);

		mine = &shards[number < SHARDS - 1 ? number : SHARDS - 1];
	}
	return mine;
}

/*
 * In a shard of one thread nobody else writes: what it had read is still there. An addition that is
 * made in one step waits until all that was written before is with the other cores.
 */
static void count_up(struct shard *s, atomic_int_fast64_t *cell, int64_t n)
{
	if (s == &shards[SHARDS - 1])
		atomic_fetch_add_explicit(cell, n, memory_order_relaxed);
	else
		atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + n,
				      memory_order_relaxed);
}

static int64_t count_of(atomic_int_fast64_t *cell)
{
	return atomic_load_explicit(cell, memory_order_relaxed);
}

void metric_add(enum metric m, int64_t n)
{
	struct shard *s = is_muted ? NULL : my_shard();

	CHECK(rows[m].kind != KIND_HISTOGRAM);
	CHECK(IMPLIES(rows[m].kind == KIND_COUNTER, n >= 0));
	if (s != NULL)
		count_up(s, &s->values[m], n);
}

void metric_set(enum metric m, int64_t value)
{
	CHECK(rows[m].kind == KIND_GAUGE);
	if (!is_muted)
		atomic_store_explicit(&set_values[m], value, memory_order_relaxed);
}

int64_t metric_value(enum metric m)
{
	int64_t sum = count_of(&set_values[m]);

	CHECK(rows[m].kind != KIND_HISTOGRAM);
	for (int i = 0; i < SHARDS; i++)
		sum += count_of(&shards[i].values[m]);
	return sum;
}

void metric_raise(enum metric m, int64_t value)
{
	int64_t was = count_of(&set_values[m]);

	CHECK(rows[m].kind == KIND_COUNTER);
	while (was < value &&
	       !atomic_compare_exchange_weak_explicit(&set_values[m], &was, value,
						      memory_order_relaxed, memory_order_relaxed))
		;
}

static const int64_t *unit_bounds(enum metric_unit unit, size_t *ret_count)
{
	*ret_count = unit == UNIT_SECONDS ? LENGTH_OF(bounds_ns) : LENGTH_OF(bounds_counts);
	return unit == UNIT_SECONDS ? bounds_ns : bounds_counts;
}

void metric_observe(enum metric m, int64_t value)
{
	struct shard *s = is_muted ? NULL : my_shard();
	const int64_t *bounds;
	size_t count, i = 0;

	CHECK(rows[m].kind == KIND_HISTOGRAM);
	if (s == NULL)
		return;
	bounds = unit_bounds(rows[m].unit, &count);
	while (i < count && value > bounds[i])
		i++;
	count_up(s, &s->histograms[m].buckets[i], 1);
	count_up(s, &s->histograms[m].sum, value);
}

/*
 * The place of a label, by pointer: labels are constants. Two constants with the same text take two
 * places, which are added up when they are shown. The last place takes what finds no other.
 */
static size_t route_place(const char *label)
{
	size_t at = ((uintptr_t)label >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 57;

	_Static_assert(ROUTES_MAX == 128, "a place is the upper 7 bits");
	for (size_t tries = 0; tries < ROUTES_MAX; tries++, at = (at + 1) % ROUTES_MAX) {
		const char *there = atomic_load_explicit(&route_labels[at], memory_order_relaxed);

		if (there == label)
			return at;
		if (there == NULL &&
		    (atomic_compare_exchange_strong(&route_labels[at], &there, label) ||
		     there == label))
			return at;
	}
	return ROUTES_MAX - 1;
}

static size_t status_place(int status)
{
	size_t i = 0;

	while (i < STATUS_OTHER && statuses[i] != status)
		i++;
	return i;
}

void metric_request(const char *route_label, int status, int64_t duration_ns)
{
	struct shard *s = my_shard(); /* the laboratory answers no requests */

	count_up(s, &s->requests[route_place(route_label)][status_place(status)], 1);
	metric_observe(METRIC_REQUEST_TIME, duration_ns);
}

/* ---------------------------------------------------------------- the text */

/* A family as it is described: its name without suffix. */
struct family {
	const char *name;
	const char *help;
	enum metric_kind kind;
};

static bool name_ends_in(const char *name, const char *end)
{
	size_t name_bytes = strlen(name);
	size_t end_bytes = strlen(end);

	return name_bytes > end_bytes && strcmp(name + name_bytes - end_bytes, end) == 0;
}

static bool name_is_of_time(const char *name)
{
	return name_ends_in(name, "_seconds");
}

/* OpenMetrics describes the family of a counter, the plain format what its sample is called. */
static void write_head(struct text *out, enum metrics_format format, const struct family *f)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };
	const char *suffix = f->kind == KIND_COUNTER && format == METRICS_PLAIN ? "_total" : "";

	text_add_format(out, "# TYPE %s%s %s\n", f->name, suffix, types[f->kind]);
	if (format == METRICS_OPEN && name_is_of_time(f->name))
		text_add_format(out, "# UNIT %s seconds\n", f->name);
	else if (format == METRICS_OPEN && name_ends_in(f->name, "_bytes"))
		text_add_format(out, "# UNIT %s bytes\n", f->name);
	text_add_format(out, "# HELP %s%s %s\n", f->name, suffix, f->help);
}

static void write_row_head(struct text *out, enum metrics_format format,
			   const struct metric_row *row)
{
	write_head(out, format,
		   &(struct family){ .name = row->name, .help = row->help, .kind = row->kind });
}

/* Nanoseconds as seconds, without the noise of binary fractions. */
static void write_seconds(struct text *out, int64_t ns)
{
	int64_t part_ns = ns % NS_PER_S;

	text_add_format(out, "%s%lld.%09lld", ns < 0 ? "-" : "", llabs(ns / NS_PER_S),
			llabs(part_ns));
}

static void histogram_gather(enum metric m, struct histogram *ret)
{
	int64_t sum = 0;

	for (int i = 0; i < BUCKETS_MAX; i++) {
		int64_t count = 0;

		for (int j = 0; j < SHARDS; j++)
			count += count_of(&shards[j].histograms[m].buckets[i]);
		atomic_init(&ret->buckets[i], count);
	}
	for (int j = 0; j < SHARDS; j++)
		sum += count_of(&shards[j].histograms[m].sum);
	atomic_init(&ret->sum, sum);
}

static void write_histogram(struct text *out, enum metrics_format format, enum metric m)
{
	const struct metric_row *row = &rows[m];
	bool is_seconds = row->unit == UNIT_SECONDS;
	const char *const *texts = is_seconds ? bounds_ns_text : bounds_counts_text;
	struct histogram h;
	int64_t count = 0;
	size_t bound_count;

	histogram_gather(m, &h);
	unit_bounds(row->unit, &bound_count);
	write_row_head(out, format, row);
	for (size_t i = 0; i <= bound_count; i++) {
		count += count_of(&h.buckets[i]);
		text_add_format(out, "%s_bucket{le=\"%s\"} %lld\n", row->name,
				i < bound_count ? texts[i] : "+Inf", (long long)count);
	}
	text_add_format(out, "%s_count %lld\n%s_sum ", row->name, (long long)count, row->name);
	if (is_seconds)
		write_seconds(out, count_of(&h.sum));
	else
		text_add_int(out, count_of(&h.sum));
	text_add_char(out, '\n');
}

static void write_value(struct text *out, enum metrics_format format, enum metric m)
{
	const struct metric_row *row = &rows[m];

	write_row_head(out, format, row);
	text_add(out, row->name);
	text_add(out, row->kind == KIND_COUNTER ? "_total " : " ");
	if (name_is_of_time(row->name))
		write_seconds(out, metric_value(m));
	else
		text_add_int(out, metric_value(m));
	text_add_char(out, '\n');
}

/* Was a place before this one taken by the same text? */
static bool route_is_repeated(size_t place, const char *label)
{
	for (size_t i = 0; i < place; i++) {
		const char *other = atomic_load_explicit(&route_labels[i], memory_order_relaxed);

		if (other != NULL && strcmp(other, label) == 0)
			return true;
	}
	return false;
}

static int64_t requests_of(const char *label, size_t status)
{
	int64_t sum = 0;

	for (size_t i = 0; i < ROUTES_MAX; i++) {
		const char *other = atomic_load_explicit(&route_labels[i], memory_order_relaxed);

		if (other == NULL || strcmp(other, label) != 0)
			continue;
		for (int j = 0; j < SHARDS; j++)
			sum += count_of(&shards[j].requests[i][status]);
	}
	return sum;
}

static void write_route(struct text *out, const char *label)
{
	for (size_t i = 0; i <= STATUS_OTHER; i++) {
		int64_t count = requests_of(label, i);

		if (count == 0)
			continue;
		text_add_format(out, "rowlock_requests_total{route=\"%s\",status=\"", label);
		if (i < STATUS_OTHER)
			text_add_int(out, statuses[i]);
		else
			text_add(out, "other");
		text_add_format(out, "\"} %lld\n", (long long)count);
	}
}

static void write_requests(struct text *out, enum metrics_format format)
{
	write_head(out, format,
		   &(struct family){ .name = "rowlock_requests",
				     .help = "Requests answered, by route and status.",
				     .kind = KIND_COUNTER });
	for (size_t i = 0; i < ROUTES_MAX; i++) {
		const char *label = atomic_load_explicit(&route_labels[i], memory_order_relaxed);

		if (label != NULL && !route_is_repeated(i, label))
			write_route(out, label);
	}
}

void metrics_set_build(const char *version, const char *sqlite_version)
{
	build.version = version;
	build.sqlite_version = sqlite_version;
}

/* OpenMetrics has a type for what never changes; elsewhere it is a gauge that is 1. */
static void write_build(struct text *out, enum metrics_format format)
{
	static const char help[] = "What runs here.";

	if (format == METRICS_OPEN)
		text_add_format(out, "# TYPE rowlock_build info\n# HELP rowlock_build %s\n", help);
	else
		text_add_format(out,
				"# TYPE rowlock_build_info gauge\n# HELP rowlock_build_info %s\n",
				help);
	text_add_format(out, "rowlock_build_info{version=\"%s\",sqlite=\"%s\"} 1\n", build.version,
			build.sqlite_version);
}

void metrics_write(struct text *out, enum metrics_format format)
{
	write_build(out, format);
	for (enum metric m = 0; m < METRIC_COUNT; m++) {
		if (rows[m].kind == KIND_HISTOGRAM)
			write_histogram(out, format, m);
		else
			write_value(out, format, m);
	}
	write_requests(out, format);
	if (format == METRICS_OPEN)
		text_add(out, "# EOF\n");
}
