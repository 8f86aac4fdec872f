#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mp_cidr.h"


static bool
in(const char *networks, const char *address)
{
    struct mp_cidrs cidrs;

    assert_int_equal(mp_cidrs_parse(&cidrs, networks, NULL), MP_OK);

    return mp_cidrs_have(&cidrs, address);
}


static void
an_address_lies_in_its_network(void **state)
{
    static const char nets[] =
        "127.0.0.0/8, 192.0.2.128/25 ::1 [2001:db8::]/32";

    (void) state;

    assert_true(in(nets, "127.255.0.1"));
    assert_true(in(nets, "192.0.2.128"));
    assert_true(in(nets, "192.0.2.255"));
    assert_true(in(nets, "::1"));
    assert_true(in(nets, "2001:db8:ffff::1"));
    assert_true(in(nets, "IPv6:2001:db8::1"));
    assert_true(in(nets, "::ffff:127.0.0.1"));
    assert_true(in("0.0.0.0/0", "203.0.113.9"));
}


static void
another_address_does_not(void **state)
{
    static const char nets[] = "127.0.0.0/8, 192.0.2.128/25 ::1 2001:db8::/32";

    (void) state;

    assert_false(in(nets, "128.0.0.1"));
    assert_false(in(nets, "192.0.2.127"));
    assert_false(in(nets, "::2"));
    assert_false(in(nets, "2001:db9::1"));
    assert_false(in("0.0.0.0/0", "2001:db8::1"));
    assert_false(in("", "127.0.0.1"));
}


static void
what_is_no_address_lies_nowhere(void **state)
{
    (void) state;

    assert_false(in("0.0.0.0/0 ::/0", ""));
    assert_false(in("0.0.0.0/0 ::/0", "unknown"));
    assert_false(in("0.0.0.0/0 ::/0", "127.1"));
    assert_false(in("0.0.0.0/0 ::/0", "/run/socket"));
}


static void
a_bad_network_is_refused_by_name(void **state)
{
    static const char *const bad[] = { "10.0.0.0/33", "::/129",   "x",
                                       "10.0.0.0/",   "10.0.0/8", "::1/-1",
                                       "10.0.0.0/8x", "[::1" };
    struct mp_cidrs cidrs;
    struct mp_error err;

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(mp_cidrs_parse(&cidrs, bad[i], &err), MP_INVALID);
        assert_non_null(strstr(err.text, bad[i]));
    }
}


static void
a_site_is_the_network_of_an_address(void **state)
{
    char site[64];

    (void) state;

    mp_cidr_site(site, sizeof(site), "192.0.2.77");
    assert_string_equal(site, "192.0.2.0/24");
    mp_cidr_site(site, sizeof(site), "2001:db8:1:2:3::4");
    assert_string_equal(site, "2001:db8:1:2::/64");
    mp_cidr_site(site, sizeof(site), "unknown");
    assert_string_equal(site, "unknown");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_lies_in_its_network),
        cmocka_unit_test(another_address_does_not),
        cmocka_unit_test(what_is_no_address_lies_nowhere),
        cmocka_unit_test(a_bad_network_is_refused_by_name),
        cmocka_unit_test(a_site_is_the_network_of_an_address),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
