#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp_list_log.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows[0]))

/* The longest bulk in these tests, and all that belongs to one entry. */
static char wire[65536];


/* What Redis would answer: bytes through the reader of hiredis. */
static redisReply *
reply_of(const char *bytes, size_t len)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;

    assert_non_null(reader);
    assert_int_equal(redisReaderFeed(reader, bytes, len), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);

    return reply;
}


/* An entry with these texts as names and values; NULL ends them. */
static redisReply *
entry_of(const char *id, const char *const *texts)
{
    size_t count = 0, len;

    while (texts[count] != NULL) {
        count++;
    }

    len = (size_t) snprintf(wire, sizeof(wire), "*2\r\n$%zu\r\n%s\r\n*%zu\r\n",
                            strlen(id), id, count);

    for (size_t i = 0; i < count; i++) {
        len += (size_t) snprintf(wire + len, sizeof(wire) - len,
                                 "$%zu\r\n%s\r\n", strlen(texts[i]), texts[i]);
        assert_true(len < sizeof(wire));
    }

    return reply_of(wire, len);
}

#define ENTRY(...) entry_of("1-0", (const char *const[]){ __VA_ARGS__, NULL })


static void
refuse_reply(redisReply *entry, const char *field)
{
    struct mp_list_change change;
    struct mp_error err = { "untouched", "" };

    assert_int_equal(mp_list_change_parse(&change, entry, &err), MP_INVALID);
    assert_string_equal(err.field, field);
    assert_true(strlen(err.text) > 0);
    freeReplyObject(entry);
}


static void
refuse_bytes(const char *bytes)
{
    refuse_reply(reply_of(bytes, strlen(bytes)), "");
}


static struct mp_list *
list_new(void)
{
    static const unsigned char key[MP_LIST_KEY_SIZE] = "a key of 16 byte";
    struct mp_list *list = mp_list_new(key, 0);

    assert_non_null(list);

    return list;
}


static enum mp_list_kind
kind_of(const struct mp_list *list, const char *sender, int64_t now)
{
    struct mp_domain domain;

    mp_domain_fold(&domain, sender, strlen(sender));

    return mp_list_find(list, &domain, now).kind;
}


/* Parses an entry and applies it; returns how many domains were refused. */
static unsigned int
apply(struct mp_list *list, redisReply *entry)
{
    struct mp_list_change change;
    struct mp_error err = { "", "" };
    unsigned int refused = 77;

    if (mp_list_change_parse(&change, entry, &err) != MP_OK) {
        fail_msg("%s %s", err.field, err.text);
    }

    assert_true(mp_list_apply(list, &change, &refused));
    freeReplyObject(entry);

    return refused;
}


static void
an_added_domain_is_in_the_list(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    assert_int_equal(apply(list, ENTRY("op", "add", "list", "black", "d",
                                       "spam.example", "actor", "admin", "at",
                                       "2026-01-31T12:00:00Z", "req", "r1")),
                     0);
    assert_int_equal(kind_of(list, "mail.spam.example", 0), MP_LIST_BLACK);
    mp_list_free(list);
}


static void
a_removed_domain_is_not_in_the_list(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    (void) apply(list, ENTRY("op", "add", "list", "white", "d",
                             "a.example\nb.example"));
    (void) apply(list, ENTRY("op", "del", "list", "white", "d", "a.example"));
    assert_int_equal(kind_of(list, "a.example", 0), MP_LIST_NONE);
    assert_int_equal(kind_of(list, "b.example", 0), MP_LIST_WHITE);
    mp_list_free(list);
}


static void
a_change_touches_its_own_list_only(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    (void) apply(list, ENTRY("op", "add", "list", "black", "d", "a.example"));
    (void) apply(list, ENTRY("op", "del", "list", "white", "d", "a.example"));
    assert_int_equal(kind_of(list, "a.example", 0), MP_LIST_BLACK);
    mp_list_free(list);
}


static void
an_added_domain_may_expire(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    (void) apply(list, ENTRY("op", "add", "list", "black", "d", "a.example",
                             "x", "1700000000"));
    assert_int_equal(kind_of(list, "a.example", 1699999999), MP_LIST_BLACK);
    assert_int_equal(kind_of(list, "a.example", 1700000000), MP_LIST_NONE);
    mp_list_free(list);
}


static void
init_names_the_epoch_and_changes_nothing(void **state)
{
    redisReply *entry = ENTRY("op", "init", "epoch", "00ff");
    struct mp_list *list = list_new();
    struct mp_list_change change;
    unsigned int refused = 77;

    (void) state;

    assert_int_equal(mp_list_change_parse(&change, entry, NULL), MP_OK);
    assert_int_equal(change.op, MP_LIST_INIT);
    assert_string_equal(change.epoch, "00ff");
    assert_string_equal(change.id, "1-0");

    assert_true(mp_list_apply(list, &change, &refused));
    assert_int_equal(refused, 0);
    assert_int_equal(mp_list_count(list, MP_LIST_BLACK), 0);

    freeReplyObject(entry);
    mp_list_free(list);
}


static void
a_domain_that_is_not_in_its_one_form_is_left_out_and_counted(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    assert_int_equal(
        apply(list, ENTRY("op", "add", "list", "black", "d",
                          "a.example\nB.example\nc.example.\n\n d.example\n"
                          "com\n192.0.2.1\nbücher.example\nz.example\n"
                          "co..uk\n*.example\n")),
        10);
    assert_int_equal(mp_list_count(list, MP_LIST_BLACK), 2);
    assert_int_equal(kind_of(list, "a.example", 0), MP_LIST_BLACK);
    assert_int_equal(kind_of(list, "z.example", 0), MP_LIST_BLACK);
    mp_list_free(list);
}


static void
a_batch_may_have_a_thousand_domains_and_not_one_more(void **state)
{
    static char domains[20000];
    struct mp_list *list = list_new();
    size_t len = 0;

    (void) state;

    for (int i = 0; i < MP_LIST_BATCH; i++) {
        len += (size_t) snprintf(domains + len, sizeof(domains) - len,
                                 "%sn%d.example", i == 0 ? "" : "\n", i);
    }

    assert_int_equal(
        apply(list, ENTRY("op", "add", "list", "black", "d", domains)), 0);
    assert_int_equal(mp_list_count(list, MP_LIST_BLACK), MP_LIST_BATCH);
    mp_list_free(list);

    (void) snprintf(domains + len, sizeof(domains) - len, "\nn.example");
    refuse_reply(ENTRY("op", "add", "list", "black", "d", domains), "d");
}


static void
a_field_that_nobody_knows_is_skipped(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    (void) apply(list, ENTRY("new", "x", "op", "add", "list", "black", "d",
                             "a.example", "new", "y"));
    assert_int_equal(kind_of(list, "a.example", 0), MP_LIST_BLACK);
    mp_list_free(list);
}


static void
what_is_no_entry_is_refused(void **state)
{
    static const char *const rows[] = {
        "+OK\r\n",
        "-ERR no\r\n",
        ":1\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*1\r\n$3\r\n1-0\r\n",
        "*2\r\n$3\r\n1-0\r\n*-1\r\n",
        "*2\r\n$3\r\n1-0\r\n$2\r\nop\r\n",
        "*2\r\n$3\r\n1-0\r\n*1\r\n$2\r\nop\r\n",
        "*2\r\n$3\r\n1-0\r\n*2\r\n$2\r\nop\r\n:1\r\n",
        "*2\r\n$3\r\n1-0\r\n*2\r\n$2\r\nop\r\n$-1\r\n",
        "*2\r\n$3\r\n1-0\r\n*2\r\n$2\r\nop\r\n*0\r\n",
        "*2\r\n$3\r\n1-0\r\n*2\r\n*0\r\n$3\r\nadd\r\n",
        "*2\r\n:1\r\n*0\r\n",
        "*2\r\n*0\r\n*0\r\n",
        "*3\r\n$3\r\n1-0\r\n*0\r\n*0\r\n",
        "*2\r\n$3\r\n1-0\r\n*2\r\n$2\r\nop\r\n$4\r\nadd\0\r\n",
    };

    (void) state;

    for (size_t i = 0; i + 1 < COUNT(rows); i++) {
        refuse_bytes(rows[i]);
    }

    /* the last has a NUL in a value, so that its length must be given */
    refuse_reply(reply_of(rows[COUNT(rows) - 1],
                          sizeof("*2\r\n$3\r\n1-0\r\n*2\r\n$2\r\nop\r\n"
                                 "$4\r\nadd\0\r\n")
                              - 1),
                 "");
}


static void
nothing_at_all_is_no_entry(void **state)
{
    struct mp_list_change change;

    (void) state;

    assert_int_equal(mp_list_change_parse(&change, NULL, NULL), MP_INVALID);
}


static void
an_id_that_is_none_is_refused(void **state)
{
    static const char *const ids[] = {
        "",
        "1",
        "-",
        "1-",
        "-1",
        "1-0-0",
        "a-0",
        "1-0 ",
        "1--0",
        "$",
        "1-0\n",
        "111111111111111111111-"
        "111111111111111111111",
    };

    (void) state;

    for (size_t i = 0; i < COUNT(ids); i++) {
        refuse_reply(
            entry_of(ids[i], (const char *const[]){ "op", "init", "epoch", "e",
                                                    NULL }),
            "");
    }
}


static void
a_field_at_fault_is_named(void **state)
{
    (void) state;

    refuse_reply(ENTRY("epoch", "e"), "op");
    refuse_reply(ENTRY("op", ""), "op");
    refuse_reply(ENTRY("op", "ADD", "list", "black", "d", "a.b"), "op");
    refuse_reply(ENTRY("op", "set", "list", "black", "d", "a.b"), "op");
    refuse_reply(ENTRY("op", "add", "op", "add"), "op");
    refuse_reply(ENTRY("op", "init"), "epoch");
    refuse_reply(ENTRY("op", "init", "epoch", ""), "epoch");
    refuse_reply(ENTRY("op", "init", "epoch", "a b"), "epoch");
    refuse_reply(
        ENTRY("op", "init", "epoch", "0123456789abcdef0123456789abcdef0"),
        "epoch");
    refuse_reply(ENTRY("op", "add", "d", "a.b"), "list");
    refuse_reply(ENTRY("op", "add", "list", "", "d", "a.b"), "list");
    refuse_reply(ENTRY("op", "add", "list", "grey", "d", "a.b"), "list");
    refuse_reply(ENTRY("op", "add", "list", "black"), "d");
    refuse_reply(ENTRY("op", "del", "list", "black", "d", ""), "d");
}


static void
an_expiry_must_be_the_time_of_one_added_domain(void **state)
{
    static const char *const times[] = {
        "",
        "0",
        "-1",
        "soon",
        "1.5",
        " 1",
        "1 ",
        "+1",
        "0x1",
        "1e10",
        "nan",
        "2026-01-31T12:00:00Z",
        "9999999999999999999",
    };

    (void) state;

    for (size_t i = 0; i < COUNT(times); i++) {
        refuse_reply(ENTRY("op", "add", "list", "black", "d", "a.example", "x",
                           times[i]),
                     "x");
    }

    refuse_reply(ENTRY("op", "add", "list", "black", "d",
                       "a.example\nb.example", "x", "1700000000"),
                 "x");
    refuse_reply(ENTRY("op", "del", "list", "black", "d", "a.example", "x",
                       "1700000000"),
                 "x");
}


/* The arguments of a command, divided by blanks. */
static const char *
command_of(const struct mp_list_change *change)
{
    struct mp_cmd cmd;
    const char **argv;
    size_t len = 0;

    mp_cmd_init(&cmd);
    mp_list_change_command(&cmd, change, "admin", "2026-01-31T12:00:00Z",
                           "r1");
    argv = mp_cmd_argv(&cmd);
    assert_non_null(argv);

    for (size_t i = 0; i < cmd.argc; i++) {
        len += (size_t) snprintf(wire + len, sizeof(wire) - len, "%s%s",
                                 i == 0 ? "" : " ", argv[i]);
    }

    mp_cmd_free(&cmd);

    return wire;
}


static void
only_init_creates_the_stream(void **state)
{
    struct mp_list_change change = { .op = MP_LIST_INIT, .epoch = "00ff" };

    (void) state;

    assert_string_equal(command_of(&change),
                        "XADD mp:{list}:log MAXLEN ~ 2000 * op init epoch "
                        "00ff actor admin at 2026-01-31T12:00:00Z req r1");

    change = (struct mp_list_change){ .op = MP_LIST_ADD,
                                      .kind = MP_LIST_BLACK,
                                      .domains = "a.example",
                                      .domains_len = 9 };
    assert_string_equal(
        command_of(&change),
        "XADD mp:{list}:log NOMKSTREAM MAXLEN ~ 2000 * op add list black d "
        "a.example actor admin at 2026-01-31T12:00:00Z req r1");
}


static void
only_an_addition_says_when_it_expires(void **state)
{
    struct mp_list_change change = { .op = MP_LIST_ADD,
                                     .kind = MP_LIST_WHITE,
                                     .domains = "a.example",
                                     .domains_len = 9,
                                     .expires = 1700000000 };

    (void) state;

    assert_non_null(strstr(command_of(&change), " x 1700000000 actor "));

    change.op = MP_LIST_DEL;
    assert_null(strstr(command_of(&change), " x "));
}


/* Whatever is written is read back as it was. */
static void
a_command_and_its_entry_are_one_change(void **state)
{
    static const struct mp_list_change changes[] = {
        { .op = MP_LIST_INIT, .epoch = "00112233445566778899aabbccddeeff" },
        { .op = MP_LIST_ADD,
          .kind = MP_LIST_BLACK,
          .domains = "a.example",
          .domains_len = 9,
          .expires = 253402300799 },
        { .op = MP_LIST_ADD,
          .kind = MP_LIST_WHITE,
          .domains = "a.example\nb.example",
          .domains_len = 19 },
        { .op = MP_LIST_DEL,
          .kind = MP_LIST_BLACK,
          .domains = "a.example cut",
          .domains_len = 9 },
    };
    struct mp_list_change back;
    const char *texts[32];
    struct mp_cmd cmd;
    redisReply *entry;

    (void) state;

    for (size_t i = 0; i < COUNT(changes); i++) {
        size_t first = changes[i].op == MP_LIST_INIT ? 6 : 7;

        mp_cmd_init(&cmd);
        mp_list_change_command(&cmd, &changes[i], "a", "t", "r");
        assert_non_null(mp_cmd_argv(&cmd));
        assert_string_equal(cmd.argv[first - 1], "*");
        memcpy(texts, cmd.argv + first, (cmd.argc - first) * sizeof(*texts));
        texts[cmd.argc - first] = NULL;

        entry = entry_of("1700000000000-12", texts);
        assert_int_equal(mp_list_change_parse(&back, entry, NULL), MP_OK);
        assert_int_equal(back.op, changes[i].op);
        assert_int_equal(back.kind, changes[i].kind);
        assert_int_equal(back.expires, changes[i].expires);
        assert_int_equal(back.domains_len, changes[i].domains_len);
        assert_string_equal(back.id, "1700000000000-12");

        if (back.op == MP_LIST_INIT) {
            assert_string_equal(back.epoch, changes[i].epoch);

        } else {
            assert_memory_equal(back.domains, changes[i].domains,
                                back.domains_len);
        }

        freeReplyObject(entry);
        mp_cmd_free(&cmd);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_added_domain_is_in_the_list),
        cmocka_unit_test(a_removed_domain_is_not_in_the_list),
        cmocka_unit_test(a_change_touches_its_own_list_only),
        cmocka_unit_test(an_added_domain_may_expire),
        cmocka_unit_test(init_names_the_epoch_and_changes_nothing),
        cmocka_unit_test(
            a_domain_that_is_not_in_its_one_form_is_left_out_and_counted),
        cmocka_unit_test(a_batch_may_have_a_thousand_domains_and_not_one_more),
        cmocka_unit_test(a_field_that_nobody_knows_is_skipped),
        cmocka_unit_test(what_is_no_entry_is_refused),
        cmocka_unit_test(nothing_at_all_is_no_entry),
        cmocka_unit_test(an_id_that_is_none_is_refused),
        cmocka_unit_test(a_field_at_fault_is_named),
        cmocka_unit_test(an_expiry_must_be_the_time_of_one_added_domain),
        cmocka_unit_test(only_init_creates_the_stream),
        cmocka_unit_test(only_an_addition_says_when_it_expires),
        cmocka_unit_test(a_command_and_its_entry_are_one_change),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
