/* postgres_fault - what a SQLSTATE means to the store's contract. */
#include "store/postgres_link.h"
#include <string.h>

/*
 * The first row whose letters a state begins with: a longer one stands before its class. See the
 * appendix "PostgreSQL Error Codes" of its manual.
 */
static const struct meaning {
	const char *state;
	int fault;
} meanings[] = {
	{ "0A000", -ENOTCONN }, /* a plan of ours is of a schema that has changed: prepared anew */
	{ "08", -ENOTCONN },
	{ "22", -EBADMSG },
	{ "23505", -EAGAIN },
	{ "23", -EBADMSG },
	{ "25006", -EROFS },
	{ "25P03", -ENOTCONN },
	{ "26", -ENOTCONN }, /* somebody has thrown our prepared statements away */
	{ "28", -EACCES },
	{ "3D", -EUCLEAN },
	{ "3F", -EUCLEAN },
	{ "40", -EAGAIN },
	{ "42501", -EACCES },
	{ "42",
	  -EUCLEAN }, /* our own words do not fit the schema: it is not the one that we made */
	{ "44", -EBADMSG },
	{ "53100", -ENOSPC },
	{ "53200", -ENOMEM },
	{ "53300", -ENOTCONN },
	{ "53", -ENOMEM },
	{ "54", -EBADMSG },
	{ "55", -EBUSY },
	{ "57014", -EBUSY },
	{ "57", -ENOTCONN },
	{ "58", -EIO },
	{ "72", -ETIME },
	{ "P0", -EBADMSG }, /* a guard of the schema */
	{ "XX001", -EUCLEAN },
	{ "XX002", -EUCLEAN },
};

int postgres_fault_of(const char *state)
{
	if (state == NULL || state[0] == '\0')
		return -ENOTCONN;
	for (size_t i = 0; i < LENGTH_OF(meanings); i++)
		if (strncmp(state, meanings[i].state, strlen(meanings[i].state)) == 0)
			return meanings[i].fault;
	return -EIO;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'Z' ? c - 'A' + 10 : -1;
}

int postgres_detail_of(const char *state)
{
	int n = 0;

	if (state == NULL || strlen(state) != 5)
		return 0;
	for (int i = 0; i < 5; i++) {
		if (digit_of(state[i]) < 0)
			return 0;
		n = n * 36 + digit_of(state[i]);
	}
	return n;
}

void postgres_words(const char *said, char *ret, size_t ret_bytes)
{
	size_t n = 0;

	CHECK(ret_bytes > 0);
	for (; said != NULL && said[n] != '\0' && said[n] != '\n' && n < ret_bytes - 1; n++) {
		unsigned char c = (unsigned char)said[n];

		ret[n] = c == '"' ? '\'' : c < ' ' || c > '~' ? '?' : (char)c;
	}
	ret[n] = '\0';
}

static void note_field(const PGresult *result, int field, char *ret, size_t ret_bytes)
{
	postgres_words(PQresultErrorField(result, field), ret, ret_bytes);
}

/*
 * Of a connection that could not be made libpq keeps no SQLSTATE, but says it in its message:
 * `... FATAL:  28P01: password authentication failed ...`.
 */
static void find_state(const char *said, char ret[6])
{
	CHECK(said != NULL);
	ret[0] = '\0';
	for (const char *at = strstr(said, ":  "); at != NULL; at = strstr(at + 1, ":  ")) {
		char state[6] = "";

		strncpy(state, at + 3, 5);
		if (postgres_detail_of(state) == 0 || strncmp(at + 8, ": ", 2) != 0)
			continue;
		memcpy(ret, state, sizeof(state));
		return;
	}
}

void postgres_note_error(struct postgres_link *l, const PGresult *result)
{
	struct postgres_error *e = &l->error;

	*e = (struct postgres_error){ 0 };
	if (result != NULL && PQresultErrorField(result, PG_DIAG_SQLSTATE) != NULL) {
		note_field(result, PG_DIAG_SQLSTATE, e->state, sizeof(e->state));
		note_field(result, PG_DIAG_CONSTRAINT_NAME, e->constraint, sizeof(e->constraint));
		note_field(result, PG_DIAG_MESSAGE_PRIMARY, e->message, sizeof(e->message));
		return;
	}
	CHECK(l->connection != NULL);
	find_state(PQerrorMessage(l->connection), e->state);
	postgres_words(PQerrorMessage(l->connection), e->message, sizeof(e->message));
}
