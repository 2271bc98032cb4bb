#include "wire/csv_write.h"
#include "wire/moment.h"
#include <string.h>

static void cell_begin(struct csv *c)
{
	if (c->has_cell)
		text_add_char(c->text, ',');
	c->has_cell = true;
}

void csv_text(struct csv *c, const char *s)
{
	cell_begin(c);
	text_add_char(c->text, '"');
	for (size_t bytes; *s != '\0'; s += bytes) {
		bytes = strcspn(s, "\"");
		text_add_bytes(c->text, s, bytes);
		if (s[bytes] == '"') {
			text_add(c->text, "\"\"");
			bytes++;
		}
	}
	text_add_char(c->text, '"');
}

void csv_int(struct csv *c, int64_t n)
{
	cell_begin(c);
	text_add_int(c->text, n);
}

void csv_time(struct csv *c, int64_t utc_ms)
{
	char moment[MOMENT_BYTES];

	cell_begin(c);
	if (utc_ms == 0)
		return;
	moment_format(moment, utc_ms);
	text_add(c->text, moment);
}

void csv_end(struct csv *c)
{
	text_add(c->text, "\r\n");
	c->has_cell = false;
}
