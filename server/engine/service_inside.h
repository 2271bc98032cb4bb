/*
 * service_inside - what is behind the façade: for service.c, and for tests that look inside.
 */
#pragma once
#include "engine/intake.h"
#include "engine/point_reads.h"
#include "engine/reader_pool.h"
#include "engine/service.h"
#include "engine/writer.h"

struct service {
	struct store *store;
	uint64_t row_seed;
	char epoch[EPOCH_BYTES_MAX + 1];
	struct store_time time;
	struct lock_manager locks;
	struct key_book keys;
	struct intake intake;
	struct published published;
	struct writer writer;
	struct reader_pool readers;
	atomic_bool is_verifying;
	struct access_book *access;
	struct reader_pool spoolers; /* reads of the whole store */
	struct point_reads points;   /* open where loops do not read the store themselves */
};
