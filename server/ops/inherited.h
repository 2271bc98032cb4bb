/*
 * inherited - the sockets that a supervisor opened for us before it started us: systemd's socket
 * activation, as sd_listen_fds(3) has it.
 *
 * With them somebody can connect from the first moment on and waits, however long the store takes
 * to open or the service to be started anew; and a port below 1024 needs no privilege of ours.
 *
 * Threads: none may run yet, since it changes the environment.
 */
#pragma once

enum { INHERITED_FIRST_FD = 3 };

/*
 * How many there are, INHERITED_FIRST_FD and those behind it; what says so is taken out of the
 * environment, so that it counts once. 0: none is for us. Or a fault: what it says makes no sense.
 */
int inherited_sockets(void);
