#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "mp_mail_event.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows[0]))


static void
assert_span(const struct mp_span *span, const char *expected)
{
    assert_int_equal(span->len, strlen(expected));
    assert_memory_equal(span->bytes, expected, span->len);
}


static void
heads_are_read_in_every_form(void **state)
{
    static const struct {
        const char *line, *host, *process, *pid, *queue_id, *text;
        enum mp_severity severity;
        bool dovecot;
    } rows[] = {
        { "Nov 22 20:28:25 mx postfix/smtpd[123]: 4XyZ: hi", "mx",
          "postfix/smtpd", "123", "", "4XyZ: hi", MP_SEVERITY_INFO, false },
        { "Nov  2 20:28:25 mx postfix/qmgr[1]: ABC1234567: warning: x", "mx",
          "postfix/qmgr", "1", "ABC1234567", "ABC1234567: warning: x",
          MP_SEVERITY_WARNING, false },
        { "Nov  2 20:28:25 mx postfix/submission/smtpd[1]: fatal: no", "mx",
          "postfix/submission/smtpd", "1", "", "fatal: no", MP_SEVERITY_FATAL,
          false },
        { "2026-11-22T20:28:25.123456+01:00 mx dovecot: imap-login: Login: u",
          "mx", "imap-login", "", "", "Login: u", MP_SEVERITY_INFO, true },
        { "Nov 22 20:28:25 mx dovecot: imap(a b@c)<1><x>: Error: no", "mx",
          "imap(a b@c)<1><x>", "", "", "Error: no", MP_SEVERITY_ERROR, true },
        { "Nov 22 20:28:25 lmtp(a@b)<2267><x/y>: Info: sieve: z", "",
          "lmtp(a@b)<2267><x/y>", "", "", "Info: sieve: z", MP_SEVERITY_INFO,
          true },
        { "2026-11-22 20:28:25 master: Warning: w", "", "master", "", "",
          "Warning: w", MP_SEVERITY_WARNING, true },
        { "Nov 22 20:28:25 mx sshd[1]: ABC1234567: x", "mx", "sshd", "1", "",
          "ABC1234567: x", MP_SEVERITY_INFO, false },
        { "no head", "", "", "", "", "no head", MP_SEVERITY_INFO, false },
        { "", "", "", "", "", "", MP_SEVERITY_INFO, false },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mp_logline line;

        mp_logline_parse(&line, rows[i].line, strlen(rows[i].line));
        assert_span(&line.host, rows[i].host);
        assert_span(&line.process, rows[i].process);
        assert_span(&line.pid, rows[i].pid);
        assert_span(&line.queue_id, rows[i].queue_id);
        assert_span(&line.text, rows[i].text);
        assert_int_equal(line.severity, rows[i].severity);
        assert_int_equal(line.dovecot, rows[i].dovecot);
    }
}


static void
queue_ids_are_short_or_long(void **state)
{
    static const char *const good[] = { "4D301A7A484", "ABCDEF",
                                        "4XyZ1b2c3dz9F1" };
    static const char *const bad[] = { "",        "ABCDE",      "NOQUEUE",
                                       "warning", "statistics", "4D301A7A48G",
                                       "abcdef",  "4D301 7A484" };

    (void) state;

    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(mp_queue_id_check(good[i], strlen(good[i])));
    }

    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(mp_queue_id_check(bad[i], strlen(bad[i])));
    }
}


static void
times_are_of_the_last_year_and_never_ahead(void **state)
{
    static const int64_t now = INT64_C(1795379305); /* Nov 22 20:28:25 */
    static const struct {
        const char *line;
        int64_t at;
    } rows[] = {
        { "Nov 22 20:28:24 x y: z", now - 1 },
        { "Nov 22 20:28:26 x y: z", now },
        { "Dec 22 20:28:25 x y: z", now - 335 * INT64_C(86400) },
        { "2026-11-22T21:28:25+01:00 x y: z", now },
        { "2026-11-22T20:28:20Z x y: z", now - 5 },
        { "nothing", now },
    };

    (void) state;
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    tzset();

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mp_logline line;

        mp_logline_parse(&line, rows[i].line, strlen(rows[i].line));
        assert_int_equal(mp_logline_time(&line.time, now), rows[i].at);
    }
}


static void
event_of(struct mp_mail_event *event_r, const char *text)
{
    struct mp_logline line;

    mp_logline_parse(&line, text, strlen(text));
    mp_mail_event_parse(event_r, &line);
}


static void
what_is_said_of_a_message_is_read(void **state)
{
    struct mp_mail_event event;

    (void) state;

    event_of(&event, "Nov 22 20:28:25 mx postfix/smtpd[1]: ABC1234567: "
                     "client=a.b[2001:db8::1], sasl_method=PLAIN, "
                     "sasl_username=u@d");
    assert_int_equal(event.kind, MP_MAIL_BEGIN);
    assert_span(&event.client, "2001:db8::1");
    assert_span(&event.client_name, "a.b");
    assert_span(&event.login, "u@d");

    event_of(&event, "Nov 22 20:28:25 mx postfix/lmtp[1]: ABC1234567: "
                     "to=<u@d>, orig_to=<v@d>, relay=h[127.0.0.1]:24, "
                     "delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 "
                     "2.0.0 <u@d> SESS Saved)");
    assert_int_equal(event.kind, MP_MAIL_DELIVERY);
    assert_span(&event.to, "u@d");
    assert_span(&event.relay, "h[127.0.0.1]:24");
    assert_span(&event.status, "sent");
    assert_span(&event.session, "SESS");

    event_of(&event, "Nov 22 20:28:25 lmtp(u@d)<1><SESS>: Info: sieve: "
                     "msgid=<a: stored mail into mailbox 'X'>: stored mail "
                     "into mailbox 'Junk'");
    assert_int_equal(event.kind, MP_MAIL_STORED);
    assert_span(&event.session, "SESS");
    assert_span(&event.folder, "Junk");

    event_of(&event, "Nov 22 20:28:25 lmtp(u@d)<1><SESS>: Info: sieve: "
                     "msgid=<a>: stored mail into mailbox '");
    assert_int_equal(event.kind, MP_MAIL_NONE);
    assert_int_equal(event.folder.len, 0);

    event_of(&event, "Nov 22 20:28:25 mx mailportal-milter[1]: info: "
                     "ABC1234567: from [a] x: reject by reject, score 99: "
                     "junk by add_header, score 7.00, settings version 1");
    assert_int_equal(event.kind, MP_MAIL_VERDICT);
    assert_span(&event.verdict, "junk");
    assert_span(&event.score, "7.00");
}


static void
what_reads_in_two_ways_says_nothing(void **state)
{
    struct mp_mail_event event;

    (void) state;

    event_of(&event, "Nov 22 20:28:25 mx postfix/smtpd[1]: NOQUEUE: reject: "
                     "RCPT from a[192.0.2.1]: 450 4.7.1 <c>: Greylisted; "
                     "from=<a@b> to=<c@d> proto=ESMTP helo=<h>");
    assert_int_equal(event.kind, MP_MAIL_REFUSED);
    assert_true(event.temporary && event.greylisted && event.has_from);
    assert_span(&event.from, "a@b");
    assert_span(&event.to, "c@d");
    assert_span(&event.reply, "450 4.7.1 <c>: Greylisted");

    event_of(&event, "Nov 22 20:28:25 mx postfix/smtpd[1]: NOQUEUE: reject: "
                     "RCPT from a[192.0.2.1]: 550 no; from=<a@b> to=<c@d> "
                     "proto=SMTP helo=<h>: x; from=<e@f> to=<g@h> "
                     "proto=ESMTP helo=<h>");
    assert_int_equal(event.kind, MP_MAIL_REFUSED);
    assert_false(event.has_from);
    assert_int_equal(event.to.len, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_read_in_every_form),
        cmocka_unit_test(queue_ids_are_short_or_long),
        cmocka_unit_test(times_are_of_the_last_year_and_never_ahead),
        cmocka_unit_test(what_is_said_of_a_message_is_read),
        cmocka_unit_test(what_reads_in_two_ways_says_nothing),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
