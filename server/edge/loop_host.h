/*
 * loop_host - what exchanges ask of the loop that carries them: see struct host_ops.
 *
 * Threads: the loop's.
 */
#pragma once
#include "exchange/host.h"

extern const struct host_ops loop_host_ops;
