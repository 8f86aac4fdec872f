/* mailportal-agent: options, privileges, start and end of all parts. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <curl/curl.h>
#include <sodium.h>

#include "mp_log.h"
#include "mpa_check.h"
#include "mpa_parts.h"
#include "mpa_user.h"

#define MPA_CONFIG_FILE "/etc/mailportal/agent.conf"


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

    status = mpa_user_become(&agent->config, &err);
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
