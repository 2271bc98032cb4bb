/*
 * words - what the offline commands read of their command line, and who typed it.
 */
#pragma once
#include "core/access.h"

/* The value behind a flag: "--store FILE" or "--store=FILE". False: it is another flag. */
bool offline_flag(const char *flag, char *argv[], int *at, const char **ret);

/* Who has started it, for the audit: "local/root". */
void offline_who(struct actor *ret);

/* Says so on stderr where there is a password in it, which is seen in a list of processes. */
void offline_uri_warn(const char *command, const char *uri);
