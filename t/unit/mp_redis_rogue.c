/* The blocking connection, against servers that are not what they should be. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "mp_redis.h"

static char dir[] = "/tmp/mp-t-XXXXXX";
static char socket_name[64];
static char password_name[64];


static void
nap(void)
{
    struct timespec time = { 0, 5000000 };

    (void) nanosleep(&time, NULL);
}


static struct mp_redis *
connection(unsigned int timeout_msecs)
{
    char name[80];
    struct mp_redis_options options = {
        .socket = name,
        .password_file = password_name,
        .timeout_msecs = timeout_msecs,
    };
    struct mp_redis *redis;

    (void) snprintf(name, sizeof(name), "unix:%s", socket_name);
    redis = mp_redis_new(&options);
    assert_non_null(redis);

    return redis;
}


static int
group_setup(void **state)
{
    FILE *file;

    (void) state;

    if (mkdtemp(dir) == NULL) {
        return -1;
    }

    (void) snprintf(socket_name, sizeof(socket_name), "%s/redis.sock", dir);
    (void) snprintf(password_name, sizeof(password_name), "%s/pw", dir);

    file = fopen(password_name, "w");

    return file != NULL && fputs("secret\n", file) >= 0 && fclose(file) == 0
             ? 0
             : -1;
}


static int
group_teardown(void **state)
{
    (void) state;
    (void) unlink(socket_name);
    (void) unlink(password_name);
    (void) rmdir(dir);

    return 0;
}


/* A server that says the same to everybody, slowly if asked. */
struct rogue {
    const char *bytes;
    size_t len;
    bool trickle;
    bool endless;
    int listener;
    pthread_t thread;
};


static void
rogue_talk(const struct rogue *rogue, int fd)
{
    size_t sent = 0;

    while (sent < rogue->len) {
        size_t size = rogue->trickle ? 1 : rogue->len - sent;
        ssize_t n = send(fd, rogue->bytes + sent, size, MSG_NOSIGNAL);

        if (n < 0) {
            return;
        }

        sent += (size_t) n;

        if (rogue->trickle) {
            nap();
        }

        if (sent == rogue->len && rogue->endless) {
            sent = 0;
        }
    }
}


static void *
rogue_run(void *context)
{
    struct rogue *rogue = context;
    char bytes[4096];
    int fd;

    while ((fd = accept(rogue->listener, NULL, NULL)) >= 0) {
        /* as Redis does, it lets the other one speak first */
        if (recv(fd, bytes, sizeof(bytes), 0) > 0) {
            rogue_talk(rogue, fd);
        }

        while (rogue->len > 0 && recv(fd, bytes, sizeof(bytes), 0) > 0) {
            /* until the client has enough */
        }

        (void) close(fd);
    }

    return NULL;
}


static void
rogue_start(struct rogue *rogue)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s",
                    socket_name);
    (void) unlink(address.sun_path);
    rogue->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(
        bind(rogue->listener, (struct sockaddr *) &address, sizeof(address)),
        0);
    assert_int_equal(listen(rogue->listener, 8), 0);
    assert_int_equal(pthread_create(&rogue->thread, NULL, rogue_run, rogue),
                     0);
}


static void
rogue_stop(struct rogue *rogue)
{
    (void) shutdown(rogue->listener, SHUT_RDWR);
    (void) pthread_join(rogue->thread, NULL);
    (void) close(rogue->listener);
    (void) unlink(socket_name);
}


static void
assert_rogue_is_away(struct rogue *rogue)
{
    struct mp_redis *redis = connection(300);
    enum mp_status status;

    rogue_start(rogue);
    status = mp_redis_connect(redis, NULL);
    mp_redis_free(redis);
    rogue_stop(rogue);

    assert_int_equal(status, MP_REDIS_AWAY);
}


static void
garbage_is_no_redis(void **state)
{
    static const char *const texts[] = {
        "",
        "\r\n",
        "hello\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "+OK",
        "*1073741823\r\n",
        "*99999999999999999999\r\n",
        "*-7\r\n",
        "$-2\r\n",
        "$99999999999\r\n",
        "%1\r\n+a\r\n+b\r\n",
        ":x\r\n",
        "+OK\r\n+OK\r\n+OK\r\n+OK\r\n",
        "+OK\r\n+OK\r\n:1\r\n:2\r\n",
        "+OK\r\n+OK\r\n*0\r\n$1\r\nx\r\n",
        "+OK\r\n+OK\r\n*-1\r\n$1\r\nx\r\n",
        "+OK\r\n+OK\r\n*1\r\n$-1\r\n$1\r\nx\r\n",
        "+OK\r\n+OK\r\n*1\r\n*1\r\n*1\r\n$6\r\nmaster\r\n$1\r\nx\r\n",
        "+OK\r\n+OK\r\n*1\r\n$6\r\nmaster\r\n$-1\r\n",
        "+OK\r\n+OK\r\n*1\r\n$6\r\nmaster\r\n$7\r\nnothing\r\n",
        "-ERR what\r\n",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct rogue rogue = { .bytes = texts[i], .len = strlen(texts[i]) };

        assert_rogue_is_away(&rogue);
    }
}


static void
deep_nesting_is_refused(void **state)
{
    size_t len = 400000;
    char *bytes = malloc(len);
    struct rogue rogue = { .bytes = bytes, .len = len };

    (void) state;
    assert_non_null(bytes);

    for (size_t i = 0; i < len; i += 4) {
        memcpy(bytes + i, "*1\r\n", 4);
    }

    assert_rogue_is_away(&rogue);
    free(bytes);
}


/* a deadline of each read() would never come */
static void
a_trickle_does_not_hold_us(void **state)
{
    struct rogue rogue = {
        .bytes = "x", .len = 1, .trickle = true, .endless = true
    };

    (void) state;
    assert_rogue_is_away(&rogue);
}


static void
an_answer_without_end_is_cut(void **state)
{
    size_t len = 1u << 20;
    char *bytes = malloc(len);
    struct rogue rogue = { .bytes = bytes, .len = len, .endless = true };
    struct mp_redis *redis = connection(20000);
    struct mp_error err;

    (void) state;
    assert_non_null(bytes);
    memset(bytes, 'x', len);
    memcpy(bytes, "$500000000\r\n", 12);
    rogue_start(&rogue);
    assert_int_equal(mp_redis_connect(redis, &err), MP_REDIS_AWAY);
    assert_non_null(strstr(err.text, "without end"));
    mp_redis_free(redis);
    rogue_stop(&rogue);
    free(bytes);
}


static void
an_answer_without_a_question_is_nobodys(void **state)
{
    static const char bytes[] =
        "+OK\r\n+OK\r\n*1\r\n$6\r\nmaster\r\n$82\r\n"
        "redis_version:7.0.15\r\nloading:0\r\naof_enabled:1\r\n"
        "maxmemory_policy:noeviction\r\n\r\n"
        "+extra\r\n";
    struct rogue rogue = { .bytes = bytes, .len = sizeof(bytes) - 1 };
    struct mp_redis *redis = connection(300);
    redisReply *reply;
    struct mp_cmd cmd;

    (void) state;
    rogue_start(&rogue);
    assert_int_equal(mp_redis_connect(redis, NULL), MP_OK);

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "GET", "a", NULL);
    assert_int_equal(mp_redis_do(redis, &cmd, 0, &reply, NULL), MP_REDIS_AWAY);
    assert_null(reply);
    mp_cmd_free(&cmd);
    mp_redis_free(redis);
    rogue_stop(&rogue);
}


static void
nobody_at_the_socket_is_away(void **state)
{
    struct mp_redis *redis = connection(300);

    (void) state;
    (void) unlink(socket_name);
    assert_int_equal(mp_redis_connect(redis, NULL), MP_REDIS_AWAY);
    mp_redis_free(redis);
}


static void
an_address_that_is_none_is_away(void **state)
{
    static const char *const sockets[] = {
        "",
        "unix:",
        "nonsense",
        ":6379",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:x",
        "[::1:6379",
        "unix:/no/such/place",
        "0123456789012345678901234567890123456789012345678901234567890123"
        ":6379"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(sockets) / sizeof(*sockets); i++) {
        struct mp_redis_options options = { .socket = sockets[i],
                                            .timeout_msecs = 300 };
        struct mp_redis *redis = mp_redis_new(&options);

        assert_int_equal(mp_redis_connect(redis, NULL), MP_REDIS_AWAY);
        mp_redis_free(redis);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(garbage_is_no_redis),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(a_trickle_does_not_hold_us),
        cmocka_unit_test(an_answer_without_end_is_cut),
        cmocka_unit_test(an_answer_without_a_question_is_nobodys),
        cmocka_unit_test(nobody_at_the_socket_is_away),
        cmocka_unit_test(an_address_that_is_none_is_away),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
