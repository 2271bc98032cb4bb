/*
 * sqlite_offline - what the files behind offline.h share.
 */
#pragma once
#include "store/offline.h"
#include "store/sqlite_private.h"
#include <sys/stat.h>

struct offline {
	struct sqlite_reader reader;
	struct sqlite_file lock;
	const char *path;  /* of the file itself: lock.path */
	bool is_immutable; /* it was closed cleanly, and is read as it lies there */
	bool is_open;
	struct stat seen; /* when it was opened */
	int version;
};

/* The trouble with a sentence, and a fault for it. */
__attribute__((format(printf, 3, 4))) int
offline_refuse(struct store_open_result *result, enum store_trouble t, const char *format, ...);

/* The same for what SQLite just said about a connection. r is the fault of it. */
int offline_explain(const char *path, struct sqlite_connection *c, int r,
		    struct store_open_result *result);

/* "<path><suffix>" */
bool offline_beside(char ret[OFFLINE_PATH_BYTES], const char *path, const char *suffix);

/* Is there such a file, with something in it? */
bool offline_has_bytes(const char *path, const char *suffix);

/* "<path>.before-<what>-20261124T031500Z", which is not there yet */
bool offline_kept_name(char ret[OFFLINE_PATH_BYTES], const char *path, const char *what);

/* A database file for reading; without its log where that has nothing in it. */
int offline_connect(struct sqlite_connection *c, const char *path, bool *ret_is_immutable);

/* sqlite_look(), with the path in its words. */
int offline_look(const char *path, struct sqlite_connection *c, struct store_open_result *result);

/*
 * Copies a whole database, log and all, to a file that must not exist yet, and flushes it. It gets
 * the mode and the group of `like`, and the owner where one may give it away.
 */
int offline_copy(struct sqlite_connection *from, const char *to, const struct stat *like,
		 struct store_open_result *result);

/*
 * Whose, and of which mode, the store at `path` is; where there is none, whose it is to be: its
 * folder's owner's, if we may give it away, or our own; and nobody else's to read, for it has
 * hashes of tokens.
 */
int offline_place(const char *path, struct stat *ret_like, bool *ret_is_there,
		  struct store_open_result *result);
/*
 * Gives a file the mode and the group of `like`, and the owner where one may give it away: only
 * root may; who is not, but is in the store's group, makes one of his own that the group may use.
 */
int offline_dress(const char *path, const struct stat *like);

/* Flushes a file, or the folder that a path lies in: a rename is kept only then. */
int offline_flush(const char *path);
int offline_flush_folder(const char *path);
