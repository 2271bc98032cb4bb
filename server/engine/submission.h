/*
 * submission - what becomes of a work that is handed to the engine, as its waiter is told.
 */
#pragma once
#include <stdbool.h>

enum submit {
	SUBMIT_PENDING,  /* the parcel will come to waiter->parcel.home */
	SUBMIT_ANSWERED, /* waiter->work->answer is there */
	/*
	 * Where the store is a network away: its key may have been used, which only a thread that
	 * may wait can find out, by service_look_up() of waiter->work. Then it is submitted again.
	 */
	SUBMIT_LOOK_UP,
};

enum replayed {
	REPLAYED_NOTHING, /* the key was not used yet */
	REPLAYED,         /* the work has its answer */
	REPLAYED_LATER,   /* a thread that may wait must look: service_replay_from() */
};

enum recall {
	RECALL_BEGUN, /* its parcel comes, with OPERATION_WITHDRAWN unless that could not be kept */
	RECALL_SHARED, /* others wait for the write, too: nothing happened */
	RECALL_LATE,   /* it is decided: nothing happened */
};

struct work_place {
	bool is_decided;
	int ahead_count; /* while it is not: claims that stand before it */
};
