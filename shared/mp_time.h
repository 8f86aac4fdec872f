#ifndef MP_TIME_H
#define MP_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MP_TIME_SIZE 21 /* "2026-01-31T12:00:00Z" and a NUL */

/* RFC 3339 in UTC, to the second; years 1970 to 9999. */
void mp_time_format(char text_r[MP_TIME_SIZE], int64_t unix_seconds);

/* Takes the same form only, and a real date.  False: seconds_r untouched. */
bool mp_time_parse(int64_t *seconds_r, const char *text, size_t len);

#endif
