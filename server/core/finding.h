/*
 * finding - one thing that a verification found wrong: which rule of schema/findings.def, where,
 * and what was expected there.
 */
#pragma once
#include "core/stock.h"

enum finding_code {
#define FINDING(name, code, sentence) FINDING_##name,
#include "schema/findings.def"
#undef FINDING
	FINDING_COUNT,
};

struct finding {
	enum finding_code code;
	struct code sku;              /* "": it is about no row, or the row has no name */
	struct code location;         /* with sku; alone: it is about the location */
	char name[KEY_BYTES_MAX + 1]; /* of the key, lease, reservation or column; "": of none */
	int64_t seq;                  /* the movement it is about; 0: none */
	int64_t expected;
	int64_t found;
};

/* "seq-missing". Never NULL, as the sentence. */
const char *finding_code_text(enum finding_code code);
const char *finding_sentence(enum finding_code code);
