/*
 * front_end - what a process is called among those that serve the same store, and which is us.
 *
 *     front_end_make_name(8080, name);       // "shop-3:8080"
 *     front_end_make_address(8080, address); // "http://shop-3:8080"
 *
 *     front_end_be(name, address);           // before there is a thread beside
 *     front_end_self()->name;
 *
 * Threads: any.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { FRONT_END_NAME_BYTES = 65, FRONT_END_ADDRESS_BYTES = 128 };

/* 1 to 64 of A-Z a-z 0-9 . _ : - with a letter or digit first. */
bool front_end_name_is_valid(const char *text);
/* Of visible characters, and short enough. */
bool front_end_address_is_valid(const char *text);

/* Of the machine's name and the port; 0: it has none, and the process's id stands for it. */
void front_end_make_name(int port, char ret[FRONT_END_NAME_BYTES]);
void front_end_make_address(int port, char ret[FRONT_END_ADDRESS_BYTES]);

struct front_end {
	char name[FRONT_END_NAME_BYTES];
	char address[FRONT_END_ADDRESS_BYTES]; /* "": others cannot reach it */
	int64_t started_at_ms;                 /* by the machine's clock, UTC */
};

/* This process is that one, from now on. Once, while there is one thread. */
void front_end_be(const char *name, const char *address);
const struct front_end *front_end_self(void);
