#include "store/copy.h"
#include "base/check.h"
#include "base/fault.h"
#include "store/copy_side.h"
#include "store/postgres.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOLD_EVERY_ROWS = 4096 };

struct copying {
	const struct copy_options *options;
	struct copy_report *report;
	struct store_open_result *result;
	struct copy_side *from, *to;
	int64_t counts[COPY_TABLES]; /* of the source */
	int64_t row_count;           /* of all of them */
	int64_t done;                /* within a stage */
	enum copy_stage stage;
};

__attribute__((format(printf, 3, 4))) static int refuse(struct copying *c, enum store_trouble t,
							const char *format, ...)
{
	va_list arguments;

	CHECK(t != STORE_FINE);
	c->result->trouble = t;
	va_start(arguments, format);
	vsnprintf(c->result->message, sizeof(c->result->message), format, arguments);
	va_end(arguments);
	return FAULT(-EACCES);
}

/* ---------------------------------------------------------------- how far */

static void tell(struct copying *c, int percent)
{
	if (c->options->progress != NULL)
		c->options->progress(c->options->context, c->stage, percent);
}

static void enter(struct copying *c, enum copy_stage stage)
{
	bool counts = stage == COPY_COPIES || stage == COPY_COMPARES;

	CHECK(stage >= c->stage);
	c->stage = stage;
	c->done = 0;
	tell(c, counts ? 0 : -1);
}

static void step(struct copying *c)
{
	CHECK(c->row_count > 0);
	if (++c->done % TOLD_EVERY_ROWS == 0)
		tell(c, c->done >= c->row_count ? 100 : (int)(c->done * 100 / c->row_count));
}

static int count_rows(struct copying *c)
{
	int r = 0;

	CHECK(c->row_count == 0);
	for (int i = 0; r == 0 && i < COPY_TABLES; i++) {
		r = c->from->ops->count(c->from, &copy_tables[i], &c->counts[i]);
		c->row_count += c->counts[i];
	}
	return r;
}

/* ---------------------------------------------------------------- copying */

/* A part; *ret_has_more: there may be another one behind it. */
static int copy_part(struct copying *c, const struct copy_table *t, bool *ret_has_more)
{
	struct copy_value row[COPY_COLUMNS_MAX];
	bool has_row = true;
	int count = 0;
	int r = c->to->ops->begin(c->to, t);

	while (r == 0 && count < COPY_PART_ROWS) {
		r = c->from->ops->next(c->from, row, &has_row);
		if (r < 0 || !has_row)
			break;
		r = c->to->ops->put(c->to, t, row);
		step(c);
		count++;
	}
	CHECK(count <= COPY_PART_ROWS);
	if (r == 0)
		r = c->to->ops->end(c->to, t);
	*ret_has_more = has_row;
	return r;
}

static int copy_table(struct copying *c, const struct copy_table *t)
{
	struct copy_value after[COPY_KEYS_MAX];
	bool has_row = false, has_more = true;
	int64_t before = 0;
	int r = 0;

	CHECK(t->key_count <= COPY_KEYS_MAX);
	if (t->put == NULL)
		r = c->to->ops->last(c->to, t, after, &has_row);
	if (r == 0 && has_row)
		r = c->to->ops->count(c->to, t, &before);
	c->report->rows_before += before;
	c->done += before;
	if (r == 0)
		r = c->from->ops->read(c->from, t, has_row ? after : NULL);
	while (r == 0 && has_more)
		r = copy_part(c, t, &has_more);
	c->from->ops->stop(c->from);
	return r;
}

static int copy_tables_all(struct copying *c)
{
	int r = 0;

	enter(c, COPY_COPIES);
	for (int i = 0; r == 0 && i < COPY_TABLES; i++)
		r = copy_table(c, &copy_tables[i]);
	return r;
}

/* ---------------------------------------------------------------- comparing */

/* A key as text, for a sentence. */
static void key_text(const struct copy_table *t, const struct copy_value row[], char *ret,
		     size_t bytes)
{
	CHECK(bytes > 0);
	ret[0] = '\0';
	for (int i = 0; i < t->key_count; i++) {
		const char *between = i == 0 ? "" : ", ";
		size_t at = strlen(ret);

		if (t->columns[i].type == COPY_TEXT)
			snprintf(ret + at, bytes - at, "%s%.*s", between, (int)row[i].byte_count,
				 row[i].bytes);
		else
			snprintf(ret + at, bytes - at, "%s%lld", between, (long long)row[i].number);
	}
}

static int differs(struct copying *c, const struct copy_table *t, const struct copy_value row[],
		   const char *what)
{
	char key[200];

	key_text(t, row, key, sizeof(key));
	return refuse(
		c, STORE_CORRUPT,
		"the copy is not what was copied: table %s, %s %s: %s. Throw the target away, "
		"and copy again",
		t->name, t->columns[0].name, key, what);
}

static int compare_rows(struct copying *c, const struct copy_table *t,
			const struct copy_value from[], const struct copy_value to[])
{
	char what[100];

	for (int i = 0; t->columns[i].name != NULL; i++)
		if (!copy_values_are_equal(t->columns[i].type, &from[i], &to[i])) {
			snprintf(what, sizeof(what), "%s differs", t->columns[i].name);
			return differs(c, t, from, what);
		}
	return 0;
}

/* One row of each, or the end of both. */
static int compare_next(struct copying *c, const struct copy_table *t, bool *ret_has_row)
{
	struct copy_value from[COPY_COLUMNS_MAX], to[COPY_COLUMNS_MAX];
	bool has_other = false;
	int r = c->from->ops->next(c->from, from, ret_has_row);

	CHECK(!t->may_have_more);
	if (r == 0)
		r = c->to->ops->next(c->to, to, &has_other);
	if (r < 0)
		return r;
	if (*ret_has_row && !has_other)
		return differs(c, t, from, "is missing");
	if (!*ret_has_row && has_other)
		return differs(c, t, to, "was never in the source");
	return *ret_has_row ? compare_rows(c, t, from, to) : 0;
}

static int compare_table(struct copying *c, const struct copy_table *t)
{
	bool has_row = true;
	int r = c->from->ops->read(c->from, t, NULL);

	if (r == 0)
		r = c->to->ops->read(c->to, t, NULL);
	while (r == 0 && has_row) {
		r = compare_next(c, t, &has_row);
		if (r == 0 && has_row) {
			c->report->rows++;
			step(c);
		}
	}
	c->from->ops->stop(c->from);
	c->to->ops->stop(c->to);
	return r;
}

static int compare_tables_all(struct copying *c)
{
	int r = 0;

	enter(c, COPY_COMPARES);
	for (int i = 0; r == 0 && i < COPY_TABLES; i++)
		if (!copy_tables[i].may_have_more)
			r = compare_table(c, &copy_tables[i]);
	return r;
}

/* ---------------------------------------------------------------- all of it */

/* 0, or STORE_CORRUPT with what was found in the report. */
static int verify_side(struct copying *c, struct copy_side *s, enum copy_stage stage)
{
	struct verify *v = NULL;
	int r;

	enter(c, stage);
	r = s->ops->verify(s, &v);
	if (r < 0)
		return r;
	CHECK(verify_is_over(v));
	c->report->seq = verify_result(v)->seq;
	c->report->movements = verify_result(v)->checked.movements;
	if (verify_result(v)->finding_count == 0) {
		verify_destroy(v);
		return 0;
	}
	c->report->verify = v;
	return refuse(c, STORE_CORRUPT,
		      stage == COPY_VERIFIES_SOURCE
			      ? "the books of the source do not balance: nothing was copied"
			      : "the books of the copy do not balance: throw it away");
}

static int prepare(struct copying *c)
{
	enum copy_beginning beginning = COPY_BEGINS;
	char mark[COPY_MARK_BYTES] = "";
	int r = c->from->ops->mark(c->from, mark);

	if (r == 0)
		r = count_rows(c);
	if (r == 0)
		r = c->to->ops->prepare(c->to, mark, &beginning);
	c->report->goes_on = beginning == COPY_GOES_ON;
	c->report->begins_again = beginning == COPY_BEGINS_AGAIN;
	return r;
}

static int complete(struct copying *c)
{
	char epoch[EPOCH_BYTES_MAX + 1];
	struct copy_end end = { .actor = c->options->actor,
				.from = c->from->ops->kind,
				.seq = c->report->seq };
	int r = c->from->ops->epoch(c->from, epoch);

	CHECK(c->report->verify == NULL);
	CHECK(end.actor != NULL);
	if (c->options->keeps_epoch)
		end.epoch = epoch;
	for (int i = 0; r == 0 && i < COPY_TABLES; i++)
		if (copy_tables[i].never_again)
			r = c->from->ops->last_id(c->from, &copy_tables[i], &end.last_ids[i]);
	if (r == 0)
		r = c->to->ops->complete(c->to, &end);
	return r == 0 ? c->to->ops->epoch(c->to, c->report->epoch) : r;
}

static int copy_opened(struct copying *c)
{
	int r = verify_side(c, c->from, COPY_VERIFIES_SOURCE);

	CHECK(c->to != NULL);
	if (r == 0)
		r = prepare(c);
	if (r == 0)
		r = copy_tables_all(c);
	if (r == 0)
		r = compare_tables_all(c);
	if (r == 0)
		r = complete(c);
	if (r == 0)
		r = verify_side(c, c->to, COPY_VERIFIES_TARGET);
	if (r == 0 && c->from->ops->has_changed(c->from))
		r = refuse(c, STORE_LOCKED,
			   "%s was changed meanwhile, so the copy is of no use: close what writes "
			   "to it",
			   c->options->from);
	return r == 0 ? c->to->ops->publish(c->to) : r;
}

static int open_sides(struct copying *c)
{
	const struct copy_options *o = c->options;
	bool from_postgres = postgres_is_uri(o->from);
	int r;

	CHECK(c->from == NULL);
	CHECK(from_postgres != postgres_is_uri(o->to));
	if (from_postgres) {
		r = postgres_copy_source(o->from, &c->from, c->result);
		return r == 0 ? sqlite_copy_target(o->to, &c->to, c->result) : r;
	}
	r = sqlite_copy_source(o->from, &c->from, c->result);
	return r == 0 ? postgres_copy_target(o->to, &c->to, c->result) : r;
}

int copy_run(const struct copy_options *o, struct copy_report *ret,
	     struct store_open_result *result)
{
	struct copying c = { .options = o, .report = ret, .result = result };
	int r;

	CHECK(o->from != NULL);
	CHECK(o->to != NULL);
	*ret = (struct copy_report){ 0 };
	*result = (struct store_open_result){ 0 };
	r = open_sides(&c);
	if (r == 0)
		r = copy_opened(&c);
	if (r < 0 && result->trouble == STORE_FINE)
		(void)refuse(&c, r == -ENOMEM ? STORE_UNREACHABLE : STORE_CORRUPT, "%s",
			     strerror(-r));
	/* What the source keeps others from ends last. */
	if (c.to != NULL)
		c.to->ops->close(c.to);
	if (c.from != NULL)
		c.from->ops->close(c.from);
	return r;
}
