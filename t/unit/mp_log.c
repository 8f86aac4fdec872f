/* What goes into a log is a line of text, whatever it is made of. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mp_log.h"


static void
a_byte_that_is_no_text_is_named(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *text;
    } rows[] = {
        { "plain", 5, "plain" },
        { "", 0, "" },
        { "<a\r\n\x1b[2J@b\xff>", 12, "<a\\x0d\\x0a\\x1b[2J@b\\xff>" },
        { "\x00\x01\x1f\x7f", 4, "\\x00\\x01\\x1f\\x7f" },
        { "\t", 1, "\\x09" },
        { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9,
          "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "\x80\xbf", 2, "\\x80\\xbf" },
        { "\xc3", 1, "\\xc3" },
        { "\xe2\x82", 2, "\\xe2\\x82" },
        { "\xe2\x82x", 3, "\\xe2\\x82x" },
        { "\xc0\xaf", 2, "\\xc0\\xaf" },
        { "\xe0\x80\xaf", 3, "\\xe0\\x80\\xaf" },
        { "\xf0\x80\x80\xaf", 4, "\\xf0\\x80\\x80\\xaf" },
        { "\xed\xa0\x80", 3, "\\xed\\xa0\\x80" },
        { "\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80" },
        { "\xf8\x88\x80\x80\x80", 5, "\\xf8\\x88\\x80\\x80\\x80" },
        /* C1: CSI of eight bits, also in UTF-8 */
        { "\x9b[2J", 4, "\\x9b[2J" },
        { "\xc2\x9b[2J", 5, "\\xc2\\x9b[2J" },
        { "\xc2\xa0", 2, "\xc2\xa0" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256];
        size_t len = mp_escape(text, sizeof(text), rows[i].bytes, rows[i].len);

        assert_string_equal(text, rows[i].text);
        assert_int_equal(len, strlen(rows[i].text));
    }
}


/* Neither half a name of a byte nor half a character. */
static void
what_does_not_fit_is_cut_whole(void **state)
{
    char text[16];

    (void) state;

    assert_int_equal(mp_escape(text, 4, "ab\xff", 3), 2);
    assert_string_equal(text, "ab");
    assert_int_equal(mp_escape(text, 7, "ab\xff", 3), 6);
    assert_string_equal(text, "ab\\xff");
    assert_int_equal(mp_escape(text, 4, "ab\xc3\xa4", 4), 2);
    assert_string_equal(text, "ab");
    assert_int_equal(mp_escape(text, 5, "ab\xc3\xa4", 4), 4);
    assert_int_equal(mp_escape(text, 1, "ab", 2), 0);
    assert_string_equal(text, "");
}


/* What mp_log() writes to standard error. */
static size_t
logged(const char *argument, char *out_r, size_t size)
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    ssize_t n;

    assert_non_null(file);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    mp_log(MP_LOG_ERROR, "of <%s>", argument);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void) close(saved);

    n = pread(fileno(file), out_r, size, 0);
    assert_true(n >= 0);
    (void) fclose(file);

    return (size_t) n;
}


static void
a_line_is_one_line(void **state)
{
    char out[8192], *argument = malloc(1 << 20);
    size_t len;

    (void) state;
    assert_non_null(argument);

    len = logged("a\r\nerror: forged\x1b[2J\xff", out, sizeof(out));
    out[len] = '\0';
    assert_string_equal(out,
                        "error: of <a\\x0d\\x0aerror: forged\\x1b[2J\\xff>\n");

    /* however long, and though each byte becomes four */
    memset(argument, '\n', (1 << 20) - 1);
    argument[(1 << 20) - 1] = '\0';
    len = logged(argument, out, sizeof(out));
    assert_true(len > 1000 && len <= 2048);
    assert_ptr_equal(memchr(out, '\n', len), out + len - 1);

    len = logged("%s%n%s", out, sizeof(out));
    assert_memory_equal(out, "error: of <%s%n%s>\n", len);
    free(argument);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_that_is_no_text_is_named),
        cmocka_unit_test(what_does_not_fit_is_cut_whole),
        cmocka_unit_test(a_line_is_one_line),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
