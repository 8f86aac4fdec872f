#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "mp_time.h"


static void
known_moments_are_written_and_read(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {
        { 0, "1970-01-01T00:00:00Z" },
        { 951782400, "2000-02-29T00:00:00Z" },
        { 951868799, "2000-02-29T23:59:59Z" },
        { 1769860800, "2026-01-31T12:00:00Z" },
        { 4107542399, "2100-02-28T23:59:59Z" },
        { 4107542400, "2100-03-01T00:00:00Z" },
        { INT64_C(253402300799), "9999-12-31T23:59:59Z" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[MP_TIME_SIZE];
        int64_t seconds = -1;

        mp_time_format(text, rows[i].seconds);
        assert_string_equal(text, rows[i].text);
        assert_true(
            mp_time_parse(&seconds, rows[i].text, strlen(rows[i].text)));
        assert_int_equal(seconds, rows[i].seconds);
    }
}


static void
every_day_to_2400_is_what_the_c_library_says(void **state)
{
    (void) state;

    for (int64_t day = 0; day < 157060; day++) {
        int64_t seconds = day * 86400 + day % 86400, read = -1;
        time_t clock = (time_t) seconds;
        char text[MP_TIME_SIZE], expected[MP_TIME_SIZE];
        struct tm tm;

        (void) gmtime_r(&clock, &tm);
        (void) strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &tm);
        mp_time_format(text, seconds);
        assert_string_equal(text, expected);
        assert_true(mp_time_parse(&read, text, strlen(text)));
        assert_int_equal(read, seconds);
    }
}


static void
other_forms_are_refused_and_change_nothing(void **state)
{
    static const char *const texts[] = {
        "",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00:00z",
        "2026-01-31t12:00:00Z",
        "2026-01-31 12:00:00Z",
        "2026-01-31T12:00:00+00:00",
        "2026-01-31T12:00:00.5Z",
        "2026-01-31T12:00:0Z",
        "2026-1-031T12:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-00-10T00:00:00Z",
        "2026-13-10T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:60Z",
        "1969-12-31T23:59:59Z",
        "-026-01-31T12:00:00Z",
        "+026-01-31T12:00:00Z",
        " 2026-01-31T12:00:0Z",
        "2026-01-31T12:00:00Z ",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        int64_t seconds = 77;

        assert_false(mp_time_parse(&seconds, texts[i], strlen(texts[i])));
        assert_int_equal(seconds, 77);
    }
}


static void
a_time_out_of_range_becomes_the_nearest_end(void **state)
{
    char text[MP_TIME_SIZE];

    (void) state;

    mp_time_format(text, -1);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    mp_time_format(text, INT64_MIN);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    mp_time_format(text, INT64_MAX);
    assert_string_equal(text, "9999-12-31T23:59:59Z");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_moments_are_written_and_read),
        cmocka_unit_test(every_day_to_2400_is_what_the_c_library_says),
        cmocka_unit_test(other_forms_are_refused_and_change_nothing),
        cmocka_unit_test(a_time_out_of_range_becomes_the_nearest_end),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
