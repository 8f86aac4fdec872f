#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mp_error.h"


static void
a_failure_is_one_return_statement(void **state)
{
    struct mp_error err;

    (void) state;

    assert_int_equal(
        mp_fail(&err, MP_INVALID, "antispam.reject", "must be %d", 10),
        MP_INVALID);
    assert_string_equal(err.field, "antispam.reject");
    assert_string_equal(err.text, "must be 10");
}


static void
nobody_need_listen_to_an_error(void **state)
{
    (void) state;

    assert_int_equal(mp_fail(NULL, MP_STALE, "", "text"), MP_STALE);
}


static void
a_text_that_does_not_fit_is_cut(void **state)
{
    struct mp_error err;
    char text[2 * sizeof(err.text)];

    (void) state;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';

    (void) mp_fail(&err, MP_INVALID, text, "%s", text);
    assert_int_equal(strlen(err.field), sizeof(err.field) - 1);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}


static void
a_name_that_is_none_is_told_all(void **state)
{
    static const char *const names[] = { "red", "green", "blue", NULL };
    const char *many[100];
    struct mp_error err;

    (void) state;

    assert_int_equal(mp_fail_names(&err, "colour", names), MP_INVALID);
    assert_string_equal(err.field, "colour");
    assert_string_equal(err.text, "must be one of red, green, blue");

    for (size_t i = 0; i < 99; i++) {
        many[i] = "a long name";
    }

    many[99] = NULL;
    assert_int_equal(mp_fail_names(&err, "name", many), MP_INVALID);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}


static void
no_two_failures_have_one_name(void **state)
{
    (void) state;

    for (int i = 0; i < MP_STATUS_COUNT; i++) {
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(mp_status_name((enum mp_status) i),
                                    mp_status_name((enum mp_status) k));
        }
    }
}


static void
every_failure_has_a_status_of_http_and_of_programs(void **state)
{
    enum mp_status status;

    (void) state;

    for (int i = MP_OK + 1; i < MP_STATUS_COUNT; i++) {
        status = (enum mp_status) i;
        assert_in_range(mp_status_http(status), 400, 599);
        assert_in_range(mp_status_exit(status), 64, 78);
        assert_true(strlen(mp_status_title(status)) > 0);
    }
}


static void
success_is_success_everywhere(void **state)
{
    (void) state;

    assert_int_equal(MP_OK, 0);
    assert_int_equal(mp_status_http(MP_OK), 200);
    assert_int_equal(mp_status_exit(MP_OK), 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_one_return_statement),
        cmocka_unit_test(nobody_need_listen_to_an_error),
        cmocka_unit_test(a_text_that_does_not_fit_is_cut),
        cmocka_unit_test(a_name_that_is_none_is_told_all),
        cmocka_unit_test(no_two_failures_have_one_name),
        cmocka_unit_test(every_failure_has_a_status_of_http_and_of_programs),
        cmocka_unit_test(success_is_success_everywhere),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
