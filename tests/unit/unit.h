/* unit - cmocka with what it wants included before it, and what tables of tests want. */
#pragma once
#include "base/check.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* Fails the test with the sentence of the table's row that did not hold. */
#define ROW_EXPECT(what, condition)                                               \
	do {                                                                      \
		if (!(condition))                                                 \
			fail_msg("\"%s\": %s does not hold", (what), #condition); \
	} while (0)
