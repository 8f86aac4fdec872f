#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "mp_json.h"


static void
is_json(struct mp_json *json, const char *want)
{
    assert_true(json->ok);
    assert_int_equal(json->len, strlen(want));
    assert_memory_equal(json->bytes, want, json->len);
    mp_json_free(json);
}


static void
commas_stand_between_values_only(void **state)
{
    struct mp_json json;

    (void) state;

    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_array(&json, "a");
    mp_json_end_array(&json);
    mp_json_array(&json, "b");
    mp_json_number(&json, NULL, -7);
    mp_json_bool(&json, NULL, true);
    mp_json_object(&json, NULL);
    mp_json_null(&json, "n");
    mp_json_end_object(&json);
    mp_json_end_array(&json);
    mp_json_text(&json, "t", NULL);
    mp_json_end_object(&json);

    is_json(&json, "{\"a\":[],\"b\":[-7,true,{\"n\":null}],\"t\":null}");
}


static void
hundredths_are_decimals_without_needless_zeros(void **state)
{
    static const struct {
        int64_t value;
        const char *text;
    } rows[] = {
        { 0, "0" },       { 1, "0.01" },   { 10, "0.1" },  { 100, "1" },
        { 399, "3.99" },  { 450, "4.5" },  { 1000, "10" }, { 99900, "999" },
        { -150, "-1.5" }, { -5, "-0.05" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mp_json json;

        mp_json_init(&json);
        mp_json_hundredths(&json, NULL, rows[i].value);
        is_json(&json, rows[i].text);
    }
}


static void
control_characters_and_quotes_are_escaped(void **state)
{
    struct mp_json json;

    (void) state;

    mp_json_init(&json);
    mp_json_bytes(&json, NULL, "a\"\\\n\r\t\x01\x1b\x7f\0z", 11);
    is_json(&json, "\"a\\\"\\\\\\n\\r\\t\\u0001\\u001b\\u007f\\u0000z\"");
}


static void
bytes_that_are_not_utf8_become_the_replacement_character(void **state)
{
    static const char *const bad[] = {
        "\xff",         "\xc0\xaf",         "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xe2\x82",     "\xf8\x88\x80\x80", "\x80",         "\xc3",
        "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xfe",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct mp_json json;
        json_t *read;

        mp_json_init(&json);
        mp_json_text(&json, NULL, bad[i]);

        read = json_loadb(json.bytes, json.len, JSON_DECODE_ANY, NULL);
        assert_non_null(read);
        assert_memory_equal(json_string_value(read), "\xef\xbf\xbd", 3);
        json_decref(read);
        mp_json_free(&json);
    }
}


static void
good_utf8_passes_unchanged(void **state)
{
    struct mp_json json;

    (void) state;

    mp_json_init(&json);
    mp_json_text(&json, NULL, "b\xc3\xbc\xe2\x82\xac\xf0\x9f\x93\xa7");
    is_json(&json, "\"b\xc3\xbc\xe2\x82\xac\xf0\x9f\x93\xa7\"");
}


static void
every_byte_string_gives_json_that_jansson_reads(void **state)
{
    unsigned char bytes[64];
    uint32_t seed = 1;

    (void) state;

    for (int round = 0; round < 20000; round++) {
        struct mp_json json;
        json_t *read;

        for (size_t i = 0; i < sizeof(bytes); i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = (unsigned char) (seed >> 24);
        }

        mp_json_init(&json);
        mp_json_bytes(&json, NULL, (const char *) bytes, seed % sizeof(bytes));
        read = json_loadb(json.bytes, json.len,
                          JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(read);
        json_decref(read);
        mp_json_free(&json);
    }
}


static void
what_is_too_large_is_remembered_as_a_failure(void **state)
{
    struct mp_json json;

    (void) state;

    mp_json_init(&json);
    mp_json_raw(&json, NULL, "x", (size_t) MP_JSON_MAX + 1);
    assert_false(json.ok);
    mp_json_text(&json, NULL, "later");
    assert_false(json.ok);
    mp_json_free(&json);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_stand_between_values_only),
        cmocka_unit_test(hundredths_are_decimals_without_needless_zeros),
        cmocka_unit_test(control_characters_and_quotes_are_escaped),
        cmocka_unit_test(
            bytes_that_are_not_utf8_become_the_replacement_character),
        cmocka_unit_test(good_utf8_passes_unchanged),
        cmocka_unit_test(every_byte_string_gives_json_that_jansson_reads),
        cmocka_unit_test(what_is_too_large_is_remembered_as_a_failure),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
