/*
 * token_text - a token where it does not belong: found in a text, or made unreadable there.
 *
 *     if (token_text_is_in(note, bytes))  ...refuse it: it would stand in the ledger for good
 *     token_text_cover(body, bytes);      // "rl_abcdefghij_9Fk…" becomes "rl_abcdefghij_***…"
 *
 * People paste one as a note, a name, a key or into a path. What is found is what token_read()
 * would take for a token, or begins like that and goes on.
 *
 * Threads: any. Cost: nothing for texts shorter than a token; else a look for "rl_".
 */
#pragma once
#include "core/access.h"

/* Where the secret of the first token in it begins; NULL: there is none. */
const char *token_text_find(const char *text, size_t bytes);

static inline bool token_text_is_in(const char *text, size_t bytes)
{
	return bytes >= TOKEN_BYTES && token_text_find(text, bytes) != NULL;
}

/* Puts a star for each character of the secrets in it: the text stays as long as it is. */
void token_text_cover(char *text, size_t bytes);
