#include "client/import_source.h"
#include "base/hash.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

void import_source_close(struct import_source *f)
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
	if (copy != NULL && ferror(stream)) {
		fclose(copy);
		return NULL;
	}
	return copy;
}

/* How much there is to read, from the start. -1: it cannot be read. */
static int64_t source_bytes(FILE *file)
{
	struct stat is;

	if (fflush(file) != 0 || fstat(fileno(file), &is) != 0)
		return -1;
	rewind(file);
	return is.st_size;
}

/*
 * The same file gets the same key, whatever it is called and whenever it is sent; and another one
 * where its rows are compared in another way, for then it says something else.
 */
static enum exit_code source_make_key(struct import_source *f, enum csv_compare compare)
{
	int64_t bytes = source_bytes(f->file);
	void *content;

	if (bytes < 0)
		return exit_failed("%s cannot be read", f->name);
	if (bytes == 0)
		return exit_usage("%s is empty", f->name);
	content = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, fileno(f->file), 0);
	if (content == MAP_FAILED)
		return exit_failed("%s cannot be read", f->name);
	snprintf(f->key, sizeof(f->key), "import-%016llx",
		 (unsigned long long)hash_bytes(content, (size_t)bytes, (uint64_t)compare));
	munmap(content, (size_t)bytes);
	return EXIT_DONE;
}

enum exit_code import_source_open(struct import_source *f, const char *name,
				  enum csv_compare compare)
{
	bool is_stdin = strcmp(name, "-") == 0;
	struct stat is;

	*f = (struct import_source){ .name = is_stdin ? "the input" : name, .compare = compare };
	f->file = is_stdin ? copy_of(stdin) : fopen(name, "re");
	if (f->file == NULL)
		return is_stdin ? exit_failed("there is no room for a copy of the input")
				: exit_usage("%s cannot be opened", name);
	if (fstat(fileno(f->file), &is) == 0 && S_ISDIR(is.st_mode))
		return exit_usage("%s is a folder", name);
	if (fstat(fileno(f->file), &is) == 0 && !S_ISREG(is.st_mode)) {
		FILE *copy = copy_of(f->file);

		fclose(f->file);
		f->file = copy;
		if (copy == NULL)
			return exit_failed("there is no room for a copy of %s", name);
	}
	return source_make_key(f, compare);
}

/* Some editors put a mark in front of UTF-8, which is no JSON. */
static void skip_mark(struct import_source *f)
{
	char mark[3];

	if (fread(mark, 1, sizeof(mark), f->lines) == sizeof(mark) &&
	    memcmp(mark, "\xef\xbb\xbf", sizeof(mark)) == 0)
		f->line_bytes -= (int64_t)sizeof(mark);
	else
		rewind(f->lines);
}

static bool name_ends_in_csv(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && strcasecmp(dot, ".csv") == 0;
}

enum exit_code import_source_read(struct import_source *f, const char *format,
				  enum csv_compare compare)
{
	enum exit_code code = EXIT_DONE;

	f->is_csv = format != NULL ? strcmp(format, "csv") == 0 : name_ends_in_csv(f->name);
	if (format != NULL && !f->is_csv && strcmp(format, "ndjson") != 0)
		return exit_usage("--format is ndjson or csv, not '%s'", format);
	if (compare != CSV_AS_SEEN && !f->is_csv)
		return exit_usage("--force and --opening are for sheets (CSV): a line of NDJSON "
				  "says \"expected\":null or \"expected_version\":0");
	f->lines = f->file;
	if (f->is_csv) {
		f->lines = tmpfile();
		if (f->lines == NULL)
			return exit_failed("there is no room for a temporary file");
		code = csv_to_lines(f->file, f->name, compare, f->lines, &f->csv);
	}
	if (code != EXIT_DONE)
		return code;
	f->line_bytes = source_bytes(f->lines);
	if (f->line_bytes < 0)
		return exit_failed("%s cannot be read", f->name);
	skip_mark(f);
	return EXIT_DONE;
}
