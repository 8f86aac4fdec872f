#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mp_job.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows[0]))

#define ID "018bcfe56800a1b2c3d4e5f6" /* 1700000000000 */

#define GOOD                                                                  \
    "{\"id\":\"" ID "\",\"action\":\"clear-folders\","                        \
    "\"target\":\"example.com\",\"rate\":50,\"dry_run\":true,"                \
    "\"junk_days\":30,\"trash_days\":0,\"nodes\":[\"mx1\",\"mx2\"],"          \
    "\"created_by\":\"root@example.com\","                                    \
    "\"created_at\":\"2023-11-14T22:13:20Z\",\"request_id\":\"r1\"}"


static enum mp_status
parse(struct mp_job *job, const char *json, struct mp_error *err)
{
    return mp_job_parse(job, json, strlen(json), err);
}


/* GOOD with one text put in another's place. */
static const char *
with(const char *from, const char *to)
{
    static char json[32768];
    const char *at = strstr(GOOD, from);

    assert_non_null(at);
    (void) snprintf(json, sizeof(json), "%.*s%s%s", (int) (at - GOOD), GOOD,
                    to, at + strlen(from));

    return json;
}


static struct mp_job
sample(void)
{
    struct mp_job job;

    assert_int_equal(parse(&job, GOOD, NULL), MP_OK);

    return job;
}


/* Reads what is written of a job, and writes it again. */
static void
assert_written_is_read(const struct mp_job *job)
{
    struct mp_json json, again;
    struct mp_job read;

    mp_json_init(&json);
    mp_json_init(&again);
    mp_job_render(&json, job);
    assert_true(json.ok);
    assert_int_equal(mp_job_parse(&read, json.bytes, json.len, NULL), MP_OK);

    mp_job_render(&again, &read);
    assert_int_equal(again.len, json.len);
    assert_memory_equal(again.bytes, json.bytes, json.len);
    mp_json_free(&again);
    mp_json_free(&json);
}


/* "XADD key ..." */
static const char *
joined(struct mp_cmd *cmd)
{
    static char text[32768];
    const char **argv = mp_cmd_argv(cmd);
    size_t len = 0;

    assert_non_null(argv);

    for (size_t i = 0; i < cmd->argc; i++) {
        assert_true(len + cmd->lens[i] + 2 < sizeof(text));
        memcpy(text + len, argv[i], cmd->lens[i]);
        len += cmd->lens[i];
        text[len++] = ' ';
    }

    text[len - 1] = '\0';
    mp_cmd_free(cmd);
    mp_cmd_init(cmd);

    return text;
}


static void
ids_sort_by_time(void **state)
{
    static const unsigned char high[6] = { 255, 255, 255, 255, 255, 255 };
    static const unsigned char low[6] = { 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6 };
    char first[MP_JOB_ID_SIZE], later[MP_JOB_ID_SIZE];
    int64_t msecs = 0;

    (void) state;
    mp_job_id(first, INT64_C(1699999999999), high);
    mp_job_id(later, INT64_C(1700000000000), low);
    assert_string_equal(later, ID);
    assert_true(strcmp(first, later) < 0);

    assert_true(mp_job_id_check(first, strlen(first), &msecs));
    assert_int_equal(msecs, INT64_C(1699999999999));
    assert_true(mp_job_id_check(later, strlen(later), NULL));

    mp_job_id(first, -1, high);
    assert_true(mp_job_id_check(first, strlen(first), &msecs));
    assert_int_equal(msecs, 0);
}


static void
what_is_no_id_is_not_taken(void **state)
{
    static const char *const rows[] = {
        "",
        "018bcfe56800a1b2c3d4e5f",
        ID "0",
        "018BCFE56800A1B2C3D4E5F6",
        "018bcfe56800a1b2c3d4e5g6",
        "018bcfe56800a1b2c3d4e5f\n",
        "018bcfe56800-1b2c3d4e5f6",
        "../../../../../etc/passw",
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_false(mp_job_id_check(rows[i], strlen(rows[i]), NULL));
    }

    assert_false(mp_job_id_check("018bcfe56800a1b2c3d4e5f\0", 24, NULL));
}


static void
a_target_takes_its_one_form(void **state)
{
    static const struct {
        enum mp_action action;
        const char *text;
        const char *target;
    } rows[] = {
        { MP_ACTION_QUOTA_RECALC, "", "" },
        { MP_ACTION_QUOTA_RECALC, "Example.COM.", "example.com" },
        { MP_ACTION_QUOTA_RECALC, "m\xc3\xbcnchen.de", "xn--mnchen-3ya.de" },
        { MP_ACTION_INDEX_REBUILD, "Ann+x@Example.com", "ann+x@example.com" },
        { MP_ACTION_CLEAR_FOLDERS, "a'b@m\xc3\xbcnchen.de",
          "a'b@xn--mnchen-3ya.de" },
        { MP_ACTION_CLEAR_FOLDERS, "ann@LocalHost", "ann@localhost" },
        { MP_ACTION_CLEAR_FOLDERS, "ann@a\xef\xbd\xa1org", "ann@a.org" },
        { MP_ACTION_RADICALE_BACKUP, "", "" },
        { MP_ACTION_RADICALE_BACKUP, "ann@example.com", "ann@example.com" },
        { MP_ACTION_RELAYHOST_TEST, "", "" },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mp_job job = { .action = rows[i].action, .target = "before" };

        assert_int_equal(
            mp_job_put_target(&job, rows[i].text, strlen(rows[i].text), NULL),
            MP_OK);
        assert_string_equal(job.target, rows[i].target);
    }
}


static void
what_is_no_target_is_refused(void **state)
{
    static const struct {
        enum mp_action action;
        const char *text;
        const char *why;
    } rows[] = {
        { MP_ACTION_QUOTA_RECALC, " example.com", "blanks" },
        { MP_ACTION_QUOTA_RECALC, "ann@example.com\n", "control" },
        { MP_ACTION_QUOTA_RECALC, "a\x7f@example.com", "control" },
        { MP_ACTION_QUOTA_RECALC, "*", "wildcards" },
        { MP_ACTION_QUOTA_RECALC, "*@example.com", "wildcards" },
        { MP_ACTION_QUOTA_RECALC, "a?n@example.com", "wildcards" },
        { MP_ACTION_QUOTA_RECALC, "localhost", "" },
        { MP_ACTION_QUOTA_RECALC, "@example.com", "before the @" },
        { MP_ACTION_QUOTA_RECALC, "ann@", "" },
        { MP_ACTION_QUOTA_RECALC, "ann@[192.0.2.1]", "" },
        { MP_ACTION_QUOTA_RECALC, "ann@exa..mple", "" },
        { MP_ACTION_QUOTA_RECALC, "ann@--\xef\xbd\xa1--", "" },
        { MP_ACTION_QUOTA_RECALC, "a@b@example.com", "before the @" },
        { MP_ACTION_QUOTA_RECALC, "\"a\"@example.com", "before the @" },
        { MP_ACTION_QUOTA_RECALC, "\xc3\xa4@example.com", "before the @" },
        { MP_ACTION_QUOTA_RECALC, "ann@ex\xff.com", "" },
        { MP_ACTION_QUOTA_RECALC, "ex\xff.com", "" },
        { MP_ACTION_QUOTA_RECALC,
          "0123456789012345678901234567890123456789012345678901234567890123"
          "4@example.com",
          "64 characters" },
        { MP_ACTION_RADICALE_BACKUP, "example.com", "a mailbox" },
        { MP_ACTION_RELAYHOST_TEST, "example.com", "relayhost-test" },
        { MP_ACTION_VERIFY_CACHE_CLEAR, "ann@example.com",
          "verify-cache-clear" },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mp_job job = { .action = rows[i].action, .target = "before" };
        struct mp_error err = { "", "" };

        assert_int_equal(
            mp_job_put_target(&job, rows[i].text, strlen(rows[i].text), &err),
            MP_INVALID);
        assert_string_equal(err.field, "target");
        assert_non_null(strstr(err.text, rows[i].why));
        assert_string_equal(job.target, "before");
    }
}


static void
a_huge_target_and_a_nul_are_refused(void **state)
{
    struct mp_job job = { .action = MP_ACTION_QUOTA_RECALC };
    static char huge[1 << 20];

    (void) state;
    memset(huge, 'a', sizeof(huge));
    assert_int_equal(mp_job_put_target(&job, huge, sizeof(huge), NULL),
                     MP_INVALID);
    huge[1] = '@';
    assert_int_equal(mp_job_put_target(&job, huge, sizeof(huge), NULL),
                     MP_INVALID);
    assert_int_equal(mp_job_put_target(&job, "a\0b@example.com", 15, NULL),
                     MP_INVALID);
}


static void
a_target_covers_its_users_only(void **state)
{
    static const struct {
        const char *target;
        const char *user;
        bool covers;
    } rows[] = {
        { "", "ann@example.com", true },
        { "", "ann", true },
        { "example.com", "ann@example.com", true },
        { "example.com", "a@b@example.com", true },
        { "example.com", "ann@sub.example.com", false },
        { "example.com", "ann@badexample.com", false },
        { "example.com", "example.com", false },
        { "ann@example.com", "ann@example.com", true },
        { "ann@example.com", "joann@example.com", false },
        { "ann@example.com", "ann@example.com.org", false },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mp_job job = { .action = MP_ACTION_QUOTA_RECALC };

        (void) snprintf(job.target, sizeof(job.target), "%s", rows[i].target);
        assert_int_equal(mp_job_covers(&job, rows[i].user), rows[i].covers);
    }
}


static void
a_job_is_for_its_nodes_or_for_whoever_reads_it(void **state)
{
    struct mp_job job = sample();

    (void) state;
    assert_true(mp_job_is_for(&job, "mx1"));
    assert_true(mp_job_is_for(&job, "mx2"));
    assert_false(mp_job_is_for(&job, "mx"));
    assert_false(mp_job_is_for(&job, "mx11"));

    job.node_count = 0;
    assert_true(mp_job_is_for(&job, "mx"));
}


static void
what_is_written_is_read_again(void **state)
{
    struct mp_job job = sample();

    (void) state;
    assert_string_equal(job.id, ID);
    assert_int_equal(job.action, MP_ACTION_CLEAR_FOLDERS);
    assert_string_equal(job.target, "example.com");
    assert_int_equal(job.rate, 50);
    assert_true(job.dry_run);
    assert_int_equal(job.junk_days, 30);
    assert_int_equal(job.trash_days, 0);
    assert_int_equal(job.node_count, 2);
    assert_string_equal(job.node[1], "mx2");
    assert_string_equal(job.created_by, "root@example.com");
    assert_string_equal(job.created_at, "2023-11-14T22:13:20Z");
    assert_string_equal(job.request_id, "r1");

    (void) snprintf(job.created_by, sizeof(job.created_by),
                    "J\xc3\xbcrgen \"x\" \\");
    assert_written_is_read(&job);
}


static void
a_job_with_all_at_its_longest_is_read_again(void **state)
{
    struct mp_job job = sample();

    (void) state;
    memset(job.created_by, '"', sizeof(job.created_by) - 1);
    memset(job.request_id, '\\', sizeof(job.request_id) - 1);
    job.node_count = MP_JOB_NODES_MAX;

    for (unsigned int i = 0; i < MP_JOB_NODES_MAX; i++) {
        (void) snprintf(job.node[i], sizeof(job.node[i]), "%063u", i);
    }

    assert_written_is_read(&job);
}


#define X50  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X150 X50 X50 X50

static void
a_wrong_member_is_named(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        const char *field;
    } rows[] = {
        { "\"id\":\"" ID "\",", "", "id" },
        { ID, "../x", "id" },
        { "\"" ID "\"", "7", "id" },
        { "\"clear-folders\"", "\"format-disk\"", "action" },
        { "\"clear-folders\"", "null", "action" },
        { "\"clear-folders\"", "\"clear-folders\\n\"", "action" },
        { "\"example.com\"", "\"Example.com\"", "target" },
        { "\"example.com\"", "\"example.com.\"", "target" },
        { "\"example.com\"", "\"*\"", "target" },
        { "\"example.com\"", "\"" X150 X150 X150 "@example.com\"", "target" },
        { "\"example.com\"", "null", "target" },
        { "\"example.com\"", "[\"example.com\"]", "target" },
        { "\"rate\":50", "\"rate\":-1", "rate" },
        { "\"rate\":50", "\"rate\":10001", "rate" },
        { "\"rate\":50", "\"rate\":4294967296", "rate" },
        { "\"rate\":50", "\"rate\":5.0", "rate" },
        { "\"rate\":50", "\"rate\":\"50\"", "rate" },
        { "\"dry_run\":true,", "", "dry_run" },
        { "\"dry_run\":true", "\"dry_run\":1", "dry_run" },
        { "\"junk_days\":30", "\"junk_days\":3651", "junk_days" },
        { "\"junk_days\":30", "\"junk_days\":null", "junk_days" },
        { "\"junk_days\":30", "\"junk_days\":0", "junk_days" },
        { "\"trash_days\":0", "\"trash_days\":-1", "trash_days" },
        { "[\"mx1\",\"mx2\"]", "[\"mx1\",\"mx1\"]", "nodes" },
        { "[\"mx1\",\"mx2\"]", "[\"a b\"]", "nodes" },
        { "[\"mx1\",\"mx2\"]", "[\"\"]", "nodes" },
        { "[\"mx1\",\"mx2\"]", "[7]", "nodes" },
        { "[\"mx1\",\"mx2\"]", "{}", "nodes" },
        { "\"root@example.com\"", "\"\"", "created_by" },
        { "\"root@example.com\"", "\"a\\u0007\"", "created_by" },
        { "\"root@example.com\"", "\"" X150 "\"", "created_by" },
        { "2023-11-14T22:13:20Z", "2023-11-31T22:13:20Z", "created_at" },
        { "\"2023-11-14T22:13:20Z\"", "null", "created_at" },
        { "\"r1\"", "\"" X50 "\"", "request_id" },
        { "\"r1\"", "\"a\\nb\"", "request_id" },
        { "\"r1\"", "1", "request_id" },
        { "\"rate\"", "\"folder\":\"INBOX\",\"rate\"", "folder" },
        { "\"rate\"", "\"\":1,\"rate\"", "" },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mp_job job = { .rate = 77 };
        struct mp_error err = { "none", "" };

        assert_int_equal(parse(&job, with(rows[i].from, rows[i].to), &err),
                         MP_INVALID);
        assert_string_equal(err.field, rows[i].field);
        assert_true(err.text[0] != '\0');
        assert_int_equal(job.rate, 77);
    }
}


static void
more_nodes_than_a_job_has_are_refused(void **state)
{
    char list[1024];
    size_t len = 0;
    struct mp_job job;
    struct mp_error err;

    (void) state;

    for (unsigned int i = 0; i <= MP_JOB_NODES_MAX; i++) {
        len += (size_t) snprintf(list + len, sizeof(list) - len, "%s\"n%u\"",
                                 i > 0 ? "," : "[", i);
    }

    (void) snprintf(list + len, sizeof(list) - len, "]");
    assert_int_equal(parse(&job, with("[\"mx1\",\"mx2\"]", list), &err),
                     MP_INVALID);
    assert_string_equal(err.field, "nodes");
}


static void
what_is_for_clearing_is_for_nothing_else(void **state)
{
    static const struct {
        const char *members;
        const char *field;
    } rows[] = {
        { "\"dry_run\":true,\"junk_days\":0,\"trash_days\":0", "dry_run" },
        { "\"dry_run\":false,\"junk_days\":1,\"trash_days\":0", "junk_days" },
        { "\"dry_run\":false,\"junk_days\":0,\"trash_days\":1", "trash_days" },
        { "\"dry_run\":false,\"junk_days\":0,\"trash_days\":0", NULL },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mp_error err = { "", "" };
        struct mp_job job;
        char json[1024];

        (void) snprintf(json, sizeof(json),
                        "{\"id\":\"" ID "\",\"action\":\"quota-recalc\","
                        "\"target\":\"\",\"rate\":0,%s,\"nodes\":[],"
                        "\"created_by\":\"a\",\"request_id\":\"\","
                        "\"created_at\":\"2023-11-14T22:13:20Z\"}",
                        rows[i].members);

        if (rows[i].field == NULL) {
            assert_int_equal(parse(&job, json, &err), MP_OK);
            continue;
        }

        assert_int_equal(parse(&job, json, &err), MP_INVALID);
        assert_string_equal(err.field, rows[i].field);
    }
}


static void
what_is_no_json_object_is_refused(void **state)
{
    static const char *const texts[] = { "",
                                         "{",
                                         "[]",
                                         "null",
                                         "42",
                                         "{}",
                                         "{}x",
                                         "\xff",
                                         "{\"id\":\"\xff\"}",
                                         "{\"id\":\"" ID "\",\"id\":\"" ID
                                         "\"}" };

    (void) state;

    for (size_t i = 0; i < COUNT(texts); i++) {
        struct mp_job job;

        assert_int_equal(parse(&job, texts[i], NULL), MP_INVALID);
    }
}


static void
too_many_bytes_are_refused_unread(void **state)
{
    static char json[MP_JOB_JSON_MAX + 1];
    struct mp_job job;

    (void) state;
    memset(json, ' ', sizeof(json));
    memcpy(json, GOOD, sizeof(GOOD) - 1);
    assert_int_equal(mp_job_parse(&job, json, MP_JOB_JSON_MAX, NULL), MP_OK);
    assert_int_equal(mp_job_parse(&job, json, MP_JOB_JSON_MAX + 1, NULL),
                     MP_INVALID);
}


static void
the_commands_make_a_job_once(void **state)
{
    struct mp_cmd cmds[2];
    struct mp_job job = sample();

    (void) state;
    mp_cmd_init(&cmds[0]);
    mp_cmd_init(&cmds[1]);

    mp_job_record_commands(cmds, &job);
    assert_string_equal(joined(&cmds[0]),
                        "HSETNX mp:{jobs}:j:" ID " job " GOOD);
    assert_string_equal(joined(&cmds[1]), "EXPIRE mp:{jobs}:j:" ID " 7776000");

    mp_job_index_commands(cmds, &job);
    assert_string_equal(joined(&cmds[0]),
                        "ZADD mp:{jobs}:index NX 1700000000000 " ID);
    assert_string_equal(joined(&cmds[1]),
                        "ZREMRANGEBYRANK mp:{jobs}:index 0 -1001");

    mp_job_queue_command(&cmds[0], &job);
    assert_string_equal(joined(&cmds[0]),
                        "XADD mp:{jobs}:dovecot MAXLEN ~ 10000 * op run id " ID
                        " job " GOOD);

    mp_job_cancel_command(&cmds[0], &job, "ann");
    assert_string_equal(joined(&cmds[0]),
                        "XADD mp:{jobs}:dovecot MAXLEN ~ 10000 * op cancel "
                        "id " ID " by ann");

    mp_job_event_command(&cmds[0], job.id);
    assert_string_equal(joined(&cmds[0]),
                        "XADD mp:{jobs}:events MAXLEN ~ 10000 * id " ID);

    job.action = MP_ACTION_RADICALE_BACKUP;
    mp_job_cancel_command(&cmds[0], &job, "ann");
    assert_non_null(strstr(joined(&cmds[0]), "XADD mp:{jobs}:agent "));

    mp_cmd_free(&cmds[0]);
    mp_cmd_free(&cmds[1]);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_sort_by_time),
        cmocka_unit_test(what_is_no_id_is_not_taken),
        cmocka_unit_test(a_target_takes_its_one_form),
        cmocka_unit_test(what_is_no_target_is_refused),
        cmocka_unit_test(a_huge_target_and_a_nul_are_refused),
        cmocka_unit_test(a_target_covers_its_users_only),
        cmocka_unit_test(a_job_is_for_its_nodes_or_for_whoever_reads_it),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(a_job_with_all_at_its_longest_is_read_again),
        cmocka_unit_test(a_wrong_member_is_named),
        cmocka_unit_test(more_nodes_than_a_job_has_are_refused),
        cmocka_unit_test(what_is_for_clearing_is_for_nothing_else),
        cmocka_unit_test(what_is_no_json_object_is_refused),
        cmocka_unit_test(too_many_bytes_are_refused_unread),
        cmocka_unit_test(the_commands_make_a_job_once),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
