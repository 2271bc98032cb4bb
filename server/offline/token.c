/* token - rowlockd token: who may do what, written beside a server or without one. */
#include "base/check.h"
#include "base/secret.h"
#include "core/token_text.h"
#include "offline/offline.h"
#include "offline/words.h"
#include "ops/disguise.h"
#include "store/postgres.h"
#include "store/tokens.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MS_PER_HOUR INT64_C(3600000)
#define MS_PER_YEAR (INT64_C(365) * 24 * MS_PER_HOUR)

enum { TAKES_NAME = 1, TAKES_ROLE = 2, TAKES_SECRET = 4, TAKES_OVERLAP = 8 };

struct token_arguments {
	const char *verb;
	const char *store, *role, *expires, *overlap, *from_file;
	struct token_terms terms;
	struct code locations[TOKEN_LOCATIONS_MAX];
	char text[TOKEN_BYTES + 1]; /* wiped before the end */
	unsigned char hash[TOKEN_HASH_BYTES];
	char public_part[TOKEN_PUBLIC_BYTES + 1];
	struct actor actor;
};

/* What was typed is shown, and may be a token that stands where another word belongs. */
static int wrong(const struct token_arguments *a, const char *what, const char *word)
{
	char text[512];

	snprintf(text, sizeof(text), "%s: %s%s", a->verb, what, word);
	disguise(text);
	fprintf(stderr, "rowlockd token %s\nrowlockd token --help says how it is used.\n", text);
	return EX_USAGE;
}

/* ---------------------------------------------------------------- what was typed */

_Static_assert(TOKEN_LOCATIONS_MAX == 64, "as it is said below");
_Static_assert(TOKEN_NAME_BYTES_MAX == 64, "likewise");
_Static_assert(TOKEN_BYTES == 57, "likewise");
_Static_assert(STORE_TOKENS_MAX == 10000, "likewise");

/* "90d" in ms; -1: it is no time, or longer than a hundred years. */
static int64_t time_read(const char *text)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = {
		{ 's', 1000 }, { 'm', 60000 }, { 'h', MS_PER_HOUR }, { 'd', 24 * MS_PER_HOUR }
	};
	char *unit;
	long long count;

	if (!isdigit((unsigned char)text[0]))
		return -1;
	count = strtoll(text, &unit, 10);
	for (size_t i = 0; i < LENGTH_OF(units); i++)
		if (unit[0] == units[i].unit && unit[1] == '\0' &&
		    count <= 100 * MS_PER_YEAR / units[i].ms)
			return count * units[i].ms;
	return -1;
}

/* In byte order, each once. 0, or the exit code. */
static int location_take(struct token_arguments *a, const char *text)
{
	int at = 0, count = a->terms.location_count;
	struct code code;

	if (!code_set(&code, text, strlen(text)) || token_text_is_in(text, strlen(text)))
		return wrong(a, "no location can be called so: ", text);
	while (at < count && strcmp(a->locations[at].text, code.text) < 0)
		at++;
	if (at < count && strcmp(a->locations[at].text, code.text) == 0)
		return EX_OK;
	if (count == TOKEN_LOCATIONS_MAX)
		return wrong(a, "a token has at most 64 locations", "");
	memmove(&a->locations[at + 1], &a->locations[at],
		(size_t)(count - at) * sizeof(a->locations[0]));
	a->locations[at] = code;
	a->terms.location_count++;
	return EX_OK;
}

/* A flag with its value, or the name. 0, or the exit code. */
static int word_take(struct token_arguments *a, unsigned takes, char *argv[], int *at)
{
	const char *location = NULL;

	if (offline_flag("--store", argv, at, &a->store))
		return EX_OK;
	if ((takes & TAKES_ROLE) != 0 && offline_flag("--role", argv, at, &a->role))
		return EX_OK;
	if ((takes & TAKES_ROLE) != 0 && offline_flag("--location", argv, at, &location))
		return location_take(a, location);
	if ((takes & TAKES_SECRET) != 0 && offline_flag("--expires", argv, at, &a->expires))
		return EX_OK;
	if ((takes & TAKES_SECRET) != 0 && offline_flag("--from-file", argv, at, &a->from_file))
		return EX_OK;
	if ((takes & TAKES_OVERLAP) != 0 && offline_flag("--overlap", argv, at, &a->overlap))
		return EX_OK;
	if ((takes & TAKES_NAME) == 0 || a->terms.name != NULL || argv[*at][0] == '-')
		return wrong(a, "it takes no ", argv[*at]);
	a->terms.name = argv[*at];
	return EX_OK;
}

/* A token would be a good name, and its secret would stand in the ledger. */
static bool is_token(const char *name)
{
	const char *public_part, *secret;

	return token_read(name, strlen(name), &public_part, &secret);
}

/*
 * Hands are called psql in the ledger of a store over PostgreSQL: no new token is, in any store,
 * since it may go there. One that was made before goes on.
 */
static bool name_is_valid(const char *name, unsigned takes)
{
	if ((takes & TAKES_ROLE) != 0 && strcmp(name, "psql") == 0)
		return false;
	return token_name_is_valid(name, strlen(name));
}

static int role_take(struct token_arguments *a)
{
	a->terms.role = a->role != NULL ? role_by_text(a->role) : ROLES;
	if (a->role == NULL || a->terms.role == ROLE_PUBLIC || a->terms.role == ROLES)
		return wrong(a, "which role: --role reader, clerk, writer or admin?", "");
	return EX_OK;
}

static int times_take(struct token_arguments *a)
{
	a->terms.overlap_ms = MS_PER_HOUR;
	if (a->expires != NULL) {
		a->terms.expires_in_ms = time_read(a->expires);
		if (a->terms.expires_in_ms <= 0)
			return wrong(a, "no time, as 90d or 12h is: --expires ", a->expires);
	}
	if (a->overlap != NULL) {
		a->terms.overlap_ms = time_read(a->overlap);
		if (a->terms.overlap_ms < 0)
			return wrong(a, "no time, as 1h or 0s is: --overlap ", a->overlap);
	}
	return EX_OK;
}

static int arguments_take(struct token_arguments *a, unsigned takes, char *argv[])
{
	int code = EX_OK;

	for (int at = 0; code == EX_OK && argv[at] != NULL; at++)
		code = word_take(a, takes, argv, &at);
	if (code != EX_OK)
		return code;
	if (a->store == NULL || a->store[0] == '\0')
		return wrong(a, "--store FILE is missing", "");
	if ((takes & TAKES_NAME) != 0 && a->terms.name == NULL)
		return wrong(a, "the NAME of the token is missing", "");
	if ((takes & TAKES_NAME) != 0 && is_token(a->terms.name))
		return wrong(a, "this is a token, and not its name: ", a->terms.name);
	if ((takes & TAKES_NAME) != 0 && !name_is_valid(a->terms.name, takes))
		return wrong(a,
			     "a name is 1 to 64 of A-Z a-z 0-9 . _ : -, first a letter or digit, "
			     "and not local, sqlite3, psql or rowlock",
			     "");
	code = (takes & TAKES_ROLE) != 0 ? role_take(a) : EX_OK;
	return code == EX_OK ? times_take(a) : code;
}

/* ---------------------------------------------------------------- who asks */

/*
 * Files that root leaves beside a store cannot be written by the server that has it, so that root
 * becomes the owner of the folder that the file itself is in. 0, or the exit code.
 */
static int become_owner(const char *store)
{
	char path[PATH_MAX], *real;
	struct stat st;
	int r;

	if (geteuid() != 0)
		return EX_OK;
	real = realpath(store, NULL);
	snprintf(path, sizeof(path), "%s", real != NULL ? real : store);
	free(real);
	r = stat(dirname(path), &st);
	if (r == 0 && st.st_uid != 0 &&
	    (setgroups(0, NULL) != 0 || setgid(st.st_gid) != 0 || setuid(st.st_uid) != 0))
		r = -1;
	if (r == 0)
		return EX_OK;
	fprintf(stderr, "rowlockd token: cannot become the owner of the store's folder %s: %s\n",
		path, strerror(errno));
	return store_exit_code(STORE_FORBIDDEN);
}

/* ---------------------------------------------------------------- the token itself */

/* The first line of the file. False: there is none, or it cannot be read. */
static bool line_read(const char *path, char ret[TOKEN_BYTES + 2])
{
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	size_t bytes = 0;
	ssize_t n = fd < 0 ? -1 : 0;

	/* No buffered input: it would leave a copy of the secret behind. */
	while (fd >= 0 && bytes < TOKEN_BYTES + 1 &&
	       (n = read(fd, ret + bytes, TOKEN_BYTES + 1 - bytes)) > 0 &&
	       memchr(ret + bytes, '\n', (size_t)n) == NULL)
		bytes += (size_t)n;
	bytes += n > 0 && bytes < TOKEN_BYTES + 1 ? (size_t)n : 0;
	ret[bytes] = '\0';
	ret[strcspn(ret, "\r\n")] = '\0';
	if (fd > STDIN_FILENO)
		close(fd);
	return n >= 0;
}

static int cannot_read(const struct token_arguments *a)
{
	char why[256];

	snprintf(why, sizeof(why), "cannot be read (%s): ", strerror(errno));
	return wrong(a, why, a->from_file);
}

static int token_from_file(struct token_arguments *a)
{
	char line[TOKEN_BYTES + 2];
	const char *public_part, *secret;
	int code = EX_OK;

	if (!line_read(a->from_file, line))
		code = cannot_read(a);
	else if (!token_read(line, strlen(line), &public_part, &secret))
		code = wrong(a,
			     "its first line is no token (rl_..., 57 characters): ", a->from_file);
	else
		memcpy(a->text, line, sizeof(a->text));
	secret_wipe(line, sizeof(line));
	return code;
}

static void token_make(struct token_arguments *a)
{
	unsigned char random[TOKEN_RANDOM_BYTES];

	secret_random(random, sizeof(random));
	token_write(random, a->text);
	secret_wipe(random, sizeof(random));
}

/* What the store is told of it. */
static void token_split(struct token_arguments *a)
{
	const char *public_part, *secret;

	CHECK(token_read(a->text, TOKEN_BYTES, &public_part, &secret));
	memcpy(a->public_part, public_part, TOKEN_PUBLIC_BYTES);
	secret_hash(secret, TOKEN_SECRET_BYTES, a->hash);
	a->terms.public_part = a->public_part;
	a->terms.hash = a->hash;
}

/* ---------------------------------------------------------------- doing it */

static int refused(const struct token_arguments *a, int r)
{
	static const char *const words[] = {
		[TOKENS_NAME_USED] = "a token of this name is, or was, there, and no other is "
				     "called like it: choose another name, or rotate it",
		[TOKENS_PUBLIC_USED] = "this token's public part was used before: make another",
		[TOKENS_TOO_MANY] = "the store has had 10000 tokens: it has no room for more",
		[TOKENS_NO_SUCH] =
			"there is no token of this name: rowlockd token list shows those that are",
		[TOKENS_WAS_REVOKED] = "this token was revoked, and stays so: add another one",
		[TOKENS_HAS_EXPIRED] = "this token has expired: give it a new end, --expires TIME",
	};

	CHECK(r > TOKENS_UNCHANGED);
	fprintf(stderr, "rowlockd token %s: %s: %s\n", a->verb, a->terms.name, words[r]);
	return EX_DATAERR;
}

/* The token on the output, and nothing else, so that it can go where it belongs. */
static int show(const struct token_arguments *a, int r)
{
	if (r == TOKENS_UNCHANGED)
		fprintf(stderr, "%s is there already, as it should be\n", a->terms.name);
	else if (a->from_file != NULL)
		fprintf(stderr, "%s: known by rl_%s_...\n", a->terms.name, a->public_part);
	else
		fprintf(stderr, "%s, shown this once: the store keeps only a hash of it\n",
			a->terms.name);
	if (a->from_file == NULL && (puts(a->text) == EOF || fflush(stdout) != 0)) {
		perror("rowlockd token: the token could not be printed: rotate it");
		return EX_SOFTWARE;
	}
	return EX_OK;
}

/* The exit code of what a call came to. */
static int judge(const struct token_arguments *a, int64_t r, const struct store_open_result *result)
{
	if (r < 0) {
		fprintf(stderr, "rowlockd token %s: %s\n", a->verb, result->message);
		return store_exit_code(result->trouble);
	}
	return r > TOKENS_UNCHANGED ? refused(a, (int)r) : EX_OK;
}

static int add(struct tokens *t, const struct token_arguments *a)
{
	struct store_open_result result = { 0 };
	int r = tokens_add(t, &a->terms, &result);
	int code = judge(a, r, &result);

	return code == EX_OK ? show(a, r) : code;
}

static int rotate(struct tokens *t, const struct token_arguments *a)
{
	struct store_open_result result = { 0 };
	int code = judge(a, tokens_rotate(t, &a->terms, &result), &result);

	return code == EX_OK ? show(a, TOKENS_DONE) : code;
}

/* A store of which nothing is valid is closed to everybody: whoever did that should hear it. */
static int end_for_good(struct tokens *t, const struct token_arguments *a)
{
	struct store_open_result result = { 0 };
	int code = judge(a, tokens_revoke(t, &a->terms, &result), &result);
	int64_t valid;

	if (code != EX_OK)
		return code;
	valid = tokens_valid(t, &result);
	printf("%s is revoked: what it had open ends within a second\n", a->terms.name);
	if (valid == 0)
		printf("no token is valid now: the store stays closed until one is added\n");
	return EX_OK;
}

/* What may stand in the store is anything: only words of ours and visible ASCII are printed. */
static void print_cell(const char *text, int width)
{
	int bytes = 0;

	for (; text != NULL && text[bytes] != '\0'; bytes++)
		putchar(text[bytes] > ' ' && text[bytes] <= '~' ? text[bytes] : ' ');
	bytes += text == NULL ? printf("-") : 0;
	printf("%*s", bytes < width ? width - bytes : 1, "");
}

static void print_line(void *context, const struct token_line *line)
{
	bool *is_first = context;

	if (*is_first)
		printf("%-20s%-8s%-9s%-22s%-22s%-14s%s\n", "NAME", "ROLE", "STATE", "CREATED",
		       "EXPIRES", "PUBLIC", "LOCATIONS");
	*is_first = false;
	print_cell(line->name, 20);
	print_cell(line->role, 8);
	print_cell(line->state, 9);
	print_cell(line->created, 22);
	print_cell(line->expires, 22);
	print_cell(line->public_parts, 14);
	print_cell(line->locations, 0);
	printf("\n");
}

static int list_all(struct tokens *t, const struct token_arguments *a)
{
	struct store_open_result result = { 0 };
	bool is_first = true;

	return judge(a, tokens_list(t, print_line, &is_first, &result), &result);
}

/* ---------------------------------------------------------------- the verbs */

/* clang-format off */
static const struct verb {
	const char *name;
	unsigned takes;
	int (*run)(struct tokens *t, const struct token_arguments *a);
} verbs[] = {
	{ "add",    TAKES_NAME | TAKES_ROLE | TAKES_SECRET,    add },
	{ "list",   0,                                         list_all },
	{ "rotate", TAKES_NAME | TAKES_SECRET | TAKES_OVERLAP, rotate },
	{ "revoke", TAKES_NAME,                                end_for_good },
};
/* clang-format on */

/*
 * A store that was open may be anybody's to read. With a token it has hashes, and what signs the
 * sessions of the page: so others lose their rights to it.
 */
static void close_to_others(const char *store)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char path[PATH_MAX], *real = realpath(store, NULL);
	struct stat st;

	for (size_t i = 0; real != NULL && i < LENGTH_OF(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", real, suffixes[i]);
		if (stat(path, &st) != 0 || (st.st_mode & 07) == 0)
			continue;
		if (chmod(path, st.st_mode & 07770) != 0)
			fprintf(stderr, "rowlockd token: everybody can read %s: %s\n", path,
				strerror(errno));
		else if (i == 0)
			fprintf(stderr, "everybody could read %s: now its owner and group can\n",
				path);
	}
	free(real);
}

/* As whoever the store belongs to; only then anything of it is opened. */
static int run_on_store(const struct verb *v, struct token_arguments *a)
{
	struct store_open_result result;
	struct tokens *t = NULL;
	bool is_file = !postgres_is_uri(a->store);
	int code = is_file ? become_owner(a->store) : EX_OK;

	if (!is_file)
		offline_uri_warn("token", a->store);
	if (code != EX_OK)
		return code;
	umask(umask(0) | 027); /* a store has hashes of tokens: it is nobody else's to read */
	code = judge(a, tokens_open(a->store, v->run == add, &t, &result), &result);
	if (code == EX_OK && is_file && (v->takes & TAKES_SECRET) != 0)
		close_to_others(a->store);
	if (code == EX_OK)
		code = v->run(t, a);
	tokens_close(t);
	return code;
}

/* The file of a token may be root's alone: it is read before root becomes somebody else. */
static int verb_run(const struct verb *v, struct token_arguments *a, char *argv[])
{
	int code = arguments_take(a, v->takes, argv);

	if (code != EX_OK)
		return code;
	offline_who(&a->actor);
	a->terms.actor = a->actor.name;
	a->terms.locations = a->locations;
	if ((v->takes & TAKES_SECRET) != 0) {
		if (a->from_file != NULL)
			code = token_from_file(a);
		else
			token_make(a);
	}
	if (code == EX_OK && (v->takes & TAKES_SECRET) != 0)
		token_split(a);
	return code == EX_OK ? run_on_store(v, a) : code;
}

int offline_token_run(char *argv[])
{
	struct token_arguments a = { .verb = argv[0] != NULL ? argv[0] : "" };
	int code;

	for (size_t i = 0; i < LENGTH_OF(verbs); i++)
		if (strcmp(a.verb, verbs[i].name) == 0) {
			code = verb_run(&verbs[i], &a, argv + 1);
			secret_wipe(&a, sizeof(a));
			return code;
		}
	fprintf(stderr, "rowlockd token: add, list, rotate or revoke?\n"
			"rowlockd token --help says how it is used.\n");
	return EX_USAGE;
}
