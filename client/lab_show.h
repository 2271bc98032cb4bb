/*
 * lab_show - the laboratory's results on a terminal: a table, bars, and what they mean.
 *
 * Bars are made of block characters where the terminal's language is UTF-8, else of '#'. Harm is
 * coloured on a terminal, unless NO_COLOR is set.
 */
#pragma once
#include "lab/lab.h"

void lab_show(const struct lab_result results[], int count);

/* "1,234,567", or "0.35" below 10: short, and good to compare. The text is `into`. */
const char *lab_number(char into[32], double number);

/* What went wrong, "12 lost, 3 oversold"; "" when nothing did. The text is `into`. */
const char *lab_harm(char into[96], const struct lab_result *r);
