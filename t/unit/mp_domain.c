#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mp_domain.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows[0]))

/* 63 characters, the longest label there is */
#define LABEL63                                                               \
    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"

struct row {
    const char *text;
    const char *wanted;
};


static void
parse_all(const struct row *rows, size_t count)
{
    struct mp_domain domain;
    struct mp_error err = { "", "" };

    for (size_t i = 0; i < count; i++) {
        if (mp_domain_parse(&domain, rows[i].text, strlen(rows[i].text), &err)
            != MP_OK)
        {
            fail_msg("\"%s\" %s", rows[i].text, err.text);
        }

        assert_string_equal(domain.text, rows[i].wanted);
        assert_int_equal(domain.len, strlen(rows[i].wanted));
    }
}


static void
refuse(const char *text, size_t len, const char *reason)
{
    struct mp_domain domain = { "untouched", 9 };
    struct mp_error err = { "", "" };

    if (mp_domain_parse(&domain, text, len, &err) != MP_INVALID) {
        fail_msg("\"%s\" was taken as %s", text, domain.text);
    }

    assert_string_equal(domain.text, "untouched");
    assert_int_equal(domain.len, 9);
    assert_string_equal(err.field, "entry");

    if (strstr(err.text, reason) == NULL) {
        fail_msg("\"%s\" %s, but %s was expected", text, err.text, reason);
    }
}


static void
refuse_all(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        refuse(rows[i].text, strlen(rows[i].text), rows[i].wanted);
    }
}


static void
fold_all(const struct row *rows, size_t count)
{
    struct mp_domain domain;

    for (size_t i = 0; i < count; i++) {
        mp_domain_fold(&domain, rows[i].text, strlen(rows[i].text));
        assert_string_equal(domain.text, rows[i].wanted);
        assert_int_equal(domain.len, strlen(rows[i].wanted));
    }
}


static void
an_entry_gets_its_one_form(void **state)
{
    static const struct row rows[] = {
        { "example.com", "example.com" },
        { "EXAMPLE.Com", "example.com" },
        { "example.com.", "example.com" },
        { " \texample.com \r\n", "example.com" },
        { "a.b.c.d.example", "a.b.c.d.example" },
        { "1and1.example", "1and1.example" },
        { "123.456.example", "123.456.example" },
        { "a-b--c.example", "a-b--c.example" },
        { "3com.com", "3com.com" },
        { LABEL63 ".example", LABEL63 ".example" },
        { "co.uk", "co.uk" },
    };

    (void) state;

    parse_all(rows, COUNT(rows));
}


static void
an_underscore_is_taken_because_mail_comes_from_such_names(void **state)
{
    static const struct row rows[] = {
        { "my_host.example", "my_host.example" },
        { "_spf.Example", "_spf.example" },
    };

    (void) state;

    parse_all(rows, COUNT(rows));
}


static void
an_international_name_becomes_a_labels(void **state)
{
    static const struct row rows[] = {
        { "bücher.example", "xn--bcher-kva.example" },
        { "BÜCHER.Example", "xn--bcher-kva.example" },
        { "bu\xcc\x88"
          "cher.example",
          "xn--bcher-kva.example" },
        { "XN--BCHER-KVA.example", "xn--bcher-kva.example" },
        { "faß.example", "xn--fa-hia.example" },
        { "例え。テスト", "xn--r8jz45g.xn--zckzah" },
        { "mail．ü．example｡", "mail.xn--tda.example" },
        { "ｅｘａｍｐｌｅ.com", "example.com" },
        { "ü.r3---sn.example", "xn--tda.r3---sn.example" },
        { "my_host.ü.example", "my_host.xn--tda.example" },
    };

    (void) state;

    parse_all(rows, COUNT(rows));
}


static void
an_entry_that_is_no_name_is_refused_and_says_why(void **state)
{
    static const struct row rows[] = {
        { "", "is empty" },
        { " \t", "is empty" },
        { ".", "begins with a dot" },
        { ".example.com", "begins with a dot" },
        { "co..uk", "two dots in a row" },
        { "example.com..", "two dots in a row" },
        { "com", "one label" },
        { "com.", "one label" },
        { "localhost", "one label" },
        { "ü", "one label" },
        { "user@example.com", "is a mailbox" },
        { "@example.com", "is a mailbox" },
        { "<user@example.com>", "is a mailbox" },
        { "*.example.com", "has a *" },
        { "*", "has a *" },
        { "example.*", "has a *" },
        { "http://example.com/", "has a /" },
        { "exam ple.com", "a blank" },
        { "example.com # comment", "a blank" },
        { "example.com\t1", "a blank" },
        { "exam\x01ple.com", "a control character" },
        { "exam\x7fple.com", "a control character" },
        { "exam,ple.com", "has a ," },
        { "example.com:25", "has a :" },
        { "\"example\".com", "has a \"" },
        { "%s%n.com", "has a %" },
        { "example.com;", "has a ;" },
    };

    (void) state;

    refuse_all(rows, COUNT(rows));
}


static void
an_address_is_not_a_domain(void **state)
{
    static const struct row rows[] = {
        { "192.0.2.1", "is an address, not a domain" },
        { "192.0.2.1.", "is an address, not a domain" },
        { "999.999.999.999", "is an address, not a domain" },
        { "127.1", "is an address, not a domain" },
        { "2130706433", "is an address, not a domain" },
        { "１９２.０.２.１", "is an address, not a domain" },
        { "2001:db8::1", "is an address, not a domain" },
        { "::ffff:192.0.2.1", "is an address, not a domain" },
        { "::", "is an address, not a domain" },
        { "[192.0.2.1]", "is an address literal" },
        { "[IPv6:2001:db8::1]", "is an address literal" },
        { "192.0.2.0/24", "has a /" },
    };

    (void) state;

    refuse_all(rows, COUNT(rows));
}


static void
a_label_may_not_begin_or_end_with_a_hyphen(void **state)
{
    static const struct row rows[] = {
        { "-example.com", "hyphen" },
        { "example-.com", "hyphen" },
        { "example.-com", "hyphen" },
        { "a.-.example", "hyphen" },
    };

    (void) state;

    refuse_all(rows, COUNT(rows));
}


static void
a_label_of_64_characters_is_refused(void **state)
{
    (void) state;

    refuse("x" LABEL63 ".example", 64 + 8, "label of 64 characters");
}


static void
a_name_of_253_bytes_is_taken_and_of_254_refused(void **state)
{
    char text[260] = LABEL63 "." LABEL63 "." LABEL63 ".";
    struct mp_domain domain;

    (void) state;

    memset(text + 192, 'x', sizeof(text) - 192);
    assert_int_equal(mp_domain_parse(&domain, text, 253, NULL), MP_OK);
    assert_int_equal(domain.len, 253);

    text[254] = '\0';
    refuse(text, 254, "is too long (254 bytes)");

    text[253] = '.';
    assert_int_equal(mp_domain_parse(&domain, text, 254, NULL), MP_OK);
    assert_int_equal(domain.len, 253);

    text[254] = '.';
    refuse(text, 255, "");
}


static void
a_line_of_300_bytes_is_refused_with_its_length(void **state)
{
    char text[301];

    (void) state;

    memset(text, 'a', 300);
    text[300] = '\0';
    refuse(text, 300, "is too long (300 bytes); a domain has at most 253");

    for (size_t i = 10; i < 300; i += 11) {
        text[i] = '.';
    }

    refuse(text, 300, "is too long (300 bytes)");
}


static void
a_line_of_a_megabyte_is_refused_at_once(void **state)
{
    static char text[1 << 20];

    (void) state;

    for (size_t i = 0; i < sizeof(text); i += 2) {
        text[i] = '\xc3';
        text[i + 1] = '\xbc';
    }

    refuse(text, sizeof(text), "is too long (1048576 bytes)");
}


static void
a_nul_does_not_end_an_entry(void **state)
{
    (void) state;

    refuse("example.com\0.evil", 17, "a control character");
    refuse("\0example.com", 12, "a control character");
    refuse("ü.example\0", 11, "a control character");
}


static void
what_idna_refuses_is_refused(void **state)
{
    static const struct row rows[] = {
        { "\xff.example", "not valid UTF-8" },
        { "\xc3.example", "not valid UTF-8" },
        { "\xed\xa0\x80.example", "not valid UTF-8" },
        { "☕.example", "international name" },
        { "a\xe2\x80\x8d"
          "b.example",
          "international name" },
        { "\xcc\x88"
          "a.example",
          "international name" },
        { "℀.example", "international name" },
        { "user＠ü.example", "international name" },
        { "\xc2\xad.example", "international name" },
    };

    (void) state;

    refuse_all(rows, COUNT(rows));
}


static void
an_entry_in_its_one_form_stays_as_it_is(void **state)
{
    static const char *const names[] = { "example.com",
                                         "xn--bcher-kva.example",
                                         "my_host.example", "a-b.c--d.e" };
    struct mp_domain once, twice;

    (void) state;

    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(
            mp_domain_parse(&once, names[i], strlen(names[i]), NULL), MP_OK);
        assert_string_equal(once.text, names[i]);

        mp_domain_fold(&twice, once.text, once.len);
        assert_string_equal(twice.text, once.text);
    }
}


static void
a_sender_folds_to_the_form_of_the_entries(void **state)
{
    static const struct row rows[] = {
        { "Example.COM", "example.com" },
        { "example.com.", "example.com" },
        { "bücher.example", "xn--bcher-kva.example" },
        { "Bu\xcc\x88"
          "cher.Example",
          "xn--bcher-kva.example" },
        { "xn--BCHER-kva.example", "xn--bcher-kva.example" },
    };

    (void) state;

    fold_all(rows, COUNT(rows));
    parse_all(rows, COUNT(rows));
}


static void
a_sender_may_be_what_an_entry_may_not(void **state)
{
    static const struct row rows[] = {
        { "localhost", "localhost" },
        { "LOCALHOST.", "localhost" },
        { "[192.0.2.1]", "[192.0.2.1]" },
        { "[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]" },
        { "-a-.spam.example", "-a-.spam.example" },
        { "1.2.3.4", "1.2.3.4" },
    };

    (void) state;

    fold_all(rows, COUNT(rows));
}


static void
what_can_be_no_domain_folds_to_nothing(void **state)
{
    static const struct row rows[] = {
        { "", "" },
        { "   ", "" },
        { ".", "" },
        { "..", "" },
        { ".example.com", "" },
        { "a..b", "" },
        { "example.com..", "" },
        { "exa mple.com", "" },
        { "exa\nmple.com", "" },
        { "exa<mple.com", "" },
        { "example.com\"", "" },
        { "x" LABEL63 ".example", "" },
        { "[", "" },
        { "[]", "" },
        { "[192.0.2.1", "" },
        { "[192.0.2.1]x", "" },
        { "[192.0.2.1] x]", "" },
        { "[[192.0.2.1]]", "" },
        { "example.\xff", "" },
        { "example.☕", "" },
    };

    (void) state;

    fold_all(rows, COUNT(rows));
}


static void
a_label_that_idna_refuses_does_not_hide_its_parents(void **state)
{
    static const struct row rows[] = {
        { "☕.spam.example", "spam.example" },
        { "a.b.☕.spam.example", "spam.example" },
        { "☕.ü.☕.bücher.example", "xn--bcher-kva.example" },
        { "\xff.spam.example", "spam.example" },
        { "\xc2\xad.spam.example", "spam.example" },
        { "℀.spam.example", "spam.example" },
    };

    (void) state;

    fold_all(rows, COUNT(rows));
}


static void
a_name_of_254_bytes_folds_to_nothing(void **state)
{
    char text[1100] = LABEL63 "." LABEL63 "." LABEL63 ".";
    struct mp_domain domain;

    (void) state;

    memset(text + 192, 'x', sizeof(text) - 192);

    mp_domain_fold(&domain, text, 253);
    assert_int_equal(domain.len, 253);

    mp_domain_fold(&domain, text, 254);
    assert_int_equal(domain.len, 0);

    mp_domain_fold(&domain, text, sizeof(text));
    assert_int_equal(domain.len, 0);
    assert_string_equal(domain.text, "");
}


static void
suffixes_are_the_name_and_its_parents_longest_first(void **state)
{
    struct mp_domain domain;
    unsigned char start[MP_DOMAIN_LABELS];

    (void) state;

    mp_domain_fold(&domain, "mail.eu.spam.example", 20);
    assert_int_equal(mp_domain_suffixes(&domain, start), 4);
    assert_string_equal(domain.text + start[0], "mail.eu.spam.example");
    assert_string_equal(domain.text + start[1], "eu.spam.example");
    assert_string_equal(domain.text + start[2], "spam.example");
    assert_string_equal(domain.text + start[3], "example");
}


static void
an_empty_domain_has_no_suffix_and_a_literal_one(void **state)
{
    struct mp_domain domain;
    unsigned char start[MP_DOMAIN_LABELS];

    (void) state;

    mp_domain_fold(&domain, "", 0);
    assert_int_equal(mp_domain_suffixes(&domain, start), 0);

    mp_domain_fold(&domain, "[192.0.2.1]", 11);
    assert_int_equal(mp_domain_suffixes(&domain, start), 1);
    assert_int_equal(start[0], 0);
}


static void
the_longest_name_has_127_suffixes(void **state)
{
    struct mp_domain domain;
    unsigned char start[MP_DOMAIN_LABELS];
    char text[253];

    (void) state;

    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = i % 2 == 0 ? 'a' : '.';
    }

    mp_domain_fold(&domain, text, sizeof(text));
    assert_int_equal(domain.len, 253);
    assert_int_equal(mp_domain_suffixes(&domain, start), MP_DOMAIN_LABELS);
    assert_int_equal(start[126], 252);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_gets_its_one_form),
        cmocka_unit_test(
            an_underscore_is_taken_because_mail_comes_from_such_names),
        cmocka_unit_test(an_international_name_becomes_a_labels),
        cmocka_unit_test(an_entry_that_is_no_name_is_refused_and_says_why),
        cmocka_unit_test(an_address_is_not_a_domain),
        cmocka_unit_test(a_label_may_not_begin_or_end_with_a_hyphen),
        cmocka_unit_test(a_label_of_64_characters_is_refused),
        cmocka_unit_test(a_name_of_253_bytes_is_taken_and_of_254_refused),
        cmocka_unit_test(a_line_of_300_bytes_is_refused_with_its_length),
        cmocka_unit_test(a_line_of_a_megabyte_is_refused_at_once),
        cmocka_unit_test(a_nul_does_not_end_an_entry),
        cmocka_unit_test(what_idna_refuses_is_refused),
        cmocka_unit_test(an_entry_in_its_one_form_stays_as_it_is),
        cmocka_unit_test(a_sender_folds_to_the_form_of_the_entries),
        cmocka_unit_test(a_sender_may_be_what_an_entry_may_not),
        cmocka_unit_test(what_can_be_no_domain_folds_to_nothing),
        cmocka_unit_test(a_label_that_idna_refuses_does_not_hide_its_parents),
        cmocka_unit_test(a_name_of_254_bytes_folds_to_nothing),
        cmocka_unit_test(suffixes_are_the_name_and_its_parents_longest_first),
        cmocka_unit_test(an_empty_domain_has_no_suffix_and_a_literal_one),
        cmocka_unit_test(the_longest_name_has_127_suffixes),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
