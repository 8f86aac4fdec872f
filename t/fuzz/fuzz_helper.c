/*
 * Any messages to the root helper, over its own socket: what is not in the
 * table, with an argument that the table allows, reaches no operation; and
 * each message has one answer.  The operations themselves stand here.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mpa_helper_root.h"

#define MESSAGE_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint32_t max[MPA_OP_COUNT] = {
#define MPA_OP(id, max, doc) [MPA_OP_##id] = max,
#include "mpa_ops.def"
#undef MPA_OP
};

static struct mpa_config config;
static int pair[2];
static unsigned int done; /* operations; the answer comes behind it */


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


static enum mp_status
take(enum mpa_op op, uint32_t arg)
{
    must(arg <= max[op]);
    done++;

    return MP_OK;
}


enum mp_status
mpa_op_open_log(const struct mpa_config *unused, uint32_t arg,
                int64_t *value_r, int *fd_r, struct mp_error *err)
{
    (void) unused;
    (void) err;
    *value_r = 0;
    *fd_r = arg % 2 == 0 ? open("/dev/null", O_RDONLY) : -1;

    return take(MPA_OP_OPEN_LOG, arg);
}


enum mp_status
mpa_op_open_verify(const struct mpa_config *unused, uint32_t arg,
                   int64_t *value_r, int *fd_r, struct mp_error *err)
{
    (void) unused;
    (void) fd_r;
    (void) err;
    *value_r = 0;

    return take(MPA_OP_OPEN_VERIFY, arg);
}


enum mp_status
mpa_op_clear_verify(const struct mpa_config *unused, uint32_t arg,
                    int64_t *value_r, int *fd_r, struct mp_error *err)
{
    (void) unused;
    (void) fd_r;
    (void) err;
    *value_r = 0;

    return take(MPA_OP_CLEAR_VERIFY, arg);
}


static void *
serve(void *arg)
{
    (void) arg;
    mpa_helper_run(&config, pair[1], getpid());
}


static void
begin(void)
{
    static int on = 1;
    pthread_t thread;

    if (pair[0] != pair[1]) {
        return;
    }

    must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    must(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
    must(pthread_create(&thread, NULL, serve, NULL) == 0);
}


static void
check(const uint8_t *bytes, size_t len)
{
    struct mpa_request request;
    struct mpa_reply reply;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { .bytes = { 0 } };
    struct iovec part = { &reply, sizeof(reply) };
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    const struct cmsghdr *file;
    unsigned int before = done;
    int fd, good;
    ssize_t n;

    memset(&reply, 0xff, sizeof(reply));
    memset(&request, 0, sizeof(request));
    memcpy(&request, bytes, len < sizeof(request) ? len : sizeof(request));
    good = len == sizeof(request) && request.op < MPA_OP_COUNT
        && request.arg <= max[request.op];

    must(send(pair[0], bytes, len, 0) == (ssize_t) len);

    /* libFuzzer has a clock that rings */
    do {
        n = recvmsg(pair[0], &message, 0);
    } while (n < 0 && errno == EINTR);

    must(n == (ssize_t) sizeof(reply));
    must(memchr(reply.text, '\0', sizeof(reply.text)) != NULL);
    must((reply.status == MP_OK) == good);
    must((reply.text[0] == '\0') == good);
    must(done - before == (unsigned int) (good && request.op != MPA_OP_PING));

    file = CMSG_FIRSTHDR(&message);
    must(file == NULL || good);
    if (file != NULL) {
        memcpy(&fd, CMSG_DATA(file), sizeof(fd));
        (void) close(fd);
    }
}


/* A byte says how long the next message is; one of none would end it. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin();

    while (size > 1) {
        size_t len = 1 + data[0] % MESSAGE_MAX;

        data++;
        size--;
        len = len < size ? len : size;
        check(data, len);
        data += len;
        size -= len;
    }

    return 0;
}
