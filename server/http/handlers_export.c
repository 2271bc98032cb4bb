/* handlers_export - the whole store in one answer: GET /v1/export and GET /v1/backup. */
#include "base/fault.h"
#include "engine/export.h"
#include "http/access.h"
#include "http/audited.h"
#include "http/reply.h"
#include "waiting/read.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One under way, in its exchange's arena. */
struct whole {
	struct service *service;
	struct long_read *read;
	struct spool *spool;
	int (*fill)(struct whole *w, struct reader *reader);
	const char *content_type;
	const char *action;    /* of the audit */
	const char *file_name; /* what it is saved as: without the seq and ".", then this */
};

/* ---------------------------------------------------------------- on the reader thread */

static int fill_with(struct whole *w, struct reader *reader,
		     int (*write)(const struct export_request *e))
{
	struct export_request e = { .reader = reader,
				    .now_ms = service_now_ms(w->service),
				    .is_unwanted = &w->read->is_unwanted };

	w->spool = spool_open();
	if (w->spool == NULL)
		return fault_latest()->error;
	e.spool = w->spool;
	return write(&e);
}

static int fill_lines(struct whole *w, struct reader *reader)
{
	return fill_with(w, reader, export_lines);
}

static int fill_csv(struct whole *w, struct reader *reader)
{
	return fill_with(w, reader, export_csv);
}

static bool is_wanted(void *read)
{
	return !atomic_load(&((struct long_read *)read)->is_unwanted);
}

static int fill_backup(struct whole *w, struct reader *reader)
{
	char *path;
	int r;

	w->spool = spool_open_named(&path);
	if (w->spool == NULL)
		return fault_latest()->error;
	r = reader->ops->copy(reader, path, is_wanted, w->read);

	int named = spool_unname(w->spool, path);

	return r < 0 ? r : named;
}

static int run(struct long_read *read, struct reader *reader, struct arena *arena)
{
	struct whole *w = call_of(exchange_of_parcel(&read->parcel))->own;

	(void)arena;
	return w->fill(w, reader);
}

/* ---------------------------------------------------------------- on the loop */

static void refuse(struct exchange *x, int fault)
{
	if (fault == -ENOSPC || fault == -EDQUOT || fault == -EFBIG)
		reply_refuse(x, OUTCOME_DISK_FULL,
			     "There is no room for the temporary file: --spool-dir.");
	else if (fault == -ENOTSUP)
		reply_refuse(x, OUTCOME_NO_BACKUP_HERE, NULL);
	else
		reply_fault(x, fault);
}

/* attachment; filename="rowlock-990018.ndjson" */
static void name_header(struct exchange *x, const struct whole *w)
{
	char *value = arena_alloc(&x->arena, 96);

	if (value == NULL)
		return;
	snprintf(value, 96, "attachment; filename=\"rowlock-%lld.%s\"", (long long)x->long_read.seq,
		 w->file_name);
	exchange_header_add(x, "Content-Disposition", value);
}

static void finish(struct exchange *x)
{
	struct whole *w = call_of(x)->own;

	if (x->long_read.result < 0) {
		w->spool = spool_close(w->spool);
		refuse(x, x->long_read.result);
		return;
	}
	x->content_type = w->content_type;
	name_header(x, w);
	reply_headers(x, x->long_read.seq);
	exchange_reply_spool(x, 200, w->spool);
	if (x->method != HTTP_HEAD) /* nobody takes anything by that */
		audited_note(x, w->action, w->file_name);
	w->spool = NULL;
}

static void begin(struct exchange *x, const struct whole *what)
{
	struct whole *w = arena_alloc(&x->arena, sizeof(*w));

	if (w == NULL) {
		reply_refuse(x, OUTCOME_OUT_OF_MEMORY, NULL);
		return;
	}
	*w = *what;
	w->service = x->service;
	w->read = &x->long_read;
	call_of(x)->own = w;
	if (!read_wait_whole(x, run, finish))
		reply_refuse(x, OUTCOME_STORE_BUSY, "Too many exports and backups are under way.");
}

/* ?format, or else what the client accepts; NDJSON when it does not matter. */
static bool read_is_csv(struct exchange *x, bool *ret)
{
	const char *format = call_parameter(x, "format");
	const char *accept = exchange_header(x, "Accept");

	*ret = format != NULL ? strcmp(format, "csv") == 0
			      : accept != NULL && strstr(accept, "text/csv") != NULL &&
					strstr(accept, "ndjson") == NULL;
	if (format == NULL || *ret || strcmp(format, "ndjson") == 0)
		return true;
	reply_wrong_parameter(x, "format", "is ndjson or csv.");
	return false;
}

void handle_export(struct exchange *x)
{
	static const struct whole lines = { .fill = fill_lines,
					    .content_type = "application/x-ndjson",
					    .action = "export",
					    .file_name = "ndjson" };
	static const struct whole csv = { .fill = fill_csv,
					  .content_type = "text/csv; charset=utf-8",
					  .action = "export",
					  .file_name = "csv" };
	bool is_csv;

	/* The levels are every reader's; with reservations and the whole catalogue an admin's. */
	if (read_is_csv(x, &is_csv) && (is_csv || access_demand(x, ROLE_ADMIN)))
		begin(x, is_csv ? &csv : &lines);
}

void handle_backup(struct exchange *x)
{
	static const struct whole backup = { .fill = fill_backup,
					     .content_type = "application/vnd.sqlite3",
					     .action = "backup",
					     .file_name = "db" };

	begin(x, &backup);
}
