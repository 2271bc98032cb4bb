#include "wire/server_timing.h"
#include "base/text.h"
#include <string.h>

static char *put_text(char *at, const char *s)
{
	size_t bytes = strlen(s);

	memcpy(at, s, bytes);
	return at + bytes;
}

static char *put_int(char *at, int64_t n)
{
	return at + text_format_int(at, n);
}

/* Milliseconds with three digits. */
static char *put_ms(char *at, int64_t ns)
{
	int64_t us = ns > 0 ? ns / 1000 : 0;

	at = put_int(at, us / 1000);
	*at++ = '.';
	*at++ = (char)('0' + us / 100 % 10);
	*at++ = (char)('0' + us / 10 % 10);
	*at++ = (char)('0' + us % 10);
	return at;
}

size_t server_timing_format(char out[SERVER_TIMING_BYTES], const struct server_timing *t)
{
	char *at = put_ms(put_text(out, "queue;dur="), t->queue_ns);

	at = put_ms(put_text(at, ", lock;dur="), t->lock_ns);
	at = put_text(put_int(put_text(at, ";desc=\""), t->ahead_count), " ahead\"");
	at = put_ms(put_text(at, ", apply;dur="), t->apply_ns);
	at = put_ms(put_text(at, ", commit;dur="), t->commit_ns);
	at = put_text(put_int(put_text(at, ";desc=\"group of "), t->group_count), "\"");
	*at = '\0';
	return (size_t)(at - out);
}
