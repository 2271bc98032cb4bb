#include "http/accept.h"
#include "unit.h"

/* clang-format off */
static const struct {
	const char *what;
	const char *accept;
	int quality; /* of text/plain */
	bool is_named;
} rows[] = {
	{ "no header: anything",                NULL,                                     1000, false },
	{ "an empty one: nothing",              "",                                       0,    false },
	{ "its name",                           "text/plain",                             1000, true  },
	{ "its name in capitals",               "TEXT/Plain",                             1000, true  },
	{ "with parameters",                    "text/plain;version=0.0.4",               1000, true  },
	{ "and a quality behind them",          "text/plain; version=0.0.4; q=0.5",       500,  true  },
	{ "a capital q",                        "text/plain;Q=0.25",                      250,  true  },
	{ "three digits",                       "text/plain;q=0.125",                     125,  true  },
	{ "more than three: no more are read",  "text/plain;q=0.1259",                    125,  true  },
	{ "one, and one of any length",         "text/plain;q=1.000",                     1000, true  },
	{ "none is not at all",                 "text/plain;q=0",                         0,    false },
	{ "none is not at all, at length",      "text/plain;q=0.000",                     0,    false },
	{ "one that cannot be read",            "text/plain;q=high",                      0,    false },
	{ "nothing is no quality",              "text/plain;q=",                          0,    false },
	{ "another type",                       "text/html",                              0,    false },
	{ "a longer name",                      "text/plainer",                           0,    false },
	{ "a shorter name",                     "text/plai",                              0,    false },
	{ "anything",                           "*/*",                                    1000, false },
	{ "anything, less",                     "text/html, */*;q=0.1",                   100,  false },
	{ "any text",                           "text/*;q=0.3, */*",                      300,  false },
	{ "any image",                          "image/*",                                0,    false },
	{ "the closest decides, first",         "text/plain;q=0.2, text/*;q=0.9, */*",    200,  true  },
	{ "the closest decides, last",          "*/*, text/*;q=0.9, text/plain;q=0.2",    200,  true  },
	{ "not this one, but any other",        "text/plain;q=0, */*",                    0,    false },
	{ "of two alike the one of more",       "text/plain;a=1;q=0.2, text/plain;q=0.4", 400,  true  },
	{ "blanks and empty places",            " ,\t text/html ,, text/plain ;q=0.5 ,",  500,  true  },
	{ "a q of another range",               "text/html;q=0.1,text/plain",             1000, true  },
	{ "a parameter that ends in q",         "text/plain;seq=0.1",                     1000, true  },
	{ "nothing behind the semicolon",       "text/plain;",                            1000, true  },
	{ "only commas",                        ",,,",                                    0,    false },
};
/* clang-format on */

static void the_closest_range_decides(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		if (accept_quality(rows[i].accept, "text/plain") != rows[i].quality ||
		    accept_is_named(rows[i].accept, "text/plain") != rows[i].is_named)
			fail_msg("%s: %d, %d", rows[i].what,
				 accept_quality(rows[i].accept, "text/plain"),
				 accept_is_named(rows[i].accept, "text/plain"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_closest_range_decides),
	};

	return cmocka_run_group_tests_name("accept", tests, NULL, NULL);
}
