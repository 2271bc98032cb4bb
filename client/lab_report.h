/*
 * lab_report - the laboratory's results as a page: one HTML file that needs nothing else, no
 * script, no network. Charts are inline SVG, and readable without colours.
 */
#pragma once
#include "client/exit.h"
#include "lab/lab.h"

/* Writes or replaces the file. Complains when it cannot. */
enum exit_code lab_report_write(const char *path, const struct lab_terms *terms,
				const struct lab_result results[], int count);
