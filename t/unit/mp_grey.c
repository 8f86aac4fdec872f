#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mp_grey.h"

static const char *const rcpts[] = { "<a@demo.example>", "<B@demo.example>" };
static const char *const other_order[] = { "<b@demo.example>",
                                           "a@demo.example" };


static void
name_of(char hex_r[MP_GREY_HEX], const char *client, const char *sender,
        const char *const *to)
{
    struct mp_grey grey = { "secret", client, sender, to, 2 };

    assert_true(mp_grey_name(hex_r, &grey));
    assert_int_equal(strlen(hex_r), MP_GREY_HEX - 1);
}


static bool
same(const char *client, const char *sender, const char *const *to)
{
    char a[MP_GREY_HEX], b[MP_GREY_HEX];

    name_of(a, "192.0.2.1", "<bounce-123+x@list.example>", rcpts);
    name_of(b, client, sender, to);

    return strcmp(a, b) == 0;
}


static void
a_retry_is_the_same_whatever_changes_with_each_try(void **state)
{
    (void) state;

    assert_true(same("192.0.2.1", "<bounce-123+x@list.example>", rcpts));
    assert_true(same("192.0.2.250", "<bounce-123+x@list.example>", rcpts));
    assert_true(same("192.0.2.1", "<Bounce-77@LIST.example>", rcpts));
    assert_true(same("192.0.2.1", "bounce-1+@list.example", rcpts));
    assert_true(same("192.0.2.1", "<bounce-123+x@list.example>", other_order));
}


static void
another_sender_is_another(void **state)
{
    static const char *const fewer[] = { "<a@demo.example>", "" };

    (void) state;

    assert_false(same("192.0.3.1", "<bounce-123+x@list.example>", rcpts));
    assert_false(same("192.0.2.1", "<bounce-123+x@other.example>", rcpts));
    assert_false(same("192.0.2.1", "<bounce-123+x@list2.example>", rcpts));
    assert_false(same("192.0.2.1", "<bounce@list.example>", rcpts));
    assert_false(same("192.0.2.1", "<>", rcpts));
    assert_false(same("192.0.2.1", "<bounce-123+x@list.example>", fewer));
}


static void
odd_senders_have_a_name_too(void **state)
{
    static const char *const odd[] = {
        "", "<>", "+", "+@", "@", "prvs=", "prvs=1234=u@x", "1", "<1@2>"
    };
    char hex[MP_GREY_HEX];

    (void) state;

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        name_of(hex, odd[i], odd[i], rcpts);
    }
}


static void
it_waits_for_the_delay_and_no_longer(void **state)
{
    (void) state;

    assert_int_equal(mp_grey_left("1000", 1000, 300), 300);
    assert_int_equal(mp_grey_left("1000", 1299, 300), 1);
    assert_int_equal(mp_grey_left("1000", 1300, 300), 0);
    assert_int_equal(mp_grey_left("1000", 999, 300), 0);
}


static void
what_is_no_time_lets_pass(void **state)
{
    static const char *const bad[] = {
        "", "x", "-5", "1000x", "1e3", "9999999999999999999999"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(mp_grey_left(bad[i], 1000, 300), 0);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_retry_is_the_same_whatever_changes_with_each_try),
        cmocka_unit_test(another_sender_is_another),
        cmocka_unit_test(odd_senders_have_a_name_too),
        cmocka_unit_test(it_waits_for_the_delay_and_no_longer),
        cmocka_unit_test(what_is_no_time_lets_pass),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
