/* The blocking connection, against a real redis-server. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mp_redis.h"

static char dir[] = "/tmp/mp-t-XXXXXX";
static pid_t server;


static const char *
path(const char *name)
{
    static char text[4][128];
    static unsigned int next;
    char *place = text[next++ % 4];

    (void) snprintf(place, sizeof(text[0]), "%s/%s", dir, name);

    return place;
}


static void
write_file(const char *name, const char *text)
{
    FILE *file = fopen(path(name), "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}


static void
nap(void)
{
    struct timespec time = { 0, 5000000 };

    (void) nanosleep(&time, NULL);
}


static int64_t
now_msecs(void)
{
    struct timespec time;

    (void) clock_gettime(CLOCK_MONOTONIC, &time);

    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}


static struct mp_redis *
connection_of(const char *user, const char *password_file, bool unchecked,
              unsigned int timeout_msecs)
{
    char socket_name[160];
    struct mp_redis_options options = {
        .socket = socket_name,
        .user = user,
        .password_file = password_file != NULL ? path(password_file) : NULL,
        .name = "unit",
        .timeout_msecs = timeout_msecs,
        .unchecked = unchecked,
    };
    struct mp_redis *redis;

    (void) snprintf(socket_name, sizeof(socket_name), "unix:%s/redis.sock",
                    dir);
    redis = mp_redis_new(&options);
    assert_non_null(redis);

    return redis;
}


static struct mp_redis *
connection(unsigned int timeout_msecs)
{
    return connection_of("me", "me.pw", false, timeout_msecs);
}


static void
server_start(const char *const *more)
{
    const char *argv[32] = { "redis-server", path("redis.conf") };
    int argc = 2;
    struct stat st;

    while (more != NULL && *more != NULL) {
        argv[argc++] = *more++;
    }

    (void) unlink(path("redis.sock"));
    server = fork();
    assert_true(server >= 0);

    if (server == 0) {
        int null = open("/dev/null", O_RDWR);

        (void) dup2(null, 0);
        (void) dup2(null, 1);
        (void) dup2(null, 2);
        (void) execvp(argv[0], (char *const *) (uintptr_t) argv);
        _exit(127);
    }

    for (int i = 0; i < 2000 && stat(path("redis.sock"), &st) != 0; i++) {
        nap();
    }
}


static void
server_stop(int signal)
{
    (void) kill(server, signal);
    (void) waitpid(server, NULL, 0);
    server = 0;
}


/* Polls: a server that has just begun may not answer yet. */
static void
connect_at_last(struct mp_redis *redis)
{
    enum mp_status status = MP_REDIS_AWAY;

    for (int i = 0; i < 2000 && status != MP_OK; i++) {
        status = mp_redis_connect(redis, NULL);
        if (status != MP_OK) {
            nap();
        }
    }

    assert_int_equal(status, MP_OK);
}


static enum mp_status
command(struct mp_redis *redis, redisReply **reply_r, struct mp_error *err,
        const char *text)
{
    struct mp_cmd cmd;
    enum mp_status status;
    const char *word = text;

    mp_cmd_init(&cmd);

    while (*word != '\0') {
        size_t len = strcspn(word, " ");

        mp_cmd_add(&cmd, word, len);
        word += len + (word[len] == ' ');
    }

    status = mp_redis_do(redis, &cmd, 0, reply_r, err);
    mp_cmd_free(&cmd);

    return status;
}


static enum mp_status
status_of(struct mp_redis *redis, const char *text)
{
    redisReply *reply;
    enum mp_status status = command(redis, &reply, NULL, text);

    if (status == MP_OK) {
        assert_non_null(reply);
        freeReplyObject(reply);
    } else {
        assert_null(reply);
    }

    return status;
}


static void
assert_reply(struct mp_redis *redis, const char *text, const char *expected)
{
    redisReply *reply;

    assert_int_equal(command(redis, &reply, NULL, text), MP_OK);
    assert_non_null(reply->str);
    assert_string_equal(reply->str, expected);
    freeReplyObject(reply);
}


static int
group_setup(void **state)
{
    char text[1024];

    (void) state;

    if (mkdtemp(dir) == NULL) {
        return -1;
    }

    write_file("me.pw", "secret\nsecond line\n");
    write_file("wrong.pw", "wrong\n");
    write_file("empty.pw", "\n");
    write_file("users.acl", "user default off\n"
                            "user me on >secret ~* &* +@all\n"
                            "user less on >secret ~* +@read +role +info\n");
    (void) snprintf(text, sizeof(text),
                    "port 0\nunixsocket %s/redis.sock\ndir %s\n"
                    "aclfile %s/users.acl\nappendonly yes\nsave \"\"\n"
                    "maxmemory-policy noeviction\n",
                    dir, dir, dir);
    write_file("redis.conf", text);

    return 0;
}


static int
group_teardown(void **state)
{
    char command_line[160];
    pid_t pid;

    (void) state;

    if (server > 0) {
        server_stop(SIGKILL);
    }

    (void) snprintf(command_line, sizeof(command_line), "%s", dir);
    pid = fork();

    if (pid == 0) {
        (void) execlp("rm", "rm", "-rf", command_line, (char *) NULL);
        _exit(127);
    }

    (void) waitpid(pid, NULL, 0);

    return 0;
}


static int
with_server(void **state)
{
    struct mp_redis *redis;

    server_start(NULL);
    redis = connection(2000);
    connect_at_last(redis);
    (void) status_of(redis, "FLUSHALL");
    *state = redis;

    return 0;
}


static int
without_server(void **state)
{
    mp_redis_free(*state);

    if (server > 0) {
        server_stop(SIGKILL);
    }

    return 0;
}


static void
values_come_back(void **state)
{
    redisReply *reply;
    struct mp_cmd cmd;

    assert_reply(*state, "SET a A", "OK");
    assert_reply(*state, "GET a", "A");

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "SET", "binary", NULL);
    mp_cmd_add(&cmd, "x\0\r\ny", 5);
    assert_int_equal(mp_redis_do(*state, &cmd, 0, &reply, NULL), MP_OK);
    freeReplyObject(reply);
    mp_cmd_free(&cmd);

    assert_int_equal(command(*state, &reply, NULL, "GET binary"), MP_OK);
    assert_int_equal(reply->len, 5);
    assert_memory_equal(reply->str, "x\0\r\ny", 5);
    freeReplyObject(reply);
}


static void
the_connection_has_its_name(void **state)
{
    assert_reply(*state, "CLIENT GETNAME", "unit");
}


static void
a_pipeline_answers_in_order(void **state)
{
    struct mp_cmd cmd;
    redisReply *reply;

    mp_cmd_init(&cmd);

    for (int i = 0; i < 20000; i++) {
        mp_cmd_reset(&cmd);
        mp_cmd_text(&cmd, "ECHO");
        mp_cmd_number(&cmd, i);
        assert_int_equal(mp_redis_send(*state, &cmd, NULL), MP_OK);
    }

    for (int i = 0; i < 20000; i++) {
        assert_int_equal(mp_redis_reply(*state, &reply, NULL), MP_OK);
        assert_int_equal(strtol(reply->str, NULL, 10), i);
        freeReplyObject(reply);
    }

    assert_int_equal(mp_redis_reply(*state, &reply, NULL), MP_REDIS_AWAY);
    assert_null(reply);
    mp_cmd_free(&cmd);
}


/* More than the sockets' buffers hold, in both directions at once. */
static void
a_pipeline_of_large_values_does_not_stall(void **state)
{
    size_t size = 1u << 20;
    char *large = malloc(size);
    struct mp_cmd cmd;
    redisReply *reply;

    assert_non_null(large);
    memset(large, 'x', size);
    mp_cmd_init(&cmd);
    mp_cmd_text(&cmd, "ECHO");
    mp_cmd_add(&cmd, large, size);

    for (int i = 0; i < 24; i++) {
        assert_int_equal(mp_redis_send(*state, &cmd, NULL), MP_OK);
    }

    for (int i = 0; i < 24; i++) {
        assert_int_equal(mp_redis_reply(*state, &reply, NULL), MP_OK);
        assert_int_equal(reply->len, size);
        freeReplyObject(reply);
    }

    mp_cmd_free(&cmd);
    free(large);
}


static void
answers_that_nobody_collected_are_nobodys(void **state)
{
    struct mp_cmd cmd;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "ECHO", "old", NULL);
    assert_int_equal(mp_redis_send(*state, &cmd, NULL), MP_OK);
    mp_cmd_free(&cmd);

    assert_reply(*state, "ECHO new", "new");
}


static void
an_error_reply_is_a_status_and_ends_nothing(void **state)
{
    struct mp_error err;
    redisReply *reply;

    assert_reply(*state, "SET text x", "OK");
    assert_int_equal(command(*state, &reply, &err, "INCR text"), MP_INTERNAL);
    assert_null(reply);
    assert_memory_equal(err.text, "ERR value is not an integer", 27);

    assert_int_equal(status_of(*state, "XADD stream 5-0 f v"), MP_OK);
    assert_int_equal(status_of(*state, "XADD stream 5-0 f v"), MP_STALE);
    assert_reply(*state, "GET text", "x");
}


static void
a_blocking_command_may_take_its_time(void **state)
{
    struct mp_redis *redis = connection(1000);
    struct mp_cmd cmd;
    redisReply *reply;
    int64_t begin;

    (void) state;
    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XREAD", "BLOCK", "1500", "STREAMS", "none", "0", NULL);
    begin = now_msecs();
    assert_int_equal(mp_redis_do(redis, &cmd, 1500, &reply, NULL), MP_OK);
    assert_true(now_msecs() - begin >= 1400);
    assert_int_equal(reply->type, REDIS_REPLY_NIL);
    freeReplyObject(reply);
    mp_cmd_free(&cmd);
    mp_redis_free(redis);
}


/* facts: after a timeout hiredis gives the next command the last one's reply */
static void
after_a_stall_no_answer_is_out_of_step(void **state)
{
    struct mp_redis *redis = connection(100);

    (void) state;
    connect_at_last(redis);
    assert_reply(redis, "SET a A", "OK");
    assert_reply(redis, "SET b B", "OK");

    assert_int_equal(kill(server, SIGSTOP), 0);
    assert_int_equal(status_of(redis, "GET a"), MP_REDIS_AWAY);
    assert_int_equal(kill(server, SIGCONT), 0);

    connect_at_last(redis);
    assert_reply(redis, "GET b", "B");
    assert_reply(redis, "GET a", "A");
    mp_redis_free(redis);
}


/* facts: connect() to a stopped Redis succeeds; the greeting must not wait */
static void
a_stopped_redis_is_away(void **state)
{
    struct mp_redis *redis = connection(100);
    struct mp_error err;

    (void) state;
    assert_int_equal(kill(server, SIGSTOP), 0);
    assert_int_equal(mp_redis_connect(redis, &err), MP_REDIS_AWAY);
    assert_non_null(strstr(err.text, "in time"));
    assert_int_equal(mp_redis_connect(redis, &err), MP_REDIS_AWAY);
    assert_int_equal(kill(server, SIGCONT), 0);
    connect_at_last(redis);
    mp_redis_free(redis);
}


/* the default of SIGPIPE is in force here: it would end this program */
static void
a_killed_redis_is_away_until_it_is_back(void **state)
{
    assert_reply(*state, "SET a A", "OK");
    server_stop(SIGKILL);
    assert_int_equal(status_of(*state, "GET a"), MP_REDIS_AWAY);
    assert_int_equal(status_of(*state, "GET a"), MP_REDIS_AWAY);

    server_start(NULL);
    connect_at_last(*state);
    assert_reply(*state, "SET a B", "OK");
    assert_reply(*state, "GET a", "B");
}


/* or what stood between MULTI and EXEC would be done without them */
static void
an_ended_connection_is_told_once_before_a_new_one(void **state)
{
    struct mp_redis *other = connection(2000);
    redisReply *reply;

    assert_int_equal(status_of(*state, "MULTI"), MP_OK);
    assert_int_equal(status_of(other, "CLIENT KILL TYPE normal SKIPME yes"),
                     MP_OK);
    assert_int_equal(status_of(*state, "SET lost 1"), MP_REDIS_AWAY);
    assert_int_equal(command(*state, &reply, NULL, "EXISTS lost"), MP_OK);
    assert_int_equal(reply->integer, 0);
    freeReplyObject(reply);
    mp_redis_free(other);
}


static void
a_wrong_password_is_forbidden(void **state)
{
    static const char *const files[] = { "wrong.pw", "empty.pw",
                                         "missing.pw" };

    (void) state;

    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        struct mp_redis *redis = connection_of("me", files[i], false, 2000);
        struct mp_error err;

        assert_int_equal(mp_redis_connect(redis, &err), MP_FORBIDDEN);
        assert_true(i == 0 || strcmp(err.field, "redis_password_file") == 0);
        mp_redis_free(redis);
    }
}


static void
no_password_at_all_is_forbidden(void **state)
{
    struct mp_redis *redis = connection_of(NULL, NULL, false, 2000);

    (void) state;
    assert_int_equal(mp_redis_connect(redis, NULL), MP_FORBIDDEN);
    mp_redis_free(redis);
}


static void
a_user_who_may_not_is_forbidden(void **state)
{
    struct mp_redis *redis = connection_of("less", "me.pw", false, 2000);

    (void) state;
    assert_int_equal(mp_redis_connect(redis, NULL), MP_FORBIDDEN);
    mp_redis_free(redis);
}


static void
a_redis_that_loses_data_is_refused(void **state)
{
    struct mp_redis *redis = connection(2000);
    struct mp_error err;

    assert_reply(*state, "CONFIG SET appendonly no", "OK");
    assert_int_equal(mp_redis_connect(redis, &err), MP_REDIS_UNSAFE);
    assert_string_equal(err.field, "appendonly");

    assert_reply(*state, "CONFIG SET appendonly yes", "OK");
    assert_reply(*state, "CONFIG SET maxmemory-policy allkeys-lru", "OK");
    assert_int_equal(mp_redis_connect(redis, &err), MP_REDIS_UNSAFE);
    assert_string_equal(err.field, "maxmemory-policy");

    assert_reply(*state, "CONFIG SET maxmemory-policy noeviction", "OK");
    assert_int_equal(mp_redis_connect(redis, &err), MP_OK);
    mp_redis_free(redis);
}


static void
an_unchecked_connection_takes_any_redis(void **state)
{
    struct mp_redis *redis = connection_of("me", "me.pw", true, 2000);

    assert_reply(*state, "CONFIG SET appendonly no", "OK");
    assert_int_equal(mp_redis_connect(redis, NULL), MP_OK);
    mp_redis_free(redis);
}


static void
a_replica_takes_no_writes(void **state)
{
    struct mp_redis *redis = connection(2000);

    connect_at_last(redis);
    assert_reply(*state, "REPLICAOF 127.0.0.1 1", "OK");
    assert_int_equal(status_of(redis, "SET a A"), MP_REDIS_READONLY);

    /* and the next call asks anew who the master is */
    assert_int_equal(status_of(redis, "GET a"), MP_REDIS_READONLY);
    assert_int_equal(mp_redis_connect(redis, NULL), MP_REDIS_READONLY);

    assert_reply(*state, "REPLICAOF NO ONE", "OK");
    assert_int_equal(status_of(redis, "SET a A"), MP_OK);
    mp_redis_free(redis);
}


static void
a_full_redis_is_full_and_stays_connected(void **state)
{
    assert_reply(*state, "SET a A", "OK");
    assert_reply(*state, "CONFIG SET maxmemory 1", "OK");
    assert_int_equal(status_of(*state, "SET b B"), MP_REDIS_FULL);
    assert_reply(*state, "GET a", "A");
    assert_int_equal(status_of(*state, "MULTI"), MP_OK);
    assert_int_equal(status_of(*state, "SET b B"), MP_REDIS_FULL);
    assert_int_equal(status_of(*state, "EXEC"), MP_REDIS_READONLY);
    assert_reply(*state, "CONFIG SET maxmemory 0", "OK");
    assert_reply(*state, "SET b B", "OK");
}


static void
too_few_replicas_take_no_writes(void **state)
{
    assert_reply(*state, "CONFIG SET min-replicas-to-write 1", "OK");
    assert_int_equal(status_of(*state, "SET b B"), MP_REDIS_READONLY);
    assert_reply(*state, "CONFIG SET min-replicas-to-write 0", "OK");
    assert_reply(*state, "SET b B", "OK");
}


/* while it loads, INFO says aof_enabled:0 and would be "unsafe" */
static void
a_redis_that_loads_is_away_and_then_there(void **state)
{
    static const char *const slowly[] = {
        "--key-load-delay", "2000", "--loading-process-events-interval-bytes",
        "1024", NULL
    };
    struct mp_redis *redis = connection(2000);
    enum mp_status status = MP_REDIS_AWAY;
    struct mp_error err = { "", "" };
    bool seen = false;

    for (int i = 0; i < 1000; i++) {
        char text[64];

        (void) snprintf(text, sizeof(text), "SET key:%d %0*d", i, 32, i);
        assert_int_equal(status_of(*state, text), MP_OK);
    }

    server_stop(SIGTERM);
    server_start(slowly);

    for (int i = 0; i < 4000; i++) {
        status = mp_redis_connect(redis, &err);
        seen = seen || strstr(err.text, "loading") != NULL;

        if (status == MP_OK) {
            break;
        }

        assert_int_equal(status, MP_REDIS_AWAY);
        nap();
    }

    assert_int_equal(status, MP_OK);
    assert_true(seen);
    mp_redis_free(redis);
}


#define SERVED(test)                                                          \
    cmocka_unit_test_setup_teardown(test, with_server, without_server)


int
main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(values_come_back),
        SERVED(the_connection_has_its_name),
        SERVED(a_pipeline_answers_in_order),
        SERVED(a_pipeline_of_large_values_does_not_stall),
        SERVED(answers_that_nobody_collected_are_nobodys),
        SERVED(an_error_reply_is_a_status_and_ends_nothing),
        SERVED(a_blocking_command_may_take_its_time),
        SERVED(after_a_stall_no_answer_is_out_of_step),
        SERVED(a_stopped_redis_is_away),
        SERVED(a_killed_redis_is_away_until_it_is_back),
        SERVED(an_ended_connection_is_told_once_before_a_new_one),
        SERVED(a_wrong_password_is_forbidden),
        SERVED(no_password_at_all_is_forbidden),
        SERVED(a_user_who_may_not_is_forbidden),
        SERVED(a_redis_that_loses_data_is_refused),
        SERVED(an_unchecked_connection_takes_any_redis),
        SERVED(a_replica_takes_no_writes),
        SERVED(a_full_redis_is_full_and_stays_connected),
        SERVED(too_few_replicas_take_no_writes),
        SERVED(a_redis_that_loads_is_away_and_then_there),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
