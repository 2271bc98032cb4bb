/*
 * routes - which handler answers which call, from routes.def.
 *
 * 404, 405 with Allow, OPTIONS, unknown and doubled query parameters, media types, and path
 * segments that cannot be names are answered here, so that handlers see only what they know.
 *
 * Threads: any loop's.
 */
#pragma once
#include "http/call.h"

/* edge_options.handle */
void routes_handle(struct exchange *x);

/* edge_options.streams: a batch is read line by line. */
bool routes_stream(const struct exchange *x);
