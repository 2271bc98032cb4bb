#include "http/asset.h"
#include "http/reply.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *chosen_folder = "";

/*
 * What the browser itself refuses, whatever a mistake or a name in the store may bring about:
 * Trusted Types, for one, make it an error to turn text into markup.
 */
static const struct exchange_reply_header rules[] = {
	{ "Content-Security-Policy",
	  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
	  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
	  "require-trusted-types-for 'script'; trusted-types 'none'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
};

void asset_set_folder(const char *folder)
{
	chosen_folder = folder;
}

static const struct asset *asset_find(const char *name)
{
	for (size_t i = 0; i < asset_count; i++)
		if (strcmp(assets[i].name, name) == 0)
			return &assets[i];
	return NULL;
}

static void add_rules(struct exchange *x)
{
	for (size_t i = 0; i < LENGTH_OF(rules); i++)
		exchange_header_add(x, rules[i].name, rules[i].value);
}

/* ---------------------------------------------------------------- what the browser asks for */

/* Accept-Encoding: gzip, but for gzip;q=0. */
static bool takes_gzip(const struct exchange *x)
{
	const char *at = exchange_header(x, "Accept-Encoding");

	at = at != NULL ? strcasestr(at, "gzip") : NULL;
	if (at == NULL)
		return false;
	at += strlen("gzip");
	at += strspn(at, " ");
	return strncmp(at, ";q=", 3) != 0 || strtod(at + 3, NULL) > 0;
}

/* A tag cannot be a part of another one: its quotes belong to it. */
static bool has_it_already(const struct exchange *x, const char *tag)
{
	const char *tags = exchange_header(x, "If-None-Match");

	return tags != NULL && strstr(tags, tag) != NULL;
}

/* ---------------------------------------------------------------- the folder */

static const char *type_of(const char *name)
{
	static const struct {
		const char *ending, *type;
	} types[] = {
		{ ".html", "text/html; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" },
		{ ".svg", "image/svg+xml" },
	};
	const char *ending = strrchr(name, '.');

	for (size_t i = 0; ending != NULL && i < LENGTH_OF(types); i++)
		if (strcmp(types[i].ending, ending) == 0)
			return types[i].type;
	return "text/plain; charset=utf-8";
}

/* False: there is no such file, or not one that a page may have. */
static bool file_read(struct text *t, const char *name)
{
	char path[4096], piece[16384];
	ssize_t count;
	int fd;

	if (strchr(name, '/') != NULL || name[0] == '.' ||
	    snprintf(path, sizeof(path), "%s/%s", chosen_folder, name) >= (int)sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	while ((count = read(fd, piece, sizeof(piece))) > 0)
		text_add_bytes(t, piece, (size_t)count);
	close(fd);
	return count == 0;
}

static bool reply_from_folder(struct exchange *x, const char *name)
{
	if (chosen_folder[0] == '\0' || !file_read(&x->reply, name))
		return false;
	add_rules(x);
	exchange_header_add(x, "Cache-Control", "no-store");
	x->content_type = type_of(name);
	exchange_reply(x, 200);
	return true;
}

/* ---------------------------------------------------------------- the answer */

void asset_reply(struct exchange *x, const char *name)
{
	const struct asset *a = asset_find(name);
	const struct asset_bytes *bytes;

	if (reply_from_folder(x, name))
		return;
	text_fini(&x->reply);
	if (a == NULL) {
		reply_refuse(x, OUTCOME_NOT_FOUND, NULL);
		return;
	}
	bytes = takes_gzip(x) ? &a->gzip : &a->plain;
	add_rules(x);
	exchange_header_add(x, "ETag", bytes->tag);
	exchange_header_add(x, "Cache-Control", "no-cache");
	exchange_header_add(x, "Vary", "Accept, Accept-Encoding");
	if (has_it_already(x, bytes->tag)) {
		exchange_reply(x, 304);
		return;
	}
	if (bytes == &a->gzip)
		exchange_header_add(x, "Content-Encoding", "gzip");
	text_add_bytes(&x->reply, (const char *)bytes->data, bytes->byte_count);
	x->content_type = a->type;
	exchange_reply(x, 200);
}
