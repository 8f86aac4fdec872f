#include "mp_time.h"

#include <stdio.h>
#include <string.h>

#define MP_DAY 86400

/* 0000-03-01, with which a 400 year era begins, to 1970-01-01 */
#define MP_DAYS_TO_EPOCH 719468
#define MP_DAYS_ERA      146097

#define MP_LAST_SECOND INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

static const char mp_time_form[] = "dddd-dd-ddTdd:dd:ddZ";


/*
 * Years begin in March here, so that the leap day is a year's last and the
 * days before a month follow one line: (153 m + 2) / 5.
 */
static void
mp_date_of(int64_t days, int *year_r, int *month_r, int *day_r)
{
    int64_t era, of_era, year, of_year, month;

    days += MP_DAYS_TO_EPOCH;
    era = days / MP_DAYS_ERA;
    of_era = days % MP_DAYS_ERA;
    year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (365 * year + year / 4 - year / 100);
    month = (5 * of_year + 2) / 153;

    *day_r = (int) (of_year - (153 * month + 2) / 5 + 1);
    *month_r = (int) (month < 10 ? month + 3 : month - 9);
    *year_r = (int) (year + era * 400 + (*month_r <= 2));
}


static int64_t
mp_days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t era, of_era, of_year;

    year -= month <= 2;
    era = year / 400;
    of_era = year % 400;
    of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * MP_DAYS_ERA + of_era * 365 + of_era / 4 - of_era / 100
         + of_year - MP_DAYS_TO_EPOCH;
}


static int
mp_month_days(int year, int month)
{
    static const int days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    if (month == 2 && (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)))
    {
        return 29;
    }

    return days[month - 1];
}


void
mp_time_format(char text_r[MP_TIME_SIZE], int64_t unix_seconds)
{
    int year, month, day, second;
    char text[64];

    if (unix_seconds < 0) {
        unix_seconds = 0;
    }

    if (unix_seconds > MP_LAST_SECOND) {
        unix_seconds = MP_LAST_SECOND;
    }

    mp_date_of(unix_seconds / MP_DAY, &year, &month, &day);
    second = (int) (unix_seconds % MP_DAY);

    (void) snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", year,
                    month, day, second / 3600, second / 60 % 60, second % 60);
    memcpy(text_r, text, MP_TIME_SIZE - 1);
    text_r[MP_TIME_SIZE - 1] = '\0';
}


static int
mp_digits(const char *text, unsigned int count)
{
    int value = 0;

    while (count-- > 0) {
        value = value * 10 + (*text++ - '0');
    }

    return value;
}


bool
mp_time_parse(int64_t *seconds_r, const char *text, size_t len)
{
    int year, month, day, hour, minute, second;

    if (len != MP_TIME_SIZE - 1) {
        return false;
    }

    for (size_t i = 0; i < len; i++) {
        if (mp_time_form[i] == 'd' ? text[i] < '0' || text[i] > '9'
                                   : text[i] != mp_time_form[i])
        {
            return false;
        }
    }

    year = mp_digits(text, 4);
    month = mp_digits(text + 5, 2);
    day = mp_digits(text + 8, 2);
    hour = mp_digits(text + 11, 2);
    minute = mp_digits(text + 14, 2);
    second = mp_digits(text + 17, 2);

    if (year < 1970 || month < 1 || month > 12 || day < 1
        || day > mp_month_days(year, month) || hour > 23 || minute > 59
        || second > 59)
    {
        return false;
    }

    *seconds_r = mp_days_of(year, month, day) * MP_DAY + hour * 3600
               + minute * 60 + second;

    return true;
}
