#include "offline/words.h"
#include "base/check.h"
#include "store/postgres.h"
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool offline_flag(const char *flag, char *argv[], int *at, const char **ret)
{
	size_t bytes = strlen(flag);

	if (strncmp(argv[*at], flag, bytes) != 0)
		return false;
	if (argv[*at][bytes] == '=')
		*ret = argv[*at] + bytes + 1;
	else if (argv[*at][bytes] == '\0')
		*ret = argv[*at + 1] != NULL ? argv[++*at] : "";
	else
		return false;
	return true;
}

void offline_who(struct actor *ret)
{
	const struct passwd *who = getpwuid(getuid());
	char number[24];

	snprintf(number, sizeof(number), "%u", (unsigned)getuid());
	*ret = actor_local;
	if (who == NULL || !actor_set_user(ret, who->pw_name, strlen(who->pw_name)))
		CHECK(actor_set_user(ret, number, strlen(number)));
}

void offline_uri_warn(const char *command, const char *uri)
{
	char hidden[POSTGRES_URI_BYTES];

	if (!postgres_uri_has_password(uri))
		return;
	postgres_uri_hide(uri, hidden, sizeof(hidden));
	fprintf(stderr,
		"rowlockd %s: %s: a password on a command line is seen by everybody on the "
		"machine: it belongs into the file that PGPASSFILE names\n",
		command, hidden);
}
