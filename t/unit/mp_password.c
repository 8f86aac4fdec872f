#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

#include <sodium.h>

#include "mp_password.h"


static void
a_password_is_known_again(void **state)
{
    char hash[MP_PASSWORD_HASH];

    (void) state;
    assert_true(mp_password_hash(hash, "correct horse", 13));
    assert_memory_equal(hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31);
    assert_true(mp_password_verify(hash, "correct horse", 13));
}


static void
another_password_is_not(void **state)
{
    char hash[MP_PASSWORD_HASH];

    (void) state;
    assert_true(mp_password_hash(hash, "correct horse", 13));
    assert_false(mp_password_verify(hash, "correct horsf", 13));
    assert_false(mp_password_verify(hash, "correct hors", 12));
    assert_false(mp_password_verify(hash, "", 0));
}


static void
two_hashes_of_one_password_differ(void **state)
{
    char first[MP_PASSWORD_HASH], second[MP_PASSWORD_HASH];

    (void) state;
    assert_true(mp_password_hash(first, "correct horse", 13));
    assert_true(mp_password_hash(second, "correct horse", 13));
    assert_string_not_equal(first, second);
}


static void
bytes_after_a_nul_count(void **state)
{
    char hash[MP_PASSWORD_HASH];

    (void) state;
    assert_true(mp_password_hash(hash, "abc\0def", 7));
    assert_true(mp_password_verify(hash, "abc\0def", 7));
    assert_false(mp_password_verify(hash, "abc\0deg", 7));
}


static void
no_hash_matches_no_password(void **state)
{
    (void) state;
    assert_false(mp_password_verify(NULL, "correct horse", 13));
    assert_false(mp_password_verify(NULL, "", 0));
    assert_false(mp_password_verify("", "", 0));
}


static void
a_strange_hash_matches_nothing(void **state)
{
    static const char *const hashes[] = {
        "correct horse",
        "$argon2id$",
        "$argon2id$v=19$m=65536,t=2,p=1$",
        "$argon2id$v=19$m=65536,t=2,p=1$AAAA$AAAA",
        "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQxMjM0NTY3OA$"
        "iQyMVV22rX2OAf9dyme58PDyYcw7tTGr3HF2+CYFbVg",
        "{ARGON2ID}$argon2id$v=19$m=65536,t=2,p=1$AAAA$AAAA",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(hashes) / sizeof(*hashes); i++) {
        assert_false(mp_password_verify(hashes[i], "correct horse", 13));
    }
}


/* A hash in Redis must not make a sign-in take all memory, or none. */
static void
a_hash_of_another_cost_matches_nothing(void **state)
{
    char cheap[MP_PASSWORD_HASH], dear[] = "$argon2id$v=19$m=4194304,t=9,p=1$"
                                           "c29tZXNhbHQxMjM0NTY3OA$"
                                           "iQyMVV22rX2OAf9dyme58PDyYcw7tTGr3H"
                                           "F2+CYFbVg";

    (void) state;
    assert_int_equal(crypto_pwhash_str(cheap, "correct horse", 13, 1, 8192),
                     0);
    assert_false(mp_password_verify(cheap, "correct horse", 13));
    assert_false(mp_password_verify(dear, "correct horse", 13));
}


static void
length_and_characters_of_a_password_are_checked(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        enum mp_status status;
    } rows[] = {
        { "12345678901", 11, MP_INVALID },
        { "123456789012", 12, MP_OK },
        { "pass phrase \xc3\xa4\xc3\xb6", 16, MP_OK },
        { "with a tab\there", 15, MP_INVALID },
        { "with\0a nul byte", 15, MP_INVALID },
        { "with a newline\n", 15, MP_INVALID },
        { "with a delete\x7f", 14, MP_INVALID },
        { "", 0, MP_INVALID },
    };
    char text[256];

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(mp_password_check(rows[i].text, rows[i].len, NULL),
                         rows[i].status);
    }

    memset(text, 'x', sizeof(text));
    assert_int_equal(mp_password_check(text, 255, NULL), MP_OK);
    assert_int_equal(mp_password_check(text, 256, NULL), MP_INVALID);
}


static void
a_name_is_letters_digits_and_four_signs(void **state)
{
    static const char *const good[] = {
        "a", "Admin", "first.last@x.example", "a_b-c", "0", "mailportals"
    };
    static const char *const bad[] = { "",    "a b",       "a\nb",     "a:b",
                                       "a*",  "a{b}",      "\xc3\xa4", "a/b",
                                       "a%b", "mailportal" };
    char text[65];

    (void) state;

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_int_equal(mp_admin_name_check(good[i], strlen(good[i]), NULL),
                         MP_OK);
    }

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(mp_admin_name_check(bad[i], strlen(bad[i]), NULL),
                         MP_INVALID);
    }

    memset(text, 'x', sizeof(text));
    assert_int_equal(mp_admin_name_check(text, 64, NULL), MP_OK);
    assert_int_equal(mp_admin_name_check(text, 65, NULL), MP_INVALID);
    assert_int_equal(mp_admin_name_check("a\0b", 3, NULL), MP_INVALID);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_is_known_again),
        cmocka_unit_test(another_password_is_not),
        cmocka_unit_test(two_hashes_of_one_password_differ),
        cmocka_unit_test(bytes_after_a_nul_count),
        cmocka_unit_test(no_hash_matches_no_password),
        cmocka_unit_test(a_strange_hash_matches_nothing),
        cmocka_unit_test(a_hash_of_another_cost_matches_nothing),
        cmocka_unit_test(length_and_characters_of_a_password_are_checked),
        cmocka_unit_test(a_name_is_letters_digits_and_four_signs),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
