/*
 * submission - what becomes of a work that is handed to the engine, as its waiter is told.
 */
#pragma once
#include <stdbool.h>

enum submit {
	SUBMIT_PENDING,  /* the parcel will come to waiter->parcel.home */
	SUBMIT_ANSWERED, /* waiter->work->answer is there */
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
