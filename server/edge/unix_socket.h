/*
 * unix_socket - the file of a unix socket: when it is made, taken over from a dead server, and
 * removed.
 *
 *     r = unix_socket_try(path);                        // early: may it be had?
 *     r = unix_socket_listen(&u, options, &fd);         // it is there, and listens
 *     unix_socket_remove(&u);                           // at the end
 *
 * It is made under another name, gets its mode and group, listens, and only then gets its own name.
 * So whatever stands under that and refuses connections is a dead server's, and is replaced; where
 * somebody answers it is a living one's, and stays. Two servers that begin at once meet at a lock
 * file that is there for as long as that takes.
 *
 * Threads: one at a time.
 */
#pragma once
#include "ops/address.h"
#include <sys/types.h>

struct unix_socket {
	char path[UNIX_PATH_BYTES]; /* "": there is none */
	dev_t device;               /* of the file that we made */
	ino_t inode;
};

struct unix_socket_options {
	const char *path;
	mode_t mode;
	const char *group; /* a name or a number; "": that of the process */
	int backlog;
};

/*
 * Could it be had now? 0 or a fault: -EADDRINUSE (a living server has it), -EEXIST (the file is no
 * socket), -ENOENT (no such folder), -EACCES, ...; -ESRCH: nobody knows this group.
 */
int unix_socket_try(const struct unix_socket_options *options);

/* The same faults; -EPERM: its group is none of ours. The socket is non-blocking. */
int unix_socket_listen(struct unix_socket *u, const struct unix_socket_options *options,
		       int *ret_fd);

/* If it is still the file that we made. Harmless without one, and twice. */
void unix_socket_remove(struct unix_socket *u);
