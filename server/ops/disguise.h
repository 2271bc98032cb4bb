/*
 * disguise - what must not be shown is made unreadable before it is.
 *
 *     disguise(line);   // "rl_abcdefghij_9Fk…" becomes "rl_abcdefghij_***", a login
 *                        // before the @ of a URL is stars as a whole
 *
 * Nothing here is given secrets on purpose: people type them where others belong (a token for a
 * file's name, in a path, in the configuration), and what they typed is shown to them.
 *
 * Threads: any. Cost: one look at each byte.
 */
#pragma once
#include <stddef.h>

/*
 * In place: the text never becomes longer. A token keeps its public part, by which its owner finds
 * it: rl_, letters and digits, _, and what follows of letters, digits, - and _. A URL loses what
 * stands before its @, and a parameter named after a password or secret its value.
 */
void disguise(char *text);

/* The same of a text that is one address, of a file or a database: blanks do not end it. */
void disguise_address(char *text);
