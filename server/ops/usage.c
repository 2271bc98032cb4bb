#include "ops/usage.h"
#include "base/check.h"
#include "base/clock.h"
#include "ops/metrics.h"
#include "ops/spool.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	STAT_BYTES_MAX = 1536, /* of /proc/self/stat: 52 numbers and a name */
	LINE_BYTES_MAX = 256,  /* of /proc/self/status: what is longer is read in pieces */
};

/* Fields of /proc/self/stat, as proc(5) numbers them. */
enum { STAT_THREADS = 20, STAT_VIRTUAL = 23, STAT_RESIDENT = 24 };

static const char *store = "";
static int64_t begun_ns;

void usage_begin(const char *store_path)
{
	store = store_path;
	begun_ns = clock_monotonic_ns();
	metric_set(METRIC_PROCESS_START, clock_utc_ms() * NS_PER_MS);
}

int64_t usage_uptime_s(void)
{
	return (clock_monotonic_ns() - begun_ns) / NS_PER_S;
}

/* ---------------------------------------------------------------- the process */

/*
 * A field of /proc/self/stat, by its number in proc(5). The second, the name of the program, may
 * hold anything: it ends at the last parenthesis, and fields are counted from there. False: there
 * is none.
 */
static bool read_field(const char *line, int number, int64_t *ret)
{
	const char *at = strrchr(line, ')');
	char *end;

	for (int field = 2; at != NULL && field < number; field++)
		at = strchr(at + 1, ' ');
	if (at == NULL)
		return false;
	errno = 0;
	*ret = strtoll(at, &end, 10);
	return end != at && errno == 0;
}

/* Threads, address space and what of it is in memory. */
static void measure_memory(void)
{
	char line[STAT_BYTES_MAX];
	int64_t threads, virtual_bytes, resident_pages;
	ssize_t n;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	line[n > 0 ? n : 0] = '\0';
	if (!read_field(line, STAT_THREADS, &threads) ||
	    !read_field(line, STAT_VIRTUAL, &virtual_bytes) ||
	    !read_field(line, STAT_RESIDENT, &resident_pages))
		return;
	metric_set(METRIC_PROCESS_THREADS, threads);
	metric_set(METRIC_PROCESS_VIRTUAL, virtual_bytes);
	metric_set(METRIC_PROCESS_RESIDENT, resident_pages * sysconf(_SC_PAGESIZE));
}

/* For how many files the table of the process has room now; 0: nobody says. */
static int table_size(void)
{
	static const char label[] = "FDSize:";
	char line[LINE_BYTES_MAX];
	FILE *status = fopen("/proc/self/status", "re");
	int size = 0;

	if (status == NULL)
		return 0;
	while (size == 0 && fgets(line, sizeof(line), status) != NULL)
		if (strncmp(line, label, strlen(label)) == 0)
			size = (int)strtol(line + strlen(label), NULL, 10);
	fclose(status);
	return size;
}

/* Half a microsecond for each place; to list the folder takes 3 us for each that is open. */
static int64_t count_open_files(void)
{
	int size = table_size();
	int64_t count = 0;

	for (int fd = 0; fd < size; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Kernels from 6.2 on say how many there are as the size of the folder; older ones say 0. */
static void measure_files(void)
{
	struct rlimit limit;
	struct stat st;

	if (stat("/proc/self/fd", &st) == 0)
		metric_set(METRIC_PROCESS_OPEN_FILES,
			   st.st_size > 0 ? st.st_size : count_open_files());
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		metric_set(METRIC_PROCESS_FILES_MAX, (int64_t)limit.rlim_cur);
}

static void measure_processor(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0)
		metric_raise(METRIC_PROCESS_CPU, (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec);
}

/* ---------------------------------------------------------------- the disk */

/* Never by opening it: whoever closes a database takes its locks away from SQLite. */
static void measure_store(void)
{
	struct statvfs disk;
	struct stat st;

	if (stat(store, &st) == 0)
		metric_set(METRIC_STORE_BYTES, st.st_size);
	if (statvfs(store, &disk) < 0)
		return;
	metric_set(METRIC_STORE_FREE_BYTES, (int64_t)(disk.f_bavail * disk.f_frsize));
	metric_set(METRIC_STORE_DISK_BYTES, (int64_t)(disk.f_blocks * disk.f_frsize));
}

static void measure_spool(void)
{
	struct statvfs disk;

	if (statvfs(spool_folder(), &disk) == 0)
		metric_set(METRIC_SPOOL_FREE_BYTES, (int64_t)(disk.f_bavail * disk.f_frsize));
}

void usage_measure(void)
{
	measure_memory();
	measure_files();
	measure_processor();
	measure_store();
	measure_spool();
}
