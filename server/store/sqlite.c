#include "store/sqlite.h"
#include "base/clock.h"
#include "store/sqlite_gather.h"
#include "store/sqlite_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *sqlite_version(void)
{
	return sqlite3_libversion();
}

bool sqlite_has_wal_reset_bug(void)
{
	return sqlite3_libversion_number() < 3051003;
}

void sqlite_prepare(void)
{
	static bool is_done;

	if (!is_done) {
		sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
		sqlite3_initialize();
	}
	is_done = true;
}

/* What is wrong with a file of ours that cannot be read: where, and what to do. */
static void explain_damage(const struct store_options *o, const char *what,
			   struct store_open_result *result)
{
	char where[DAMAGE_BYTES];

	CHECK(what != NULL);
	sqlite_find_damage(o->path, where);
	result->trouble = STORE_CORRUPT;
	snprintf(result->message, sizeof(result->message),
		 "%.120s: %.90s%s%.120s: `rowlockd verify --store FILE` says what is left of it, "
		 "`rowlockd repair` mends rows, `rowlockd restore BACKUP` puts a backup in its "
		 "place",
		 o->path, what, where[0] != '\0' ? ": " : "", where);
}

/* Puts what SQLite said into words for the operator. */
static int explain(const struct store_options *o, struct sqlite_connection *c, int r,
		   struct store_open_result *result)
{
	CHECK(r < 0);
	/* What failed, and not what was done about it since. */
	int code = fault_latest()->error == r && fault_latest()->detail != 0
			   ? fault_latest()->detail
		   : c->db != NULL ? sqlite3_extended_errcode(c->db)
				   : SQLITE_NOMEM;
	const char *advice = "";
	char said[DAMAGE_BYTES];

	/* In its own words, where nothing was done since. */
	sqlite_words(c->db != NULL && sqlite3_extended_errcode(c->db) == code
			     ? sqlite3_errmsg(c->db)
			     : sqlite3_errstr(code),
		     said);

	if (result->trouble != STORE_FINE) {
		char what[sizeof(result->message)];

		if (result->trouble == STORE_CORRUPT) {
			snprintf(what, sizeof(what), "%s", result->message);
			explain_damage(o, what, result);
			return r;
		}
		snprintf(what, sizeof(what), "%s", result->message);
		snprintf(result->message, sizeof(result->message), "%.200s: %.300s", o->path, what);
		return r;
	}
	/* SQL of ours that is wrong for it: the schema is not what its number says. */
	if (((r == -EUCLEAN || r == -EBADMSG) && code != SQLITE_NOTADB) || code == SQLITE_ERROR) {
		explain_damage(o, said, result);
		return r;
	}
	if (r == -ENOSPC || (c->db != NULL && sqlite3_system_errno(c->db) == ENOSPC))
		code = SQLITE_FULL;
	switch (code & 0xff) {
	case SQLITE_NOTADB:
		result->trouble = STORE_FOREIGN;
		advice = ": choose another --store";
		break;
	case SQLITE_BUSY:
		result->trouble = STORE_LOCKED;
		advice = ": another program holds it; close it and try again";
		break;
	case SQLITE_FULL:
		result->trouble = STORE_FULL;
		advice = ": there is no room on its disk";
		break;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		result->trouble = STORE_FORBIDDEN;
		advice = ": the file and its folder must be writable";
		break;
	default:
		result->trouble = STORE_UNREACHABLE;
		break;
	}
	snprintf(result->message, sizeof(result->message), "%.200s: %.150s (%d)%s", o->path,
		 sqlite3_errstr(code), code & 0xff, advice);
	return r;
}

static int count_pages(void *context, sqlite3 *db, const char *schema, int page_count)
{
	struct sqlite_store *s = context;

	(void)db;
	(void)schema;
	s->wal_pages = page_count;
	return SQLITE_OK;
}

static int retry_while_busy(struct sqlite_connection *c, int busy_ms,
			    int (*step)(struct sqlite_connection *, struct sqlite_opening *),
			    struct sqlite_opening *o)
{
	int64_t until_ns = clock_monotonic_ns() + busy_ms * NS_PER_MS;
	int r;

	CHECK(busy_ms >= 0);
	while ((r = step(c, o)) == -EBUSY && clock_monotonic_ns() < until_ns)
		usleep(5000);
	return r;
}

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)
#define CACHE_KIB       TEXT(SQLITE_WRITER_CACHE_KIB)

/* How many frames a crash left in the WAL: SQLite has read them back when this returns. */
static int recover(struct sqlite_store *s, struct store_open_result *result)
{
	int frames = 0, copied = 0;
	int64_t ignored;
	int r = sqlite_integer(&s->connection, "SELECT count(*) FROM store", &ignored);

	if (r < 0)
		return r;
	if (sqlite3_wal_checkpoint_v2(s->connection.db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames,
				      &copied) == SQLITE_OK &&
	    s->file.is_store_there)
		result->wal_frames_recovered = frames;
	return 0;
}

static int prepare_writer(struct sqlite_store *s, struct sqlite_opening *o)
{
	struct sqlite_connection *c = &s->connection;
	int r = retry_while_busy(c, s->busy_ms, sqlite_migrate, o);
	char kept[64];

	if (r < 0)
		return r;
	/* Cut when the log begins anew: a backup beside many writes makes it long once. */
	snprintf(kept, sizeof(kept), "PRAGMA journal_size_limit=%d", WAL_BYTES_KEPT);
	/* The schema's guards are for people who type SQL; the service keeps the books itself. */
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	r = retry_while_busy(c, s->busy_ms, sqlite_learn_kinds, o);
	if (r < 0)
		return r;
	r = sqlite_execute(c, "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
			      "PRAGMA secure_delete=OFF; PRAGMA cache_size=-" CACHE_KIB ";"
			      "PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
			      "PRAGMA foreign_keys=OFF");
	if (r == 0)
		r = sqlite_execute(c, kept);
	if (r == 0)
		r = sqlite_integer(c, "PRAGMA page_size", &s->page_bytes);
	if (r == 0)
		r = recover(s, o->result);
	if (r == 0)
		r = sqlite_integer(c, "PRAGMA data_version", &s->data_version);
	s->data_version_begun = s->data_version;
	if (r == 0 && sqlite_effects_register(c->db, &s->effects) != SQLITE_OK)
		r = sqlite_raise(c);
	if (r == 0)
		r = sqlite_prepare_all(c);
	if (r < 0)
		return r;
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	sqlite3_wal_hook(c->db, count_pages, s);
	return 0;
}

static int open_writer(const struct store_options *o, struct sqlite_store *s,
		       struct store_open_result *result)
{
	int flags = SQLITE_OPEN_READWRITE | (s->file.is_store_there ? 0 : SQLITE_OPEN_CREATE);
	struct sqlite_opening opening;
	int r = sqlite_gather_register();

	CHECK(s->file.lock_fd >= 0);
	if (r == 0)
		r = sqlite_connect_through(&s->connection, SQLITE_GATHER, s->file.path, flags,
					   sqlite_writer_texts, WRITER_STATEMENTS);
	if (r < 0)
		return explain(o, &s->connection, r, result);
	/* A file that turns out not to be ours is left as it was found. */
	sqlite3_db_config(s->connection.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (sqlite3_db_readonly(s->connection.db, "main") == 1) {
		result->trouble = STORE_FORBIDDEN;
		snprintf(result->message, sizeof(result->message), "the file cannot be written");
		return explain(o, &s->connection, FAULT(-EACCES), result);
	}
	sqlite_opening_begin(&opening, o, result);
	r = prepare_writer(s, &opening);
	sqlite_opening_end(&opening);
	return r < 0 ? explain(o, &s->connection, r, result) : 0;
}

int sqlite_open(const struct store_options *options, struct store **ret_store,
		struct store_open_result *result)
{
	int64_t begun_ns = clock_monotonic_ns();
	struct sqlite_store *s = calloc(1, sizeof(*s));
	int r;

	CHECK(options->path != NULL);
	CHECK(options->busy_ms >= 0);
	sqlite_prepare();
	*result = (struct store_open_result){ 0 };
	if (s == NULL) {
		result->trouble = STORE_UNREACHABLE;
		snprintf(result->message, sizeof(result->message), "out of memory");
		return FAULT(-ENOMEM);
	}
	s->store.ops = &sqlite_store_ops;
	s->busy_ms = options->busy_ms;
	s->key_newest = -1;
	r = sqlite_file_open(options, &s->file, result);
	if (r == 0) {
		r = open_writer(options, s, result);
		if (r < 0) {
			sqlite_disconnect(&s->connection);
			sqlite_file_close(&s->file, s->file.is_lock_new);
		}
	}
	if (r < 0) {
		free(s);
		return r;
	}
	sqlite_file_keep_room(&s->file);
	result->is_new = !s->file.is_store_there;
	result->open_ms = (double)(clock_monotonic_ns() - begun_ns) / NS_PER_MS;
	*ret_store = &s->store;
	return 0;
}
