#ifndef MPA_USER_H
#define MPA_USER_H

#include <stddef.h>
#include <sys/types.h>

#include "mp_error.h"
#include "mpa_config.h"

#define MPA_GROUPS_MAX 64

/* As whom the agent runs: never as root, nor in root's group. */
struct mpa_user {
    uid_t uid;
    gid_t gid;
    gid_t groups[MPA_GROUPS_MAX]; /* the user's, and those of the file */
    size_t group_count;
};

/* What the file names, as this machine has it; MP_INVALID with the field. */
enum mp_status mpa_user_find(struct mpa_user *user_r,
                             const struct mpa_config *config,
                             struct mp_error *err);

/*
 * Becomes that user for good: no way leads back, also not by a program that is
 * executed.  Who is not root stays who he is, without new privileges.
 */
enum mp_status mpa_user_become(const struct mpa_config *config,
                               struct mp_error *err);

#endif
