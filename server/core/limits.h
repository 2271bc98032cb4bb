/* limits - every bound of the service as a constant, from schema/limits.def. */
#pragma once
#include <stdint.h>

enum limit {
#define LIMIT(name, value, answer) name = value,
#include "schema/limits.def"
#undef LIMIT
};

/* What a client may name in one quantity, and what a row may sum up to. */
#define QUANTITY_MAX INT64_C(1000000000000)
#define LEVEL_MAX    INT64_C(1000000000000000)
