#include "ops/inherited.h"
#include "base/fault.h"
#include <systemd/sd-daemon.h>

_Static_assert(INHERITED_FIRST_FD == SD_LISTEN_FDS_START, "they are where the library says");

int inherited_sockets(void)
{
	int count = sd_listen_fds(1);

	return count < 0 ? FAULT(count) : count;
}
