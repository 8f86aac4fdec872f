#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mp_dav.h"


static void
goes_there_and_back(void **state)
{
    const struct mp_dav dav = { 5, 3, 2, "2026-01-31T12:00:00Z" };
    struct mp_json json;
    struct mp_dav again;

    (void) state;
    mp_json_init(&json);
    mp_dav_render(&json, NULL, &dav);
    assert_int_equal(mp_dav_parse(&again, json.bytes, json.len, NULL), MP_OK);
    assert_int_equal(again.collections, 5);
    assert_int_equal(again.addressbooks, 3);
    assert_int_equal(again.calendars, 2);
    assert_string_equal(again.at, dav.at);
    mp_json_free(&json);
}


static void
what_is_none_is_named(void **state)
{
    static const struct {
        const char *json;
        const char *field;
    } rows[] = {
        { "", "" },
        { "[]", "" },
        { "{\"collections\":1,\"collections\":1}", "" },
        { "{}", "collections" },
        { "{\"collections\":\"1\"}", "collections" },
        { "{\"collections\":-1}", "collections" },
        { "{\"collections\":1.5}", "collections" },
        { "{\"collections\":9007199254740992}", "collections" },
        { "{\"collections\":1}", "addressbooks" },
        { "{\"collections\":1,\"addressbooks\":1}", "calendars" },
        { "{\"collections\":1,\"addressbooks\":1,\"calendars\":0}", "at" },
        { "{\"collections\":1,\"addressbooks\":1,\"calendars\":0,\"at\":null}",
          "at" },
        { "{\"collections\":1,\"addressbooks\":1,\"calendars\":0,"
          "\"at\":\"now\"}",
          "at" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mp_error err = { .field = "-" };
        struct mp_dav dav;

        assert_int_equal(
            mp_dav_parse(&dav, rows[i].json, strlen(rows[i].json), &err),
            MP_INVALID);
        assert_string_equal(err.field, rows[i].field);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_there_and_back),
        cmocka_unit_test(what_is_none_is_named),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
