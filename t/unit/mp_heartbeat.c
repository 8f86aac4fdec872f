#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "mp_heartbeat.h"

#define GOOD                                                                  \
    "{\"component\":\"milter\",\"node\":\"mx1\",\"version\":\"0.1\","         \
    "\"pid\":7,\"settings\":42,\"lists\":\"17-0\",\"whitelist\":1,"           \
    "\"blacklist\":2,\"lag_ms\":3,\"stale\":false,\"problems\":[]}"


static struct mp_heartbeat
sample(void)
{
    struct mp_heartbeat hb = {
        .component = "milter",
        .node = "mx1.example.com",
        .build = "0.1.0",
        .pid = 4711,
        .settings = 42,
        .lists = "1700000000000-3",
        .whitelist = 12,
        .blacklist = 1000000,
        .lag_msecs = 37,
        .stale = true,
        .problem_count = 2,
        .problem = { "Redis does not answer", "with \"signs\" \xff\n" },
    };

    return hb;
}


static enum mp_status
parse(struct mp_heartbeat *hb, const char *json, struct mp_error *err)
{
    return mp_heartbeat_parse(hb, json, strlen(json), err);
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
what_is_written_is_read_again(void **state)
{
    struct mp_heartbeat hb = sample(), read;
    struct mp_cmd cmd;
    const char **argv;

    (void) state;
    mp_cmd_init(&cmd);
    mp_heartbeat_command(&cmd, &hb);
    argv = mp_cmd_argv(&cmd);
    assert_int_equal(cmd.argc, 5);
    assert_memory_equal(argv[0], "SET", 3);
    assert_memory_equal(argv[1], "mp:{hb}:milter:mx1.example.com",
                        cmd.lens[1]);
    assert_memory_equal(argv[3], "EX", 2);
    assert_memory_equal(argv[4], "30", 2);

    assert_int_equal(mp_heartbeat_parse(&read, argv[2], cmd.lens[2], NULL),
                     MP_OK);
    assert_string_equal(read.component, hb.component);
    assert_string_equal(read.node, hb.node);
    assert_string_equal(read.build, hb.build);
    assert_string_equal(read.lists, hb.lists);
    assert_int_equal(read.pid, hb.pid);
    assert_int_equal(read.settings, hb.settings);
    assert_int_equal(read.whitelist, hb.whitelist);
    assert_int_equal(read.blacklist, hb.blacklist);
    assert_int_equal(read.lag_msecs, hb.lag_msecs);
    assert_true(read.stale);
    assert_int_equal(read.problem_count, 2);
    assert_string_equal(read.problem[0], hb.problem[0]);
    mp_cmd_free(&cmd);
}


static void
a_lag_below_zero_is_none(void **state)
{
    struct mp_heartbeat hb = sample(), read;
    struct mp_json json;

    (void) state;
    hb.lag_msecs = -5;
    mp_json_init(&json);
    mp_heartbeat_render(&json, &hb);
    assert_int_equal(mp_heartbeat_parse(&read, json.bytes, json.len, NULL),
                     MP_OK);
    assert_int_equal(read.lag_msecs, 0);
    mp_json_free(&json);
}


static void
a_node_says_when_it_was_seen(void **state)
{
    struct mp_heartbeat hb = sample(), read;
    struct mp_json json;

    (void) state;
    mp_json_init(&json);
    mp_heartbeat_render_node(&json, &hb, 1700000000);
    assert_non_null(
        strstr(json.bytes, "\"seen_at\":\"2023-11-14T22:13:20Z\""));
    assert_int_equal(mp_heartbeat_parse(&read, json.bytes, json.len, NULL),
                     MP_OK);
    mp_json_free(&json);

    mp_json_init(&json);
    mp_heartbeat_render_node(&json, &hb, 0);
    assert_non_null(strstr(json.bytes, "\"seen_at\":null"));
    mp_json_free(&json);
}


static void
the_index_gets_the_second(void **state)
{
    struct mp_heartbeat hb = sample();
    struct mp_cmd cmd;
    const char **argv;

    (void) state;
    mp_cmd_init(&cmd);
    mp_heartbeat_index_command(&cmd, &hb, 1700000000);
    argv = mp_cmd_argv(&cmd);
    assert_int_equal(cmd.argc, 4);
    assert_memory_equal(argv[0], "HSET", 4);
    assert_memory_equal(argv[1], "mp:{hb}:index", 13);
    assert_memory_equal(argv[2], "milter:mx1.example.com", cmd.lens[2]);
    assert_memory_equal(argv[3], "1700000000", 10);
    mp_cmd_free(&cmd);
}


static void
fields_of_a_later_version_are_passed_over(void **state)
{
    struct mp_heartbeat hb;

    (void) state;
    assert_int_equal(parse(&hb, GOOD, NULL), MP_OK);
    assert_int_equal(
        parse(&hb, with("\"pid\"", "\"new\":[1,{}],\"pid\""), NULL), MP_OK);
    assert_int_equal(hb.settings, 42);
}


static void
a_node_that_has_nothing_in_force_is_read(void **state)
{
    struct mp_heartbeat hb;

    (void) state;
    assert_int_equal(parse(&hb, with("\"17-0\"", "\"\""), NULL), MP_OK);
    assert_string_equal(hb.lists, "");
}


static void
a_wrong_field_is_named(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        const char *field;
    } rows[] = {
        { "\"component\":\"milter\",", "", "component" },
        { "\"milter\"", "null", "component" },
        { "\"milter\"", "\"\"", "component" },
        { "\"milter\"", "\"Milter\"", "component" },
        { "\"milter\"", "\"averyverylongname\"", "component" },
        { "\"mx1\"", "\"\"", "node" },
        { "\"mx1\"", "\"a b\"", "node" },
        { "\"mx1\"", "\"<script>\"", "node" },
        { "\"0.1\"", "1", "version" },
        { "\"pid\":7", "\"pid\":-7", "pid" },
        { "\"pid\":7", "\"pid\":4294967296", "pid" },
        { "\"pid\":7", "\"pid\":7.5", "pid" },
        { "\"settings\":42", "\"settings\":\"42\"", "settings" },
        { "\"settings\":42", "\"settings\":-1", "settings" },
        { "\"17-0\"", "\"17\"", "lists" },
        { "\"17-0\"", "\"17-\"", "lists" },
        { "\"17-0\"", "\"-0\"", "lists" },
        { "\"17-0\"", "\"17-0x\"", "lists" },
        { "\"17-0\"", "17", "lists" },
        { "\"whitelist\":1", "\"whitelist\":null", "whitelist" },
        { "\"blacklist\":2", "\"blacklist\":true", "blacklist" },
        { "\"lag_ms\":3", "\"lag_ms\":-3", "lag_ms" },
        { "\"stale\":false", "\"stale\":0", "stale" },
        { "\"problems\":[]", "\"problems\":{}", "problems" },
        { "\"problems\":[]", "\"problems\":[1]", "problems" },
        { "[]", "[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]", "problems" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct mp_heartbeat hb = { .settings = 77 };
        struct mp_error err;

        assert_int_equal(parse(&hb, with(rows[i].from, rows[i].to), &err),
                         MP_INVALID);
        assert_string_equal(err.field, rows[i].field);
        assert_int_equal(hb.settings, 77);
    }
}


static void
what_is_no_json_object_is_refused(void **state)
{
    static const char *const texts[] = {
        "", "{", "[]", "null", "42", "{}x", "\xff", "{\"a\":1,\"a\":2}"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct mp_heartbeat hb;

        assert_int_equal(parse(&hb, texts[i], NULL), MP_INVALID);
    }
}


static void
too_many_bytes_are_refused_unread(void **state)
{
    struct mp_heartbeat hb;
    char json[10000];

    (void) state;
    memset(json, ' ', sizeof(json));
    memcpy(json, GOOD, sizeof(GOOD) - 1);
    assert_int_equal(mp_heartbeat_parse(&hb, json, 8192, NULL), MP_OK);
    assert_int_equal(mp_heartbeat_parse(&hb, json, 8193, NULL), MP_INVALID);
}


static void
a_long_problem_is_cut(void **state)
{
    struct mp_heartbeat hb;
    char list[300];

    (void) state;
    (void) snprintf(list, sizeof(list), "[\"%0200d\"]", 0);
    assert_int_equal(parse(&hb, with("[]", list), NULL), MP_OK);
    assert_int_equal(strlen(hb.problem[0]), sizeof(hb.problem[0]) - 1);

    /* and not within a character */
    (void) snprintf(list, sizeof(list), "[\"%0126d\xc3\xa4\"]", 0);
    assert_int_equal(parse(&hb, with("[]", list), NULL), MP_OK);
    assert_int_equal(strlen(hb.problem[0]), sizeof(hb.problem[0]) - 2);
}


static void
the_name_of_a_node_is_checked(void **state)
{
    char text[65];

    (void) state;
    assert_int_equal(mp_node_check("mx1.example-2.com_x", NULL), MP_OK);
    assert_int_equal(mp_node_check("", NULL), MP_INVALID);
    assert_int_equal(mp_node_check("a:b", NULL), MP_INVALID);
    assert_int_equal(mp_node_check("a\nb", NULL), MP_INVALID);
    assert_int_equal(mp_node_check("\xc3\xa4", NULL), MP_INVALID);

    memset(text, 'x', sizeof(text));
    text[64] = '\0';
    assert_int_equal(mp_node_check(text, NULL), MP_INVALID);
    text[63] = '\0';
    assert_int_equal(mp_node_check(text, NULL), MP_OK);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(a_lag_below_zero_is_none),
        cmocka_unit_test(a_node_says_when_it_was_seen),
        cmocka_unit_test(the_index_gets_the_second),
        cmocka_unit_test(fields_of_a_later_version_are_passed_over),
        cmocka_unit_test(a_node_that_has_nothing_in_force_is_read),
        cmocka_unit_test(a_wrong_field_is_named),
        cmocka_unit_test(what_is_no_json_object_is_refused),
        cmocka_unit_test(too_many_bytes_are_refused_unread),
        cmocka_unit_test(a_long_problem_is_cut),
        cmocka_unit_test(the_name_of_a_node_is_checked),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
