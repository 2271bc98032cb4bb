#include "client/timing.h"
#include "base/check.h"
#include <string.h>

static const char *const phases[] = { "lock", "queue", "apply", "commit" };

/* A piece of the header that is not copied. */
struct piece {
	const char *start;
	size_t bytes;
};

static struct piece piece_trim(struct piece p)
{
	while (p.bytes > 0 && p.start[0] == ' ')
		p = (struct piece){ p.start + 1, p.bytes - 1 };
	while (p.bytes > 0 && p.start[p.bytes - 1] == ' ')
		p.bytes--;
	return p;
}

/*
 * Cuts the next piece, up to `separator` outside of quotes, from *rest. False when nothing is left.
 */
static bool piece_next(const char **rest, const char *end, char separator, struct piece *ret_piece)
{
	bool is_quoted = false;
	const char *s = *rest;

	if (s >= end)
		return false;
	while (s < end && (is_quoted || *s != separator)) {
		is_quoted ^= *s == '"';
		s++;
	}
	*ret_piece = piece_trim((struct piece){ *rest, (size_t)(s - *rest) });
	*rest = s + 1;
	return true;
}

static bool piece_is(struct piece p, const char *s)
{
	return p.bytes == strlen(s) && memcmp(p.start, s, p.bytes) == 0;
}

/* The value behind `name=`, without its quotes; empty when the piece is another parameter. */
static struct piece piece_value(struct piece p, const char *name)
{
	size_t name_bytes = strlen(name);

	if (p.bytes <= name_bytes || memcmp(p.start, name, name_bytes) != 0 ||
	    p.start[name_bytes] != '=')
		return (struct piece){ 0 };
	p = (struct piece){ p.start + name_bytes + 1, p.bytes - name_bytes - 1 };
	if (p.bytes >= 2 && p.start[0] == '"' && p.start[p.bytes - 1] == '"')
		p = (struct piece){ p.start + 1, p.bytes - 2 };
	return p;
}

/* One entry: `lock;dur=3.200;desc="6 ahead"`, if it is this phase. */
static void entry_show(struct text *t, struct piece entry, const char *phase)
{
	const char *rest = entry.start;
	const char *end = entry.start + entry.bytes;
	struct piece part;
	struct piece dur = { 0 };
	struct piece desc = { 0 };

	if (!piece_next(&rest, end, ';', &part) || !piece_is(part, phase))
		return;
	while (piece_next(&rest, end, ';', &part)) {
		if (piece_value(part, "dur").bytes > 0)
			dur = piece_value(part, "dur");
		if (piece_value(part, "desc").bytes > 0)
			desc = piece_value(part, "desc");
	}
	if (dur.bytes == 0)
		return;
	text_add_format(t, "%s%s %.*s ms", t->byte_count == 0 ? "" : ", ", phase, (int)dur.bytes,
			dur.start);
	if (desc.bytes > 0)
		text_add_format(t, " (%.*s)", (int)desc.bytes, desc.start);
}

void timing_show(struct text *t, const char *header)
{
	const char *end = header + strlen(header);

	for (size_t i = 0; i < LENGTH_OF(phases); i++) {
		const char *rest = header;
		struct piece entry;

		while (piece_next(&rest, end, ',', &entry))
			entry_show(t, entry, phases[i]);
	}
}
