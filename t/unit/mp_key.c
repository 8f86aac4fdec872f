#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mp_key.h"


static void
a_part_fills_the_hole(void **state)
{
    struct mp_keyname name;

    (void) state;

    assert_true(mp_key_name(&name, MP_KEY_SESSION, "ab12"));
    assert_string_equal(name.text, "mp:{sess}:ab12");
    assert_int_equal(name.len, strlen(name.text));
}


static void
a_name_without_a_hole_is_its_pattern(void **state)
{
    struct mp_keyname name;

    (void) state;

    assert_true(mp_key_name(&name, MP_KEY_LISTS, NULL));
    assert_string_equal(name.text, mp_key(MP_KEY_LISTS));
    assert_int_equal(name.len, strlen(name.text));
}


static void
a_part_where_none_belongs_is_refused(void **state)
{
    struct mp_keyname name;

    (void) state;

    assert_false(mp_key_name(&name, MP_KEY_LISTS, "x"));
    assert_int_equal(name.len, 0);
    assert_string_equal(name.text, "");
}


static void
a_missing_part_is_refused(void **state)
{
    struct mp_keyname name;

    (void) state;

    assert_false(mp_key_name(&name, MP_KEY_SESSION, NULL));
    assert_int_equal(name.len, 0);
    assert_null(mp_key(MP_KEY_SESSION));
}


static void
a_part_may_fill_the_buffer_and_not_more(void **state)
{
    struct mp_keyname name;
    char part[sizeof(name.text)];
    size_t most = sizeof(name.text) - 1 - strlen("mp:{sess}:");

    (void) state;

    memset(part, 'x', sizeof(part));

    part[most] = '\0';
    assert_true(mp_key_name(&name, MP_KEY_SESSION, part));
    assert_int_equal(name.len, sizeof(name.text) - 1);
    assert_int_equal(strlen(name.text), name.len);

    part[most] = 'x';
    part[most + 1] = '\0';
    assert_false(mp_key_name(&name, MP_KEY_SESSION, part));
    assert_int_equal(name.len, 0);
}


static void
a_percent_in_a_part_is_only_a_character(void **state)
{
    struct mp_keyname name;

    (void) state;

    assert_true(mp_key_name(&name, MP_KEY_SESSION, "%s%n"));
    assert_string_equal(name.text, "mp:{sess}:%s%n");
}


static void
no_two_keys_have_one_pattern(void **state)
{
    (void) state;

    for (int i = 0; i < MP_KEY_COUNT; i++) {
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(mp_key_table[i].pattern,
                                    mp_key_table[k].pattern);
        }
    }
}


static void
every_pattern_has_one_hole_at_most_and_the_portals_prefix(void **state)
{
    const char *pattern;

    (void) state;

    for (int i = 0; i < MP_KEY_COUNT; i++) {
        pattern = mp_key_table[i].pattern;
        assert_true(strncmp(pattern, "mp:", 3) == 0);
        assert_true(strchr(pattern, '%') == strrchr(pattern, '%'));
    }
}


static void
every_row_says_what_it_is_for(void **state)
{
    (void) state;

    for (int i = 0; i < MP_KEY_COUNT; i++) {
        assert_true(strlen(mp_key_table[i].doc) > 0);
        assert_true(strlen(mp_key_table[i].writer) > 0);
        assert_true(mp_key_table[i].ttl >= 0);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_fills_the_hole),
        cmocka_unit_test(a_name_without_a_hole_is_its_pattern),
        cmocka_unit_test(a_part_where_none_belongs_is_refused),
        cmocka_unit_test(a_missing_part_is_refused),
        cmocka_unit_test(a_part_may_fill_the_buffer_and_not_more),
        cmocka_unit_test(a_percent_in_a_part_is_only_a_character),
        cmocka_unit_test(no_two_keys_have_one_pattern),
        cmocka_unit_test(
            every_pattern_has_one_hole_at_most_and_the_portals_prefix),
        cmocka_unit_test(every_row_says_what_it_is_for),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
