#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mp_usage.h"

#define GOOD                                                                  \
    "{\"mailboxes\":10,\"used\":7,\"failed\":1,\"bytes\":123456789012,"       \
    "\"messages\":42,\"sieve\":3,\"at\":\"2026-01-31T12:00:00Z\"}"


static enum mp_status
parse(struct mp_usage_total *total, const char *json, struct mp_error *err)
{
    return mp_usage_total_parse(total, json, strlen(json), err);
}


/* GOOD with one text put in another's place. */
static const char *
with(const char *from, const char *to)
{
    static char json[8192];
    const char *at = strstr(GOOD, from);

    assert_non_null(at);
    (void) snprintf(json, sizeof(json), "%.*s%s%s", (int) (at - GOOD), GOOD,
                    to, at + strlen(from));

    return json;
}


static void
totals_are_read(void **state)
{
    struct mp_usage_total total;

    (void) state;
    assert_int_equal(parse(&total, GOOD, NULL), MP_OK);
    assert_int_equal(total.mailboxes, 10);
    assert_int_equal(total.used, 7);
    assert_int_equal(total.failed, 1);
    assert_int_equal(total.bytes, 123456789012);
    assert_int_equal(total.messages, 42);
    assert_int_equal(total.sieve, 3);
    assert_int_equal(total.at, 1769860800);
    assert_int_equal(parse(&total, with("\"at\"", "\"new\":[],\"at\""), NULL),
                     MP_OK);
}


static void
a_wrong_member_is_named(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        const char *field;
    } rows[] = {
        { "\"mailboxes\":10,", "", "mailboxes" },
        { "\"used\":7", "\"used\":-7", "used" },
        { "\"failed\":1", "\"failed\":1.5", "failed" },
        { "123456789012", "9007199254740992", "bytes" },
        { "\"messages\":42", "\"messages\":\"42\"", "messages" },
        { "\"sieve\":3", "\"sieve\":null", "sieve" },
        { "2026-01-31", "2026-02-31", "at" },
        { "\"2026-01-31T12:00:00Z\"", "1769860800", "at" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct mp_usage_total total = { .mailboxes = 77 };
        struct mp_error err = { "", "" };

        assert_int_equal(parse(&total, with(rows[i].from, rows[i].to), &err),
                         MP_INVALID);
        assert_string_equal(err.field, rows[i].field);
        assert_int_equal(total.mailboxes, 77);
    }
}


static void
what_is_no_json_object_is_refused(void **state)
{
    static const char *const texts[] = { "",   "[]",  "7",
                                         "{}", "{}x", "{\"at\":1,\"at\":1}" };
    static char large[4097];
    struct mp_usage_total total;

    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_int_equal(parse(&total, texts[i], NULL), MP_INVALID);
    }

    memset(large, ' ', sizeof(large));
    memcpy(large, GOOD, sizeof(GOOD) - 1);
    assert_int_equal(mp_usage_total_parse(&total, large, 4096, NULL), MP_OK);
    assert_int_equal(mp_usage_total_parse(&total, large, 4097, NULL),
                     MP_INVALID);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals_are_read),
        cmocka_unit_test(a_wrong_member_is_named),
        cmocka_unit_test(what_is_no_json_object_is_refused),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
