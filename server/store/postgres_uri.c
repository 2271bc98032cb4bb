/* postgres_uri - reads addresses as libpq does, as far as secrets and `schema` are concerned. */
#include "store/postgres_uri.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/secret.h"
#include "base/text.h"
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_SCHEMA "rowlock"
#define HIDDEN         "***"

enum { NAME_BYTES = 64 };

/* A piece of a text. */
struct piece {
	const char *at;
	size_t bytes;
};

static const char *const beginnings[] = { "postgresql://", "postgres://" };

static size_t beginning_of(const char *text)
{
	CHECK(text != NULL);
	for (size_t i = 0; i < LENGTH_OF(beginnings); i++)
		if (strncmp(text, beginnings[i], strlen(beginnings[i])) == 0)
			return strlen(beginnings[i]);
	return 0;
}

bool postgres_is_uri(const char *text)
{
	return beginning_of(text) > 0;
}

/* ---------------------------------------------------------------- finding secrets */

/*
 * Between the first ':' and an '@'. libpq takes the first '@' that no '/' stands before; who forgot
 * to write a '/' or an '@' of the password as %2F or %40 has it further on. Only where the '@' is
 * one of the parameters there is no password here.
 */
static struct piece password_of(const char *authority)
{
	const char *at = strchr(authority, '@');
	const char *slash = strchr(authority, '/');
	const char *question = strchr(authority, '?');
	const char *colon;

	CHECK(authority != NULL);
	if (at == NULL || (slash != NULL && question != NULL && slash < question && question < at))
		return (struct piece){ .at = NULL };
	question = strchr(at, '?');
	for (const char *next = at; next != NULL && (question == NULL || next < question);
	     next = strchr(next + 1, '@'))
		at = next;
	colon = memchr(authority, ':', (size_t)(at - authority));
	if (colon == NULL)
		return (struct piece){ .at = NULL };
	return (struct piece){ .at = colon + 1, .bytes = (size_t)(at - colon - 1) };
}

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False: it is too long, or a '%' is not followed by two digits, or stands for a NUL. */
static bool decode(struct piece p, char *ret, size_t ret_bytes)
{
	size_t n = 0;

	CHECK(ret_bytes > 0);
	for (size_t i = 0; i < p.bytes; i++) {
		char c = p.at[i];

		if (c == '%') {
			int high = i + 2 < p.bytes ? hex_of(p.at[i + 1]) : -1;
			int low = high >= 0 ? hex_of(p.at[i + 2]) : -1;

			if (low < 0 || high * 16 + low == 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (n + 1 >= ret_bytes)
			return false;
		ret[n++] = c;
	}
	ret[n] = '\0';
	return true;
}

/* The next `name=value` at or behind *at, which is moved behind it. False: there is none. */
static bool next_parameter(const char **at, struct piece *ret_name, struct piece *ret_value)
{
	const char *name = *at;
	size_t bytes = strcspn(name, "&");
	size_t name_bytes = strcspn(name, "=&");

	CHECK(name_bytes <= bytes);
	if (name[0] == '\0')
		return false;
	*ret_name = (struct piece){ .at = name, .bytes = name_bytes };
	*ret_value = (struct piece){ .at = name + name_bytes };
	if (name_bytes < bytes)
		*ret_value = (struct piece){ .at = name + name_bytes + 1,
					     .bytes = bytes - name_bytes - 1 };
	*at = name + bytes + (name[bytes] == '&');
	return true;
}

/* Of all versions of libpq; a name that cannot be read may be one. */
static bool is_secret(struct piece parameter)
{
	static const char *const words[] = { "password", "secret", "scram" };
	char name[NAME_BYTES];

	CHECK(parameter.at != NULL);
	if (!decode(parameter, name, sizeof(name)))
		return true;
	for (size_t i = 0; i < LENGTH_OF(words); i++)
		if (strcasestr(name, words[i]) != NULL)
			return true;
	return false;
}

/* Where the parameters begin; NULL: there are none. A '?' of a password is none of them. */
static const char *parameters_of(const char *uri)
{
	const char *authority = uri + beginning_of(uri);
	struct piece password = password_of(authority);
	const char *question =
		strchr(password.at != NULL ? password.at + password.bytes : authority, '?');

	CHECK(authority > uri);
	return question != NULL ? question + 1 : NULL;
}

bool postgres_uri_has_password(const char *uri)
{
	struct piece name, value;
	const char *at;

	if (!postgres_is_uri(uri))
		return false;
	if (password_of(uri + beginning_of(uri)).bytes > 0)
		return true;
	at = parameters_of(uri);
	while (at != NULL && next_parameter(&at, &name, &value))
		if (is_secret(name) && value.bytes > 0)
			return true;
	return false;
}

/* ---------------------------------------------------------------- showing */

/* Everything from *from to `to`; it goes on behind that. */
static void add_until(struct text *t, const char **from, const char *to)
{
	CHECK(to >= *from);
	text_add_bytes(t, *from, (size_t)(to - *from));
	*from = to;
}

static void add_hidden(struct text *t, const char **from, struct piece secret)
{
	CHECK(secret.at >= *from);
	add_until(t, from, secret.at);
	text_add(t, HIDDEN);
	*from = secret.at + secret.bytes;
}

static void write_hidden(const char *uri, struct text *t)
{
	struct piece password = password_of(uri + beginning_of(uri));
	const char *at = parameters_of(uri);
	struct piece name, value;

	CHECK(postgres_is_uri(uri));
	if (password.bytes > 0)
		add_hidden(t, &uri, password);
	while (at != NULL && next_parameter(&at, &name, &value))
		if (is_secret(name) && value.bytes > 0)
			add_hidden(t, &uri, value);
	text_add(t, uri);
}

void postgres_uri_hide(const char *uri, char *ret, size_t ret_bytes)
{
	struct text t;

	CHECK(ret_bytes > 0);
	text_init(&t);
	if (postgres_is_uri(uri))
		write_hidden(uri, &t);
	else
		text_add(&t, uri);
	/* Rather nothing than what is cut in the wrong place. */
	snprintf(ret, ret_bytes, "%s", t.failed || t.data == NULL ? "" : t.data);
	text_fini(&t);
}

/* ---------------------------------------------------------------- splitting */

static int refuse(struct postgres_uri *u, const char *what)
{
	CHECK(what != NULL);
	snprintf(u->wrong, sizeof(u->wrong), "%s", what);
	return -EINVAL;
}

/* As it is written in SQL without quotes: so that people need none either. */
static bool is_schema(const char *name)
{
	size_t bytes = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	CHECK(name != NULL);
	return bytes > 0 && name[bytes] == '\0' && (name[0] < '0' || name[0] > '9') &&
	       strncmp(name, "pg_", 3) != 0 && strcmp(name, "information_schema") != 0;
}

/* All parameters but ours go on; ours is decoded. */
static int split_parameters(const char *at, struct text *t, struct postgres_uri *u)
{
	struct piece name, value;
	char separator = '?';

	CHECK(at != NULL);
	while (next_parameter(&at, &name, &value)) {
		char decoded[NAME_BYTES];

		if (decode(name, decoded, sizeof(decoded)) && strcmp(decoded, "schema") == 0) {
			if (!decode(value, u->schema, sizeof(u->schema)) || !is_schema(u->schema))
				return refuse(u,
					      "schema= must be 1 to 63 of a-z 0-9 _, with no digit "
					      "first and none of PostgreSQL's own names (pg_...)");
			continue;
		}
		text_add_char(t, separator);
		text_add_bytes(t, name.at, (size_t)(value.at + value.bytes - name.at));
		separator = '&';
	}
	return 0;
}

static const char *password_in(const PQconninfoOption *options)
{
	for (; options != NULL && options->keyword != NULL; options++)
		if (strcmp(options->keyword, "password") == 0 && options->val != NULL)
			return options->val;
	return "";
}

/*
 * libpq may take a part of a password for a host or a port, which it then quotes: where it does not
 * have the password that we see, none of it is handed over.
 */
static bool has_whole_password(const struct postgres_uri *u, const PQconninfoOption *options)
{
	struct piece password = password_of(u->conninfo + beginning_of(u->conninfo));
	char decoded[POSTGRES_URI_BYTES];
	bool is_whole;

	CHECK(u->conninfo != NULL);
	if (password.bytes == 0)
		return true;
	is_whole = decode(password, decoded, sizeof(decoded)) &&
		   strcmp(decoded, password_in(options)) == 0;
	secret_wipe(decoded, sizeof(decoded));
	return is_whole;
}

/*
 * In libpq's words of the same address without its secrets, since it quotes what it does not like;
 * where that one is fine it is the secret that is not.
 */
static int judge(struct postgres_uri *u)
{
	PQconninfoOption *options = PQconninfoParse(u->conninfo, NULL);
	bool is_fine = options != NULL && has_whole_password(u, options);
	char hidden[POSTGRES_URI_BYTES];
	char *words = NULL;
	int r = 0;

	CHECK(u->conninfo != NULL);
	PQconninfoFree(options);
	if (is_fine)
		return 0;
	postgres_uri_hide(u->conninfo, hidden, sizeof(hidden));
	options = PQconninfoParse(hidden, &words);
	r = refuse(u, words != NULL
			      ? words
			      : "its password has a character that must be written otherwise: "
				"% as %25, @ as %40, / as %2F, ? as %3F");
	u->wrong[strcspn(u->wrong, "\n")] = '\0';
	PQconninfoFree(options);
	PQfreemem(words);
	return r;
}

int postgres_uri_split(const char *uri, struct postgres_uri *ret)
{
	const char *at;
	struct text t;
	int r = 0;

	*ret = (struct postgres_uri){ .schema = DEFAULT_SCHEMA };
	if (!postgres_is_uri(uri))
		return refuse(ret, "it is no URI of PostgreSQL's: postgresql://HOST/DATABASE");
	if (strlen(uri) >= POSTGRES_URI_BYTES)
		return refuse(ret, "it is too long");
	text_init(&t);
	at = parameters_of(uri);
	if (at != NULL) {
		text_add_bytes(&t, uri, (size_t)(at - 1 - uri));
		r = split_parameters(at, &t, ret);
	} else {
		text_add(&t, uri);
	}
	ret->conninfo = text_take(&t);
	CHECK(IMPLIES(r < 0, ret->wrong[0] != '\0'));
	if (ret->conninfo == NULL)
		return FAULT(-ENOMEM);
	return r == 0 ? judge(ret) : r;
}

void postgres_uri_fini(struct postgres_uri *u)
{
	CHECK(u != NULL);
	free(u->conninfo);
	u->conninfo = NULL;
}

/* ---------------------------------------------------------------- for a command line */

static void add_argument(struct text *t, const PQconninfoOption *o)
{
	CHECK(o->val != NULL);
	if (t->byte_count > 0)
		text_add_char(t, ' ');
	text_add(t, o->keyword);
	text_add(t, "='");
	for (const char *c = o->val; *c != '\0'; c++) {
		if (*c == '\'' || *c == '\\')
			text_add_char(t, '\\');
		text_add_char(t, *c);
	}
	text_add_char(t, '\'');
}

/* libpq marks what is shown as stars. */
static bool is_hidden(const PQconninfoOption *o)
{
	CHECK(o->dispchar != NULL);
	return strchr(o->dispchar, '*') != NULL;
}

static int write_arguments(const PQconninfoOption *o, struct text *t, const char **ret_password)
{
	CHECK(o != NULL);
	for (; o->keyword != NULL; o++) {
		if (o->val == NULL || o->val[0] == '\0')
			continue;
		if (strcmp(o->keyword, "password") == 0)
			*ret_password = o->val;
		else if (is_hidden(o))
			return -ENOTSUP;
		else
			add_argument(t, o);
	}
	return 0;
}

static int keep_arguments(struct text *t, const char *password, char **ret_conninfo,
			  char **ret_password)
{
	char *copy = password != NULL ? strdup(password) : NULL;
	char *conninfo = text_take(t);

	CHECK(ret_conninfo != NULL);
	if (conninfo == NULL || (password != NULL && copy == NULL)) {
		free(copy);
		free(conninfo);
		return -ENOMEM;
	}
	*ret_conninfo = conninfo;
	*ret_password = copy;
	return 0;
}

int postgres_uri_arguments(const struct postgres_uri *u, char **ret_conninfo, char **ret_password)
{
	PQconninfoOption *options = PQconninfoParse(u->conninfo, NULL);
	const char *password = NULL;
	struct text t;
	int r;

	if (options == NULL)
		return -ENOMEM; /* postgres_uri_split() has found nothing wrong with it */
	text_init(&t);
	r = write_arguments(options, &t, &password);
	if (r == 0)
		r = keep_arguments(&t, password, ret_conninfo, ret_password);
	text_fini(&t);
	PQconninfoFree(options);
	return r;
}
