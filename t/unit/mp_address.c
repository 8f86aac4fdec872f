#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp_address.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows[0]))

/* What Postfix 3.7 gives for a MAIL FROM: both must lead to one domain. */
struct row {
    const char *raw;
    const char *mail_addr;
    const char *domain;
};


static void
from_raw(const char *raw, const char *wanted)
{
    struct mp_domain domain;

    mp_address_domain(&domain, NULL, 0, raw, strlen(raw));
    assert_string_equal(domain.text, wanted);
    assert_int_equal(domain.len, strlen(wanted));
}


static void
from_macro(const char *mail_addr, const char *wanted)
{
    struct mp_domain domain;
    static const char raw[] = "<other@other.example>";

    mp_address_domain(&domain, mail_addr, strlen(mail_addr), raw,
                      sizeof(raw) - 1);
    assert_string_equal(domain.text, wanted);
    assert_int_equal(domain.len, strlen(wanted));
}


static void
every_form_that_postfix_takes_has_one_domain(void **state)
{
    static const struct row rows[] = {
        { "<A@X.example>", "a@x.example", "x.example" },
        { "<\"quoted local\"@X.example>", "\"quoted local\"@x.example",
          "x.example" },
        { "<a@b@c.example>", "\"a@b\"@c.example", "c.example" },
        { "<\"a@b.example\"@c.example>", "\"a@b.example\"@c.example",
          "c.example" },
        { "<@relay.example,@b.example:user@real.example>", "user@real.example",
          "real.example" },
        { "<user@example.com.>", "user@example.com", "example.com" },
        { "<x.example!u>", "u@x.example", "x.example" },
        { "<x.example!y.example!u>", "y.example!u@x.example", "x.example" },
        { "user@noangle.example", "user@noangle.example", "noangle.example" },
        { "< user@space.example >", "user@space.example", "space.example" },
        { "<user@[192.0.2.1]>", "user@[192.0.2.1]", "[192.0.2.1]" },
        { "<user@[IPv6:2001:DB8::1]>", "user@[ipv6:2001:db8::1]",
          "[ipv6:2001:db8::1]" },
        { "<user@xn--bcher-kva.example>", "user@xn--bcher-kva.example",
          "xn--bcher-kva.example" },
        { "<user@Bücher.example>", "user@Bücher.example",
          "xn--bcher-kva.example" },
        { "<user%other@x.example>", "user%other@x.example", "x.example" },
        { "<other!user@x.example>", "other!user@x.example", "x.example" },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        from_raw(rows[i].raw, rows[i].domain);
        from_macro(rows[i].mail_addr, rows[i].domain);
    }
}


static void
the_null_sender_has_no_domain(void **state)
{
    (void) state;

    from_raw("<>", "");
    from_raw("< >", "");
    from_raw("", "");
    from_macro("", "");
    from_macro("<>", "");
}


static void
a_null_sender_in_the_macro_is_not_asked_for_in_the_argument(void **state)
{
    struct mp_domain domain;

    (void) state;

    mp_address_domain(&domain, "", 0, "<a@b.example>", 13);
    assert_int_equal(domain.len, 0);
}


static void
the_macro_goes_before_the_argument(void **state)
{
    (void) state;

    from_macro("a@first.example", "first.example");
}


static void
nothing_at_all_has_no_domain(void **state)
{
    struct mp_domain domain;

    (void) state;

    mp_address_domain(&domain, NULL, 0, NULL, 0);
    assert_int_equal(domain.len, 0);
    assert_string_equal(domain.text, "");
}


static void
an_address_without_a_domain_has_none(void **state)
{
    static const char *const rows[] = { "<user>",
                                        "<user@>",
                                        "<@>",
                                        "<!user>",
                                        "<@relay.example:user>",
                                        "<\"a@blocked.example\">",
                                        "<@@>" };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        from_raw(rows[i], "");
    }
}


static void
a_bang_path_may_stand_behind_a_route(void **state)
{
    (void) state;

    from_raw("<@relay.example:x.example!u>", "x.example");
    from_raw("<@relay.example:x.example!u@y.example>", "y.example");
}


static void
the_colon_of_a_literal_does_not_end_a_route(void **state)
{
    (void) state;

    from_raw("<@[IPv6:2001:db8::1]:x.example!u>", "x.example");
    from_raw("<@[IPv6:2001:db8::1],@b.example:u@x.example>", "x.example");
}


static void
brackets_in_a_quoted_local_part_do_not_hide_the_domain(void **state)
{
    (void) state;

    from_raw("<\"a>b\"@c.example>", "c.example");
    from_raw("<\"a<b\"@c.example>", "c.example");
    from_raw("<\"a:b\"@c.example>", "c.example");
    from_raw("<\"a!b\"@c.example>", "c.example");
    from_raw("<\"a\\\"@b.example\"@c.example>", "c.example");
}


static void
half_an_argument_still_has_a_domain(void **state)
{
    (void) state;

    from_raw("<a@b.example", "b.example");
    from_raw("a@b.example>", "b.example");
    from_raw("<a@b.example> SIZE=10", "b.example");
}


static void
a_domain_that_cannot_be_one_never_matches(void **state)
{
    static const char *const rows[] = {
        "<a@.example.com>", "<a@a..b>",           "<a@b c.example>",
        "<a@b.example..>",  "<a@b.example\r\nX>", "<a@[192.0.2.1>",
        "<a@\xff>",         "<a@b.example,>",     "<a@(c)b.example>",
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        from_raw(rows[i], "");
    }
}


static void
a_name_of_one_label_is_a_domain_of_a_sender(void **state)
{
    (void) state;

    from_raw("<root@localhost>", "localhost");
}


static void
the_lengths_are_what_counts_and_not_a_nul(void **state)
{
    struct mp_domain domain;

    (void) state;

    mp_address_domain(&domain, "a@b.example.com", 11, NULL, 0);
    assert_string_equal(domain.text, "b.example");

    mp_address_domain(&domain, "a@b.example\0.com", 16, NULL, 0);
    assert_int_equal(domain.len, 0);
}


static void
a_text_is_not_read_beyond_its_end(void **state)
{
    static const char *const rows[] = { "<",  ">",   "@",         "!",
                                        "<@", "@[",  "<@:",       "[",
                                        " ",  "a@[", "a@\xe3\x80" };
    struct mp_domain domain;

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t len = strlen(rows[i]);
        char *exact = malloc(len);

        assert_non_null(exact);
        memcpy(exact, rows[i], len);
        mp_address_domain(&domain, NULL, 0, exact, len);
        assert_int_equal(domain.len, 0);
        free(exact);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_that_postfix_takes_has_one_domain),
        cmocka_unit_test(the_null_sender_has_no_domain),
        cmocka_unit_test(
            a_null_sender_in_the_macro_is_not_asked_for_in_the_argument),
        cmocka_unit_test(the_macro_goes_before_the_argument),
        cmocka_unit_test(nothing_at_all_has_no_domain),
        cmocka_unit_test(an_address_without_a_domain_has_none),
        cmocka_unit_test(a_bang_path_may_stand_behind_a_route),
        cmocka_unit_test(the_colon_of_a_literal_does_not_end_a_route),
        cmocka_unit_test(
            brackets_in_a_quoted_local_part_do_not_hide_the_domain),
        cmocka_unit_test(half_an_argument_still_has_a_domain),
        cmocka_unit_test(a_domain_that_cannot_be_one_never_matches),
        cmocka_unit_test(a_name_of_one_label_is_a_domain_of_a_sender),
        cmocka_unit_test(the_lengths_are_what_counts_and_not_a_nul),
        cmocka_unit_test(a_text_is_not_read_beyond_its_end),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
