/*
 * csv_write - rows of a table for a spreadsheet (RFC 4180): texts in quotes, lines end in CR LF.
 *
 *     struct csv c = csv_begin(&text);
 *     csv_text(&c, "Bolt, M8"), csv_int(&c, 40);
 *     csv_end(&c);                                    // "Bolt, M8",40
 *
 * Texts go as they are. A spreadsheet may take one that begins with = + - or @ for a formula:
 * changing it here would change the data for every other reader.
 */
#pragma once
#include "base/text.h"

struct csv {
	struct text *text;
	bool has_cell;
};

static inline struct csv csv_begin(struct text *t)
{
	return (struct csv){ .text = t };
}

void csv_text(struct csv *c, const char *s);
void csv_int(struct csv *c, int64_t n);
void csv_time(struct csv *c, int64_t utc_ms); /* RFC 3339; 0: empty */
void csv_end(struct csv *c);
