#include "client/event_stream.h"
#include <stdio.h>
#include <string.h>

/* The value behind `name: ` or `name:`, or NULL when the line is of another field. */
static const char *field_value(const char *line, const char *name)
{
	size_t name_bytes = strlen(name);

	if (strncmp(line, name, name_bytes) != 0 || line[name_bytes] != ':')
		return NULL;
	line += name_bytes + 1;
	return line[0] == ' ' ? line + 1 : line;
}

static void event_end(struct event_stream *s)
{
	if (s->id[0] != '\0') /* it counts from here on: a half event comes again */
		memcpy(s->last_id, s->id, sizeof(s->id));
	s->id[0] = '\0';
	if (s->data.byte_count > 0)
		s->event(s, s->data.data);
	text_fini(&s->data);
}

static bool line_end(struct event_stream *s)
{
	const char *line = s->line.data == NULL ? "" : s->line.data;
	const char *value;

	if (line[0] == '\0') {
		event_end(s);
	} else if ((value = field_value(line, "id")) != NULL) {
		snprintf(s->id, sizeof(s->id), "%s", value);
	} else if ((value = field_value(line, "data")) != NULL) {
		if (s->data.byte_count > 0)
			text_add_char(&s->data, '\n');
		text_add(&s->data, value);
	}
	bool is_fine = !s->data.failed && s->data.byte_count <= EVENT_BYTES_MAX;
	text_fini(&s->line);
	return is_fine;
}

bool event_stream_read(struct event_stream *s, const char *bytes, size_t byte_count)
{
	while (byte_count > 0) {
		const char *end = memchr(bytes, '\n', byte_count);
		size_t taken = end == NULL ? byte_count : (size_t)(end - bytes);

		text_add_bytes(&s->line, bytes, taken);
		if (s->line.failed || s->line.byte_count > EVENT_BYTES_MAX)
			return false;
		if (end == NULL)
			return true;
		if (!line_end(s))
			return false;
		bytes += taken + 1;
		byte_count -= taken + 1;
	}
	return true;
}

void event_stream_forget(struct event_stream *s)
{
	text_fini(&s->line);
	text_fini(&s->data);
	s->id[0] = '\0';
}
