#include "store/postgres_uri.h"
#include "unit.h"
#include <errno.h>
#include <stdlib.h>

/* clang-format off */
static const struct {
	const char *uri, *shown;
	bool has_password;
} hidden[] = {
	{ "rowlock.db",                             "rowlock.db",                          false },
	{ "postgresql://h/d",                       "postgresql://h/d",                    false },
	{ "postgres://h/d",                         "postgres://h/d",                      false },
	{ "postgresql://u@h/d",                     "postgresql://u@h/d",                  false },
	{ "postgresql://u:word@h/d",                "postgresql://u:***@h/d",              true  },
	{ "postgresql://u:@h/d",                    "postgresql://u:@h/d",                 false },
	{ "postgresql://u:w%40rd@h:5432,i:1/d",     "postgresql://u:***@h:5432,i:1/d",     true  },
	{ "postgresql://u:w/rd@h/d",                "postgresql://u:***@h/d",              true  },
	{ "postgresql://u:w@rd@h/d",                "postgresql://u:***@h/d",              true  },
	{ "postgresql://u:w?rd@h/d?a=b",            "postgresql://u:***@h/d?a=b",          true  },
	{ "postgresql://u:w:rd@h/d",                "postgresql://u:***@h/d",              true  },
	{ "postgresql://h:5432/d?user=a@b",         "postgresql://h:5432/d?user=a@b",      false },
	{ "postgresql:///d?password=word",          "postgresql:///d?password=***",        true  },
	{ "postgresql:///d?a=b&password=word&c=d",  "postgresql:///d?a=b&password=***&c=d", true },
	{ "postgresql:///d?p%61ssword=word",        "postgresql:///d?p%61ssword=***",      true  },
	{ "postgresql:///d?sslpassword=word",       "postgresql:///d?sslpassword=***",     true  },
	{ "postgresql:///d?oauth_client_secret=word", "postgresql:///d?oauth_client_secret=***", true },
	{ "postgresql:///d?password=",              "postgresql:///d?password=",           false },
	{ "postgresql://u:word@h/d?password=word",  "postgresql://u:***@h/d?password=***", true  },
	{ "postgresql:///d?%zz=word",               "postgresql:///d?%zz=***",             true  },
	{ "postgresql://",                          "postgresql://",                       false },
};

static const struct {
	const char *uri, *conninfo, *schema; /* conninfo NULL: it is refused, with these words */
} splits[] = {
	{ "postgresql://h/d",                       "postgresql://h/d",                    "rowlock" },
	{ "postgresql://h/d?schema=shop_2",         "postgresql://h/d",                    "shop_2" },
	{ "postgresql://h/d?schema=a&sslmode=require", "postgresql://h/d?sslmode=require", "a" },
	{ "postgresql://h/d?sslmode=require&schema=a", "postgresql://h/d?sslmode=require", "a" },
	{ "postgresql://h/d?user=u&schema=a&port=1", "postgresql://h/d?user=u&port=1",     "a" },
	{ "postgresql://h/d?sch%65ma=%61",          "postgresql://h/d",                    "a" },
	{ "postgresql://u:w%3Fschema=b@h/d?schema=a", "postgresql://u:w%3Fschema=b@h/d",   "a" },
	{ "postgresql:///d?host=/run/a,/run/b",     "postgresql:///d?host=/run/a,/run/b",  "rowlock" },
	{ "rowlock.db",                             NULL, "no URI" },
	{ "postgresql://h/d?schema=",               NULL, "schema= must be" },
	{ "postgresql://h/d?schema",                NULL, "schema= must be" },
	{ "postgresql://h/d?schema=Shop",           NULL, "schema= must be" },
	{ "postgresql://h/d?schema=2a",             NULL, "schema= must be" },
	{ "postgresql://h/d?schema=a%22b",          NULL, "schema= must be" },
	{ "postgresql://h/d?schema=a%00",           NULL, "schema= must be" },
	{ "postgresql://h/d?schema=pg_catalog",     NULL, "schema= must be" },
	{ "postgresql://h/d?schema=information_schema", NULL, "schema= must be" },
	{ "postgresql://h/d?schema=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
						    NULL, "schema= must be" },
	{ "postgresql://h/d?nonsense=1",            NULL, "nonsense" },
	{ "postgresql://[::1/d",                    NULL, "end of string" },
	{ "postgresql://u:w%zzord@h/d",             NULL, "its password" },
	{ "postgresql://u:word%@h/d",               NULL, "its password" },
	{ "postgresql://u:word/word@h/d",           NULL, "its password" },
	{ "postgresql://u:word@word@h/d",           NULL, "its password" },
	{ "postgresql://u:word@h/d?nonsense=1",     NULL, "nonsense" },
};
/* clang-format on */

static void passwords_are_hidden_and_nothing_else(void **state)
{
	char shown[POSTGRES_URI_BYTES];

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(hidden); i++) {
		postgres_uri_hide(hidden[i].uri, shown, sizeof(shown));
		ROW_EXPECT(hidden[i].uri, strcmp(shown, hidden[i].shown) == 0);
		ROW_EXPECT(hidden[i].uri,
			   postgres_uri_has_password(hidden[i].uri) == hidden[i].has_password);
		ROW_EXPECT(hidden[i].uri,
			   postgres_is_uri(hidden[i].uri) == (hidden[i].uri[0] == 'p'));
	}
}

static void what_is_cut_has_no_secret(void **state)
{
	char shown[24];

	(void)state;
	postgres_uri_hide("postgresql://anna:word@host/database", shown, sizeof(shown));
	assert_string_equal(shown, "postgresql://anna:***@h");
	postgres_uri_hide("postgresql://anna:word@host/database", shown, 1);
	assert_string_equal(shown, "");
}

static void our_parameter_is_taken_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(splits); i++) {
		struct postgres_uri u;
		int r = postgres_uri_split(splits[i].uri, &u);
		const char *wanted = splits[i].conninfo;

		ROW_EXPECT(splits[i].uri, (r == 0) == (wanted != NULL));
		if (r == 0) {
			ROW_EXPECT(splits[i].uri, strcmp(u.conninfo, wanted) == 0);
			ROW_EXPECT(splits[i].uri, strcmp(u.schema, splits[i].schema) == 0);
		} else {
			ROW_EXPECT(splits[i].uri, strstr(u.wrong, splits[i].schema) != NULL);
			ROW_EXPECT(splits[i].uri, strstr(u.wrong, "word@") == NULL);
			ROW_EXPECT(splits[i].uri, strstr(u.wrong, "'word") == NULL);
		}
		postgres_uri_fini(&u);
	}
}

static const struct {
	const char *uri, *arguments,
		*password; /* arguments NULL: it has a secret of another kind */
} called[] = {
	{ "postgresql://h/d?schema=a", "host='h' dbname='d'", NULL },
	{ "postgresql://u:w%40rd@h:1,i:2/d?sslmode=require",
	  "user='u' dbname='d' host='h,i' port='1,2' sslmode='require'", "w@rd" },
	{ "postgresql:///d?host=/run/a&password=word", "dbname='d' host='/run/a'", "word" },
	{ "postgresql://o%27b%5C@h/d", "user='o\\'b\\\\' dbname='d' host='h'", NULL },
	{ "postgresql://", "", NULL },
	{ "postgresql://u:word@h/d?sslpassword=word", NULL, NULL },
};

/* In whatever order libpq has them. */
static bool has_all(const char *found, const char *wanted)
{
	char copy[200], *place = NULL;

	snprintf(copy, sizeof(copy), "%s", wanted);
	for (char *word = strtok_r(copy, " ", &place); word != NULL;
	     word = strtok_r(NULL, " ", &place))
		if (strstr(found, word) == NULL)
			return false;
	return strlen(found) == strlen(wanted);
}

static void what_a_program_is_called_with_has_no_secret(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(called); i++) {
		char *arguments = NULL, *password = NULL;
		struct postgres_uri u;
		int r;

		assert_int_equal(postgres_uri_split(called[i].uri, &u), 0);
		r = postgres_uri_arguments(&u, &arguments, &password);
		ROW_EXPECT(called[i].uri, r == (called[i].arguments != NULL ? 0 : -ENOTSUP));
		if (r == 0) {
			ROW_EXPECT(called[i].uri, has_all(arguments, called[i].arguments));
			ROW_EXPECT(called[i].uri,
				   (password == NULL) == (called[i].password == NULL));
			ROW_EXPECT(called[i].uri,
				   password == NULL || strcmp(password, called[i].password) == 0);
		}
		free(arguments);
		free(password);
		postgres_uri_fini(&u);
	}
}

static void one_that_is_too_long_is_refused(void **state)
{
	static char uri[POSTGRES_URI_BYTES + 1];
	struct postgres_uri u;

	(void)state;
	memset(uri, 'a', sizeof(uri) - 1);
	memcpy(uri, "postgresql://", strlen("postgresql://"));
	assert_int_not_equal(postgres_uri_split(uri, &u), 0);
	assert_non_null(strstr(u.wrong, "too long"));
	postgres_uri_fini(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwords_are_hidden_and_nothing_else),
		cmocka_unit_test(what_is_cut_has_no_secret),
		cmocka_unit_test(our_parameter_is_taken_off),
		cmocka_unit_test(what_a_program_is_called_with_has_no_secret),
		cmocka_unit_test(one_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests_name("postgres_uri", tests, NULL, NULL);
}
