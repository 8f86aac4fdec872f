/* Samples of a node, there and back, and what is no sample; the forecast. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "mp_sample.h"

#define GIB  (UINT64_C(1) << 30)
#define HOUR 3600


static struct mp_sample
whole(void)
{
    struct mp_sample s = {
        .at = 1767225600,
        .load = { 12, 345, 100000 },
        .processors = 8,
        .memory = 16 * GIB,
        .available = 9 * GIB,
        .swap = GIB,
        .swap_used = 4096,
        .disk_count = 2,
        .disk = { { .name = "root",
                    .path = "/",
                    .answers = true,
                    .bytes = 100 * GIB,
                    .used = 40 * GIB,
                    .free = 60 * GIB,
                    .inodes = 1000,
                    .inodes_used = 10,
                    .full_secs = 86400 },
                  { .name = "mail", .path = "/a\"b", .full_secs = -1 } },
    };

    return s;
}


static void
goes_there_and_back(void **state)
{
    struct mp_sample from = whole(), to;
    struct mp_error err;
    struct mp_json json;

    (void) state;
    mp_json_init(&json);
    mp_sample_render(&json, NULL, &from);
    assert_true(json.ok);
    assert_int_equal(mp_sample_parse(&to, json.bytes, json.len, &err), MP_OK);
    assert_memory_equal(&from, &to, sizeof(from));

    /* no beginning of it is one */
    for (size_t len = 0; len < json.len; len++) {
        assert_int_equal(mp_sample_parse(&to, json.bytes, len, &err),
                         MP_INVALID);
    }

    mp_json_free(&json);
}


static void
refuses_what_is_none(void **state)
{
    static const char rest[] = "\"processors\":1,\"memory\":1,\"available\":1,"
                               "\"swap\":0,\"swap_used\":0";
    static const struct {
        const char *at, *load, *rest, *disks, *field;
    } rows[] = {
        { "\"2026-01-01\"", "[1,2,3]", rest, "[]", "at" },
        { "1", "[1,2,3]", rest, "[]", "at" },
        { "\"2026-01-01T00:00:00Z\"", "[1,2]", rest, "[]", "load" },
        { "\"2026-01-01T00:00:00Z\"", "[1,2,-1]", rest, "[]", "load" },
        { "\"2026-01-01T00:00:00Z\"", "[1,2,1e300]", rest, "[]", "load" },
        { "\"2026-01-01T00:00:00Z\"", "[1,2,\"3\"]", rest, "[]", "load" },
        { "\"2026-01-01T00:00:00Z\"", "[1,2,3]", "\"memory\":-1", "[]",
          "memory" },
        { "\"2026-01-01T00:00:00Z\"", "[1,2,3]", rest, "{}", "disks" },
        { "\"2026-01-01T00:00:00Z\"", "[1,2,3]", rest, "[1]", "disks" },
        { "\"2026-01-01T00:00:00Z\"", "[1,2,3]", rest,
          "[{\"name\":\"a\\n\",\"path\":\"/\"}]", "disks" },
        { "\"2026-01-01T00:00:00Z\"", "[1,2,3]", rest,
          "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]", "disks" },
    };
    struct mp_sample sample;
    struct mp_error err;
    char text[512];

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int len = snprintf(
            text, sizeof(text), "{\"at\":%s,\"load\":%s,%s,\"disks\":%s}",
            rows[i].at, rows[i].load, rows[i].rest, rows[i].disks);

        assert_int_equal(mp_sample_parse(&sample, text, (size_t) len, &err),
                         MP_INVALID);
        assert_string_equal(err.field, rows[i].field);
    }

    assert_int_equal(mp_sample_parse(&sample, "[]", 2, &err), MP_INVALID);
}


static void
sees_when_a_disk_is_full(void **state)
{
    struct mp_point point[48];
    int64_t now = 47 * HOUR, left;

    (void) state;

    /* a GiB an hour, 53 of them are left */
    for (int i = 0; i < 48; i++) {
        point[i] = (struct mp_point){ i * HOUR, (uint64_t) i * GIB };
    }

    left = mp_forecast(point, 48, 100 * GIB, now);
    assert_in_range(left, 53 * HOUR - 60, 53 * HOUR + 60);

    /* up and down by the day, and still up */
    for (int i = 0; i < 48; i++) {
        point[i].value += i % 24 < 12 ? 2 * GIB : 0;
    }
    left = mp_forecast(point, 48, 100 * GIB, now);
    assert_in_range(left, 45 * HOUR, 60 * HOUR);

    /* over the limit already */
    assert_int_equal(mp_forecast(point, 48, 10 * GIB, now), 0);

    /* somebody has cleaned it: it is not full, whatever the line says */
    point[47].value = GIB;
    left = mp_forecast(point, 48, 40 * GIB, now);
    assert_in_range(left, 39 * HOUR, 60 * HOUR);

    /* and what is left grows shorter until the next point */
    assert_int_equal(mp_forecast(point, 48, 40 * GIB, now + HOUR),
                     left - HOUR);

    /* not within a year */
    assert_int_equal(mp_forecast(point, 48, 100000 * GIB, now), -1);
}


static void
sees_no_trend_where_there_is_none(void **state)
{
    struct mp_point point[48];

    (void) state;

    for (int i = 0; i < 48; i++) {
        point[i] = (struct mp_point){ i * HOUR, 5 * GIB };
    }
    assert_int_equal(mp_forecast(point, 48, 6 * GIB, 0), -1);

    for (int i = 0; i < 48; i++) {
        point[i].value = (uint64_t) (48 - i) * GIB;
    }
    assert_int_equal(mp_forecast(point, 48, 60 * GIB, 0), -1);

    /* noise */
    for (int i = 0; i < 48; i++) {
        point[i].value = (uint64_t) (i * 7919 % 48) * GIB;
    }
    assert_int_equal(mp_forecast(point, 48, 60 * GIB, 0), -1);

    /* too few, too short */
    for (int i = 0; i < 48; i++) {
        point[i] = (struct mp_point){ i * 60, (uint64_t) i * GIB };
    }
    assert_int_equal(mp_forecast(point, 48, 60 * GIB, 0), -1);
    assert_int_equal(mp_forecast(point, 3, 60 * GIB, 0), -1);
    assert_int_equal(mp_forecast(NULL, 0, 60 * GIB, 0), -1);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_there_and_back),
        cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(sees_when_a_disk_is_full),
        cmocka_unit_test(sees_no_trend_where_there_is_none),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
