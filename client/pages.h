/*
 * pages - prints a list of the server, following its cursors.
 *
 *     struct api_request r;
 *     api_request_init(&r, "GET", "/v1/items");
 *     code = pages_print(s, &r, &show_items);
 *
 * Prints --limit rows (default 100), or with --all every one. Each page is printed before the next
 * is asked for, so memory does not grow with the list. Where rows remain, stderr says so.
 */
#pragma once
#include "client/show.h"

/* With --json the pages come out as one list object: {"data":[...],"next":...}. */
enum exit_code pages_print(struct session *s, struct api_request *r, const struct listing *listing);

/* The same from a place on that the list has said, or that its server understands; NULL: all. */
enum exit_code pages_print_behind(struct session *s, struct api_request *r, const char *after,
				  const struct listing *listing);

/* The same for a list that is asked for by its path alone. */
enum exit_code pages_get(struct session *s, const char *path, const struct listing *listing);

/* The same for a list that has no pages: locks. With --json the answer as it came. */
enum exit_code pages_print_whole(struct session *s, struct api_request *r,
				 const struct listing *listing);
