#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp_settings_log.h"

#define EPOCH "00112233445566778899aabbccddeeff"


static struct mp_version
version_new(const struct mp_version *before)
{
    struct mp_version version;

    memset(&version, 0, sizeof(version));
    mp_settings_default(&version.set);
    (void) snprintf(version.epoch, sizeof(version.epoch), "%s", EPOCH);
    (void) snprintf(version.actor, sizeof(version.actor), "admin");
    (void) snprintf(version.at, sizeof(version.at), "2026-01-31T12:00:00Z");
    (void) snprintf(version.request_id, sizeof(version.request_id), "r1");
    mp_version_seal(&version, before);
    return version;
}


/*
 * What XRANGE would answer for the command: its id, then its fields.  Field
 * number `broken` (from 0: epoch'"'"'s value is 1) gets another text.
 */
static redisReply *
entry_of(const struct mp_version *version, size_t broken, const char *text)
{
    struct mp_cmd cmd;
    redisReader *reader = redisReaderCreate();
    const char **argv;
    char head[64];
    void *reply = NULL;
    size_t first;

    mp_cmd_init(&cmd);
    mp_version_command(&cmd, version);
    argv = mp_cmd_argv(&cmd);
    assert_non_null(argv);

    first = strcmp(argv[2], "NOMKSTREAM") == 0 ? 3 : 2;

    (void) snprintf(head, sizeof(head), "*2\r\n$%zu\r\n%s\r\n*%zu\r\n",
                    strlen(argv[first]), argv[first], cmd.argc - first - 1);
    redisReaderFeed(reader, head, strlen(head));

    for (size_t i = first + 1; i < cmd.argc; i++) {
        bool is_broken = i - first - 1 == broken;
        const char *value = is_broken ? text : argv[i];
        size_t len = is_broken ? strlen(text) : cmd.lens[i];

        (void) snprintf(head, sizeof(head), "$%zu\r\n", len);
        redisReaderFeed(reader, head, strlen(head));
        redisReaderFeed(reader, value, len);
        redisReaderFeed(reader, "\r\n", 2);
    }

    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    mp_cmd_free(&cmd);
    return reply;
}


static void
a_published_version_reads_back_the_same(void **state)
{
    struct mp_version first = version_new(NULL), read;
    struct mp_version second = version_new(&first);
    struct mp_error err;
    redisReply *entry = entry_of(&second, 99, NULL);

    (void) state;

    assert_int_equal(mp_version_parse(&read, entry, &err), MP_OK);
    assert_int_equal(read.number, 2);
    assert_string_equal(read.prev, first.hash);
    assert_string_equal(read.hash, second.hash);
    assert_string_equal(read.epoch, EPOCH);
    assert_string_equal(read.actor, "admin");
    assert_int_equal(read.set.antispam_reject, 1000);
    freeReplyObject(entry);
}


static void
only_the_first_version_may_make_the_stream(void **state)
{
    struct mp_version first = version_new(NULL);
    struct mp_version second = version_new(&first);
    struct mp_cmd cmd;

    (void) state;

    mp_cmd_init(&cmd);
    mp_version_command(&cmd, &first);
    assert_string_equal(mp_cmd_argv(&cmd)[2], "1-0");
    mp_cmd_reset(&cmd);
    mp_version_command(&cmd, &second);
    assert_string_equal(mp_cmd_argv(&cmd)[2], "NOMKSTREAM");
    assert_string_equal(mp_cmd_argv(&cmd)[3], "2-0");
    mp_cmd_free(&cmd);
}


static void
a_change_of_any_field_breaks_the_hash(void **state)
{
    static const struct {
        size_t field;
        const char *text;
    } rows[] = {
        { 1, "ffffffffffffffffffffffffffffffff" },
        { 3, "0000000000000000000000000000000000000000000000000000000000000"
             "000" },
        { 5, "0" },
        { 7, "mallory" },
        { 9, "2026-01-31T12:00:01Z" },
        { 11, "r2" },
        { 13, "{}" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mp_version version = version_new(NULL), read;
        struct mp_error err;
        redisReply *entry = entry_of(&version, rows[i].field, rows[i].text);

        assert_int_equal(mp_version_parse(&read, entry, &err), MP_INVALID);
        assert_non_null(strstr(err.text, "hash"));
        freeReplyObject(entry);
    }
}


static void
a_field_that_is_missing_or_too_long_is_refused(void **state)
{
    char long_text[300];

    (void) state;

    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';

    /* even numbers are the names of the fields, odd ones the values */
    for (size_t i = 0; i < 14; i++) {
        struct mp_version version = version_new(NULL), read;
        struct mp_error err;
        redisReply *entry = entry_of(&version, i, long_text);

        assert_int_equal(mp_version_parse(&read, entry, &err), MP_INVALID);
        freeReplyObject(entry);
    }
}


static void
a_document_that_breaks_a_rule_is_refused_though_its_hash_is_right(void **state)
{
    struct mp_version version, read;
    struct mp_error err;
    redisReply *entry;

    (void) state;

    version = version_new(NULL);
    version.set.antispam_defer = 500;
    mp_version_seal(&version, NULL);
    entry = entry_of(&version, 99, NULL);

    assert_int_equal(mp_version_parse(&read, entry, &err), MP_INVALID);
    assert_string_equal(err.field, "antispam.defer");
    freeReplyObject(entry);
}


static void
a_huge_document_is_refused_before_it_is_hashed(void **state)
{
    char *huge = malloc(65538);
    struct mp_version version = version_new(NULL), read;
    struct mp_error err;
    redisReply *entry;

    (void) state;

    memset(huge, ' ', 65537);
    huge[65537] = '\0';
    entry = entry_of(&version, 13, huge);

    assert_int_equal(mp_version_parse(&read, entry, &err), MP_INVALID);
    assert_non_null(strstr(err.text, "65537 bytes"));
    freeReplyObject(entry);
    free(huge);
}


static void
what_is_no_entry_is_refused(void **state)
{
    static const char *const replies[] = {
        "$-1\r\n",
        "*-1\r\n",
        ":1\r\n",
        "*0\r\n",
        "*2\r\n$3\r\n1-0\r\n$-1\r\n",
        "*2\r\n$3\r\n1-1\r\n*0\r\n",
        "*2\r\n$3\r\n0-0\r\n*0\r\n",
        "*2\r\n$21\r\n99999999999999999999-\r\n*0\r\n",
        "*2\r\n$3\r\n1-0\r\n*1\r\n$3\r\ndoc\r\n",
        "*2\r\n$3\r\n1-0\r\n*2\r\n:1\r\n:2\r\n",
        "*2\r\n*0\r\n*0\r\n",
        "-ERR no\r\n",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        redisReader *reader = redisReaderCreate();
        struct mp_version read;
        struct mp_error err;
        void *reply = NULL;

        redisReaderFeed(reader, replies[i], strlen(replies[i]));
        assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
        assert_int_equal(mp_version_parse(&read, reply, &err), MP_INVALID);
        freeReplyObject(reply);
        redisReaderFree(reader);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_published_version_reads_back_the_same),
        cmocka_unit_test(only_the_first_version_may_make_the_stream),
        cmocka_unit_test(a_change_of_any_field_breaks_the_hash),
        cmocka_unit_test(a_field_that_is_missing_or_too_long_is_refused),
        cmocka_unit_test(
            a_document_that_breaks_a_rule_is_refused_though_its_hash_is_right),
        cmocka_unit_test(a_huge_document_is_refused_before_it_is_hashed),
        cmocka_unit_test(what_is_no_entry_is_refused),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
