/*
 * messages_lab - what a run of the laboratory is asked to be. For the ways of all messages see
 * message.h.
 */
#pragma once
#include "wire/message.h"

/* What the body does not say stays as it was. */
struct lab_message {
	const char *scenario; /* a list, "a,b"; NULL: all of them, as with the next one */
	const char *strategy;
	int64_t clients, seconds, think_us, seed;
};

/* {"scenario", "strategy", "clients", "seconds", "think_us", "seed"}, all of them optional. */
bool message_read_lab(struct message m, struct arena *a, struct lab_message *l,
		      struct message_error *e);
