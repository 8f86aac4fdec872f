#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "mp_info.h"

#define SAFE                                                                  \
    "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n"           \
    "# Memory\r\nused_memory:1\r\nmaxmemory_policy:noeviction\r\n"            \
    "# Persistence\r\nloading:0\r\nasync_loading:0\r\naof_enabled:1\r\n"


static enum mp_status
check(const char *info, struct mp_error *err)
{
    return mp_info_check(info, strlen(info), err);
}


/* The safe answer with one line changed; line NULL takes it out. */
static const char *
with(const char *name, const char *line)
{
    static char info[1024];
    const char *from = strstr(SAFE, name);
    const char *rest = strchr(from, '\n') + 1;

    (void) snprintf(info, sizeof(info), "%.*s%s%s", (int) (from - SAFE), SAFE,
                    line != NULL ? line : "", rest);

    return info;
}


static void
a_safe_redis_is_taken(void **state)
{
    (void) state;
    assert_int_equal(check(SAFE, NULL), MP_OK);
}


static void
lines_may_end_without_a_carriage_return(void **state)
{
    (void) state;
    assert_int_equal(check("redis_version:7.2.4\nmaxmemory_policy:noeviction\n"
                           "loading:0\naof_enabled:1",
                           NULL),
                     MP_OK);
}


static void
later_versions_are_taken(void **state)
{
    (void) state;
    assert_int_equal(
        check(with("redis_version", "redis_version:8.0.0\r\n"), NULL), MP_OK);
    assert_int_equal(
        check(with("redis_version", "redis_version:10.2\r\n"), NULL), MP_OK);
}


static void
an_unsafe_redis_is_refused_by_the_directive_at_fault(void **state)
{
    static const struct {
        const char *name;
        const char *line;
        const char *field;
        const char *text;
    } rows[] = {
        { "redis_version", "redis_version:6.2.14\r\n", "redis_version",
          "6.2.14" },
        { "aof_enabled", "aof_enabled:0\r\n", "appendonly",
          "\"appendonly yes\"" },
        { "maxmemory_policy", "maxmemory_policy:allkeys-lru\r\n",
          "maxmemory-policy", "is allkeys-lru" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct mp_error err;

        assert_int_equal(check(with(rows[i].name, rows[i].line), &err),
                         MP_REDIS_UNSAFE);
        assert_string_equal(err.field, rows[i].field);
        assert_non_null(strstr(err.text, rows[i].text));
    }
}


static void
a_redis_that_loads_is_away_and_not_unsafe(void **state)
{
    char info[1024];

    (void) state;

    /* while it loads, it says that it has no append-only file */
    (void) snprintf(info, sizeof(info), "%s",
                    with("\r\nloading:", "\r\nloading:1\r\n"));
    memcpy(strstr(info, "aof_enabled:1"), "aof_enabled:0", 13);
    assert_int_equal(check(info, NULL), MP_REDIS_AWAY);
}


static void
what_is_no_answer_of_info_is_invalid(void **state)
{
    static const char *const infos[] = {
        "",
        "\r\n",
        ":",
        "redis_version",
        "xredis_version:7.0.15\r\n",
        "redis_version:7\r\nloading:0\r\naof_enabled:1\r\n"
        "maxmemory_policy:noeviction\r\n",
        "redis_version:seven.0\r\nloading:0\r\naof_enabled:1\r\n"
        "maxmemory_policy:noeviction\r\n",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(infos) / sizeof(*infos); i++) {
        assert_int_equal(check(infos[i], NULL), MP_INVALID);
    }

    assert_int_equal(check(with("redis_version", NULL), NULL), MP_INVALID);
    assert_int_equal(check(with("loading", NULL), NULL), MP_INVALID);
    assert_int_equal(check(with("aof_enabled", NULL), NULL), MP_INVALID);
    assert_int_equal(check(with("maxmemory_policy", NULL), NULL), MP_INVALID);
}


static void
a_name_inside_another_line_does_not_count(void **state)
{
    (void) state;
    assert_int_equal(check(with("aof_enabled", "x:aof_enabled:1\r\n"), NULL),
                     MP_INVALID);
}


static void
a_value_without_end_is_cut(void **state)
{
    char info[8192];
    int len = snprintf(info, sizeof(info), "%s",
                       with("maxmemory_policy", "maxmemory_policy:"));

    (void) state;

    memset(info + len, 'x', sizeof(info) - (size_t) len);
    assert_int_not_equal(mp_info_check(info, sizeof(info), NULL), MP_OK);
}


static void
error_replies_become_our_failures(void **state)
{
    static const struct {
        const char *text;
        enum mp_status status;
    } rows[] = {
        { "OOM command not allowed when used memory > 'maxmemory'.",
          MP_REDIS_FULL },
        { "READONLY You can't write against a read only replica.",
          MP_REDIS_READONLY },
        { "MASTERDOWN Link with MASTER is down", MP_REDIS_READONLY },
        { "NOREPLICAS Not enough good replicas to write.", MP_REDIS_READONLY },
        { "MISCONF Errors writing to the AOF file: No space left on device",
          MP_REDIS_DISK },
        { "LOADING Redis is loading the dataset in memory", MP_REDIS_AWAY },
        { "BUSY Redis is busy running a script.", MP_REDIS_AWAY },
        { "NOAUTH Authentication required.", MP_FORBIDDEN },
        { "WRONGPASS invalid username-password pair", MP_FORBIDDEN },
        { "NOPERM this user has no permissions", MP_FORBIDDEN },
        { "ERR max number of clients reached", MP_BUSY },
        { "ERR The ID specified in XADD is equal or smaller than the target "
          "stream top item",
          MP_STALE },
        { "EXECABORT Transaction discarded because of previous errors.",
          MP_REDIS_READONLY },
        { "EXECABORT Transaction discarded because of: OOM command not "
          "allowed when used memory > 'maxmemory'.",
          MP_REDIS_FULL },
        { "WRONGTYPE Operation against a key", MP_INTERNAL },
        { "ERR unknown command", MP_INTERNAL },
        { "OOMPH", MP_INTERNAL },
        { "OOM", MP_REDIS_FULL },
        { "", MP_INTERNAL },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(mp_redis_error_status(rows[i].text), rows[i].status);
    }
}


static void
a_redis_that_cannot_write_its_file_says_so(void **state)
{
    static const struct {
        const char *info;
        bool writes;
    } rows[] = {
        { SAFE, true },
        { SAFE "aof_last_write_status:ok\r\n", true },
        { SAFE "aof_last_write_status:err\r\n", false },
        { SAFE "aof_last_bgrewrite_status:err\r\n", true },
        { "", true },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(mp_info_writes(rows[i].info, strlen(rows[i].info)),
                         rows[i].writes);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_safe_redis_is_taken),
        cmocka_unit_test(lines_may_end_without_a_carriage_return),
        cmocka_unit_test(later_versions_are_taken),
        cmocka_unit_test(an_unsafe_redis_is_refused_by_the_directive_at_fault),
        cmocka_unit_test(a_redis_that_loads_is_away_and_not_unsafe),
        cmocka_unit_test(what_is_no_answer_of_info_is_invalid),
        cmocka_unit_test(a_name_inside_another_line_does_not_count),
        cmocka_unit_test(a_value_without_end_is_cut),
        cmocka_unit_test(error_replies_become_our_failures),
        cmocka_unit_test(a_redis_that_cannot_write_its_file_says_so),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
