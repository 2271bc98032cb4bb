#include "client/credentials.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A token, and blanks and line ends around it. */
enum { FILE_BYTES_MAX = 256, OTHERS = 077 };

static bool is_token(const char *text, size_t bytes)
{
	const char *public, *secret;

	return token_read(text, bytes, &public, &secret);
}

/* False: there is something else than one token. */
static bool token_take(const char *text, size_t bytes, char ret[TOKEN_BYTES + 1])
{
	while (bytes > 0 && isspace((unsigned char)text[bytes - 1]))
		bytes--;
	while (bytes > 0 && isspace((unsigned char)*text)) {
		text++;
		bytes--;
	}
	if (!is_token(text, bytes))
		return false;
	memcpy(ret, text, bytes);
	ret[bytes] = '\0';
	return true;
}

/*
 * As ssh has it with keys: of our own file others must know nothing. One that is somebody else's,
 * like a secret that is mounted into a container, is as he wants it.
 */
static bool others_can_read(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       (st.st_mode & OTHERS) != 0;
}

/* As many bytes as there are, to the end or to the bound; -1: it cannot be read. */
static ssize_t read_all(int fd, char *bytes, size_t byte_count)
{
	size_t at = 0;
	ssize_t r = 1;

	while (at < byte_count && r > 0) {
		r = read(fd, bytes + at, byte_count - at);
		at += r > 0 ? (size_t)r : 0;
	}
	return r < 0 ? -1 : (ssize_t)at;
}

static enum exit_code file_read(const char *file, int fd, char ret[TOKEN_BYTES + 1])
{
	char bytes[FILE_BYTES_MAX];
	enum exit_code code = EXIT_DONE;

	if (others_can_read(fd))
		return exit_failed("others can read the token in %s: chmod 600 %s", file, file);

	ssize_t byte_count = read_all(fd, bytes, sizeof(bytes));

	if (byte_count < 0)
		code = exit_failed("cannot read %s: %s", file, strerror(errno));
	else if (!token_take(bytes, (size_t)byte_count, ret))
		code = exit_failed("%s holds no token: one line, rl_... as rowlockd token add has "
				   "shown it",
				   file);
	explicit_bzero(bytes, sizeof(bytes));
	return code;
}

enum exit_code credentials_read(const char *file, char ret[TOKEN_BYTES + 1])
{
	const char *value = getenv("ROWLOCK_TOKEN");

	ret[0] = '\0';
	if (file == NULL && (value == NULL || value[0] == '\0'))
		return EXIT_DONE;
	if (file == NULL)
		return token_take(value, strlen(value), ret)
			       ? EXIT_DONE
			       : exit_failed("ROWLOCK_TOKEN is no token: rl_... as rowlockd token "
					     "add has shown it");
	if (is_token(file, strlen(file)))
		return exit_usage("--token-file takes the name of a file; a token that was typed "
				  "here is everybody's to read: let it be rotated");

	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return exit_failed("cannot open %s: %s", file, strerror(errno));
	enum exit_code code = file_read(file, fd, ret);
	close(fd);
	return code;
}
