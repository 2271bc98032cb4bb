/*
 * courses - what the clients of each scenario do, and what they are held to afterwards.
 *
 * Choices come from a racer's own generator, so a seed fixes them. Nobody waits for anybody here:
 * who meets whom, and when, is the race's own doing.
 */
#pragma once
#include "lab/race.h"

extern const struct course course_last_unit, course_hot_row, course_transfer, course_double_submit,
	course_count, course_read, course_two_front_ends;
