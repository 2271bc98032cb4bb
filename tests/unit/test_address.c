#include "ops/address.h"
#include "unit.h"

/* clang-format off */
static const struct row {
	const char *list;
	int         count;    /* -1: it is none */
	const char *shown;    /* each: HOST PORT, or PATH MODE GROUP */
} rows[] = {
	{ "127.0.0.1:8080",                  1, "127.0.0.1 8080" },
	{ ":0",                              1, " 0" },
	{ "[::1]:8080",                      1, "::1 8080" },
	{ "a:1,b:2",                         2, "a 1; b 2" },
	{ " a:1 , b:2 ",                     2, "a 1; b 2" },
	{ "[::1]:8080,127.0.0.1:8080",       2, "::1 8080; 127.0.0.1 8080" },
	{ "unix:/run/r.sock",                1, "/run/r.sock 660 " },
	{ "unix:/run/r.sock,mode=0666",      1, "/run/r.sock 666 " },
	{ "unix:/run/r.sock,mode=600",       1, "/run/r.sock 600 " },
	{ "unix:/r,group=rowlock",           1, "/r 660 rowlock" },
	{ "unix:/r,group=33,mode=0000",      1, "/r 0 33" },
	{ "unix:/r , mode=0640 , group=a-b_c.d", 1, "/r 640 a-b_c.d" },
	{ "a:1,unix:/r,mode=0666,b:2",       3, "a 1; /r 666 ; b 2" },
	{ "unix:/r,unix:/s,mode=0777",       2, "/r 660 ; /s 777 " },
	{ "a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1,i:1,j:1,k:1,l:1,m:1,n:1,o:1,p:1", 16, NULL },
	{ "a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1,i:1,j:1,k:1,l:1,m:1,n:1,o:1,p:1,q:1", -1, NULL },
	{ "",                                -1, NULL },
	{ ",",                               -1, NULL },
	{ "a:1,",                            -1, NULL },
	{ ",a:1",                            -1, NULL },
	{ "a:1,,b:2",                        -1, NULL },
	{ "a:1 b:2",                         -1, NULL },
	{ "a:1;b:2",                         -1, NULL },
	{ "a:1,b",                           -1, NULL },
	{ "a:1,mode=0660",                   -1, NULL },
	{ "mode=0660",                       -1, NULL },
	{ "group=x,unix:/r",                 -1, NULL },
	{ "unix:",                           -1, NULL },
	{ "unix:/",                          -1, NULL },
	{ "unix:r",                          -1, NULL },
	{ "unix:@r",                         -1, NULL },
	{ "unix:/run/",                      -1, NULL },
	{ "unix:/run/a b",                   -1, NULL },
	{ "unix:/run/a\tb",                  -1, NULL },
	{ "unix://host:80",                  1, "//host:80 660 " },
	{ "unix:/r,mode=",                   -1, NULL },
	{ "unix:/r,mode=66",                 -1, NULL },
	{ "unix:/r,mode=1660",               -1, NULL },
	{ "unix:/r,mode=00660",              -1, NULL },
	{ "unix:/r,mode=0680",               -1, NULL },
	{ "unix:/r,mode=rw",                 -1, NULL },
	{ "unix:/r,group=",                  -1, NULL },
	{ "unix:/r,group=a b",               -1, NULL },
	{ "unix:/r,group=a:b",               -1, NULL },
	{ "unix:/r,owner=a",                 -1, NULL },
	{ "unix:/r,group=123456789012345678901234567890123", -1, NULL },
};
/* clang-format on */

static void show(const struct address *a, char *ret, size_t bytes)
{
	if (a->kind == ADDRESS_UNIX)
		snprintf(ret, bytes, "%s %o %s", a->path, a->mode, a->group);
	else
		snprintf(ret, bytes, "%s %s", a->host, a->port);
}

static void lists_are_read(void **state)
{
	(void)state;
	for (const struct row *row = rows; row < rows + LENGTH_OF(rows); row++) {
		struct address all[ADDRESSES_MAX];
		char shown[1024] = "", one[512];
		int count = addresses_read(row->list, all);

		ROW_EXPECT(row->list, count == row->count);
		ROW_EXPECT(row->list, addresses_are_valid(row->list) == (row->count > 0));
		for (int i = 0; i < count && row->shown != NULL; i++) {
			show(&all[i], one, sizeof(one));
			strcat(shown, i > 0 ? "; " : "");
			strcat(shown, one);
		}
		ROW_EXPECT(row->list, row->shown == NULL || strcmp(shown, row->shown) == 0);
	}
}

/* The longest path that there may be, and one that is longer by one. */
static void a_path_has_an_end(void **state)
{
	char list[UNIX_PATH_BYTES + 8] = "unix:/";
	struct address all[ADDRESSES_MAX];

	(void)state;
	memset(list + 6, 'x', UNIX_PATH_BYTES - 2);
	assert_int_equal(addresses_read(list, all), 1);
	assert_int_equal(strlen(all[0].path), UNIX_PATH_BYTES - 1);
	strcat(list, "x");
	assert_int_equal(addresses_read(list, all), -1);
}

/* Messages name the address, and not what it is to be. */
static void a_text_is_what_was_typed(void **state)
{
	struct address all[ADDRESSES_MAX];

	(void)state;
	assert_int_equal(addresses_read("[::1]:80, unix:/r,mode=0600", all), 2);
	assert_string_equal(all[0].text, "[::1]:80");
	assert_string_equal(all[1].text, "unix:/r");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_read),
		cmocka_unit_test(a_path_has_an_end),
		cmocka_unit_test(a_text_is_what_was_typed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
