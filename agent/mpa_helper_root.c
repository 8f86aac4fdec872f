/* The helper's side: takes a request, checks it, does it, answers. */

#include "mpa_helper_root.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mp_log.h"

struct mpa_op_row {
    mpa_op_run *run; /* NULL: the answer alone */
    uint32_t max;
};

static const struct mpa_op_row mpa_op_rows[MPA_OP_COUNT] = {
#define MPA_OP(id, max, doc) [MPA_OP_##id] = { NULL, max },
#include "mpa_ops.def"
#undef MPA_OP
};

static mpa_op_run *const mpa_op_runs[MPA_OP_COUNT] = {
    [MPA_OP_OPEN_LOG] = mpa_op_open_log,
    [MPA_OP_OPEN_VERIFY] = mpa_op_open_verify,
    [MPA_OP_CLEAR_VERIFY] = mpa_op_clear_verify,
};


/* Space for one control message, aligned as the kernel wants it. */
union mpa_control {
    struct cmsghdr align;
    char fd[CMSG_SPACE(sizeof(int))];
    char credentials[CMSG_SPACE(sizeof(struct ucred))];
};


/* The pid of who has sent it; 0 when the kernel does not say. */
static pid_t
mpa_sender(struct msghdr *message)
{
    struct ucred credentials;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL;
         c = CMSG_NXTHDR(message, c))
    {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS
            && c->cmsg_len == CMSG_LEN(sizeof(credentials)))
        {
            memcpy(&credentials, CMSG_DATA(c), sizeof(credentials));
            return credentials.pid;
        }
    }

    return 0;
}


/* False when the agent is gone. */
static bool
mpa_receive(int fd, pid_t agent, struct mpa_request *request_r, bool *good_r)
{
    union mpa_control control;
    struct iovec part = { request_r, sizeof(*request_r) };
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    ssize_t n;

    do {
        n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);

    if (n <= 0) {
        return false;
    }

    *good_r = n == (ssize_t) sizeof(*request_r)
           && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0
           && mpa_sender(&message) == agent;

    return true;
}


static void
mpa_send(int fd, const struct mpa_reply *reply, int file)
{
    union mpa_control control;
    struct iovec part = { (void *) (uintptr_t) reply, sizeof(*reply) };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    if (file >= 0) {
        struct cmsghdr *c;

        memset(&control, 0, sizeof(control));
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int));
        c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &file, sizeof(file));
    }

    (void) sendmsg(fd, &message, MSG_NOSIGNAL);
}


static enum mp_status
mpa_do(const struct mpa_config *config, const struct mpa_request *request,
       int64_t *value_r, int *fd_r, struct mp_error *err)
{
    if (request->op >= MPA_OP_COUNT) {
        return mp_fail(err, MP_INVALID, "op", "there is no operation %u",
                       request->op);
    }

    if (request->arg > mpa_op_rows[request->op].max) {
        return mp_fail(err, MP_INVALID, "arg", "must be 0 to %u, not %u",
                       mpa_op_rows[request->op].max, request->arg);
    }

    if (mpa_op_runs[request->op] == NULL) {
        return MP_OK;
    }

    return mpa_op_runs[request->op](config, request->arg, value_r, fd_r, err);
}


void
mpa_helper_run(const struct mpa_config *config, int fd, pid_t agent)
{
    struct mpa_request request;
    bool good;

    /* signals are for the agent; the helper ends when that is gone */
    (void) signal(SIGINT, SIG_IGN);
    (void) signal(SIGTERM, SIG_IGN);
    (void) signal(SIGHUP, SIG_IGN);
    (void) prctl(PR_SET_NAME, "mp-agent-root");

    while (mpa_receive(fd, agent, &request, &good)) {
        struct mpa_reply reply = { .status = MP_OK };
        struct mp_error err = { "", "" };
        int file = -1;

        if (good) {
            reply.status = mpa_do(config, &request, &reply.value, &file, &err);
        } else {
            reply.status = mp_fail(&err, MP_FORBIDDEN, "",
                                   "the request is not the agent's");
        }

        if (reply.status != MP_OK) {
            (void) snprintf(reply.text, sizeof(reply.text), "%.150s",
                            err.text);
        }

        mpa_send(fd, &reply, file);

        if (file >= 0) {
            (void) close(file);
        }
    }

    _exit(0);
}
