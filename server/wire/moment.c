#include "wire/moment.h"
#include <string.h>

enum { MS_PER_DAY = 86400000 };

/*
 * Days since 1970-01-01 of a date of the proleptic Gregorian calendar, by shifting the year to
 * begin in March (Howard Hinnant, "chrono-compatible low-level date algorithms").
 */
static int64_t days_of_date(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = y / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static void date_of_days(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = z / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
}

static void put(char *at, int digits, int n)
{
	for (int i = digits - 1; i >= 0; i--) {
		at[i] = (char)('0' + n % 10);
		n /= 10;
	}
}

static void format_anew(char out[MOMENT_BYTES], int64_t utc_ms)
{
	int64_t days = utc_ms / MS_PER_DAY;
	int left = (int)(utc_ms % MS_PER_DAY);
	int year, month, day;

	date_of_days(days, &year, &month, &day);
	memcpy(out, "0000-00-00T00:00:00.000Z", MOMENT_BYTES);
	put(out, 4, year);
	put(out + 5, 2, month);
	put(out + 8, 2, day);
	put(out + 11, 2, left / 3600000);
	put(out + 14, 2, left / 60000 % 60);
	put(out + 17, 2, left / 1000 % 60);
	put(out + 20, 3, left % 1000);
}

/*
 * Answers name moments of one second again and again: the change and its row, and all that shared
 * their group. So each thread keeps the newest second that it wrote, as text.
 */
struct kept_second {
	int64_t second;
	char text[MOMENT_BYTES];
};

void moment_format(char out[MOMENT_BYTES], int64_t utc_ms)
{
	static _Thread_local struct kept_second kept = { .second = -1 };

	if (utc_ms / 1000 != kept.second || utc_ms < 0) {
		format_anew(out, utc_ms);
		kept.second = utc_ms < 0 ? -1 : utc_ms / 1000;
		memcpy(kept.text, out, MOMENT_BYTES);
	} else {
		memcpy(out, kept.text, MOMENT_BYTES);
		put(out + 20, 3, (int)(utc_ms % 1000));
	}
}

static bool read_digits(const char **at, int digits, int *ret)
{
	int n = 0;

	for (int i = 0; i < digits; i++) {
		char c = (*at)[i];

		if (c < '0' || c > '9')
			return false;
		n = n * 10 + (c - '0');
	}
	*at += digits;
	*ret = n;
	return true;
}

static bool read_char(const char **at, const char *one_of)
{
	if (**at == '\0' || strchr(one_of, **at) == NULL)
		return false;
	(*at)++;
	return true;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && is_leap ? 29 : days[month - 1];
}

/* ".123456" behind the seconds, cut to milliseconds; nothing there is fine. */
static bool read_fraction(const char **at, int *ret_ms)
{
	int scale = 100;

	*ret_ms = 0;
	if (**at != '.')
		return true;
	(*at)++;
	if (**at < '0' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; (*at)++) {
		*ret_ms += (**at - '0') * scale;
		scale /= 10;
	}
	return true;
}

static bool read_offset(const char **at, int *ret_minutes)
{
	int hours, minutes;
	char sign = **at;

	*ret_minutes = 0;
	if (read_char(at, "Zz"))
		return true;
	if (!read_char(at, "+-") || !read_digits(at, 2, &hours) || !read_char(at, ":") ||
	    !read_digits(at, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_minutes = (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
	return true;
}

bool moment_parse(const char *text, int64_t *ret_utc_ms)
{
	const char *at = text;
	int year, month, day, hour, minute, second, ms, offset;

	if (!read_digits(&at, 4, &year) || !read_char(&at, "-") || !read_digits(&at, 2, &month) ||
	    !read_char(&at, "-") || !read_digits(&at, 2, &day) || !read_char(&at, "Tt ") ||
	    !read_digits(&at, 2, &hour) || !read_char(&at, ":") || !read_digits(&at, 2, &minute) ||
	    !read_char(&at, ":") || !read_digits(&at, 2, &second) || !read_fraction(&at, &ms) ||
	    !read_offset(&at, &offset) || *at != '\0')
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
	    hour > 23 || minute > 59 || second > 60)
		return false;

	int64_t minutes = days_of_date(year, month, day) * 1440 + hour * 60 + minute - offset;

	*ret_utc_ms = minutes * 60000 + second * 1000 + ms;
	return true;
}
