#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mp_progress.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows[0]))

#define GOOD                                                                  \
    "{\"state\":\"running\",\"total\":100,\"done\":42,\"failed\":3,"          \
    "\"skipped\":4,\"drifted\":5,\"bytes_before\":6,\"bytes_after\":7,"       \
    "\"folders\":8,\"messages\":9,\"bytes\":10,\"eta\":11,"                   \
    "\"started_at\":\"2026-01-31T12:00:00Z\",\"ended_at\":null,"              \
    "\"next_at\":\"2026-01-31T12:00:30Z\",\"text\":\"waits\"}"

#define BIG "9007199254740992" /* 2^53 */


static enum mp_status
parse(struct mp_progress *progress, const char *json, struct mp_error *err)
{
    return mp_progress_parse(progress, json, strlen(json), err);
}


/* GOOD with one text put in another's place. */
static const char *
with(const char *from, const char *to)
{
    static char json[16384];
    const char *at = strstr(GOOD, from);

    assert_non_null(at);
    (void) snprintf(json, sizeof(json), "%.*s%s%s", (int) (at - GOOD), GOOD,
                    to, at + strlen(from));

    return json;
}


static void
states_have_their_names(void **state)
{
    static const struct {
        enum mp_job_state state;
        const char *name;
        bool ended;
    } rows[] = {
        { MP_JOB_QUEUED, "queued", false },
        { MP_JOB_RUNNING, "running", false },
        { MP_JOB_DONE, "done", true },
        { MP_JOB_DONE_WITH_FAILURES, "done-with-failures", true },
        { MP_JOB_FAILED, "failed", true },
        { MP_JOB_CANCELLED, "cancelled", true },
    };
    enum mp_job_state found = MP_JOB_FAILED;

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_string_equal(mp_job_state_name(rows[i].state), rows[i].name);
        assert_true(mp_job_state_find(&found, rows[i].name));
        assert_int_equal(found, rows[i].state);
        assert_int_equal(mp_job_state_ended(found), rows[i].ended);
    }

    assert_false(mp_job_state_find(&found, ""));
    assert_false(mp_job_state_find(&found, "Done"));
    assert_string_equal(mp_job_state_name((enum mp_job_state) 99), "");
}


static void
what_is_read_is_written_again(void **state)
{
    struct mp_progress progress;
    struct mp_json json;

    (void) state;
    assert_int_equal(parse(&progress, GOOD, NULL), MP_OK);
    assert_int_equal(progress.state, MP_JOB_RUNNING);
    assert_int_equal(progress.total, 100);
    assert_int_equal(progress.done, 42);
    assert_int_equal(progress.failed, 3);
    assert_int_equal(progress.skipped, 4);
    assert_int_equal(progress.drifted, 5);
    assert_int_equal(progress.bytes_before, 6);
    assert_int_equal(progress.bytes_after, 7);
    assert_int_equal(progress.folders, 8);
    assert_int_equal(progress.messages, 9);
    assert_int_equal(progress.bytes, 10);
    assert_int_equal(progress.eta, 11);
    assert_string_equal(progress.started_at, "2026-01-31T12:00:00Z");
    assert_string_equal(progress.ended_at, "");
    assert_string_equal(progress.next_at, "2026-01-31T12:00:30Z");
    assert_string_equal(progress.text, "waits");

    mp_json_init(&json);
    mp_progress_render(&json, NULL, &progress);
    assert_int_equal(json.len, strlen(GOOD));
    assert_memory_equal(json.bytes, GOOD, json.len);
    mp_json_free(&json);
}


static void
what_is_not_known_is_null(void **state)
{
    static const char tail[] =
        "\"eta\":null,\"started_at\":null,"
        "\"ended_at\":null,\"next_at\":null,\"text\":null}";
    struct mp_progress progress = { .state = MP_JOB_QUEUED, .eta = -1 };
    struct mp_json json;

    (void) state;
    mp_json_init(&json);
    mp_progress_render(&json, NULL, &progress);
    assert_memory_equal(json.bytes + json.len - sizeof(tail) + 1, tail,
                        sizeof(tail) - 1);
    memset(&progress, 7, sizeof(progress));
    assert_int_equal(mp_progress_parse(&progress, json.bytes, json.len, NULL),
                     MP_OK);
    assert_int_equal(progress.eta, -1);
    assert_string_equal(progress.started_at, "");
    assert_string_equal(progress.text, "");
    mp_json_free(&json);
}


static void
a_node_of_an_earlier_version_tries_nothing_again(void **state)
{
    struct mp_progress progress;

    (void) state;
    assert_int_equal(parse(&progress,
                           with("\"next_at\":\"2026-01-31T12:00:30Z\",", ""),
                           NULL),
                     MP_OK);
    assert_string_equal(progress.next_at, "");
}


static void
a_text_that_is_cut_within_a_character_is_read_again(void **state)
{
    struct mp_progress progress = { .state = MP_JOB_FAILED, .eta = -1 }, read;
    struct mp_json json;

    (void) state;
    memset(progress.text, 0xff, sizeof(progress.text) - 1);
    mp_json_init(&json);
    mp_progress_render(&json, NULL, &progress);
    assert_int_equal(mp_progress_parse(&read, json.bytes, json.len, NULL),
                     MP_OK);
    assert_int_equal(strlen(read.text), 198);
    assert_memory_equal(read.text + 195, "\xef\xbf\xbd", 3);
    mp_json_free(&json);
}


static void
a_number_that_is_too_large_is_written_as_the_largest(void **state)
{
    struct mp_progress progress = { .bytes = UINT64_MAX, .eta = -1 }, read;
    struct mp_json json;

    (void) state;
    mp_json_init(&json);
    mp_progress_render(&json, NULL, &progress);
    assert_int_equal(mp_progress_parse(&read, json.bytes, json.len, NULL),
                     MP_OK);
    assert_int_equal(read.bytes, INT64_C(9007199254740991));
    mp_json_free(&json);
}


static void
members_of_a_later_version_are_passed_over(void **state)
{
    struct mp_progress progress;

    (void) state;
    assert_int_equal(
        parse(&progress, with("\"done\"", "\"new\":[1,{}],\"done\""), NULL),
        MP_OK);
    assert_int_equal(progress.done, 42);
}


static void
a_wrong_member_is_named(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        const char *field;
    } rows[] = {
        { "\"state\":\"running\",", "", "state" },
        { "\"running\"", "\"sleeping\"", "state" },
        { "\"running\"", "1", "state" },
        { "\"total\":100", "\"total\":-1", "total" },
        { "\"total\":100", "\"total\":" BIG, "total" },
        { "\"done\":42", "\"done\":\"42\"", "done" },
        { "\"failed\":3", "\"failed\":3.5", "failed" },
        { "\"skipped\":4", "\"skipped\":null", "skipped" },
        { "\"drifted\":5", "\"drifted\":true", "drifted" },
        { "\"bytes_before\":6", "\"bytes_before\":[]", "bytes_before" },
        { "\"bytes_after\":7", "\"bytes_after\":{}", "bytes_after" },
        { "\"folders\":8,", "", "folders" },
        { "\"messages\":9", "\"messages\":-9", "messages" },
        { "\"bytes\":10", "\"bytes\":1e1", "bytes" },
        { "\"eta\":11", "\"eta\":-1", "eta" },
        { "\"eta\":11,", "", "eta" },
        { "\"2026-01-31T12:00:00Z\"", "\"\"", "started_at" },
        { "\"2026-01-31T12:00:00Z\"", "\"2026-02-31T12:00:00Z\"",
          "started_at" },
        { "\"ended_at\":null", "\"ended_at\":0", "ended_at" },
        { "2026-01-31T12:00:30Z", "soon", "next_at" },
        { ",\"text\":\"waits\"", "", "text" },
        { "\"waits\"", "7", "text" },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mp_progress progress = { .done = 77 };
        struct mp_error err = { "", "" };

        assert_int_equal(
            parse(&progress, with(rows[i].from, rows[i].to), &err),
            MP_INVALID);
        assert_string_equal(err.field, rows[i].field);
        assert_int_equal(progress.done, 77);
    }
}


static void
what_is_no_json_is_refused(void **state)
{
    static const char *const texts[] = {
        "",     "{",    "[]",
        "null", "42",   "{}",
        "{}x",  "\xff", "{\"state\":\"done\",\"state\":\"done\"}"
    };
    static char large[8193];

    (void) state;
    memset(large, ' ', sizeof(large));
    memcpy(large, GOOD, sizeof(GOOD) - 1);

    for (size_t i = 0; i < COUNT(texts); i++) {
        struct mp_progress progress;

        assert_int_equal(parse(&progress, texts[i], NULL), MP_INVALID);
        assert_int_equal(mp_progress_parse(&progress, large, 8192, NULL),
                         MP_OK);
        assert_int_equal(mp_progress_parse(&progress, large, 8193, NULL),
                         MP_INVALID);
    }
}


static void
items_have_only_what_applies(void **state)
{
    static const char text[] =
        "[{\"target\":\"ann@example.com\",\"text\":\"no home\"},"
        "{\"target\":\"bob@example.com\",\"folder\":\"Trash\","
        "\"saved_at\":\"2026-01-31T12:00:00Z\",\"uid\":7,\"bytes\":0},"
        "{\"target\":\"eve@example.com\",\"before\":1,\"after\":2}]";
    struct mp_item items[MP_ITEMS_MAX];
    struct mp_json json;
    size_t count = 0;

    (void) state;
    assert_int_equal(
        mp_items_parse(items, &count, text, sizeof(text) - 1, NULL), MP_OK);
    assert_int_equal(count, 3);
    assert_string_equal(items[0].text, "no home");
    assert_int_equal(items[0].uid, -1);
    assert_string_equal(items[1].folder, "Trash");
    assert_string_equal(items[1].saved_at, "2026-01-31T12:00:00Z");
    assert_int_equal(items[1].uid, 7);
    assert_int_equal(items[1].bytes, 0);
    assert_int_equal(items[1].before, -1);
    assert_int_equal(items[2].before, 1);
    assert_int_equal(items[2].after, 2);

    mp_json_init(&json);
    mp_items_render(&json, NULL, items, count);
    assert_int_equal(json.len, sizeof(text) - 1);
    assert_memory_equal(json.bytes, text, json.len);
    mp_json_free(&json);

    mp_json_init(&json);
    mp_item_render(&json, &items[2], "mx1");
    assert_memory_equal(json.bytes, "{\"node\":\"mx1\",\"target\":", 23);
    mp_json_free(&json);
}


static void
items_that_are_too_many_or_too_long_are_left_out(void **state)
{
    static struct mp_item items[MP_ITEMS_MAX + 1], read[MP_ITEMS_MAX];
    struct mp_json json;
    size_t count = 0;

    (void) state;

    for (size_t i = 0; i < COUNT(items); i++) {
        mp_item_init(&items[i]);
        items[i].uid = (int64_t) i;
    }

    mp_json_init(&json);
    mp_items_render(&json, NULL, items, COUNT(items));
    assert_int_equal(mp_items_parse(read, &count, json.bytes, json.len, NULL),
                     MP_OK);
    assert_int_equal(count, MP_ITEMS_MAX);
    assert_int_equal(read[MP_ITEMS_MAX - 1].uid, MP_ITEMS_MAX - 1);
    mp_json_free(&json);

    /* each of these bytes is six in JSON */
    for (size_t i = 0; i < COUNT(items); i++) {
        memset(items[i].target, 1, sizeof(items[i].target) - 1);
        memset(items[i].text, 1, sizeof(items[i].text) - 1);
        memset(items[i].folder, 1, sizeof(items[i].folder) - 1);
    }

    mp_json_init(&json);
    mp_items_render(&json, NULL, items, COUNT(items));
    assert_true(json.len <= MP_ITEMS_JSON_MAX);
    assert_int_equal(mp_items_parse(read, &count, json.bytes, json.len, NULL),
                     MP_OK);
    assert_in_range(count, 50, MP_ITEMS_MAX - 1);
    mp_json_free(&json);
}


static void
a_wrong_item_is_named(void **state)
{
    static const struct {
        const char *text;
        const char *field;
    } rows[] = {
        { "", "" },
        { "{}", "" },
        { "[1]", "" },
        { "[[]]", "" },
        { "[{\"uid\":1,\"uid\":1}]", "" },
        { "[{\"target\":\"\xff\"}]", "" },
        { "[{\"target\":1}]", "target" },
        { "[{},{\"text\":[]}]", "text" },
        { "[{\"folder\":false}]", "folder" },
        { "[{\"saved_at\":\"yesterday\"}]", "saved_at" },
        { "[{\"uid\":-1}]", "uid" },
        { "[{\"before\":\"1\"}]", "before" },
        { "[{\"after\":" BIG "}]", "after" },
        { "[{\"bytes\":null}]", "bytes" },
    };
    struct mp_item items[MP_ITEMS_MAX];
    static char large[MP_ITEMS_JSON_MAX + 1];
    size_t count;

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct mp_error err = { "none", "" };

        count = 77;
        assert_int_equal(mp_items_parse(items, &count, rows[i].text,
                                        strlen(rows[i].text), &err),
                         MP_INVALID);
        assert_string_equal(err.field, rows[i].field);
        assert_int_equal(count, 0);
    }

    memset(large, ' ', sizeof(large));
    memcpy(large, "[]", 2);
    assert_int_equal(
        mp_items_parse(items, &count, large, sizeof(large) - 1, NULL), MP_OK);
    assert_int_equal(mp_items_parse(items, &count, large, sizeof(large), NULL),
                     MP_INVALID);
}


static void
one_command_writes_what_belongs_together(void **state)
{
    static const char *const texts[] = { "HSET",  "mp:{jobs}:p:x", "n:mx1",
                                         GOOD,    "e:mx1",         "[]",
                                         "d:mx1", "[{}]" };
    struct mp_progress progress;
    struct mp_json errors, details;
    struct mp_cmd cmds[MP_PROGRESS_CMDS];
    const char **argv;

    (void) state;
    assert_int_equal(parse(&progress, GOOD, NULL), MP_OK);
    mp_json_init(&errors);
    mp_json_raw(&errors, NULL, "[]", 2);
    mp_json_init(&details);
    mp_json_raw(&details, NULL, "[{}]", 4);
    mp_cmd_init(&cmds[0]);
    mp_cmd_init(&cmds[1]);

    mp_progress_commands(cmds, "x", "mx1", &progress, &errors, &details);
    argv = mp_cmd_argv(&cmds[0]);
    assert_int_equal(cmds[0].argc, COUNT(texts));

    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_int_equal(cmds[0].lens[i], strlen(texts[i]));
        assert_memory_equal(argv[i], texts[i], strlen(texts[i]));
    }

    argv = mp_cmd_argv(&cmds[1]);
    assert_int_equal(cmds[1].argc, 3);
    assert_memory_equal(argv[0], "EXPIRE", 6);
    assert_memory_equal(argv[2], "7776000", 7);

    mp_cmd_reset(&cmds[0]);
    mp_cmd_reset(&cmds[1]);
    mp_progress_commands(cmds, "x", "mx1", &progress, NULL, NULL);
    assert_int_equal(cmds[0].argc, 4);

    mp_cmd_free(&cmds[0]);
    mp_cmd_free(&cmds[1]);
    mp_json_free(&errors);
    mp_json_free(&details);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_have_their_names),
        cmocka_unit_test(what_is_read_is_written_again),
        cmocka_unit_test(what_is_not_known_is_null),
        cmocka_unit_test(a_node_of_an_earlier_version_tries_nothing_again),
        cmocka_unit_test(a_text_that_is_cut_within_a_character_is_read_again),
        cmocka_unit_test(a_number_that_is_too_large_is_written_as_the_largest),
        cmocka_unit_test(members_of_a_later_version_are_passed_over),
        cmocka_unit_test(a_wrong_member_is_named),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(items_have_only_what_applies),
        cmocka_unit_test(items_that_are_too_many_or_too_long_are_left_out),
        cmocka_unit_test(a_wrong_item_is_named),
        cmocka_unit_test(one_command_writes_what_belongs_together),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
