#ifndef MPA_HELPER_H
#define MPA_HELPER_H

#include <stdint.h>
#include <sys/types.h>

#include "mp_error.h"
#include "mpa_config.h"

/*
 * The root helper: a child that was forked before the agent gave up its
 * rights.  It does what mpa_ops.def lists, for that one process, and ends with
 * it.
 */
enum mpa_op {
#define MPA_OP(id, max, doc) MPA_OP_##id,
#include "mpa_ops.def"
#undef MPA_OP
    MPA_OP_COUNT
};

struct mpa_request {
    uint32_t op;
    uint32_t arg;
};

struct mpa_reply {
    uint32_t status; /* enum mp_status */
    int64_t value;
    char text[160]; /* what went wrong, ends with a NUL */
};

/*
 * Serves fd until its peer, the process agent, is gone; then exits.  Runs in
 * the child.
 */
void mpa_helper_run(const struct mpa_config *config, int fd, pid_t agent)
    __attribute__((noreturn));

/* The socket between them: the helper has pair_r[1].  -1 with errno. */
int mpa_helper_pair(int pair_r[2]);

/* The agent's side of it.  Any thread may ask. */
struct mpa_helper;

/*
 * Forks the helper; only root can.  Everybody else gets one that refuses all.
 * The caller owns *helper_r.
 */
enum mp_status mpa_helper_fork(struct mpa_helper **helper_r,
                               const struct mpa_config *config,
                               struct mp_error *err);
void mpa_helper_free(struct mpa_helper *helper);

/* The pid, 0 without one. */
pid_t mpa_helper_pid(const struct mpa_helper *helper);

/*
 * Asks and waits, at most timeout_msecs.  fd_r, unless NULL, is an open file
 * that came with the answer, -1 for none; the caller closes it.  MP_INTERNAL:
 * there is no helper any more.
 */
enum mp_status mpa_helper_ask(struct mpa_helper *helper, enum mpa_op op,
                              uint32_t arg, unsigned int timeout_msecs,
                              int64_t *value_r, int *fd_r,
                              struct mp_error *err);

#endif
