#include "ops/config_file.h"
#include "base/check.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------------------------------------------------------- the file */

/* Not to wait for a writer of a pipe: what is no plain file is refused right behind this. */
static int file_open(const char *path, const char **ret_trouble)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		*ret_trouble = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		*ret_trouble = "it is no plain file";
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* One byte more than there may be is asked for, to see that there are too many. */
static bool bytes_read(int fd, char *bytes, const char **ret_trouble)
{
	size_t count = 0;
	ssize_t more = 1;

	while (more != 0 && count <= CONFIG_FILE_BYTES_MAX) {
		more = read(fd, bytes + count, CONFIG_FILE_BYTES_MAX + 1 - count);
		if (more < 0 && errno != EINTR) {
			*ret_trouble = strerror(errno);
			return false;
		}
		count += more > 0 ? (size_t)more : 0;
	}
	bytes[count] = '\0';
	*ret_trouble = count > CONFIG_FILE_BYTES_MAX        ? "it is too long"
		       : memchr(bytes, '\0', count) != NULL ? "it has a NUL: it is no text"
							    : NULL;
	return *ret_trouble == NULL;
}

char *config_file_read(const char *path, char ret_error[SETTING_ERROR_BYTES])
{
	const char *trouble = NULL;
	int fd = file_open(path, &trouble);
	char *bytes = fd >= 0 ? malloc(CONFIG_FILE_BYTES_MAX + 2) : NULL;

	if (fd >= 0 && bytes == NULL)
		trouble = strerror(ENOMEM);
	if (bytes != NULL && !bytes_read(fd, bytes, &trouble)) {
		free(bytes);
		bytes = NULL;
	}
	if (fd >= 0)
		close(fd);
	if (bytes == NULL)
		snprintf(ret_error, SETTING_ERROR_BYTES, "%s: %s", path, trouble);
	return bytes;
}

/* ---------------------------------------------------------------- its lines */

/* Cuts the blanks off both ends. */
static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return true;
	return false;
}

static bool is_quoted(const char *value)
{
	size_t bytes = strlen(value);

	return bytes >= 2 && (value[0] == '"' || value[0] == '\'') && value[bytes - 1] == value[0];
}

static bool refuse(char ret_error[SETTING_ERROR_BYTES], const char *why)
{
	snprintf(ret_error, SETTING_ERROR_BYTES, "%s", why);
	return false;
}

static bool line_take(char *line, int number, config_file_take *take, void *context,
		      char ret_error[SETTING_ERROR_BYTES])
{
	char *name = trim(line), *equals = strchr(name, '='), *value;

	if (has_control(name))
		return refuse(ret_error, "there is a control character");
	if (name[0] == '\0' || name[0] == '#' || name[0] == ';')
		return true;
	if (name[0] == '[')
		return refuse(ret_error, "there are no [sections]: a line is name = value");
	if (equals == NULL || equals == name)
		return refuse(ret_error, "a line is name = value");
	*equals = '\0';
	value = trim(equals + 1);
	if (is_quoted(value))
		return refuse(ret_error, "values are written without quotes");
	return take(context, number, trim(name), value, ret_error);
}

/* Puts the place before what is said already. */
static void place_add(const char *path, int number, char ret_error[SETTING_ERROR_BYTES])
{
	char said[SETTING_ERROR_BYTES];

	memcpy(said, ret_error, sizeof(said));
	if (snprintf(ret_error, SETTING_ERROR_BYTES, "%s:%d: %s", path, number, said) >=
	    SETTING_ERROR_BYTES)
		ret_error[SETTING_ERROR_BYTES - 1] = '\0';
}

bool config_file_parse(const char *path, char *text, config_file_take *take, void *context,
		       char ret_error[SETTING_ERROR_BYTES])
{
	static const char mark[] = "\xef\xbb\xbf"; /* that some editors begin UTF-8 with */
	int number = 0;

	CHECK(take != NULL);
	text += strncmp(text, mark, sizeof(mark) - 1) == 0 ? sizeof(mark) - 1 : 0;
	for (char *line = text, *next; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		number++;
		if (!line_take(line, number, take, context, ret_error)) {
			place_add(path, number, ret_error);
			return false;
		}
	}
	return true;
}
