#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "mp_conf.h"

struct conf {
    char *text;
    char *none;
    unsigned int number;
    unsigned int wait;
    size_t size;
    bool on;
};

/* clang-format off */
static const struct mp_conf_row rows[] = {
    { "text", "dflt", "", MP_CONF_TEXT, offsetof(struct conf, text) },
    { "none", NULL, "", MP_CONF_TEXT, offsetof(struct conf, none) },
    { "number", "7", "", MP_CONF_NUMBER, offsetof(struct conf, number) },
    { "wait", "5s", "", MP_CONF_MSECS, offsetof(struct conf, wait) },
    { "size", "10m", "", MP_CONF_BYTES, offsetof(struct conf, size) },
    { "on", "yes", "", MP_CONF_BOOL, offsetof(struct conf, on) },
    { NULL, NULL, NULL, MP_CONF_TEXT, 0 },
};
/* clang-format on */


static enum mp_status
parse(struct conf *conf, const char *text, struct mp_error *err)
{
    assert_int_equal(mp_conf_default(rows, conf, NULL), MP_OK);

    return mp_conf_parse(rows, conf, text, strlen(text), err);
}


static void
the_defaults_are_those_of_the_table(void **state)
{
    struct conf conf = { 0 };

    (void) state;
    assert_int_equal(parse(&conf, "", NULL), MP_OK);
    assert_string_equal(conf.text, "dflt");
    assert_null(conf.none);
    assert_int_equal(conf.number, 7);
    assert_int_equal(conf.wait, 5000);
    assert_int_equal(conf.size, 10485760);
    assert_true(conf.on);
    mp_conf_free(rows, &conf);
    assert_null(conf.text);
}


static void
a_file_sets_values(void **state)
{
    struct conf conf = { 0 };

    (void) state;
    assert_int_equal(parse(&conf,
                           "# a comment\n"
                           "\n"
                           "text = unix:/run/x.sock\n"
                           "  none=a b  # why\n"
                           "number\t=\t0\r\n"
                           "wait = 250ms\n"
                           "size = 64k\n"
                           "on = no",
                           NULL),
                     MP_OK);
    assert_string_equal(conf.text, "unix:/run/x.sock");
    assert_string_equal(conf.none, "a b");
    assert_int_equal(conf.number, 0);
    assert_int_equal(conf.wait, 250);
    assert_int_equal(conf.size, 65536);
    assert_false(conf.on);
    mp_conf_free(rows, &conf);
}


static void
a_value_may_be_empty_and_have_signs(void **state)
{
    struct conf conf = { 0 };

    (void) state;
    assert_int_equal(parse(&conf, "text =\nnone = a=b#c\n", NULL), MP_OK);
    assert_string_equal(conf.text, "");
    assert_string_equal(conf.none, "a=b#c");
    mp_conf_free(rows, &conf);
}


static void
units_are_taken(void **state)
{
    static const struct {
        const char *line;
        unsigned int wait;
        size_t size;
    } table[] = {
        { "wait = 0s", 0, 10485760 },
        { "wait = 1ms", 1, 10485760 },
        { "wait = 2m", 120000, 10485760 },
        { "wait = 1h", 3600000, 10485760 },
        { "wait = 35d", 3024000000, 10485760 },
        { "size = 512", 5000, 512 },
        { "size = 1g", 5000, 1073741824 },
        { "size = 0", 5000, 0 },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct conf conf = { 0 };

        assert_int_equal(parse(&conf, table[i].line, NULL), MP_OK);
        assert_int_equal(conf.wait, table[i].wait);
        assert_int_equal(conf.size, table[i].size);
        mp_conf_free(rows, &conf);
    }
}


static void
what_is_wrong_is_named_with_its_line(void **state)
{
    static const struct {
        const char *text;
        const char *field;
        const char *begin;
    } table[] = {
        { "number = x", "number", "line 1: " },
        { "\n\nnumber = -1", "number", "line 3: " },
        { "number = 1x", "number", "line 1: " },
        { "number = ", "number", "line 1: " },
        { "number = 0x10", "number", "line 1: " },
        { "number = 4294967296", "number", "line 1: " },
        { "number = 18446744073709551617", "number", "line 1: " },
        { "wait = 5", "wait", "line 1: " },
        { "wait = s", "wait", "line 1: " },
        { "wait = 5 s", "wait", "line 1: " },
        { "wait = 50d", "wait", "line 1: " },
        { "size = 1t", "size", "line 1: " },
        { "size = 1.5m", "size", "line 1: " },
        { "size = 99999999999999999999g", "size", "line 1: " },
        { "on = true", "on", "line 1: " },
        { "on = YES", "on", "line 1: " },
        { "on = 1", "on", "line 1: " },
        { "text = a\x1b[2J", "text", "line 1: " },
        { "text = a\ntext = b", "text", "line 2: is given a second time" },
        { "other = 1", "", "line 1: has an unknown name" },
        { "Text = 1", "", "line 1: has an unknown name" },
        { "= 1", "", "line 1: has an unknown name" },
        { "text", "", "line 1: is not of the form" },
        { "text unix:/x", "", "line 1: is not of the form" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct conf conf = { 0 };
        struct mp_error err;

        assert_int_equal(parse(&conf, table[i].text, &err), MP_INVALID);
        assert_string_equal(err.field, table[i].field);
        assert_memory_equal(err.text, table[i].begin, strlen(table[i].begin));
        mp_conf_free(rows, &conf);
    }
}


static void
a_nul_byte_is_refused(void **state)
{
    struct conf conf = { 0 };

    (void) state;
    assert_int_equal(mp_conf_default(rows, &conf, NULL), MP_OK);
    assert_int_equal(mp_conf_parse(rows, &conf, "text = a\0b", 10, NULL),
                     MP_INVALID);
    assert_int_equal(mp_conf_parse(rows, &conf, "text\0 = a", 9, NULL),
                     MP_INVALID);
    mp_conf_free(rows, &conf);
}


static void
one_value_can_be_put(void **state)
{
    struct conf conf = { 0 };
    struct mp_error err;

    (void) state;
    assert_int_equal(mp_conf_default(rows, &conf, NULL), MP_OK);
    assert_int_equal(mp_conf_put(rows, &conf, "text", "# x ", NULL), MP_OK);
    assert_string_equal(conf.text, "# x ");
    assert_int_equal(mp_conf_put(rows, &conf, "wait", "soon", &err),
                     MP_INVALID);
    assert_string_equal(err.field, "wait");
    assert_int_equal(conf.wait, 5000);
    assert_int_equal(mp_conf_put(rows, &conf, "other", "1", &err), MP_INVALID);
    assert_string_equal(err.field, "other");
    mp_conf_free(rows, &conf);
}


static void
a_default_that_its_type_does_not_take_is_found(void **state)
{
    /* clang-format off */
    static const struct mp_conf_row bad[] = {
        { "text", "x", "", MP_CONF_TEXT, offsetof(struct conf, text) },
        { "on", "perhaps", "", MP_CONF_BOOL, offsetof(struct conf, on) },
        { NULL, NULL, NULL, MP_CONF_TEXT, 0 },
    };
    /* clang-format on */
    struct conf conf;

    (void) state;
    assert_int_equal(mp_conf_default(bad, &conf, NULL), MP_INVALID);
    mp_conf_free(bad, &conf);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_those_of_the_table),
        cmocka_unit_test(a_file_sets_values),
        cmocka_unit_test(a_value_may_be_empty_and_have_signs),
        cmocka_unit_test(units_are_taken),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(one_value_can_be_put),
        cmocka_unit_test(a_default_that_its_type_does_not_take_is_found),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
