/* sqlite_copy - a backup: the pages of the database as a snapshot shows them. */
#include "store/sqlite_private.h"
#include <fcntl.h>
#include <unistd.h>

enum { PAGES_AT_ONCE = 4096 };

/* By what the copying connection says. */
static int copy_fault(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return FAULT_DETAIL(-ENOSPC, code);
	case SQLITE_NOMEM:
		return FAULT_DETAIL(-ENOMEM, code);
	case SQLITE_INTERRUPT:
		return FAULT_DETAIL(-ETIME, code);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return FAULT_DETAIL(-EUCLEAN, code);
	default:
		return FAULT_DETAIL(-EIO, code);
	}
}

/* Nobody else knows the file: it needs neither a journal nor a flush. */
static int open_target(const char *path, sqlite3 **ret)
{
	int code = sqlite3_open_v2(path, ret, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	CHECK(path != NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(*ret, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", NULL,
				    NULL, NULL);
	return code == SQLITE_OK ? 0 : copy_fault(code);
}

static int copy_pages(sqlite3_backup *b, bool (*may_go_on)(void *context), void *context)
{
	int code;

	CHECK(may_go_on != NULL);
	do {
		if (!may_go_on(context))
			return FAULT(-ECANCELED);
		code = sqlite3_backup_step(b, PAGES_AT_ONCE);
	} while (code == SQLITE_OK);
	return code == SQLITE_DONE ? 0 : copy_fault(code);
}

enum { FORMAT_AT = 18, FORMAT_ROLLBACK = 1, FORMAT_WAL = 2 };

/* How the file is to be written and read: https://www.sqlite.org/fileformat.html, 1.3.3 */
static int set_format(const char *path, char format)
{
	char bytes[2] = { format, format };
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int r = fd >= 0 && pwrite(fd, bytes, sizeof(bytes), FORMAT_AT) == sizeof(bytes)
			? 0
			: FAULT(-EIO);

	if (fd >= 0)
		close(fd);
	return r;
}

/*
 * Sessions of the page are signed with a key that is in the store: whoever has a copy of it could
 * sign one that the server believes. So a copy has another key. The file says that it has a log,
 * which would be made beside it for a change: for the moment of the change it says otherwise. No
 * hand does this, so the guards that note hands in the audit are off.
 */
static int renew_session_key(const char *path)
{
	sqlite3 *copy = NULL;
	int r = set_format(path, FORMAT_ROLLBACK);

	if (r == 0)
		r = open_target(path, &copy);
	if (r == 0)
		sqlite3_db_config(copy, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	if (r == 0 && sqlite3_exec(copy, "UPDATE store SET session_key = randomblob(32)", NULL,
				   NULL, NULL) != SQLITE_OK)
		r = copy_fault(sqlite3_extended_errcode(copy));
	if (sqlite3_close(copy) != SQLITE_OK && r == 0)
		r = FAULT(-EIO);
	return r == 0 ? set_format(path, FORMAT_WAL) : r;
}

int sqlite_copy_pages(sqlite3 *from, const char *path, bool (*may_go_on)(void *context),
		      void *context)
{
	sqlite3 *target = NULL;
	sqlite3_backup *b = NULL;
	int fault = open_target(path, &target);

	CHECK(from != NULL);
	if (fault == 0) {
		b = sqlite3_backup_init(target, "main", from, "main");
		fault = b != NULL ? copy_pages(b, may_go_on, context)
				  : copy_fault(sqlite3_extended_errcode(target));
	}
	if (b != NULL && sqlite3_backup_finish(b) != SQLITE_OK && fault == 0)
		fault = copy_fault(sqlite3_extended_errcode(target));
	if (sqlite3_close(target) != SQLITE_OK && fault == 0)
		fault = FAULT(-EIO);
	return fault;
}

/* The reader's transaction keeps the pages what they are while the writer goes on. */
int sqlite_copy(struct reader *reader, const char *path, bool (*may_go_on)(void *context),
		void *context)
{
	struct sqlite_reader *r = sqlite_reader_of(reader);
	int fault;

	CHECK(r->is_in_snapshot);
	fault = sqlite_copy_pages(r->connection.db, path, may_go_on, context);
	return fault == 0 ? renew_session_key(path) : fault;
}
