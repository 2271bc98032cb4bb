/* import: a file of commands, NDJSON or CSV, as one batch. */
#include "base/hash.h"
#include "client/command.h"
#include "client/csv_lines.h"
#include "client/display.h"
#include "client/problem.h"
#include "client/progress.h"
#include "client/session.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* ---------------------------------------------------------------- the file */

struct source {
	const char *name;
	FILE *file;  /* as it is */
	FILE *lines; /* as NDJSON; may be the same */
	int64_t line_bytes;
	char key[24]; /* made of its content */
};

static void source_close(struct source *f)
{
	if (f->lines != NULL && f->lines != f->file)
		fclose(f->lines);
	if (f->file != NULL)
		fclose(f->file);
}

/* What cannot be read twice is kept. */
static FILE *copy_of(FILE *stream)
{
	FILE *copy = tmpfile();
	char bytes[65536];
	size_t count;

	while (copy != NULL && (count = fread(bytes, 1, sizeof(bytes), stream)) > 0) {
		if (fwrite(bytes, 1, count, copy) != count) {
			fclose(copy);
			return NULL;
		}
	}
	return copy;
}

static enum exit_code source_size(FILE *file, const char *name, int64_t *ret_bytes)
{
	struct stat is;

	if (fflush(file) != 0 || fstat(fileno(file), &is) != 0)
		return exit_failed("%s cannot be read", name);
	rewind(file);
	*ret_bytes = is.st_size;
	return EXIT_DONE;
}

/* The same file gets the same key, whatever it is called and whenever it is sent. */
static enum exit_code source_make_key(struct source *f)
{
	int64_t bytes;
	enum exit_code code = source_size(f->file, f->name, &bytes);
	void *content;

	if (code != EXIT_DONE)
		return code;
	if (bytes == 0)
		return exit_usage("%s is empty", f->name);
	content = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, fileno(f->file), 0);
	if (content == MAP_FAILED)
		return exit_failed("%s cannot be read", f->name);
	snprintf(f->key, sizeof(f->key), "import-%016llx",
		 (unsigned long long)hash_bytes(content, (size_t)bytes, 0));
	munmap(content, (size_t)bytes);
	return EXIT_DONE;
}

static enum exit_code source_open(struct source *f, const char *name)
{
	bool is_stdin = strcmp(name, "-") == 0;
	struct stat is;

	*f = (struct source){ .name = is_stdin ? "the input" : name };
	f->file = is_stdin ? copy_of(stdin) : fopen(name, "re");
	if (f->file == NULL)
		return is_stdin ? exit_failed("there is no room for a copy of the input")
				: exit_usage("%s cannot be opened", name);
	if (fstat(fileno(f->file), &is) == 0 && !S_ISREG(is.st_mode)) {
		FILE *copy = copy_of(f->file);

		fclose(f->file);
		f->file = copy;
		if (copy == NULL)
			return exit_failed("there is no room for a copy of %s", name);
	}
	return source_make_key(f);
}

static bool name_ends_in_csv(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && strcasecmp(dot, ".csv") == 0;
}

/* --format, or what the name says. */
static enum exit_code source_read(struct source *f, const char *format)
{
	bool is_csv = format != NULL ? strcmp(format, "csv") == 0 : name_ends_in_csv(f->name);
	enum exit_code code = EXIT_DONE;

	if (format != NULL && !is_csv && strcmp(format, "ndjson") != 0)
		return exit_usage("--format is ndjson or csv, not '%s'", format);
	f->lines = f->file;
	if (is_csv) {
		f->lines = tmpfile();
		if (f->lines == NULL)
			return exit_failed("there is no room for a temporary file");
		code = csv_to_lines(f->file, f->name, f->lines);
	}
	return code == EXIT_DONE ? source_size(f->lines, f->name, &f->line_bytes) : code;
}

/* ---------------------------------------------------------------- the answer */

struct import {
	bool is_json;
	struct progress progress;
	struct text partial;
	json_t *total; /* the last line; NULL: it has not come */
	int64_t failed_count;
};

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static long long number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* "line 6 (order 991): 409 insufficient-stock: A-1 at WH1: ..." */
static void failure_print(const json_t *result)
{
	const char *id = text_of(result, "id");

	fprintf(stderr, "line %lld", number_of(result, "line"));
	if (id[0] != '\0') {
		fputs(" (", stderr);
		display_print(stderr, id);
		fputs(")", stderr);
	}
	fprintf(stderr, ": %lld %s", number_of(result, "status"), text_of(result, "code"));
	if (text_of(result, "detail")[0] != '\0') {
		fputs(": ", stderr);
		display_print(stderr, text_of(result, "detail"));
	}
	if (text_of(result, "pointer")[0] != '\0')
		fprintf(stderr, " (%s)", text_of(result, "pointer"));
	fputc('\n', stderr);
}

static void result_take(struct import *m, const char *line, size_t byte_count)
{
	json_t *result = json_loadb(line, byte_count, 0, NULL);

	progress_end(&m->progress);
	if (m->is_json)
		printf("%.*s\n", (int)byte_count, line);
	if (json_object_get(result, "applied") != NULL) {
		json_decref(m->total);
		m->total = result;
		return;
	}
	if (number_of(result, "status") >= 400) {
		m->failed_count++;
		if (!m->is_json)
			failure_print(result);
	}
	json_decref(result);
}

static bool results_take(void *context, const char *bytes, size_t byte_count)
{
	struct import *m = context;

	while (byte_count > 0) {
		const char *end = memchr(bytes, '\n', byte_count);
		size_t count = end != NULL ? (size_t)(end - bytes) : byte_count;

		text_add_bytes(&m->partial, bytes, count);
		if (m->partial.failed)
			exit_out_of_memory();
		if (end == NULL)
			return true;
		result_take(m, m->partial.data, m->partial.byte_count);
		m->partial.byte_count = 0;
		bytes += count + 1;
		byte_count -= count + 1;
	}
	return true;
}

static void progress_take(void *context, int64_t sent, int64_t received, int64_t total)
{
	struct import *m = context;

	(void)received, (void)total;
	progress_show(&m->progress, sent);
}

static enum exit_code total_print(const struct import *m, const char *key)
{
	const json_t *t = m->total;
	long long replayed = number_of(t, "replayed");

	if (t == NULL)
		return exit_failed("the answer ended before its last line");
	if (!m->is_json) {
		printf("%lld line%s: %lld applied, %lld failed", number_of(t, "lines"),
		       number_of(t, "lines") == 1 ? "" : "s", number_of(t, "applied"),
		       number_of(t, "failed"));
		if (replayed > 0)
			printf("; %lld of them had been answered before", replayed);
		putchar('\n');
	}
	if (json_object_get(t, "stopped_at") == NULL)
		return number_of(t, "failed") > 0 ? EXIT_CONFLICT : EXIT_DONE;
	exit_failed("stopped at line %lld: %lld %s: %s", number_of(t, "stopped_at"),
		    number_of(t, "status"), text_of(t, "code"), text_of(t, "detail"));
	if (key != NULL)
		fprintf(stderr, "  Run it again: it goes on there (its key is %s).\n", key);
	return EXIT_FAILED;
}

/* ---------------------------------------------------------------- sending it */

static enum exit_code import_request(struct session *s, const struct source *f, struct request *r,
				     const char **ret_key)
{
	const char *key = s->args.values[OPTION_KEY];

	if (key != NULL && args_has(&s->args, OPTION_NO_KEY))
		return exit_usage("--key and --no-key contradict each other");
	request_add_query(r, "results", s->is_json ? "all" : "failed");
	if (args_has(&s->args, OPTION_ATOMIC))
		request_add_query(r, "atomic", "true");
	if (key == NULL && !args_has(&s->args, OPTION_NO_KEY)) {
		key = f->key;
		request_add_header(r, "Idempotency-Key", key);
	}
	*ret_key = key;
	return request_add_options(r, &s->args);
}

static enum exit_code import_send(struct session *s, const struct source *f, struct request *r,
				  const char *key)
{
	struct import m = { .is_json = s->is_json, .progress = progress_begin(f->line_bytes) };
	const struct transfer t = { .upload = f->lines,
				    .upload_bytes = f->line_bytes,
				    .content_type = "application/x-ndjson",
				    .receive = results_take,
				    .progress = progress_take,
				    .context = &m };
	struct answer answer;
	enum exit_code code;

	text_init(&m.partial);
	if (key != NULL)
		fprintf(stderr, "key %s\n", key);
	code = api_transfer(s->api, r, &t, &answer);
	progress_end(&m.progress);
	if (code == EXIT_UNREACHABLE && key != NULL)
		fputs("  Run it again: it goes on where it stopped.\n", stderr);
	if (code == EXIT_DONE) {
		code = answer.status >= 400 ? problem_print(&answer, s->is_json)
					    : total_print(&m, key);
		answer_fini(&answer);
	}
	json_decref(m.total);
	text_fini(&m.partial);
	return code;
}

enum exit_code verb_import(struct session *s)
{
	struct source f;
	struct request r;
	const char *key = NULL;
	enum exit_code code = source_open(&f, session_operand(s, 0));

	request_init(&r, "POST", "/v1/batch");
	if (code == EXIT_DONE)
		code = source_read(&f, s->args.values[OPTION_FORMAT]);
	if (code == EXIT_DONE)
		code = import_request(s, &f, &r, &key);
	if (code == EXIT_DONE)
		code = import_send(s, &f, &r, key);
	request_fini(&r);
	source_close(&f);
	return code;
}
