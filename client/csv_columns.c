#include "client/csv_columns.h"
#include "base/check.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define STOCK     " adjust set count "
#define MOVES     " adjust set count transfer "
#define PATCHES   " patch_item patch_location "
#define CATALOGUE " item location" PATCHES
#define ALL       MOVES "reserve commit release extend" CATALOGUE

/* clang-format off */
static const struct csv_column columns[] = {
	{ "",                 CELL_TEXT,           "",                                    "" },
	{ "op",               CELL_TEXT,           ALL,                                   "" },
	{ "id",               CELL_TEXT,           ALL,                                   "" },
	{ "sku",              CELL_TEXT,           MOVES "item patch_item ",              MOVES "item patch_item " },
	{ "location",         CELL_TEXT,           STOCK "location patch_location ",      STOCK "location patch_location " },
	{ "delta",            CELL_NUMBER,         " adjust ",                            " adjust " },
	{ "up_to",            CELL_SWITCH,         " adjust ",                            "" },
	{ "on_hand",          CELL_NUMBER,         " set ",                               " set " },
	{ "expected",         CELL_NUMBER_OR_NULL, " adjust set ",                        "" },
	{ "expected_version", CELL_NUMBER,         " adjust set" CATALOGUE,               "" },
	{ "counted",          CELL_NUMBER,         " count ",                             " count " },
	{ "as_of_seq",        CELL_NUMBER,         " count ",                             " count " },
	{ "from",             CELL_TEXT,           " transfer ",                          " transfer " },
	{ "to",               CELL_TEXT,           " transfer ",                          " transfer " },
	{ "quantity",         CELL_NUMBER,         " transfer ",                          " transfer " },
	{ "reason",           CELL_TEXT,           MOVES,                                 "" },
	{ "reference",        CELL_TEXT,           MOVES "reserve ",                      "" },
	{ "note",             CELL_TEXT,           MOVES "reserve commit release ",       "" },
	{ "name",             CELL_TEXT,           CATALOGUE,                             " item location " },
	{ "unit",             CELL_TEXT,           " item patch_item ",                   "" },
	{ "backorder_limit",  CELL_NUMBER,         " item patch_item ",                   "" },
	{ "reorder_point",    CELL_NUMBER_OR_NULL, " item patch_item ",                   "" },
	{ "attributes",       CELL_JSON,           " item patch_item ",                   "" },
	{ "archived",         CELL_SWITCH,         CATALOGUE,                             "" },
	{ "create",           CELL_SWITCH,         PATCHES,                               "" },
	{ "reservation",      CELL_TEXT,           " reserve commit release extend ",     " commit release extend " },
	{ "owner",            CELL_TEXT,           " reserve ",                           "" },
	{ "supersedes",       CELL_TEXT,           " reserve ",                           "" },
	{ "ttl_s",            CELL_NUMBER,         " reserve extend ",                    "" },
	{ "lines",            CELL_JSON,           " reserve commit ",                    " reserve " },
	/* What an export shows, and no command states. */
	{ "reserved",         CELL_NUMBER,         "",                                    "" },
	{ "available",        CELL_NUMBER,         "",                                    "" },
	{ "version",          CELL_NUMBER,         "",                                    "" },
	{ "seq",              CELL_NUMBER,         "",                                    "" },
	{ "created_at",       CELL_TEXT,           "",                                    "" },
	{ "updated_at",       CELL_TEXT,           "",                                    "" },
	{ "exported_on_hand", CELL_NUMBER,         "",                                    "" },
};
/* clang-format on */

const struct csv_column *csv_column_find(const char *heading)
{
	size_t bytes;

	heading += strspn(heading, " \t");
	bytes = strlen(heading);
	while (bytes > 0 && strchr(" \t", heading[bytes - 1]) != NULL)
		bytes--;
	for (size_t i = 0; i < LENGTH_OF(columns); i++)
		if (strlen(columns[i].name) == bytes &&
		    strncasecmp(columns[i].name, heading, bytes) == 0)
			return &columns[i];
	return NULL;
}

static bool is_among(const char *ops, const char *op)
{
	char word[40];

	snprintf(word, sizeof(word), " %.30s ", op);
	return strstr(ops, word) != NULL;
}

bool csv_op_is_known(const char *op)
{
	return is_among(ALL, op);
}

bool csv_column_is_of(const struct csv_column *c, const char *op)
{
	return is_among(c->ops, op);
}

/* The sheet of an export has names and units beside its levels. */
bool csv_column_is_shown(const struct csv_column *c, const char *op)
{
	bool names_item = strcmp(c->name, "name") == 0 || strcmp(c->name, "unit") == 0;

	return c->name[0] != '\0' && (c->ops[0] == '\0' || (names_item && is_among(MOVES, op)));
}

const struct csv_column *csv_column_needed(const char *op, int n)
{
	for (size_t i = 0; i < LENGTH_OF(columns); i++)
		if (is_among(columns[i].needed, op) && n-- == 0)
			return &columns[i];
	return NULL;
}
