#include "client/display.h"
#include "client/memory.h"
#include "core/token_text.h"
#include <limits.h>
#include <string.h>
#include <wchar.h>

int display_add(struct text *t, const char *s)
{
	const char *end = s + strlen(s);
	mbstate_t state = { 0 };
	int columns = 0;

	while (s < end) {
		wchar_t c;
		size_t bytes = mbrtowc(&c, s, (size_t)(end - s), &state);
		int width = bytes > MB_LEN_MAX ? -1 : wcwidth(c);

		if (width >= 0) {
			text_add_bytes(t, s, bytes);
			columns += width;
			s += bytes;
			continue;
		}
		text_add_char(t, '?');
		columns++;
		/* A byte that begins no character is skipped alone, and reading starts afresh. */
		s += bytes > MB_LEN_MAX ? 1 : bytes;
		memset(&state, 0, sizeof(state));
	}
	if (t->failed)
		exit_out_of_memory();
	return columns;
}

void display_print(FILE *out, const char *s)
{
	struct text t;

	text_init(&t);
	display_add(&t, s);
	if (t.data != NULL && out == stderr) /* what was typed in the wrong place, say */
		token_text_cover(t.data, t.byte_count);
	if (t.data != NULL)
		fputs(t.data, out);
	text_fini(&t);
}
