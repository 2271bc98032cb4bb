/*
 * test_copy_tables - what a copy takes over is all that both kinds of stores have: each column of
 * each table is copied, or stands here as one that is not.
 */
#include "postgres_fixture.h"
#include "store/copy_side.h"
#include "store_fixture.h"
#include "unit.h"

enum { SQL_BYTES = 2000 };

/* What is worked out anew, or is of one kind of store alone. */
static const struct {
	const char *table;
	const char *sqlite;
	const char *postgres;
} left_out[] = {
	{ "stock", "'on_hand', 'reserved', 'version', 'seq', 'updated_at'", NULL },
	{ "store", "'id', 'epoch', 'clock_ahead_ms', 'lease_edits', 'noted_by_tool'",
	  "'id', 'epoch', 'clock_ahead_ms', 'schema_version', 'lease_change', 'row_release', "
	  "'next_audit', 'next_key'" },
};

static const char tables_of_postgres[] = "'front_end', 'lane', 'hand_edit'";

static const char *left_out_of(const struct copy_table *t, bool is_postgres)
{
	for (size_t i = 0; i < LENGTH_OF(left_out); i++)
		if (strcmp(left_out[i].table, t->name) == 0) {
			const char *names = is_postgres ? left_out[i].postgres : left_out[i].sqlite;

			return names != NULL ? names : "''";
		}
	return "''";
}

/* 'id', 'sku', ... */
static void quote_columns(const struct copy_table *t, char ret[SQL_BYTES])
{
	ret[0] = '\0';
	for (int i = 0; t->columns[i].name != NULL; i++)
		snprintf(ret + strlen(ret), SQL_BYTES - strlen(ret), "%s'%s'", i == 0 ? "" : ", ",
			 t->columns[i].name);
}

static void quote_tables(char ret[SQL_BYTES])
{
	ret[0] = '\0';
	for (int i = 0; i < COPY_TABLES; i++)
		snprintf(ret + strlen(ret), SQL_BYTES - strlen(ret), "%s'%s'", i == 0 ? "" : ", ",
			 copy_tables[i].name);
}

/* How many columns of a table, which `names` has as `name`, the condition holds for. */
static void ask_columns(char ret[2 * SQL_BYTES], const char *names, const char *in,
			const char *columns, const char *others)
{
	snprintf(ret, 2 * SQL_BYTES, "SELECT count(*) FROM %s WHERE name %s (%s%s%s)", names, in,
		 columns, others != NULL ? ", " : "", others != NULL ? others : "");
}

static void check_sqlite_table(struct fixture *f, const struct copy_table *t)
{
	char columns[SQL_BYTES], names[100], sql[2 * SQL_BYTES];

	quote_columns(t, columns);
	snprintf(names, sizeof(names), "pragma_table_info('%s')", t->name);
	ask_columns(sql, names, "IN", columns, NULL);
	ROW_EXPECT(t->name, fixture_query(f, sql) == copy_column_count(t));
	ask_columns(sql, names, "NOT IN", columns, left_out_of(t, false));
	ROW_EXPECT(t->name, fixture_query(f, sql) == 0);
	ask_columns(sql, names, "IN", left_out_of(t, false), NULL);
	ROW_EXPECT(t->name, fixture_query(f, sql) == 0 || left_out_of(t, false)[1] != '\'');
}

static void sqlite_has_nothing_else(void **state)
{
	struct fixture f;
	char tables[SQL_BYTES], sql[2 * SQL_BYTES];

	(void)state;
	fixture_open(&f);
	for (int i = 0; i < COPY_TABLES; i++)
		check_sqlite_table(&f, &copy_tables[i]);
	quote_tables(tables);
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM sqlite_schema WHERE type = 'table' "
		 "AND name NOT LIKE 'sqlite_%%' AND name NOT IN (%s)",
		 tables);
	assert_int_equal(fixture_query(&f, sql), 0);
	fixture_close(&f);
}

static void check_postgres_table(struct postgres_fixture *f, const struct copy_table *t)
{
	static const char *const types[] = {
		[COPY_NUMBER] = "bigint", [COPY_NUMBER_32] = "integer", [COPY_FLAG] = "boolean",
		[COPY_TEXT] = "text",     [COPY_BYTES] = "bytea",
	};
	char columns[SQL_BYTES], names[300], sql[2 * SQL_BYTES];

	quote_columns(t, columns);
	snprintf(names, sizeof(names),
		 "(SELECT column_name AS name, data_type AS type FROM information_schema.columns "
		 "WHERE table_schema = current_schema() AND table_name = '%s') AS c",
		 t->name);
	ask_columns(sql, names, "NOT IN", columns, left_out_of(t, true));
	ROW_EXPECT(t->name, postgres_fixture_query(f, sql) == 0);
	for (int i = 0; t->columns[i].name != NULL; i++) {
		snprintf(sql, sizeof(sql),
			 "SELECT count(*) FROM %s WHERE name = '%s' AND type = '%s'", names,
			 t->columns[i].name, types[t->columns[i].type]);
		ROW_EXPECT(t->columns[i].name, postgres_fixture_query(f, sql) == 1);
	}
}

static void postgres_has_nothing_else(void **state)
{
	struct postgres_fixture f;
	char tables[SQL_BYTES], sql[2 * SQL_BYTES];

	(void)state;
	if (!postgres_fixture_is_there())
		skip();
	postgres_fixture_open(&f);
	for (int i = 0; i < COPY_TABLES; i++)
		check_postgres_table(&f, &copy_tables[i]);
	quote_tables(tables);
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() "
		 "AND tablename NOT IN (%s, %s)",
		 tables, tables_of_postgres);
	assert_int_equal(postgres_fixture_query(&f, sql), 0);
	postgres_fixture_close(&f);
}

static void values_differ_where_they_do(void **state)
{
	const struct copy_value null = { .is_null = true }, one = { .number = 1 },
				two = { .number = 2 },
				a = { .bytes = "a", .byte_count = 1, .number = 1 },
				ab = { .bytes = "ab", .byte_count = 2, .number = 1 },
				empty = { .bytes = "", .byte_count = 0 };

	(void)state;
	assert_true(copy_values_are_equal(COPY_NUMBER, &null, &null));
	assert_false(copy_values_are_equal(COPY_NUMBER, &null, &one));
	assert_false(copy_values_are_equal(COPY_TEXT, &empty, &null));
	assert_true(copy_values_are_equal(COPY_FLAG, &one, &one));
	assert_false(copy_values_are_equal(COPY_NUMBER_32, &one, &two));
	assert_true(copy_values_are_equal(COPY_TEXT, &ab, &ab));
	assert_false(copy_values_are_equal(COPY_TEXT, &a, &ab));
	assert_false(copy_values_are_equal(COPY_BYTES, &empty, &ab));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sqlite_has_nothing_else),
		cmocka_unit_test(postgres_has_nothing_else),
		cmocka_unit_test(values_differ_where_they_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
