#include "edge/daemon_phrase.h"
#include <microhttpd.h>

const char *daemon_phrase(int status)
{
	return MHD_get_reason_phrase_for((unsigned)status);
}
