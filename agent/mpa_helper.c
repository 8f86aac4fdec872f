/* The agent's side of the root helper. */

#include "mpa_helper.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mp_clock.h"

struct mpa_helper {
    pthread_mutex_t lock;
    pid_t pid;
    int fd; /* -1: there is none, or it is gone */
};


int
mpa_helper_pair(int pair_r[2])
{
    int on = 1;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair_r) != 0) {
        return -1;
    }

    /* also of what is sent before the helper runs */
    return setsockopt(pair_r[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
}


enum mp_status
mpa_helper_fork(struct mpa_helper **helper_r, const struct mpa_config *config,
                struct mp_error *err)
{
    struct mpa_helper *helper = calloc(1, sizeof(*helper));
    pid_t agent = getpid();
    int pair[2];

    if (helper == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    (void) pthread_mutex_init(&helper->lock, NULL);
    helper->fd = -1;
    *helper_r = helper;

    if (geteuid() != 0) {
        return MP_OK;
    }

    if (mpa_helper_pair(pair) != 0) {
        return mp_fail(err, MP_INTERNAL, "", "socketpair: %s",
                       strerror(errno));
    }

    helper->pid = fork();

    if (helper->pid == 0) {
        (void) close(pair[0]);
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

        /* it may have ended before that */
        if (getppid() != agent) {
            _exit(0);
        }

        mpa_helper_run(config, pair[1], agent);
    }

    (void) close(pair[1]);

    if (helper->pid < 0) {
        (void) close(pair[0]);
        return mp_fail(err, MP_INTERNAL, "", "fork: %s", strerror(errno));
    }

    helper->fd = pair[0];

    return MP_OK;
}


void
mpa_helper_free(struct mpa_helper *helper)
{
    if (helper == NULL) {
        return;
    }

    if (helper->fd >= 0) {
        (void) close(helper->fd);
    }

    if (helper->pid > 0) {
        (void) waitpid(helper->pid, NULL, 0);
    }

    (void) pthread_mutex_destroy(&helper->lock);
    free(helper);
}


pid_t
mpa_helper_pid(const struct mpa_helper *helper)
{
    return helper->pid;
}


/* Whatever is not an answer ends the acquaintance: the next could be stale. */
static enum mp_status
mpa_helper_gone(struct mpa_helper *helper, const char *why,
                struct mp_error *err)
{
    if (helper->fd >= 0) {
        (void) close(helper->fd);
        helper->fd = -1;
    }

    return mp_fail(err, MP_INTERNAL, "", "the root helper %s", why);
}


static int
mpa_taken_file(struct msghdr *message)
{
    int fd = -1;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL;
         c = CMSG_NXTHDR(message, c))
    {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS
            && c->cmsg_len == CMSG_LEN(sizeof(fd)))
        {
            memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        }
    }

    return fd;
}


static enum mp_status
mpa_helper_answer(struct mpa_helper *helper, unsigned int timeout_msecs,
                  struct mpa_reply *reply_r, int *fd_r, struct mp_error *err)
{
    struct pollfd ready = { .fd = helper->fd, .events = POLLIN };
    int64_t end = mp_clock_steady() + timeout_msecs;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = { reply_r, sizeof(*reply_r) };
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    int64_t left;
    int rc;

    do {
        left = end - mp_clock_steady();
        rc = poll(&ready, 1, left > 0 ? (int) left : 0);
    } while (rc < 0 && errno == EINTR);

    if (rc == 0) {
        return mpa_helper_gone(helper, "does not answer", err);
    }

    if (recvmsg(helper->fd, &message, MSG_CMSG_CLOEXEC)
        != (ssize_t) sizeof(*reply_r))
    {
        return mpa_helper_gone(helper, "has ended", err);
    }

    *fd_r = mpa_taken_file(&message);
    reply_r->text[sizeof(reply_r->text) - 1] = '\0';

    return MP_OK;
}


enum mp_status
mpa_helper_ask(struct mpa_helper *helper, enum mpa_op op, uint32_t arg,
               unsigned int timeout_msecs, int64_t *value_r, int *fd_r,
               struct mp_error *err)
{
    struct mpa_request request = { (uint32_t) op, arg };
    struct mpa_reply reply = { .status = MP_OK };
    enum mp_status status;
    int fd = -1;

    (void) pthread_mutex_lock(&helper->lock);

    if (helper->fd < 0) {
        status = mpa_helper_gone(helper, "is not there", err);

    } else if (send(helper->fd, &request, sizeof(request), MSG_NOSIGNAL)
               != (ssize_t) sizeof(request))
    {
        status = mpa_helper_gone(helper, "has ended", err);

    } else {
        status = mpa_helper_answer(helper, timeout_msecs, &reply, &fd, err);
    }

    (void) pthread_mutex_unlock(&helper->lock);

    if (status == MP_OK && reply.status != MP_OK) {
        status = reply.status < MP_STATUS_COUNT ? (enum mp_status) reply.status
                                                : MP_INTERNAL;
        (void) mp_fail(err, status, "", "%s", reply.text);
    }

    if (value_r != NULL) {
        *value_r = reply.value;
    }

    if (fd_r != NULL) {
        *fd_r = fd;
    } else if (fd >= 0) {
        (void) close(fd);
    }

    return status;
}
