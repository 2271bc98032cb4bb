#include "unit.h"
#include "wire/csv_write.h"

static void cells_are_quoted_where_they_are_text(void **state)
{
	struct text t;
	struct csv c;

	(void)state;
	text_init(&t);
	c = csv_begin(&t);
	csv_text(&c, "A-1");
	csv_text(&c, "Bolt, \"M8\"");
	csv_text(&c, "");
	csv_int(&c, -7);
	csv_time(&c, 1764000000123);
	csv_time(&c, 0);
	csv_end(&c);
	csv_text(&c, "\"");
	csv_text(&c, "two\nlines");
	csv_end(&c);
	assert_string_equal(t.data, "\"A-1\",\"Bolt, \"\"M8\"\"\",\"\",-7,2025-11-24T16:00:00.123Z,"
				    "\r\n\"\"\"\",\"two\nlines\"\r\n");
	text_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_are_quoted_where_they_are_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
