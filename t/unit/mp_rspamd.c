#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mp_rspamd.h"


static struct mp_scan
scan(const char *json)
{
    struct mp_scan scan = { 77777, false };

    assert_int_equal(mp_rspamd_parse(&scan, json, strlen(json), NULL), MP_OK);

    return scan;
}


static void
a_score_is_read_in_hundredths(void **state)
{
    (void) state;

    assert_int_equal(scan("{\"score\": 5.4}").score, 540);
    assert_int_equal(scan("{\"score\": -0.1}").score, -10);
    assert_int_equal(scan("{\"score\": 7}").score, 700);
    assert_int_equal(scan("{\"score\": 3.996}").score, 400);
    assert_int_equal(scan("{\"score\": 1, \"required_score\": null}").score,
                     100);
}


static void
only_a_pre_result_refuses(void **state)
{
    (void) state;

    assert_true(scan("{\"score\": 0, \"action\": \"reject\","
                     " \"is_skipped\": true}")
                    .refused);
    assert_true(scan("{\"score\": 0, \"action\": \"reject\","
                     " \"messages\": {\"smtp_message\": \"x\"}}")
                    .refused);
    assert_false(scan("{\"score\": 20, \"action\": \"reject\"}").refused);
    assert_false(scan("{\"score\": 0, \"action\": \"soft reject\","
                      " \"is_skipped\": true}")
                     .refused);
    assert_false(scan("{\"score\": 0, \"action\": 1,"
                      " \"is_skipped\": true}")
                     .refused);
    assert_false(scan("{\"score\": 0, \"is_skipped\": true}").refused);
}


static void
what_is_no_score_is_refused_and_writes_nothing(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "5",
        "null",
        "{}",
        "{\"score\": \"5\"}",
        "{\"score\": NaN}",
        "{\"score\": 1e999}",
        "{\"score\": 1e30}",
        "{\"score\": true}",
        "{\"score\": 1, \"score\": 2}",
    };
    struct mp_scan scan = { 77777, true };
    struct mp_error err;

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(mp_rspamd_parse(&scan, bad[i], strlen(bad[i]), &err),
                         MP_INVALID);
        assert_int_equal(scan.score, 77777);
        assert_true(scan.refused);
    }
}


static void
spamd_says_its_score(void **state)
{
    static const char good[] = "SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\n"
                               "Spam: True ; 6.5 / 5.0\r\n\r\n";
    static const char *const bad[] = {
        "",
        "SPAMD/1.1 0 EX_OK\r\n\r\n",
        "SPAMD/1.1 76 EX\r\nSpam: T ; 9 /",
        "HTTP/1.1 0 OK\r\nSpam: True ; 9 / 5\r\n",
        "SPAMD/1.1 0 EX_OK\r\nSpam: True ; inf / 5\r\n",
        "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 9 / 5", /* torn */
    };
    struct mp_scan scan = { 0, true };

    (void) state;

    assert_int_equal(mp_spamd_parse(&scan, good, strlen(good), NULL), MP_OK);
    assert_int_equal(scan.score, 650);
    assert_false(scan.refused);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(mp_spamd_parse(&scan, bad[i], strlen(bad[i]), NULL),
                         MP_INVALID);
    }
}


static void
a_text_begins_with_its_score(void **state)
{
    static const char *const bad[] = { "",    "x", "nan", "inf",   "0x10",
                                       "1e3", "-", ".",   "1.2.3", "12abc" };
    struct mp_scan scan;

    (void) state;

    assert_int_equal(mp_scan_text_parse(&scan, " 5.40; a=b", NULL), MP_OK);
    assert_int_equal(scan.score, 540);
    assert_int_equal(mp_scan_text_parse(&scan, "-1", NULL), MP_OK);
    assert_int_equal(scan.score, -100);
    assert_int_equal(mp_scan_text_parse(&scan, ".5", NULL), MP_OK);
    assert_int_equal(scan.score, 50);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(mp_scan_text_parse(&scan, bad[i], NULL), MP_INVALID);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_score_is_read_in_hundredths),
        cmocka_unit_test(only_a_pre_result_refuses),
        cmocka_unit_test(what_is_no_score_is_refused_and_writes_nothing),
        cmocka_unit_test(spamd_says_its_score),
        cmocka_unit_test(a_text_begins_with_its_score),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
