/* mailportal-agent: options, privileges, start and end of all parts. */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <curl/curl.h>
#include <sodium.h>

#include "mp_log.h"
#include "mpa_check.h"
#include "mpa_parts.h"

#define MPA_CONFIG_FILE "/etc/mailportal/agent.conf"
#define MPA_GROUPS_MAX  64


static void
mpa_usage(FILE *out)
{
    (void) fprintf(out,
                   "usage: mailportal-agent [-c FILE] [--check]\n"
                   "\n"
                   "  -c FILE  read FILE instead of " MPA_CONFIG_FILE "\n"
                   "  --check  check the file and what it names, and exit\n"
                   "  -V       print the version\n"
                   "  -h       print this text\n");
}


/* The groups of the user, and those that the file names. */
static enum mp_status
mpa_join_groups(const struct mpa_config *config, const struct passwd *user,
                struct mp_error *err)
{
    gid_t gid[MPA_GROUPS_MAX];
    int count = MPA_GROUPS_MAX;
    char *names, *left = NULL;
    enum mp_status status = MP_OK;

    if (getgrouplist(user->pw_name, user->pw_gid, gid, &count) < 0) {
        return mp_fail(err, MP_INVALID, "user", "is in too many groups");
    }

    names = strdup(config->groups);
    if (names == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    for (char *name = strtok_r(names, " ", &left); name != NULL;
         name = strtok_r(NULL, " ", &left))
    {
        const struct group *group = getgrnam(name);

        if (group == NULL || group->gr_gid == 0 || count == MPA_GROUPS_MAX) {
            status = mp_fail(err, MP_INVALID, "groups",
                             "there is no group %s, or one too many", name);
            break;
        }

        gid[count++] = group->gr_gid;
    }

    free(names);

    if (status == MP_OK && setgroups((size_t) count, gid) != 0) {
        status = mp_fail(err, MP_INVALID, "groups", "%s", strerror(errno));
    }

    return status;
}


/*
 * What nobody below us can get: not even root has more than that.  CAP_SETPCAP
 * is needed, and goes with the rest when the user changes.
 */
static enum mp_status
mpa_drop_bounding(struct mp_error *err)
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


/* For good: no way leads back, also not by a program that is executed. */
static enum mp_status
mpa_drop_privileges(const struct mpa_config *config, struct mp_error *err)
{
    const struct passwd *user;

    if (geteuid() == 0) {
        user = getpwnam(config->user);
        if (user == NULL) {
            return mp_fail(err, MP_INVALID, "user", "there is no user %s",
                           config->user);
        }

        if (user->pw_uid == 0) {
            return mp_fail(err, MP_INVALID, "user", "must not be root");
        }

        if (mpa_join_groups(config, user, err) != MP_OK
            || mpa_drop_bounding(err) != MP_OK)
        {
            return MP_INVALID;
        }

        if (setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0
            || setuid(0) == 0) {
            return mp_fail(err, MP_INVALID, "user", "cannot become %s: %s",
                           config->user, strerror(errno));
        }
    }

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
        || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    {
        return mp_fail(err, MP_INTERNAL, "", "prctl: %s", strerror(errno));
    }

    return MP_OK;
}


/* The signals that end the program, and the end of the helper. */
static void
mpa_signals(sigset_t *set_r)
{
    (void) sigemptyset(set_r);
    (void) sigaddset(set_r, SIGTERM);
    (void) sigaddset(set_r, SIGINT);
    (void) sigaddset(set_r, SIGHUP);
    (void) sigaddset(set_r, SIGCHLD);
    (void) pthread_sigmask(SIG_BLOCK, set_r, NULL);
    (void) signal(SIGPIPE, SIG_IGN);
}


/* What another part executes is not the helper. */
static bool
mpa_helper_ended(const struct mpa *agent)
{
    siginfo_t info;
    pid_t pid = mpa_helper_pid(agent->helper);

    info.si_pid = 0;

    return pid > 0
        && waitid(P_PID, (id_t) pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0
        && info.si_pid == pid;
}


static int
mpa_wait(const struct mpa *agent, const sigset_t *set)
{
    for (;;) {
        int signal = sigwaitinfo(set, NULL);

        if (signal == SIGCHLD && mpa_helper_ended(agent)) {
            mp_log(MP_LOG_ERROR, "the root helper has ended");
            return EX_SOFTWARE;
        }

        if (signal > 0 && signal != SIGCHLD) {
            return EX_OK;
        }
    }
}


static void
mpa_stop_parts(struct mpa *agent)
{
    for (size_t i = MPA_PART_COUNT; i-- > 0;) {
        if (agent->part[i] != NULL) {
            mpa_parts[i].stop(agent->part[i]);
            agent->part[i] = NULL;
        }
    }
}


/* In the order of the table backwards: what follows comes last. */
static enum mp_status
mpa_start_parts(struct mpa *agent, struct mp_error *err)
{
    for (size_t i = 0; i < MPA_PART_COUNT; i++) {
        enum mp_status status =
            mpa_parts[i].start(agent, &agent->part[i], err);

        if (status != MP_OK) {
            mp_log(MP_LOG_ERROR, "%s does not start", mpa_parts[i].name);
            return status;
        }
    }

    return MP_OK;
}


static int
mpa_failed(enum mp_status status, const struct mp_error *err)
{
    mp_log(MP_LOG_ERROR, "%s%s%s", err->field,
           err->field[0] != '\0' ? " " : "", err->text);

    /* what is invalid here is the configuration */
    return status == MP_INVALID || status == MP_NOT_FOUND
             ? EX_CONFIG
             : mp_status_exit(status);
}


static int
mpa_run(struct mpa *agent)
{
    struct mp_error err;
    enum mp_status status;
    sigset_t set;
    int rc;

    status = mpa_helper_fork(&agent->helper, &agent->config, &err);
    if (status != MP_OK) {
        return mpa_failed(status, &err);
    }

    mpa_signals(&set);

    status = mpa_drop_privileges(&agent->config, &err);
    if (status == MP_OK) {
        status = mpa_start_parts(agent, &err);
    }

    if (status == MP_OK) {
        mp_log(MP_LOG_NOTICE, "mailportal-agent %s is ready, node %s",
               MP_VERSION, agent->config.node);
        rc = mpa_wait(agent, &set);
    } else {
        rc = mpa_failed(status, &err);
    }

    mpa_stop_parts(agent);
    mpa_helper_free(agent->helper);
    mp_log(MP_LOG_NOTICE, "stopped");

    return rc;
}


static int
mpa_begin(const char *file, bool check)
{
    static struct mpa agent;
    struct mp_error err;
    enum mp_status status = mpa_config_read(&agent.config, file, &err);
    int rc;

    if (status != MP_OK) {
        rc = mpa_failed(status, &err);

    } else if (sodium_init() < 0
               || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK
               || (agent.health =
                       mp_health_new(MPA_TROUBLE_COUNT, mpa_trouble_stale))
                      == NULL)
    {
        mp_log(MP_LOG_ERROR, "no memory, or a library cannot start");
        rc = EX_SOFTWARE;

    } else {
        rc = check ? mpa_check(&agent, file) : mpa_run(&agent);
    }

    mp_health_free(agent.health);
    mpa_config_free(&agent.config);

    return rc;
}


int
main(int argc, char **argv)
{
    const char *file = MPA_CONFIG_FILE;
    bool check = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
            file = argv[++i];

        } else if (strcmp(argv[i], "--check") == 0
                   || strcmp(argv[i], "-t") == 0) {
            check = true;

        } else if (strcmp(argv[i], "-h") == 0
                   || strcmp(argv[i], "--help") == 0) {
            mpa_usage(stdout);
            return EX_OK;

        } else if (strcmp(argv[i], "-V") == 0
                   || strcmp(argv[i], "--version") == 0) {
            (void) printf("mailportal-agent %s\n", MP_VERSION);
            return EX_OK;

        } else {
            mpa_usage(stderr);
            return EX_USAGE;
        }
    }

    return mpa_begin(file, check);
}
