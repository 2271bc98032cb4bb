/* verify - rowlockd verify; and what is printed of a store. */
#include "base/fault.h"
#include "base/utf8.h"
#include "offline/offline.h"
#include "offline/report.h"
#include "offline/words.h"
#include "store/postgres.h"
#include <stdio.h>
#include <string.h>

enum { VERIFY_BUSY_MS = 2000 };

struct offline *report_open(const char *command, const struct offline_options *o,
			    int *ret_exit_code)
{
	struct store_open_result result;
	struct offline *f = NULL;

	if (offline_open(o, &f, &result) == 0)
		return f;
	fprintf(stderr, "rowlockd %s: %s\n", command, result.message);
	*ret_exit_code = store_exit_code(result.trouble);
	return NULL;
}

int report_fault(const char *command, const char *path, int fault)
{
	const struct fault *f = fault_latest();
	const char *what = fault == -EUCLEAN   ? "the file is damaged"
			   : fault == -EBADMSG ? "a record of it makes no sense"
					       : strerror(-fault);

	fprintf(stderr, "rowlockd %s: %s: %s (%d, %s:%d)\n", command, path, what, f->detail,
		f->file != NULL ? f->file : "", f->line);
	if (fault == -EBADMSG || fault == -EUCLEAN || fault == -EIO)
		return EX_DATAERR;
	return fault == -EBUSY ? EX_TEMPFAIL : EX_SOFTWARE;
}

/* What a terminal may take for a command: below a blank, DEL, and U+0080 to U+009F. */
static bool is_control(const char *character, size_t bytes)
{
	const unsigned char *c = (const unsigned char *)character;

	return (bytes == 1 && (c[0] < ' ' || c[0] == 0x7f)) ||
	       (bytes == 2 && c[0] == 0xc2 && c[1] < 0xa0);
}

void report_text(const char *text)
{
	for (size_t bytes; *text != '\0'; text += bytes) {
		bytes = utf8_character_bytes(text, SIZE_MAX);
		if (bytes == 0 || is_control(text, bytes))
			putchar(*text == '\n' ? ' ' : '?');
		else
			fwrite(text, 1, bytes, stdout);
		bytes += bytes == 0;
	}
}

static void print_damage(void *context, const char *line)
{
	(void)context;
	printf("damaged       ");
	report_text(line);
	printf("\n");
}

static void print_name(const char *name)
{
	if (name[0] == '\0')
		return;
	printf(" ");
	report_text(name);
}

int report_check(const char *command, struct offline *f, const char *path)
{
	int count = offline_check(f, print_damage, NULL);

	if (count < 0)
		return report_fault(command, path, count);
	if (count == 0)
		printf("file          whole, schema %d\n", offline_version(f));
	return count == 0 ? EX_OK : EX_DATAERR;
}

static void print_finding(const struct finding *f)
{
	printf("%-24s", finding_code_text(f->code));
	print_name(f->name);
	print_name(f->sku.text);
	print_name(f->location.text);
	if (f->seq != 0)
		printf(" at seq %lld", (long long)f->seq);
	if (f->expected != f->found)
		printf(": expected %lld, found %lld", (long long)f->expected, (long long)f->found);
	printf("%s %s\n", f->expected != f->found ? "." : ":", finding_sentence(f->code));
}

void report_findings(const struct verify_result *r)
{
	const struct verify_counts *c = &r->checked;

	printf("checked       %lld movements, %lld rows, %lld active reservations, %lld keys, "
	       "%lld leased rows\n",
	       (long long)c->movements, (long long)c->rows, (long long)c->reservations,
	       (long long)c->keys, (long long)c->leases);
	for (int i = 0; i < r->listed_count; i++)
		print_finding(&r->listed[i]);
	if (r->finding_count == 0)
		printf("The books balance, up to seq %lld.\n", (long long)r->seq);
	else
		printf("The books do not balance: %lld %s%s.\n", (long long)r->finding_count,
		       r->finding_count == 1 ? "finding" : "findings",
		       r->finding_count > r->listed_count ? ", of which the first are shown" : "");
}

static int verify_file(struct offline *f, const char *path)
{
	struct verify *v = NULL;
	int code = report_check("verify", f, path);
	int r;

	if (code != EX_OK)
		return code;
	r = offline_verify(f, &v);
	if (r < 0)
		return report_fault("verify", path, r);
	report_findings(verify_result(v));
	code = verify_result(v)->finding_count == 0 ? EX_OK : EX_DATAERR;
	verify_destroy(v);
	return code;
}

/* Beside front ends, if there are any: each step of it has a snapshot of its own. */
static int verify_postgres(const char *uri)
{
	struct store_options options = {
		.path = uri, .must_not_migrate = true, .must_exist = true, .busy_ms = VERIFY_BUSY_MS
	};
	struct store_open_result result;
	struct store *store = NULL;
	struct reader *reader = NULL;
	struct verify *v = NULL;
	int code, r;

	offline_uri_warn("verify", uri);
	if (postgres_open(&options, &store, &result) < 0) {
		fprintf(stderr, "rowlockd verify: %s\n", result.message);
		return store_exit_code(result.trouble);
	}
	printf("store         of PostgreSQL, schema %d\n", result.version);
	r = store->ops->open_reader(store, &reader);
	if (r == 0)
		r = verify_run(reader, &v);
	if (r == 0) {
		report_findings(verify_result(v));
		code = verify_result(v)->finding_count == 0 ? EX_OK : EX_DATAERR;
	} else {
		code = report_fault("verify", "the store", r);
	}
	verify_destroy(v);
	if (reader != NULL)
		reader->ops->close(reader);
	store->ops->close(store);
	return code;
}

int offline_verify_run(const struct offline_arguments *a)
{
	int code = EX_SOFTWARE;

	if (postgres_is_uri(a->store))
		return verify_postgres(a->store);

	struct offline *f =
		report_open("verify", &(struct offline_options){ .path = a->store }, &code);

	if (f == NULL)
		return code;
	code = verify_file(f, a->store);
	if (offline_has_changed(f)) {
		fprintf(stderr,
			"rowlockd verify: %s was changed meanwhile, so nothing of this counts: "
			"close what writes to it\n",
			a->store);
		code = EX_TEMPFAIL;
	}
	offline_close(f);
	return code;
}
