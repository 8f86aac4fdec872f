#include "mpa_user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>


/* The groups that the file names. */
static enum mp_status
mpa_user_groups(struct mpa_user *user, const char *list, struct mp_error *err)
{
    char *names = strdup(list), *left = NULL;
    enum mp_status status = MP_OK;

    if (names == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    for (char *name = strtok_r(names, " ", &left);
         name != NULL && status == MP_OK; name = strtok_r(NULL, " ", &left))
    {
        const struct group *group = getgrnam(name);

        if (group == NULL) {
            status = mp_fail(err, MP_INVALID, "groups", "there is no group %s",
                             name);

        } else if (user->group_count == MPA_GROUPS_MAX) {
            status =
                mp_fail(err, MP_INVALID, "groups",
                        "with the user's are more than %d", MPA_GROUPS_MAX);

        } else {
            user->groups[user->group_count++] = group->gr_gid;
        }
    }

    free(names);

    return status;
}


enum mp_status
mpa_user_find(struct mpa_user *user_r, const struct mpa_config *config,
              struct mp_error *err)
{
    const struct passwd *user = getpwnam(config->user);
    int count = MPA_GROUPS_MAX;
    enum mp_status status;

    if (user == NULL) {
        return mp_fail(err, MP_INVALID, "user",
                       "there is no user %s: adduser --system --group %s",
                       config->user, config->user);
    }

    if (user->pw_uid == 0) {
        return mp_fail(err, MP_INVALID, "user", "must not be root");
    }

    user_r->uid = user->pw_uid;
    user_r->gid = user->pw_gid;

    if (getgrouplist(config->user, user->pw_gid, user_r->groups, &count) < 0) {
        return mp_fail(err, MP_INVALID, "user", "is in too many groups");
    }

    user_r->group_count = (size_t) count;
    status = mpa_user_groups(user_r, config->groups, err);

    for (size_t i = 0; status == MP_OK && i < user_r->group_count; i++) {
        if (user_r->groups[i] == 0) {
            status = mp_fail(err, MP_INVALID,
                             i < (size_t) count ? "user" : "groups",
                             "must not be in the group of root");
        }
    }

    return status;
}


/*
 * What nobody below us can get: not even root has more than that.  CAP_SETPCAP
 * is needed, and goes with the rest when the user changes.
 */
static enum mp_status
mpa_user_bound(struct mp_error *err)
{
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0;
         cap++) {
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1
            && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
        {
            return mp_fail(err, MP_INVALID, "",
                           "cannot give up capability %lu: %s; "
                           "CapabilityBoundingSet of the unit must have "
                           "CAP_SETPCAP",
                           cap, strerror(errno));
        }
    }

    return MP_OK;
}


static enum mp_status
mpa_user_change(const struct mpa_config *config, struct mp_error *err)
{
    struct mpa_user user;
    enum mp_status status = mpa_user_find(&user, config, err);

    if (status == MP_OK) {
        status = mpa_user_bound(err);
    }

    if (status == MP_OK && setgroups(user.group_count, user.groups) != 0) {
        status = mp_fail(err, MP_INVALID, "groups", "%s", strerror(errno));
    }

    if (status == MP_OK
        && (setgid(user.gid) != 0 || setuid(user.uid) != 0 || setuid(0) == 0))
    {
        status = mp_fail(err, MP_INVALID, "user", "cannot become %s: %s",
                         config->user, strerror(errno));
    }

    return status;
}


enum mp_status
mpa_user_become(const struct mpa_config *config, struct mp_error *err)
{
    enum mp_status status =
        geteuid() == 0 ? mpa_user_change(config, err) : MP_OK;

    if (status == MP_OK
        && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0))
    {
        status = mp_fail(err, MP_INTERNAL, "", "prctl: %s", strerror(errno));
    }

    return status;
}
