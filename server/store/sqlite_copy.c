/* sqlite_copy - a backup: the pages of the database as a snapshot shows them. */
#include "store/sqlite_private.h"

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

	CHECK(r->is_in_snapshot);
	return sqlite_copy_pages(r->connection.db, path, may_go_on, context);
}
