/*
 * The root helper: what it refuses.  It is asked over its own socket, as an
 * agent that was taken over would.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mpa_helper.h"

#define WAIT_MSECS 10000

struct world {
    char dir[64];
    char log[96];
    struct mpa_config config;
    int fd; /* to a helper that was forked here */
    pid_t pid;
};


static int
setup(void **state)
{
    static struct world world;
    int pair[2];
    pid_t parent = getpid();

    memset(&world, 0, sizeof(world));
    (void) snprintf(world.dir, sizeof(world.dir), "/tmp/mpa-helper-XXXXXX");
    assert_non_null(mkdtemp(world.dir));
    (void) snprintf(world.log, sizeof(world.log), "%s/mail.log", world.dir);
    world.config.postfix_log = world.log;
    world.config.dovecot_log = strdup("");
    world.config.milter_log = strdup("");

    assert_int_equal(mpa_helper_pair(pair), 0);

    world.pid = fork();
    if (world.pid == 0) {
        (void) close(pair[0]);
        mpa_helper_run(&world.config, pair[1], parent);
    }

    (void) close(pair[1]);
    world.fd = pair[0];
    *state = &world;

    return 0;
}


static int
teardown(void **state)
{
    struct world *world = *state;
    int status = -1;

    (void) close(world->fd);
    assert_int_equal(waitpid(world->pid, &status, 0), world->pid);
    assert_true(WIFEXITED(status));
    (void) unlink(world->log);
    (void) rmdir(world->dir);
    free(world->config.dovecot_log);
    free(world->config.milter_log);

    return 0;
}


static struct mpa_reply
say(struct world *world, const void *bytes, size_t len)
{
    struct mpa_reply reply;

    memset(&reply, 0xff, sizeof(reply));
    assert_int_equal(send(world->fd, bytes, len, 0), (ssize_t) len);
    assert_int_equal(recv(world->fd, &reply, sizeof(reply), 0),
                     (ssize_t) sizeof(reply));

    return reply;
}


static struct mpa_reply
ask(struct world *world, uint32_t op, uint32_t arg)
{
    struct mpa_request request = { op, arg };

    return say(world, &request, sizeof(request));
}


static void
refuses_what_is_not_in_the_table(void **state)
{
    static const uint32_t op[] = { MPA_OP_COUNT, MPA_OP_COUNT + 1, 1000,
                                   UINT32_MAX };

    for (size_t i = 0; i < sizeof(op) / sizeof(op[0]); i++) {
        struct mpa_reply reply = ask(*state, op[i], 0);

        assert_int_equal(reply.status, MP_INVALID);
        assert_non_null(strstr(reply.text, "there is no operation"));
    }

    assert_int_equal(ask(*state, MPA_OP_PING, 0).status, MP_OK);
}


static void
refuses_a_bad_argument(void **state)
{
    assert_int_equal(ask(*state, MPA_OP_PING, 1).status, MP_INVALID);
    assert_int_equal(ask(*state, MPA_OP_OPEN_LOG, 7).status, MP_INVALID);
    assert_int_equal(ask(*state, MPA_OP_OPEN_LOG, UINT32_MAX).status,
                     MP_INVALID);
}


static void
refuses_what_is_not_whole(void **state)
{
    char bytes[4096] = { 0 };
    static const size_t len[] = { 1, 4, 7, 9, 4096 };

    for (size_t i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
        assert_int_equal(say(*state, bytes, len[i]).status, MP_FORBIDDEN);
    }
}


static size_t
files_of(pid_t pid)
{
    char path[64];
    size_t count = 0;
    DIR *dir;

    (void) snprintf(path, sizeof(path), "/proc/%d/fd", (int) pid);
    dir = opendir(path);
    assert_non_null(dir);

    while (readdir(dir) != NULL) {
        count++;
    }

    (void) closedir(dir);

    return count;
}


/* A file that comes with a request would stay open in the helper. */
static void
takes_no_file(void **state)
{
    struct world *world = *state;
    struct mpa_request request = { MPA_OP_PING, 0 };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(3 * sizeof(int))];
    } control;
    struct iovec part = { &request, sizeof(request) };
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    const int files[3] = { 0, 0, 0 };
    size_t before = files_of(world->pid);

    memset(&control, 0, sizeof(control));
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(files));
    memcpy(CMSG_DATA(c), files, sizeof(files));

    for (int i = 0; i < 20; i++) {
        struct mpa_reply reply;

        assert_int_equal(sendmsg(world->fd, &message, 0),
                         (ssize_t) sizeof(request));
        assert_int_equal(recv(world->fd, &reply, sizeof(reply), 0),
                         (ssize_t) sizeof(reply));
        assert_int_equal(reply.status, MP_FORBIDDEN);
    }

    assert_int_equal(files_of(world->pid), before);
    assert_int_equal(ask(world, MPA_OP_PING, 0).status, MP_OK);
}


/* Another process with the same socket has another pid. */
static void
refuses_another_peer(void **state)
{
    struct world *world = *state;
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        _exit(ask(world, MPA_OP_PING, 0).status == MP_FORBIDDEN ? 0 : 1);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}


static enum mp_status
open_log(struct world *world, uint32_t arg, char *text_r, size_t size)
{
    struct mpa_helper *helper = NULL;
    struct mp_error err = { "", "" };
    enum mp_status status;
    int64_t value;
    int fd = -1;

    assert_int_equal(mpa_helper_fork(&helper, &world->config, &err), MP_OK);
    status = mpa_helper_ask(helper, MPA_OP_OPEN_LOG, arg, WAIT_MSECS, &value,
                            &fd, &err);

    if (status == MP_OK) {
        ssize_t n = read(fd, text_r, size - 1);

        assert_true(n >= 0);
        text_r[n] = '\0';
        (void) close(fd);

    } else {
        assert_int_equal(fd, -1);
        (void) snprintf(text_r, size, "%s", err.text);
    }

    mpa_helper_free(helper);

    return status;
}


static void
opens_a_log_that_only_root_reads(void **state)
{
    struct world *world = *state;
    char text[256];
    int fd = open(world->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(write(fd, "a line\n", 7), 7);
    (void) close(fd);

    assert_int_equal(open_log(world, 0, text, sizeof(text)), MP_OK);
    assert_string_equal(text, "a line\n");

    assert_int_equal(open_log(world, 1, text, sizeof(text)), MP_NOT_FOUND);
    assert_int_equal(open_log(world, 2, text, sizeof(text)), MP_NOT_FOUND);
    assert_int_equal(open_log(world, 3, text, sizeof(text)), MP_NOT_FOUND);
    assert_int_equal(open_log(world, 4, text, sizeof(text)), MP_NOT_FOUND);
}


/* A link could lead anywhere, a FIFO would hold the helper. */
static void
opens_only_a_plain_file(void **state)
{
    struct world *world = *state;
    char text[256];

    (void) unlink(world->log);
    assert_int_equal(symlink("/etc/shadow", world->log), 0);
    assert_int_not_equal(open_log(world, 0, text, sizeof(text)), MP_OK);
    assert_int_equal(unlink(world->log), 0);

    assert_int_equal(mkfifo(world->log, 0600), 0);
    assert_int_equal(open_log(world, 0, text, sizeof(text)), MP_INVALID);
    assert_non_null(strstr(text, "no plain file"));
    assert_int_equal(unlink(world->log), 0);
}


static void
says_that_it_is_gone(void **state)
{
    struct world *world = *state;
    struct mpa_helper *helper = NULL;
    struct mp_error err = { "", "" };

    assert_int_equal(mpa_helper_fork(&helper, &world->config, &err), MP_OK);
    assert_int_equal(kill(mpa_helper_pid(helper), SIGKILL), 0);

    for (int i = 0; i < 2; i++) {
        assert_int_equal(mpa_helper_ask(helper, MPA_OP_PING, 0, WAIT_MSECS,
                                        NULL, NULL, &err),
                         MP_INTERNAL);
        assert_non_null(strstr(err.text, "helper"));
    }

    mpa_helper_free(helper);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_not_in_the_table),
        cmocka_unit_test(refuses_a_bad_argument),
        cmocka_unit_test(refuses_what_is_not_whole),
        cmocka_unit_test(takes_no_file),
        cmocka_unit_test(refuses_another_peer),
        cmocka_unit_test(opens_a_log_that_only_root_reads),
        cmocka_unit_test(opens_only_a_plain_file),
        cmocka_unit_test(says_that_it_is_gone),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    if (geteuid() != 0) {
        (void) printf("1..0 # SKIP only root has a helper\n");
        return 0;
    }

    return cmocka_run_group_tests(tests, setup, teardown);
}
