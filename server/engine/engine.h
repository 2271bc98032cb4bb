/*
 * engine - what a service is made of, for the files of run/ only.
 */
#pragma once
#include "engine/feed.h"
#include "engine/reader_pool.h"
#include "engine/writer.h"

struct service {
	struct store *store;
	uint64_t row_seed;
	char epoch[EPOCH_BYTES_MAX + 1];
	struct store_time time;
	struct lock_manager locks;
	struct key_book keys;
	struct published published;
	struct writer writer;
	struct reader_pool readers;
	atomic_bool is_verifying;
	struct reader_pool spoolers; /* reads of the whole store */
};
