#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mp_audit.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows[0]))

/* What XREVRANGE answers of one entry: names and values; NULL ends them. */
struct entry {
    redisReply reply;
    redisReply *two[2];
    redisReply id;
    redisReply fields;
    redisReply *element[32];
    redisReply text[32];
};


static void
text_of(redisReply *reply, const char *text)
{
    reply->type = REDIS_REPLY_STRING;
    reply->str = (char *) (uintptr_t) text;
    reply->len = strlen(text);
}


static const redisReply *
entry_of(struct entry *entry, const char *id, const char *const *texts)
{
    size_t count = 0;

    memset(entry, 0, sizeof(*entry));

    for (; texts[count] != NULL; count++) {
        assert_true(count < COUNT(entry->text));
        text_of(&entry->text[count], texts[count]);
        entry->element[count] = &entry->text[count];
    }

    text_of(&entry->id, id);
    entry->fields.type = REDIS_REPLY_ARRAY;
    entry->fields.elements = count;
    entry->fields.element = entry->element;
    entry->two[0] = &entry->id;
    entry->two[1] = &entry->fields;
    entry->reply.type = REDIS_REPLY_ARRAY;
    entry->reply.elements = 2;
    entry->reply.element = entry->two;

    return &entry->reply;
}

#define TEXTS(...)                                                            \
    (const char *const[])                                                     \
    {                                                                         \
        __VA_ARGS__, NULL                                                     \
    }


/* mp_audit_render() as a text. */
static const char *
rendered(const struct mp_audit *audit)
{
    static char text[65536];
    struct mp_json json;

    mp_json_init(&json);
    mp_audit_render(&json, audit);
    assert_true(json.ok && json.len < sizeof(text));
    memcpy(text, json.bytes, json.len);
    text[json.len] = '\0';
    mp_json_free(&json);

    return text;
}


static void
what_is_written_is_read_again(void **state)
{
    struct mp_audit audit = { .actor = "masteradmin",
                              .what = "imap-master-login",
                              .target = "ann@example.com",
                              .from = "192.0.2.1",
                              .result = "ok",
                              .at = "2026-01-31T12:00:00Z" };
    char text[16][64];
    const char *texts[17] = { NULL };
    struct mp_audit read;
    struct entry entry;
    struct mp_cmd cmd;
    const char **argv;

    (void) state;
    mp_cmd_init(&cmd);
    mp_audit_command(&cmd, &audit);
    argv = mp_cmd_argv(&cmd);
    assert_int_equal(cmd.argc, 6 + 14);

    for (size_t i = 0; i < cmd.argc; i++) {
        size_t place = i < 6 ? 15 : i - 6;

        (void) snprintf(text[place], sizeof(text[place]), "%.*s",
                        (int) cmd.lens[i], argv[i]);

        if (i >= 6) {
            texts[place] = text[place];
        }
    }

    assert_string_equal(text[15], "*");
    assert_memory_equal(argv[1], "mp:{audit}:in", cmd.lens[1]);
    assert_memory_equal(argv[4], "100000", cmd.lens[4]);

    assert_int_equal(mp_audit_parse(&read,
                                    entry_of(&entry, "1700000000000-7", texts),
                                    NULL),
                     MP_OK);
    assert_string_equal(
        rendered(&read),
        "{\"id\":\"1700000000000-7\",\"at\":\"2026-01-31T12:00:00Z\","
        "\"actor\":\"masteradmin\",\"what\":\"imap-master-login\","
        "\"target\":\"ann@example.com\",\"from\":\"192.0.2.1\","
        "\"result\":\"ok\",\"request_id\":\"\"}");
    mp_cmd_free(&cmd);
}


static void
what_is_missing_is_empty_and_the_id_has_a_time(void **state)
{
    static const char *const ats[] = { "yesterday", "", "2026-02-31T12:00:00Z",
                                       "2026-01-31T12:00:00+01" };
    struct mp_audit audit;
    struct entry entry;

    (void) state;

    for (size_t i = 0; i < COUNT(ats); i++) {
        assert_int_equal(mp_audit_parse(&audit,
                                        entry_of(&entry, "1700000000000-0",
                                                 TEXTS("at", ats[i], "odd")),
                                        NULL),
                         MP_OK);
        assert_string_equal(audit.at, "2023-11-14T22:13:20Z");
        assert_string_equal(audit.actor, "");
        assert_string_equal(audit.request_id, "");
    }
}


static void
what_is_hostile_is_shown_as_it_is(void **state)
{
    static char large[5000];
    struct mp_audit audit;
    struct entry entry;

    (void) state;
    memset(large, 'x', sizeof(large) - 1);
    assert_int_equal(
        mp_audit_parse(&audit,
                       entry_of(&entry, "18446744073709551615-0",
                                TEXTS("actor", "<b>\"\xff\n", "target", large,
                                      "actor", "second", "evil", "1")),
                       NULL),
        MP_OK);
    assert_string_equal(audit.at, "9999-12-31T23:59:59Z");
    assert_non_null(
        strstr(rendered(&audit), "\"actor\":\"<b>\\\"\xef\xbf\xbd\\n\","));
    assert_null(strstr(rendered(&audit), "evil"));
    assert_true(strlen(rendered(&audit)) < 800);

    entry.text[1].len++; /* with a NUL */
    assert_int_equal(mp_audit_parse(&audit, &entry.reply, NULL), MP_OK);
    assert_string_equal(audit.actor, "");
}


static void
what_is_no_entry_is_refused(void **state)
{
    static const char *const ids[] = {
        "",
        "1",
        "1-",
        "-1",
        "1-1x",
        "a-1",
        "1-1-1",
        "1 -1",
        "123456789012345678901-0",
        "18446744073709551616-0",
        "0-123456789012345678901",
    };
    redisReply nil = { .type = REDIS_REPLY_NIL };
    struct mp_audit audit;
    struct entry entry;

    (void) state;

    for (size_t i = 0; i < COUNT(ids); i++) {
        assert_false(mp_audit_id_check(ids[i], strlen(ids[i])));
        assert_int_equal(
            mp_audit_parse(&audit, entry_of(&entry, ids[i], TEXTS("a", "b")),
                           NULL),
            MP_INVALID);
    }

    assert_int_equal(mp_audit_parse(&audit, NULL, NULL), MP_INVALID);
    assert_int_equal(mp_audit_parse(&audit, &nil, NULL), MP_INVALID);

    (void) entry_of(&entry, "1-0", TEXTS("a", "b"));
    entry.fields.type = REDIS_REPLY_NIL;
    assert_int_equal(mp_audit_parse(&audit, &entry.reply, NULL), MP_INVALID);
    entry.reply.elements = 1;
    assert_int_equal(mp_audit_parse(&audit, &entry.reply, NULL), MP_INVALID);

    (void) entry_of(&entry, "1-0", TEXTS("actor", "b"));
    entry.text[1].type = REDIS_REPLY_INTEGER;
    assert_int_equal(mp_audit_parse(&audit, &entry.reply, NULL), MP_OK);
    assert_string_equal(audit.actor, "");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(what_is_missing_is_empty_and_the_id_has_a_time),
        cmocka_unit_test(what_is_hostile_is_shown_as_it_is),
        cmocka_unit_test(what_is_no_entry_is_refused),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
