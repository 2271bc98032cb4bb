/*
 * cppcheck - macros of the system's headers, which cppcheck does not read: tests/analyze.py has it
 * included first.
 */
#pragma once

#define json_array_foreach(array, index, value)                                                   \
	for (index = 0; index < json_array_size(array) && (value = json_array_get(array, index)); \
	     index++)

#define json_object_foreach(object, key, value)                                        \
	for (void *it = json_object_iter(object);                                      \
	     (key = json_object_iter_key(it)) && (value = json_object_iter_value(it)); \
	     it = json_object_iter_next(object, it))
