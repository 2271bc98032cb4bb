/* export, backup: the whole store, into a file. */
#include "client/command.h"
#include "client/problem.h"
#include "client/progress.h"
#include "client/session.h"
#include "client/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where it goes: stdout, or a file that has its name only once it is complete. */
struct target {
	const char *name; /* NULL: stdout */
	struct text unfinished;
	FILE *file;
	int64_t byte_count;
	struct progress progress;
};

/*
 * A name that nobody has: whoever may write to the folder could have put a link there, by which
 * another file is overwritten. NULL: errno says why.
 */
static FILE *open_unfinished(char *path)
{
	int fd = mkostemps(path, sizeof(".part") - 1, O_CLOEXEC);
	mode_t mask = umask(0);
	FILE *file;

	(void)umask(mask);
	if (fd < 0)
		return NULL;
	file = fchmod(fd, 0666 & ~mask) == 0 ? fdopen(fd, "w") : NULL;
	if (file == NULL) {
		int error = errno;

		(void)close(fd);
		unlink(path);
		errno = error;
	}
	return file;
}

static enum exit_code target_open(struct target *t, const char *name, bool must_not_exist)
{
	struct stat is;

	*t = (struct target){ .name = name, .file = stdout };
	text_init(&t->unfinished);
	if (name == NULL)
		return EXIT_DONE;
	if (must_not_exist && stat(name, &is) == 0)
		return exit_usage("%s exists: --force overwrites it", name);
	text_add_format(&t->unfinished, "%s.XXXXXX.part", name);
	t->file = open_unfinished(memory_or_exit(t->unfinished.data));
	return t->file != NULL ? EXIT_DONE : exit_failed("%s: %s", name, strerror(errno));
}

/* Without `is_complete` nothing is left of it. */
static enum exit_code target_close(struct target *t, bool is_complete)
{
	bool is_written = fflush(t->file) == 0;

	if (t->name != NULL && t->file != NULL) {
		is_written = is_written && fsync(fileno(t->file)) == 0;
		is_written = fclose(t->file) == 0 && is_written;
		if (!is_complete || !is_written || rename(t->unfinished.data, t->name) != 0) {
			is_written = is_written && !is_complete;
			unlink(t->unfinished.data);
		}
	}
	text_fini(&t->unfinished);
	return is_written ? EXIT_DONE
			  : exit_failed("cannot write %s: %s",
					t->name != NULL ? t->name : "the output", strerror(errno));
}

static bool target_take(void *context, const char *bytes, size_t byte_count)
{
	struct target *t = context;

	t->byte_count += (int64_t)byte_count;
	return fwrite(bytes, 1, byte_count, t->file) == byte_count;
}

static void target_progress(void *context, int64_t sent, int64_t received, int64_t total)
{
	struct target *t = context;

	(void)sent;
	t->progress.total_bytes = total;
	progress_show(&t->progress, received);
}

/* A page that greets everybody is no export, though it be a success. */
static enum exit_code judge(struct session *s, const struct api_request *r, const char *type,
			    const struct response *response)
{
	if (response->status >= 400)
		return problem_print(response, s->is_json);
	if (response->status != 200 ||
	    strncmp(response_header(response, RESPONSE_CONTENT_TYPE), type, strlen(type)) != 0)
		return session_strange(s, r);
	return EXIT_DONE;
}

/* GETs it into the target; it must be of this media type. */
static enum exit_code fetch(struct session *s, const struct api_request *r, const char *type,
			    struct target *t)
{
	const struct transfer transfer = {
		.accept = type, .receive = target_take, .progress = target_progress, .context = t
	};
	struct response response = { 0 };
	enum exit_code code, written;

	t->progress = progress_begin(0);
	/* A bar between the lines on the same screen would be in the way. */
	t->progress.is_shown = t->progress.is_shown && (t->name != NULL || !isatty(STDOUT_FILENO));
	code = api_transfer(s->api, r, &transfer, &response);
	progress_end(&t->progress);
	if (code == EXIT_DONE)
		code = judge(s, r, type, &response);
	response_fini(&response);
	written = target_close(t, code == EXIT_DONE);
	return code != EXIT_DONE ? code : written;
}

static enum exit_code fetch_to(struct session *s, struct api_request *r, const char *type,
			       const char *name, bool must_not_exist)
{
	struct target t;
	enum exit_code code = target_open(&t, name, must_not_exist);

	if (code != EXIT_DONE) {
		text_fini(&t.unfinished);
		return code;
	}
	code = fetch(s, r, type, &t);
	if (code == EXIT_DONE && name != NULL)
		fprintf(stderr, "%lld bytes in %s\n", (long long)t.byte_count, name);
	return code;
}

/* --format, or what the file's name says. */
static const char *format_of(const struct session *s, const char *name)
{
	const char *format = s->args.values[OPTION_FORMAT];
	const char *dot = name != NULL ? strrchr(name, '.') : NULL;

	if (format != NULL)
		return format;
	return dot != NULL && strcasecmp(dot, ".csv") == 0 ? "csv" : "ndjson";
}

enum exit_code verb_export(struct session *s)
{
	const char *name = session_operand(s, 0);
	const char *format = format_of(s, name);
	struct api_request r;
	enum exit_code code;

	if (strcmp(format, "csv") != 0 && strcmp(format, "ndjson") != 0)
		return exit_usage("--format is ndjson or csv, not '%s'", format);
	api_request_init(&r, "GET", "/v1/export");
	api_request_add_query(&r, "format", format);
	code = fetch_to(s, &r, strcmp(format, "csv") == 0 ? "text/csv" : "application/x-ndjson",
			name, false);
	api_request_fini(&r);
	return code;
}

enum exit_code verb_backup(struct session *s)
{
	struct api_request r;
	enum exit_code code;

	/* A backup has keys, and hashes of tokens. */
	umask(umask(0) | 027);
	api_request_init(&r, "GET", "/v1/backup");
	code = fetch_to(s, &r, "application/vnd.sqlite3", session_operand(s, 0),
			!args_has(&s->args, OPTION_FORCE));
	api_request_fini(&r);
	return code;
}
