#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mp_record.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows[0]))

#define ID "018bcfe56800a1b2c3d4e5f6"

#define JOB(nodes)                                                            \
    "{\"id\":\"" ID "\",\"action\":\"quota-recalc\",\"target\":\"\","         \
    "\"rate\":0,\"dry_run\":false,\"junk_days\":0,\"trash_days\":0,"          \
    "\"nodes\":[" nodes "],\"created_by\":\"ann\","                           \
    "\"created_at\":\"2026-01-31T12:00:00Z\",\"request_id\":\"\"}"

#define TWO JOB("\"mx1\",\"mx2\"")

/* A progress of 10 users. */
#define AT(state, done, failed, eta, started, ended, text)                    \
    "{\"state\":\"" state "\",\"total\":10,\"done\":" done                    \
    ",\"failed\":" failed ",\"skipped\":1,\"drifted\":2,"                     \
    "\"bytes_before\":100,\"bytes_after\":90,\"folders\":3,\"messages\":4,"   \
    "\"bytes\":5,\"eta\":" eta ",\"started_at\":" started                     \
    ",\"ended_at\":" ended ",\"text\":" text "}"

#define IN(state)                                                             \
    AT(state, "5", "0", "null", "\"2026-01-31T12:00:01Z\"", "null", "null")


/* What HGETALL answers: names and values; NULL ends them. */
struct hash {
    redisReply reply;
    redisReply *element[64];
    redisReply text[64];
};


static const redisReply *
hash_of(struct hash *hash, const char *const *texts)
{
    size_t count = 0;

    memset(hash, 0, sizeof(*hash));

    for (; texts[count] != NULL; count++) {
        assert_true(count < 64);
        hash->text[count].type = REDIS_REPLY_STRING;
        hash->text[count].str = (char *) (uintptr_t) texts[count];
        hash->text[count].len = strlen(texts[count]);
        hash->element[count] = &hash->text[count];
    }

    hash->reply.type = REDIS_REPLY_ARRAY;
    hash->reply.elements = count;
    hash->reply.element = hash->element;

    return &hash->reply;
}

#define TEXTS(...)                                                            \
    (const char *const[])                                                     \
    {                                                                         \
        __VA_ARGS__, NULL                                                     \
    }


static enum mp_status
read_record(struct mp_record *record, const char *const *job,
            const char *const *progress, struct mp_error *err)
{
    static struct hash first, second;

    return mp_record_parse(record, hash_of(&first, job),
                           hash_of(&second, progress), err);
}


/* mp_record_render() as a text. */
static const char *
rendered(const struct mp_record *record, bool full)
{
    static char text[65536];
    struct mp_json json;

    mp_json_init(&json);
    mp_record_render(&json, NULL, record, full);
    assert_true(json.ok && json.len < sizeof(text));
    memcpy(text, json.bytes, json.len);
    text[json.len] = '\0';
    mp_json_free(&json);

    return text;
}


static void
a_job_that_nobody_began_is_queued_at_each_node(void **state)
{
    struct mp_record record;

    (void) state;
    assert_int_equal(
        read_record(&record, TEXTS("job", TWO), TEXTS(NULL), NULL), MP_OK);
    assert_string_equal(record.job.id, ID);
    assert_false(record.cancelled);
    assert_int_equal(record.node_count, 2);
    assert_string_equal(record.node[0].name, "mx1");
    assert_false(record.node[0].started);
    assert_int_equal(mp_record_state(&record), MP_JOB_QUEUED);
    assert_non_null(
        strstr(rendered(&record, true), "\"mx2\":{\"state\":\"queued\","));
}


static void
progress_may_be_no_answer_at_all(void **state)
{
    struct mp_record record;
    struct hash hash;

    (void) state;
    assert_int_equal(mp_record_parse(&record,
                                     hash_of(&hash, TEXTS("job", TWO)), NULL,
                                     NULL),
                     MP_OK);
    assert_int_equal(record.node_count, 2);
}


static void
there_may_be_no_such_job(void **state)
{
    struct mp_record record;
    struct mp_error err;

    (void) state;
    assert_int_equal(read_record(&record, TEXTS(NULL), TEXTS(NULL), &err),
                     MP_NOT_FOUND);
    assert_int_equal(
        read_record(&record, TEXTS("cancel", "ann"), TEXTS(NULL), &err),
        MP_NOT_FOUND);
}


static void
a_record_that_is_not_one_is_refused(void **state)
{
    redisReply nil = { .type = REDIS_REPLY_NIL };
    redisReply error = { .type = REDIS_REPLY_ERROR, .str = (char[]){ "E" } };
    struct mp_record record;
    struct mp_error err = { "none", "" };

    (void) state;
    assert_int_equal(mp_record_parse(&record, NULL, NULL, NULL), MP_INVALID);
    assert_int_equal(mp_record_parse(&record, &nil, NULL, NULL), MP_INVALID);
    assert_int_equal(mp_record_parse(&record, &error, NULL, NULL), MP_INVALID);
    assert_int_equal(
        read_record(&record, TEXTS("job", TWO, "odd"), TEXTS(NULL), NULL),
        MP_INVALID);
    assert_int_equal(
        read_record(&record, TEXTS("job", "{}"), TEXTS(NULL), &err),
        MP_INVALID);
    assert_string_equal(err.field, "id");
}


static void
a_node_that_began_is_there_though_the_job_does_not_name_it(void **state)
{
    struct mp_record record;

    (void) state;
    assert_int_equal(read_record(&record, TEXTS("job", JOB("")),
                                 TEXTS("n:mx3", IN("running")), NULL),
                     MP_OK);
    assert_int_equal(record.node_count, 1);
    assert_string_equal(record.node[0].name, "mx3");
    assert_int_equal(mp_record_state(&record), MP_JOB_RUNNING);
}


static void
what_is_not_valid_is_left_out(void **state)
{
    struct mp_record record;

    (void) state;
    assert_int_equal(
        read_record(&record, TEXTS("job", TWO, "cancel", "", "next", "?"),
                    TEXTS("n:mx1", "{}", "n:", IN("done"), "n:a b", IN("done"),
                          "x:mx9", IN("done"), "nmx9", IN("done"), "",
                          IN("done"), "e:mx1", "[]", "e:mx9", "[]"),
                    NULL),
        MP_OK);
    assert_int_equal(record.node_count, 2);
    assert_false(record.cancelled);
    assert_false(record.node[0].started);
    assert_null(record.node[0].errors);
    assert_int_equal(mp_record_state(&record), MP_JOB_QUEUED);
}


static void
more_nodes_than_a_job_has_are_left_out(void **state)
{
    static char name[MP_JOB_NODES_MAX + 8][16];
    static redisReply text[2 * COUNT(name)];
    redisReply *element[COUNT(text)];
    redisReply reply = { .type = REDIS_REPLY_ARRAY,
                         .elements = COUNT(text),
                         .element = element };
    struct mp_record record;
    struct hash job;

    (void) state;

    for (size_t i = 0; i < COUNT(name); i++) {
        (void) snprintf(name[i], sizeof(name[i]), "n:mx%zu", i);
        text[2 * i].str = name[i];
        text[2 * i + 1].str = (char *) (uintptr_t) IN("done");
    }

    for (size_t i = 0; i < COUNT(text); i++) {
        text[i].type = REDIS_REPLY_STRING;
        text[i].len = strlen(text[i].str);
        element[i] = &text[i];
    }

    assert_int_equal(mp_record_parse(&record, hash_of(&job, TEXTS("job", TWO)),
                                     &reply, NULL),
                     MP_OK);
    assert_int_equal(record.node_count, MP_JOB_NODES_MAX);
}


static void
the_state_is_that_of_all_nodes(void **state)
{
    static const struct {
        const char *first; /* NULL: has not told anything */
        const char *second;
        bool cancel;
        enum mp_job_state state;
    } rows[] = {
        { NULL, NULL, false, MP_JOB_QUEUED },
        { IN("queued"), NULL, false, MP_JOB_QUEUED },
        { IN("queued"), IN("queued"), false, MP_JOB_QUEUED },
        { IN("running"), NULL, false, MP_JOB_RUNNING },
        { IN("running"), IN("done"), false, MP_JOB_RUNNING },
        { IN("done"), NULL, false, MP_JOB_RUNNING },
        { IN("failed"), IN("queued"), false, MP_JOB_RUNNING },
        { IN("done"), IN("done"), false, MP_JOB_DONE },
        { IN("done"), IN("done-with-failures"), false,
          MP_JOB_DONE_WITH_FAILURES },
        { IN("done"), IN("failed"), false, MP_JOB_DONE_WITH_FAILURES },
        { IN("done-with-failures"), IN("failed"), false,
          MP_JOB_DONE_WITH_FAILURES },
        { IN("failed"), IN("failed"), false, MP_JOB_FAILED },
        { IN("done"), IN("cancelled"), false, MP_JOB_CANCELLED },

        { NULL, NULL, true, MP_JOB_CANCELLED },
        { IN("done"), NULL, true, MP_JOB_CANCELLED },
        { IN("cancelled"), NULL, true, MP_JOB_CANCELLED },
        { IN("done"), IN("cancelled"), true, MP_JOB_CANCELLED },
        { IN("failed"), IN("cancelled"), true, MP_JOB_CANCELLED },
        { IN("running"), NULL, true, MP_JOB_RUNNING },
        { IN("running"), IN("cancelled"), true, MP_JOB_RUNNING },
        /* it has the job before it and will say how it ended */
        { IN("queued"), NULL, true, MP_JOB_QUEUED },
        { IN("queued"), IN("cancelled"), true, MP_JOB_RUNNING },
        /* it came too late */
        { IN("done"), IN("done"), true, MP_JOB_DONE },
        { IN("done"), IN("failed"), true, MP_JOB_DONE_WITH_FAILURES },
        { IN("failed"), IN("failed"), true, MP_JOB_FAILED },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *first = rows[i].first != NULL ? rows[i].first : "";
        const char *second = rows[i].second != NULL ? rows[i].second : "";
        struct mp_record record;

        assert_int_equal(
            read_record(&record,
                        TEXTS("job", TWO, "cancel", rows[i].cancel ? "b" : ""),
                        TEXTS("n:mx1", first, "n:mx2", second), NULL),
            MP_OK);

        if (mp_record_state(&record) != rows[i].state) {
            fail_msg("row %zu is %s, not %s", i,
                     mp_job_state_name(mp_record_state(&record)),
                     mp_job_state_name(rows[i].state));
        }
    }
}


static void
a_mailbox_that_no_node_has_fails_the_job(void **state)
{
#define ONE(action, target)                                                   \
    "{\"id\":\"" ID "\",\"action\":\"" action "\",\"target\":\"" target       \
    "\",\"rate\":0,\"dry_run\":false,\"junk_days\":0,\"trash_days\":0,"       \
    "\"nodes\":[\"mx1\",\"mx2\"],\"created_by\":\"ann\","                     \
    "\"created_at\":\"2026-01-31T12:00:00Z\",\"request_id\":\"\"}"
#define NOBODY                                                                \
    "{\"state\":\"done\",\"total\":0,\"done\":0,\"failed\":0,"                \
    "\"skipped\":0,\"drifted\":0,\"bytes_before\":0,\"bytes_after\":0,"       \
    "\"folders\":0,\"messages\":0,\"bytes\":0,\"eta\":0,"                     \
    "\"started_at\":null,\"ended_at\":null,\"text\":null}"

    static const struct {
        const char *job;
        const char *second;
        enum mp_job_state state;
    } rows[] = {
        { ONE("quota-recalc", "a@b.test"), NOBODY, MP_JOB_FAILED },
        { ONE("quota-recalc", "a@b.test"), IN("done"), MP_JOB_DONE },
        { ONE("quota-recalc", "b.test"), NOBODY, MP_JOB_DONE },
        { ONE("quota-recalc", ""), NOBODY, MP_JOB_DONE },
        { ONE("radicale-backup", "a@b.test"), NOBODY, MP_JOB_FAILED },
        { ONE("radicale-backup", ""), NOBODY, MP_JOB_FAILED },
        { ONE("radicale-backup", ""), IN("failed"), MP_JOB_FAILED },
        { ONE("radicale-backup", ""), IN("done"), MP_JOB_DONE },
        { ONE("radicale-backup", ""), IN("done-with-failures"),
          MP_JOB_DONE_WITH_FAILURES },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mp_record record;

        assert_int_equal(
            read_record(&record, TEXTS("job", rows[i].job),
                        TEXTS("n:mx1", NOBODY, "n:mx2", rows[i].second), NULL),
            MP_OK);
        assert_int_equal(mp_record_state(&record), rows[i].state);
    }
}


static void
a_job_for_nobody_is_queued_until_it_is_cancelled(void **state)
{
    struct mp_record record;

    (void) state;
    assert_int_equal(
        read_record(&record, TEXTS("job", JOB("")), TEXTS(NULL), NULL), MP_OK);
    assert_int_equal(mp_record_state(&record), MP_JOB_QUEUED);

    assert_int_equal(read_record(&record,
                                 TEXTS("job", JOB(""), "cancel", "ann"),
                                 TEXTS(NULL), NULL),
                     MP_OK);
    assert_int_equal(mp_record_state(&record), MP_JOB_CANCELLED);
    assert_non_null(
        strstr(rendered(&record, false),
               "\"cancelled_by\":\"ann\",\"state\":\"cancelled\""));
}


static void
who_is_silent_is_named_while_it_is_waited_for(void **state)
{
    struct mp_record record;
    struct mp_cmd cmd;

    (void) state;
    assert_int_equal(read_record(&record, TEXTS("job", TWO),
                                 TEXTS("n:mx1", IN("done")), NULL),
                     MP_OK);
    assert_null(strstr(rendered(&record, false), "silent"));

    record.silence_known = true;
    assert_false(mp_record_awaits(&record.node[0]));
    assert_true(mp_record_awaits(&record.node[1]));
    assert_non_null(strstr(rendered(&record, false), "\"silent\":[]"));

    mp_cmd_init(&cmd);
    assert_false(mp_record_gone_command(&cmd, &record));

    record.node[1].silent_since = 1769860800;
    assert_non_null(strstr(rendered(&record, true),
                           "\"silent\":[{\"node\":\"mx2\",\"since\":"
                           "\"2026-01-31T12:00:00Z\"}]"));
    assert_true(mp_record_gone_command(&cmd, &record));
    assert_true(cmd.ok);
    mp_cmd_free(&cmd);
}


static void
who_is_gone_is_not_waited_for_when_somebody_cancels(void **state)
{
    static const struct {
        const char *cancel;
        const char *gone;
        const char *second;
        enum mp_job_state state;
    } rows[] = {
        { "cancel", "mx2", IN("running"), MP_JOB_CANCELLED },
        { "cancel", "mx3 mx2 mx1", IN("queued"), MP_JOB_CANCELLED },
        { "cancel", "mx2", IN("done"), MP_JOB_DONE },
        { "cancel", "mx", IN("running"), MP_JOB_RUNNING },
        { "cancel", "mx22 m", IN("running"), MP_JOB_RUNNING },
        { "cancel", "", IN("running"), MP_JOB_RUNNING },
        { "cancel", " ", IN("running"), MP_JOB_RUNNING },
        { "other", "mx2", IN("running"), MP_JOB_RUNNING },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mp_record record;

        assert_int_equal(
            read_record(
                &record,
                TEXTS("job", TWO, rows[i].cancel, "ann", "gone", rows[i].gone),
                TEXTS("n:mx1", IN("done"), "n:mx2", rows[i].second), NULL),
            MP_OK);
        assert_int_equal(mp_record_state(&record), rows[i].state);
    }
}


static void
numbers_are_summed_and_the_slowest_node_counts(void **state)
{
    struct mp_record record;

    (void) state;
    assert_int_equal(
        read_record(&record, TEXTS("job", TWO),
                    TEXTS("n:mx1",
                          AT("running", "5", "1", "30",
                             "\"2026-01-31T12:00:05Z\"", "null", "null"),
                          "n:mx2",
                          AT("running", "6", "2", "40",
                             "\"2026-01-31T12:00:02Z\"", "null", "null")),
                    NULL),
        MP_OK);
    assert_string_equal(
        rendered(&record, false),
        "{\"id\":\"" ID "\",\"action\":\"quota-recalc\",\"target\":null,"
        "\"rate\":null,\"dry_run\":false,\"junk_days\":null,"
        "\"trash_days\":null,\"created_at\":\"2026-01-31T12:00:00Z\","
        "\"created_by\":\"ann\",\"cancelled_by\":null,\"state\":\"running\","
        "\"total\":20,\"done\":11,\"failed\":3,\"skipped\":2,\"eta\":40,"
        "\"started_at\":\"2026-01-31T12:00:02Z\",\"ended_at\":null,"
        "\"next_at\":null,\"result\":{\"drifted\":4,\"bytes_before\":200,\"bytes_after\":180,"
        "\"folders\":6,\"messages\":8,\"bytes\":10}}");
}


static void
the_eta_is_known_when_each_node_knows_it(void **state)
{
    static const struct {
        const char *first;
        const char *second;
        const char *eta;
    } rows[] = {
        { AT("running", "5", "0", "7", "null", "null", "null"), "",
          "\"eta\":null" },
        { AT("running", "5", "0", "7", "null", "null", "null"),
          AT("queued", "5", "0", "null", "null", "null", "null"),
          "\"eta\":null" },
        { AT("running", "5", "0", "7", "null", "null", "null"),
          AT("done", "5", "0", "null", "null", "null", "null"), "\"eta\":7" },
        { AT("done", "5", "0", "7", "null", "null", "null"),
          AT("done", "5", "0", "7", "null", "null", "null"), "\"eta\":null" },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mp_record record;

        assert_int_equal(
            read_record(&record, TEXTS("job", TWO),
                        TEXTS("n:mx1", rows[i].first, "n:mx2", rows[i].second),
                        NULL),
            MP_OK);
        assert_non_null(strstr(rendered(&record, false), rows[i].eta));
    }
}


static void
the_next_attempt_is_that_of_the_first_node(void **state)
{
#define AGAIN(state, next)                                                    \
    "{\"state\":\"" state "\",\"total\":1,\"done\":0,\"failed\":0,"           \
    "\"skipped\":0,\"drifted\":0,\"bytes_before\":0,\"bytes_after\":0,"       \
    "\"folders\":0,\"messages\":0,\"bytes\":0,\"eta\":null,"                  \
    "\"started_at\":null,\"ended_at\":null,\"next_at\":" next                 \
    ",\"text\":null}"

    static const struct {
        const char *first;
        const char *second;
        const char *next;
    } rows[] = {
        { AGAIN("running", "\"2026-01-31T12:00:30Z\""),
          AGAIN("running", "\"2026-01-31T12:00:20Z\""),
          "\"next_at\":\"2026-01-31T12:00:20Z\"" },
        { AGAIN("running", "null"),
          AGAIN("running", "\"2026-01-31T12:00:20Z\""),
          "\"next_at\":\"2026-01-31T12:00:20Z\"" },
        { AGAIN("running", "\"2026-01-31T12:00:30Z\""),
          AGAIN("running", "null"), "\"next_at\":\"2026-01-31T12:00:30Z\"" },
        { AGAIN("failed", "\"2026-01-31T12:00:30Z\""), IN("done"),
          "\"next_at\":null" },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mp_record record;

        assert_int_equal(
            read_record(&record, TEXTS("job", TWO),
                        TEXTS("n:mx1", rows[i].first, "n:mx2", rows[i].second),
                        NULL),
            MP_OK);
        assert_non_null(strstr(rendered(&record, false), rows[i].next));
    }
}


static void
it_ended_when_its_last_node_did(void **state)
{
    struct mp_record record;

    (void) state;
    assert_int_equal(
        read_record(
            &record, TEXTS("job", TWO),
            TEXTS("n:mx1",
                  AT("done", "10", "0", "null", "\"2026-01-31T12:00:05Z\"",
                     "\"2026-01-31T12:00:09Z\"", "null"),
                  "n:mx2",
                  AT("failed", "0", "0", "null", "\"2026-01-31T12:00:04Z\"",
                     "\"2026-01-31T12:00:06Z\"",
                     "\"the userdb does not list users\"")),
            NULL),
        MP_OK);
    assert_non_null(strstr(rendered(&record, false),
                           "\"started_at\":\"2026-01-31T12:00:04Z\","
                           "\"ended_at\":\"2026-01-31T12:00:09Z\""));
    assert_non_null(strstr(rendered(&record, true),
                           "\"errors\":[{\"node\":\"mx2\",\"text\":"
                           "\"the userdb does not list users\"}]"));
}


static void
errors_and_details_name_their_node(void **state)
{
    struct mp_record record;

    (void) state;
    assert_int_equal(
        read_record(
            &record, TEXTS("job", TWO),
            TEXTS("e:mx1",
                  "[{\"target\":\"a@example.com\",\"text\":\"<b>\\u0001\","
                  "\"evil\":1}]",
                  "n:mx1", IN("running"), "d:mx2",
                  "[{\"target\":\"b@example.com\",\"before\":1,\"after\":2}]",
                  "n:mx2", IN("running"), "e:mx2", "[{\"text\":7}]", "d:mx1",
                  "garbage"),
            NULL),
        MP_OK);
    assert_non_null(strstr(rendered(&record, true),
                           "\"errors\":[{\"node\":\"mx1\",\"target\":"
                           "\"a@example.com\",\"text\":\"<b>\\u0001\"}]"));
    assert_non_null(strstr(rendered(&record, true),
                           "\"items\":[{\"node\":\"mx2\",\"target\":"
                           "\"b@example.com\",\"before\":1,\"after\":2}]"));
    assert_null(strstr(rendered(&record, false), "errors"));
    assert_null(strstr(rendered(&record, false), "items"));
    assert_null(strstr(rendered(&record, false), "nodes"));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_that_nobody_began_is_queued_at_each_node),
        cmocka_unit_test(progress_may_be_no_answer_at_all),
        cmocka_unit_test(there_may_be_no_such_job),
        cmocka_unit_test(a_record_that_is_not_one_is_refused),
        cmocka_unit_test(
            a_node_that_began_is_there_though_the_job_does_not_name_it),
        cmocka_unit_test(what_is_not_valid_is_left_out),
        cmocka_unit_test(more_nodes_than_a_job_has_are_left_out),
        cmocka_unit_test(the_state_is_that_of_all_nodes),
        cmocka_unit_test(a_mailbox_that_no_node_has_fails_the_job),
        cmocka_unit_test(a_job_for_nobody_is_queued_until_it_is_cancelled),
        cmocka_unit_test(who_is_silent_is_named_while_it_is_waited_for),
        cmocka_unit_test(who_is_gone_is_not_waited_for_when_somebody_cancels),
        cmocka_unit_test(numbers_are_summed_and_the_slowest_node_counts),
        cmocka_unit_test(the_eta_is_known_when_each_node_knows_it),
        cmocka_unit_test(the_next_attempt_is_that_of_the_first_node),
        cmocka_unit_test(it_ended_when_its_last_node_did),
        cmocka_unit_test(errors_and_details_name_their_node),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
