/*
 * header - the headers of a request, as they came: names in any case, in their order.
 *
 * Threads: none inside. Texts are kept by reference.
 */
#pragma once

struct header {
	const char *name;
	const char *value;
};

/* The first value under this name (any case), or NULL. */
const char *header_find(const struct header headers[], int count, const char *name);

/* How often the name occurs. */
int header_times(const struct header headers[], int count, const char *name);
