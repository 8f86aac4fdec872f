#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "worker-log-line.h"

#define TAIL                                                                  \
    ", method=PLAIN, rip=192.0.2.7, lip=127.0.0.1, mpid=15855, secured, "     \
    "session=<TRS/UeNgZo9/AAAB>"


static void
assert_text(const struct worker_log_text *text, const char *expected)
{
    assert_int_equal(text->len, strlen(expected));
    assert_memory_equal(text->bytes, expected, text->len);
}


static void
logins_are_read_as_dovecot_and_syslog_write_them(void **state)
{
    static const struct {
        const char *line, *service, *time, *user, *master, *address;
    } rows[] = {
        { "Nov 22 20:28:25 imap-login: Info: Login: user=<a@x.example>, "
          "master=<>" TAIL,
          "imap", "Nov 22 20:28:25", "a@x.example", "", "192.0.2.7" },
        { "Nov 22 20:28:25 pop3-login: Info: Login: user=<a>, "
          "master=<master.admin>" TAIL,
          "pop3", "Nov 22 20:28:25", "a", "master.admin", "192.0.2.7" },
        { "2026-11-22 20:28:25 managesieve-login: Info: Login: user=<a>, "
          "master=<>" TAIL,
          "sieve", "2026-11-22 20:28:25", "a", "", "192.0.2.7" },
        { "Nov 22 20:28:25 host dovecot: submission-login: Login: user=<a>, "
          "master=<>" TAIL,
          "submission", "Nov 22 20:28:25 host", "a", "", "192.0.2.7" },
        { "2026-11-22T20:28:25.5+01:00 host dovecot[77]: imap-login: Login: "
          "user=<a>, master=<m>" TAIL,
          "imap", "2026-11-22T20:28:25.5+01:00 host", "a", "m", "192.0.2.7" },
        { "Nov 22 20:28:25 imap-login: Info: Login: user=<a>, master=<>, "
          "rip=2001:db8::1",
          "imap", "Nov 22 20:28:25", "a", "", "2001:db8::1" },
        { "Nov 22 20:28:25 imap-login: Info: Login: user=<\xff\xc3\x28>, "
          "master=<>, method=SCRAM-SHA-256, rip=::1, lip=::1, TLS",
          "imap", "Nov 22 20:28:25", "\xff\xc3\x28", "", "::1" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct worker_log_login login;

        assert_int_equal(
            worker_log_line_parse(rows[i].line, strlen(rows[i].line), &login),
            WORKER_LOG_LOGIN);
        assert_string_equal(login.service, rows[i].service);
        assert_text(&login.time, rows[i].time);
        assert_text(&login.user, rows[i].user);
        assert_text(&login.master, rows[i].master);
        assert_text(&login.address, rows[i].address);
        assert_false(login.cut);
    }
}


static void
what_a_name_says_of_itself_is_only_a_name(void **state)
{
    static const char *const names[] = {
        "a>, master=<x",
        "a>, master=<x>, method=PLAIN, rip=198.51.100.1",
        "a>, master=<x>, method=PLAIN, rip=198.51.100.1, session=<y",
        ">, master=<",
        "imap-login: Info: Login: user=<b>, master=<x>, rip=198.51.100.1",
        "Login: user=<",
        "a: b: c",
    };
    char line[1024];

    (void) state;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct worker_log_login login;

        (void) snprintf(line, sizeof(line),
                        "Nov 22 20:28:25 imap-login: Info: Login: user=<%s>, "
                        "master=<>" TAIL,
                        names[i]);
        assert_int_equal(worker_log_line_parse(line, strlen(line), &login),
                         WORKER_LOG_LOGIN);
        assert_text(&login.user, names[i]);
        assert_text(&login.master, "");
        assert_text(&login.address, "192.0.2.7");

        (void) snprintf(line, sizeof(line),
                        "Nov 22 20:28:25 imap-login: Info: Disconnected: "
                        "Aborted login by logging out (auth failed, 1 "
                        "attempts): user=<%s>, master=<>" TAIL,
                        names[i]);
        assert_int_equal(worker_log_line_parse(line, strlen(line), &login),
                         WORKER_LOG_OTHER);
    }
}


static void
what_is_not_a_login_is_none(void **state)
{
    static const char *const lines[] = {
        "",
        ": ",
        "imap-login: Info: Login: user=<a>, master=<>" TAIL,
        "Nov 22 20:28:25 imap(a)<1><x>: Info: Login: user=<a>, master=<>" TAIL,
        "Nov 22 20:28:25 lmtp: Info: Login: user=<a>, master=<>" TAIL,
        "Nov 22 20:28:25 imap-login: Error: Login: user=<a>, master=<>" TAIL,
        "Nov 22 20:28:25 host postfix: imap-login: Login: user=<a>, "
        "master=<>" TAIL,
        "Nov 22 20:28:25 host dovecot[x]: imap-login: Login: user=<a>, "
        "master=<>" TAIL,
        "Nov 22 20:28:25 host dovecot[]: imap-login: Login: user=<a>, "
        "master=<>" TAIL,
        "Nov 22 20:28:25 host dovecot: x imap-login: Login: user=<a>, "
        "master=<>" TAIL,
    };

    (void) state;

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        struct worker_log_login login;

        assert_int_equal(
            worker_log_line_parse(lines[i], strlen(lines[i]), &login),
            WORKER_LOG_OTHER);
    }
}


static void
a_login_of_another_form_is_told_from_none(void **state)
{
    static const char *const rests[] = {
        "a>" TAIL,
        ">, master=<>" TAIL,
        "a>, master=<",
        "a>, master=<m m>" TAIL,
        "a>, master=<>, method=PLAIN",
        "a>, master=<>, method=plain, rip=192.0.2.7",
        "a>, master=<>, rip=, lip=::1",
        "a>, master=<>, rip=192.0.2.7x",
        "a>, master=<>, method=PLAIN rip=192.0.2.7",
    };
    char line[1024];

    (void) state;

    for (size_t i = 0; i < sizeof(rests) / sizeof(*rests); i++) {
        struct worker_log_login login;

        (void) snprintf(line, sizeof(line),
                        "Nov 22 20:28:25 imap-login: Info: Login: user=<%s",
                        rests[i]);
        assert_int_equal(worker_log_line_parse(line, strlen(line), &login),
                         WORKER_LOG_FOREIGN);
    }
}


static void
a_name_that_dovecot_cut_is_known_as_such(void **state)
{
    char line[1024], name[128];

    (void) state;

    for (int len = 70; len <= 80; len++) {
        struct worker_log_login login;

        memset(name, 'x', sizeof(name));
        memcpy(name + len - 3, "...", 4);
        (void) snprintf(line, sizeof(line),
                        "Nov 22 20:28:25 imap-login: Info: Login: user=<%s>, "
                        "master=<>" TAIL,
                        name);
        assert_int_equal(worker_log_line_parse(line, strlen(line), &login),
                         WORKER_LOG_LOGIN);
        assert_int_equal(login.cut, len >= 77);
    }
}


static void
times_are_read_with_and_without_a_year_and_a_zone(void **state)
{
    /* 2026-11-22 19:28:25 UTC */
    const int64_t at = 1795375705;
    static const struct {
        const char *text;
        int64_t after; /* now is so many seconds after it */
        int64_t off;   /* and this is what is read, from at on */
    } rows[] = {
        { "Nov 22 20:28:25", 60, 0 },
        { "Nov 22 20:28:25 host", 3600, 0 },
        { "Nov 22 20:28:25", 300 * 86400, 0 },
        { "2026-11-22 20:28:25", 60, 0 },
        { "2026-11-22T20:28:25", 60, 0 },
        { "2026-11-22T19:28:25Z", 60, 0 },
        { "2026-11-22T20:28:25.123456+01:00 host", 60, 0 },
        { "2026-11-22T13:58:25-05:30", 60, 0 },
        { "Nov 22 20:28:26", 0, 0 },
        { "Nov 22 25:28:25", 60, 60 },
        { "2026-13-22 20:28:25", 60, 60 },
        { "yesterday", 60, 60 },
        { "", 60, 60 },
    };

    (void) state;

    assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
    tzset();

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct worker_log_text text = { rows[i].text,
                                              strlen(rows[i].text) };

        assert_int_equal(worker_log_time(&text, at + rows[i].after),
                         at + rows[i].off);
    }
}


static void
a_day_of_one_digit_and_the_year_before_are_read(void **state)
{
    const struct worker_log_text last_year = { "Dec 31 23:59:59", 15 };
    const struct worker_log_text digit = { "Nov  2 00:00:00", 15 };

    (void) state;

    assert_int_equal(setenv("TZ", "UTC0", 1), 0);
    tzset();

    /* 2027-01-01 00:00:10 */
    assert_int_equal(worker_log_time(&last_year, 1798761610), 1798761599);
    /* 2026-11-22 19:28:25 */
    assert_int_equal(worker_log_time(&digit, 1795375705), 1793577600);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logins_are_read_as_dovecot_and_syslog_write_them),
        cmocka_unit_test(what_a_name_says_of_itself_is_only_a_name),
        cmocka_unit_test(what_is_not_a_login_is_none),
        cmocka_unit_test(a_login_of_another_form_is_told_from_none),
        cmocka_unit_test(a_name_that_dovecot_cut_is_known_as_such),
        cmocka_unit_test(times_are_read_with_and_without_a_year_and_a_zone),
        cmocka_unit_test(a_day_of_one_digit_and_the_year_before_are_read),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
