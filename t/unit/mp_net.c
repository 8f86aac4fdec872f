#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mp_net.h"

struct row {
    const char *text;
    bool good;
};


static void
check(bool (*is)(const char *), const struct row *rows)
{
    for (; rows->text; rows++) {
        if (is(rows->text) != rows->good) {
            fail_msg("\"%s\" should be %s", rows->text,
                     rows->good ? "good" : "refused");
        }
    }
}


static void
a_host_is_a_name_or_an_address(void **state)
{
    static const struct row rows[] = {
        { "mail.example.com", true },
        { "localhost", true },
        { "a-b.c1", true },
        { "127.0.0.1", true },
        { "2001:db8::1", true },
        { "3com.example", true },
        { "", false },
        { ".", false },
        { "a..b", false },
        { "-a.b", false },
        { "a-.b", false },
        { "a.b.", false },
        { "a_b.c", false },
        { "a b", false },
        { "127.1", false },
        { "2130706433", false },
        { "0x7f.0x1", false },
        { "[127.0.0.1]", false },
        { "smtp.example\nalways_bcc = evil@x", false },
        { "$(id)", false },
        { "${data_directory}", false },
        { "unix:/x", false },
        { "h:25", false },
        { "[::1", false },
        { "b\xc3\xbc"
          "cher.example",
          false },
        { NULL, false },
    };

    (void) state;
    check(mp_host_check, rows);
}


static void
a_next_hop_may_stand_in_brackets(void **state)
{
    static const struct row rows[] = {
        { "relay.example", true },
        { "[relay.example]", true },
        { "[192.0.2.1]", true },
        { "[2001:db8::1]", true },
        { "192.0.2.1", true },
        { "[]", false },
        { "[relay.example", false },
        { "relay.example]", false },
        { "[[a]]", false },
        { "[h]:25 , x", false },
        { "", false },
        { NULL, false },
    };

    (void) state;
    check(mp_nexthop_check, rows);
}


static void
a_network_has_no_host_bits(void **state)
{
    static const struct row rows[] = {
        { "192.0.2.0/24", true },
        { "192.0.2.1", true },
        { "0.0.0.0/0", true },
        { "2001:db8::/32", true },
        { "::1", true },
        { "192.0.2.1/32", true },
        { "192.0.2.1/24", false },
        { "192.0.2.0/33", false },
        { "192.0.2.0/", false },
        { "192.0.2.0/024", false },
        { "192.0.2.0/-1", false },
        { "2001:db8::1/32", false },
        { "2001:db8::/129", false },
        { "10/8", false },
        { "", false },
        { "/8", false },
        { "192.0.2.0/24x", false },
        { NULL, false },
    };

    (void) state;
    check(mp_net_check, rows);
}


static void
a_mailbox_is_a_dot_string_at_a_name(void **state)
{
    static const struct row rows[] = {
        { "postmaster@example.com", true },
        { "a.b+c@d.e", true },
        { "a@localhost", true },
        { "a@b.example\r\nBcc: x@y", false },
        { "a..b@c.d", false },
        { ".a@c.d", false },
        { "a.@c.d", false },
        { "@c.d", false },
        { "a@", false },
        { "a b@c.d", false },
        { "a@b@c.d", false },
        { "\"a\"@c.d", false },
        { "", false },
        { NULL, false },
    };

    (void) state;
    check(mp_mailbox_check, rows);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_is_a_name_or_an_address),
        cmocka_unit_test(a_next_hop_may_stand_in_brackets),
        cmocka_unit_test(a_network_has_no_host_bits),
        cmocka_unit_test(a_mailbox_is_a_dot_string_at_a_name),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
