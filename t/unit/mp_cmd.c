#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mp_cmd.h"


static void
arguments_come_out_as_they_were_added(void **state)
{
    struct mp_cmd cmd;
    const char **argv;

    (void) state;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "SET", "key", NULL);
    mp_cmd_add(&cmd, "a\0b", 3);
    mp_cmd_number(&cmd, -42);
    mp_cmd_text(&cmd, "");

    argv = mp_cmd_argv(&cmd);
    assert_non_null(argv);
    assert_int_equal(cmd.argc, 5);
    assert_string_equal(argv[0], "SET");
    assert_string_equal(argv[1], "key");
    assert_int_equal(cmd.lens[2], 3);
    assert_memory_equal(argv[2], "a\0b", 3);
    assert_string_equal(argv[3], "-42");
    assert_int_equal(cmd.lens[4], 0);

    mp_cmd_free(&cmd);
}


static void
an_argument_need_not_outlive_its_call(void **state)
{
    struct mp_cmd cmd;
    char text[8] = "before";

    (void) state;

    mp_cmd_init(&cmd);
    mp_cmd_text(&cmd, text);
    memcpy(text, "after!", 7);

    assert_string_equal(mp_cmd_argv(&cmd)[0], "before");

    mp_cmd_free(&cmd);
}


static void
a_thousand_arguments_stay_in_order(void **state)
{
    struct mp_cmd cmd;
    const char **argv;
    char text[16];

    (void) state;

    mp_cmd_init(&cmd);

    for (int i = 0; i < 1000; i++) {
        mp_cmd_number(&cmd, i);
    }

    argv = mp_cmd_argv(&cmd);
    assert_int_equal(cmd.argc, 1000);

    for (int i = 0; i < 1000; i++) {
        (void) snprintf(text, sizeof(text), "%d", i);
        assert_string_equal(argv[i], text);
        assert_int_equal(cmd.lens[i], strlen(text));
    }

    mp_cmd_free(&cmd);
}


static void
a_vector_may_be_asked_for_again_after_more(void **state)
{
    struct mp_cmd cmd;

    (void) state;

    mp_cmd_init(&cmd);
    mp_cmd_text(&cmd, "GET");
    assert_string_equal(mp_cmd_argv(&cmd)[0], "GET");

    for (int i = 0; i < 100; i++) {
        mp_cmd_text(&cmd, "a text that makes the block grow and move");
    }

    assert_string_equal(mp_cmd_argv(&cmd)[0], "GET");
    assert_string_equal(mp_cmd_argv(&cmd)[100],
                        "a text that makes the block grow and move");

    mp_cmd_free(&cmd);
}


static void
the_ends_of_the_numbers_are_written_whole(void **state)
{
    struct mp_cmd cmd;

    (void) state;

    mp_cmd_init(&cmd);
    mp_cmd_number(&cmd, INT64_MIN);
    mp_cmd_number(&cmd, INT64_MAX);

    assert_string_equal(mp_cmd_argv(&cmd)[0], "-9223372036854775808");
    assert_string_equal(mp_cmd_argv(&cmd)[1], "9223372036854775807");

    mp_cmd_free(&cmd);
}


static void
a_failure_is_remembered_until_a_reset(void **state)
{
    struct mp_cmd cmd;

    (void) state;

    mp_cmd_init(&cmd);
    mp_cmd_text(&cmd, "GET");
    mp_cmd_add(&cmd, "x", SIZE_MAX);
    assert_false(cmd.ok);

    mp_cmd_text(&cmd, "key");
    assert_int_equal(cmd.argc, 1);
    assert_null(mp_cmd_argv(&cmd));

    mp_cmd_reset(&cmd);
    assert_true(cmd.ok);
    assert_int_equal(cmd.argc, 0);

    mp_cmd_text(&cmd, "PING");
    assert_string_equal(mp_cmd_argv(&cmd)[0], "PING");

    mp_cmd_free(&cmd);
}


static void
a_reset_keeps_the_memory(void **state)
{
    struct mp_cmd cmd;
    size_t size;

    (void) state;

    mp_cmd_init(&cmd);

    for (int i = 0; i < 1000; i++) {
        mp_cmd_text(&cmd, "argument");
    }

    size = cmd.size;
    mp_cmd_reset(&cmd);
    assert_int_equal(cmd.size, size);
    assert_int_equal(cmd.used, 0);

    mp_cmd_free(&cmd);
    assert_null(cmd.bytes);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_come_out_as_they_were_added),
        cmocka_unit_test(an_argument_need_not_outlive_its_call),
        cmocka_unit_test(a_thousand_arguments_stay_in_order),
        cmocka_unit_test(a_vector_may_be_asked_for_again_after_more),
        cmocka_unit_test(the_ends_of_the_numbers_are_written_whole),
        cmocka_unit_test(a_failure_is_remembered_until_a_reset),
        cmocka_unit_test(a_reset_keeps_the_memory),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
