/* The portal's own messages: what comes in can become nothing but text. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "mp_mail.h"

static const struct mp_mail whole = {
    .from = "postmaster@example.com",
    .to = "ann@example.org",
    .id = "19a8b0c1d2e3",
    .at = 1767225600,
    .subject = "Test",
    .text = "Hello\nworld\n",
};


static enum mp_status
render(const struct mp_mail *mail, char **bytes_r, struct mp_error *err)
{
    size_t len = 0;
    enum mp_status status = mp_mail_render(bytes_r, &len, mail, err);

    if (status == MP_OK) {
        assert_int_equal(strlen(*bytes_r), len);
    }

    return status;
}


static void
is_a_message(void **state)
{
    struct mp_error err;
    char *bytes;

    (void) state;
    assert_int_equal(render(&whole, &bytes, &err), MP_OK);
    assert_string_equal(bytes, "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
                               "From: mailportal <postmaster@example.com>\r\n"
                               "To: <ann@example.org>\r\n"
                               "Message-ID: <19a8b0c1d2e3@example.com>\r\n"
                               "Subject: =?UTF-8?B?VGVzdA==?=\r\n"
                               "Auto-Submitted: auto-generated\r\n"
                               "MIME-Version: 1.0\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Transfer-Encoding: base64\r\n"
                               "\r\n"
                               "SGVsbG8NCndvcmxkDQo=\r\n");
    free(bytes);
}


static void
refuses_what_would_be_more(void **state)
{
    static const struct {
        struct mp_mail mail;
        const char *field;
    } rows[] = {
        { { .to = "a@b.example\r\nBcc: x@y.example" }, "to" },
        { { .to = "a@b.example,c@d.example" }, "to" },
        { { .to = "a@b.example>\n" }, "to" },
        { { .to = "" }, "to" },
        { { .to = "a b@c.example" }, "to" },
        { { .from = "x\r\n@y.example" }, "from" },
        { { .from = "=?utf-8?Q?a=0D=0A?=" }, "from" },
        { { .id = "a@b" }, "id" },
        { { .id = "" }, "id" },
        { { .id = "a\r\nb" }, "id" },
        { { .subject = "x\r\nBcc: y@z.example" }, "subject" },
        { { .subject = "x\ny" }, "subject" },
        { { .subject = "\x7f" }, "subject" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mp_mail mail = whole;
        struct mp_error err;
        char *bytes;

        mail.to = rows[i].mail.to != NULL ? rows[i].mail.to : mail.to;
        mail.from = rows[i].mail.from != NULL ? rows[i].mail.from : mail.from;
        mail.id = rows[i].mail.id != NULL ? rows[i].mail.id : mail.id;
        mail.subject =
            rows[i].mail.subject != NULL ? rows[i].mail.subject : mail.subject;

        assert_int_equal(render(&mail, &bytes, &err), MP_INVALID);
        assert_string_equal(err.field, rows[i].field);
    }
}


/* Bare CR, bare LF and lonely dots are what smuggling is made of. */
static void
has_no_line_that_ends_it(void **state)
{
    static const char *const texts[] = {
        "\r.\r\n",
        "\n.\n",
        "\r\n.\r",
        ".\n.\n..\n",
        "a\r\n.\r\nMAIL FROM:<>",
        "\001\002\033[2J",
        "",
        "\n",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct mp_mail mail = whole;
        struct mp_error err;
        char *bytes;

        mail.text = texts[i];
        assert_int_equal(render(&mail, &bytes, &err), MP_OK);
        assert_null(strstr(bytes, "\n."));

        for (const char *c = bytes; *c != '\0'; c++) {
            assert_true(*c == '\r' || *c == '\n' || (*c >= ' ' && *c < 0x7f));
            assert_true((*c == '\r') == (c[1] == '\n') || *c == '\n');
        }

        free(bytes);
    }
}


static void
keeps_characters_whole(void **state)
{
    char subject[201], *bytes, *line;
    struct mp_mail mail = whole;
    struct mp_error err;

    (void) state;

    for (size_t i = 0; i < 198; i += 3) {
        memcpy(subject + i, "\xe2\x82\xac", 4);
    }

    mail.subject = subject;
    assert_int_equal(render(&mail, &bytes, &err), MP_OK);
    line = strstr(bytes, "Subject: ");

    while ((line = strstr(line, "=?UTF-8?B?")) != NULL) {
        unsigned char text[128];
        const char *end = strstr(line, "?=");
        size_t len = 0;

        line += 10;
        assert_true(end - line + 12 <= 75);
        assert_int_equal(sodium_base642bin(
                             text, sizeof(text), line, (size_t) (end - line),
                             NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL),
                         0);
        assert_int_equal(len % 3, 0);
        assert_int_equal(text[0], 0xe2);
    }

    free(bytes);
}


static void
has_a_limit(void **state)
{
    char *text = malloc(MP_MAIL_MAX + 1), *bytes;
    struct mp_mail mail = whole;
    struct mp_error err;

    (void) state;
    memset(text, 'x', MP_MAIL_MAX);
    text[MP_MAIL_MAX] = '\0';
    mail.text = text;
    assert_int_equal(render(&mail, &bytes, &err), MP_INVALID);
    assert_string_equal(err.field, "text");
    free(text);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_a_message),
        cmocka_unit_test(refuses_what_would_be_more),
        cmocka_unit_test(has_no_line_that_ends_it),
        cmocka_unit_test(keeps_characters_whole),
        cmocka_unit_test(has_a_limit),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
