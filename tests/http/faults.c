/*
 * faults - what the table of batches lets fail in a server, counted by its flushes.
 *
 *     LD_PRELOAD=faults.so FAULTS=FILE rowlockd ...
 *
 * FILE holds five numbers of 32 bits, shared with the test: how many flushes there were (counted
 * here), from which of them on the store is locked by another program, from which on nothing can
 * be written to it, which one fails, and from how many bytes on no memory is had. The first flush
 * is number 0.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum { WAL_WRITE_LOCK = 120 }; /* its byte in the index of the log: SQLite's file format */

struct faults {
	atomic_int flush_count;
	atomic_int locked_from;
	atomic_int full_from;
	atomic_int failing_flush;
	atomic_int bytes_max;
};

static struct faults *faults;

__attribute__((constructor)) static void faults_open(void)
{
	const char *path = getenv("FAULTS");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at = fd >= 0 ? mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
			   : MAP_FAILED;

	if (at == MAP_FAILED)
		abort();
	faults = at;
	close(fd);
}

int fdatasync(int fd)
{
	static int (*next)(int);

	if (next == NULL)
		next = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	if (atomic_fetch_add(&faults->flush_count, 1) != faults->failing_flush)
		return next(fd);
	errno = EIO;
	return -1;
}

ssize_t pwrite64(int fd, const void *bytes, size_t byte_count, off64_t at)
{
	static ssize_t (*next)(int, const void *, size_t, off64_t);

	if (next == NULL)
		next = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
	if (faults == NULL || faults->flush_count < faults->full_from)
		return next(fd, bytes, byte_count, at);
	errno = ENOSPC;
	return -1;
}

int fcntl64(int fd, int what, ...)
{
	static int (*next)(int, int, void *);
	va_list more;
	void *argument;

	va_start(more, what);
	argument = va_arg(more, void *);
	va_end(more);
	if (what == F_SETLK && faults != NULL && faults->flush_count >= faults->locked_from) {
		const struct flock *lock = argument;

		if (lock->l_type == F_WRLCK && lock->l_start == WAL_WRITE_LOCK) {
			errno = EAGAIN;
			return -1;
		}
	}
	if (next == NULL)
		next = (int (*)(int, int, void *))dlsym(RTLD_NEXT, "fcntl64");
	return next(fd, what, argument);
}

void *realloc(void *old, size_t byte_count)
{
	static void *(*next)(void *, size_t);

	if (next == NULL)
		next = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
	if (faults == NULL || byte_count < (size_t)faults->bytes_max)
		return next(old, byte_count);
	errno = ENOMEM;
	return NULL;
}
