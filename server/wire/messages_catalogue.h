/*
 * messages_catalogue - what an item's attributes may be, for who has them from elsewhere than a
 * request. The readers of items and locations are declared in message_readers.h, as all are.
 */
#pragma once
#include "wire/message.h"

/*
 * Might these be the attributes of an item? DONE, OUT_OF_MEMORY, or what a request with them is
 * refused with. Uses the arena.
 */
enum outcome message_judge_attributes(const char *attributes, struct arena *a);
