/* mailportal-milter: options, privileges, start and end of all parts. */

#include "mpm_milter.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>
#include <libmilter/mfapi.h>
#include <sodium.h>

#include "mp_log.h"
#include "mpm_trouble.h"

#define MPM_CONFIG_FILE "/etc/mailportal/milter.conf"
#define MPM_BACKLOG     1024
#define MPM_WAKE_MSECS  20

/* What the main thread has, to wait for signals before libmilter does. */
#define MPM_SERVE_MSECS 5

static const char mpm_unix[] = "unix:";

/* The thread that runs libmilter. */
struct mpm_serving {
    pthread_t main;
    atomic_bool ended;
    int rc;
};

/* libmilter's threads may run until the very end, so that nothing is freed */
static struct mpm_milter mpm_parts;


static void
mpm_usage(FILE *out)
{
    (void) fprintf(out, "usage: mailportal-milter [-c FILE] [-t]\n"
                        "\n"
                        "  -c FILE  read FILE instead of " MPM_CONFIG_FILE "\n"
                        "  -t       check the file and exit\n"
                        "  -V       print the version\n"
                        "  -h       print this text\n");
}


/* Of a unix socket; NULL for another one. */
static const char *
mpm_socket_path(const struct mpm_config *config)
{
    size_t len = sizeof(mpm_unix) - 1;

    return strncmp(config->socket, mpm_unix, len) == 0 ? config->socket + len
                                                       : NULL;
}


static enum mp_status
mpm_socket_own(const struct mpm_config *config, const char *path,
               struct mp_error *err)
{
    const struct group *group = NULL;
    const struct passwd *user = NULL;

    if (config->socket_group[0] != '\0') {
        group = getgrnam(config->socket_group);
        if (group == NULL) {
            return mp_fail(err, MP_INVALID, "socket_group",
                           "there is no group %s", config->socket_group);
        }
    }

    if (config->user[0] != '\0' && geteuid() == 0) {
        user = getpwnam(config->user);
    }

    if (chown(path, user != NULL ? user->pw_uid : (uid_t) -1,
              group != NULL ? group->gr_gid : (gid_t) -1)
            != 0
        || chmod(path, (mode_t) config->mode) != 0)
    {
        return mp_fail(err, MP_INVALID, "socket", "%s: %s", path,
                       strerror(errno));
    }

    return MP_OK;
}


/* Connections queue from here on; they are taken when all is loaded. */
static enum mp_status
mpm_socket_open(struct mpm_milter *milter, struct mp_error *err)
{
    struct mpm_config *config = &milter->config;
    const char *path = mpm_socket_path(config);
    mode_t mask;
    int rc;

    if (smfi_setconn(config->socket) != MI_SUCCESS
        || !mpm_callbacks_register(milter)
        || smfi_setbacklog(MPM_BACKLOG) != MI_SUCCESS)
    {
        return mp_fail(err, MP_INVALID, "socket", "libmilter refuses %s",
                       config->socket);
    }

    /* nobody connects before mode and group are what they must be */
    mask = umask(0177);
    rc = smfi_opensocket(true);
    (void) umask(mask);

    if (rc != MI_SUCCESS) {
        return mp_fail(err, MP_INVALID, "socket", "cannot listen at %s: %s",
                       config->socket, strerror(errno));
    }

    return path != NULL ? mpm_socket_own(config, path, err) : MP_OK;
}


static enum mp_status
mpm_drop_privileges(const struct mpm_config *config, struct mp_error *err)
{
    const struct passwd *user;

    if (config->user[0] == '\0' || geteuid() != 0) {
        return MP_OK;
    }

    user = getpwnam(config->user);
    if (user == NULL) {
        return mp_fail(err, MP_INVALID, "user", "there is no user %s",
                       config->user);
    }

    if (initgroups(user->pw_name, user->pw_gid) != 0
        || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0
        || (user->pw_uid != 0 && setuid(0) == 0))
    {
        return mp_fail(err, MP_INVALID, "user", "cannot become %s: %s",
                       config->user, strerror(errno));
    }

    return MP_OK;
}


static bool
mpm_parts_make(struct mpm_milter *milter)
{
    const struct mpm_config *config = &milter->config;
    struct mpm_follow_parts parts = { .config = config };

    milter->health = mp_health_new(MPM_TROUBLE_COUNT, mpm_trouble_stale);
    milter->stat = mpm_stat_new(config->node);
    milter->current = mpm_current_new();

    if (milter->health == NULL || milter->stat == NULL
        || milter->current == NULL) {
        return false;
    }

    milter->file =
        mpm_file_new(config->snapshot, milter->current, milter->health);
    milter->beat =
        mpm_beat_new(config, milter->current, milter->stat, milter->health);
    milter->score = mpm_score_new(config, milter->stat, milter->health);
    milter->grey = mpm_grey_new(config, milter->stat, milter->health);

    parts.current = milter->current;
    parts.health = milter->health;
    parts.stat = milter->stat;
    parts.file = milter->file;
    milter->follow = mpm_follow_new(&parts);

    return milter->file != NULL && milter->beat != NULL
        && milter->score != NULL && milter->grey != NULL
        && milter->follow != NULL;
}


/* Loads what is to be in force and starts the threads. */
static enum mp_status
mpm_parts_start(struct mpm_milter *milter, struct mp_error *err)
{
    enum mp_status status;
    int rc;

    mpm_follow_file(milter->follow);

    status = mpm_follow_first(milter->follow, err);
    if (status != MP_OK) {
        return status;
    }

    rc = mpm_file_start(milter->file);
    rc = rc == 0 ? mpm_beat_start(milter->beat) : rc;
    rc = rc == 0 ? mpm_follow_start(milter->follow) : rc;

    if (rc != 0) {
        return mp_fail(err, MP_INTERNAL, "", "cannot start a thread: %s",
                       strerror(rc));
    }

    return MP_OK;
}


/* The signals that end the program; SIGHUP does so with libmilter. */
static void
mpm_signals(sigset_t *set_r)
{
    (void) sigemptyset(set_r);
    (void) sigaddset(set_r, SIGTERM);
    (void) sigaddset(set_r, SIGINT);
    (void) sigaddset(set_r, SIGHUP);
    (void) pthread_sigmask(SIG_BLOCK, set_r, NULL);
    (void) signal(SIGPIPE, SIG_IGN);
}


static void
mpm_wake(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return;
    }

    (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    (void) connect(fd, (const struct sockaddr *) &address, sizeof(address));
    (void) close(fd);
}


static void *
mpm_serve(void *arg)
{
    const struct timespec soon = { 0, MPM_SERVE_MSECS * 1000000 };
    struct mpm_serving *serving = arg;

    /* who connects meanwhile waits at the socket */
    (void) nanosleep(&soon, NULL);
    serving->rc = smfi_main() == MI_SUCCESS ? EX_OK : EX_SOFTWARE;
    atomic_store(&serving->ended, true);

    /* it waits for a signal */
    (void) pthread_kill(serving->main, SIGTERM);

    return NULL;
}


static void *
mpm_stop(void *arg)
{
    (void) arg;
    (void) smfi_stop();

    return NULL;
}


/*
 * Takes mail until a signal comes.  libmilter sees that it is to stop after
 * five seconds, or after the next connection, and smfi_stop() waits for that:
 * so it runs beside, and we connect.  A signal goes to the main thread when
 * that one waits for it, and not to libmilter's own.
 */
static int
mpm_serve_until(const sigset_t *set, const char *path)
{
    const struct timespec now = { 0, 0 };
    const struct timespec soon = { 0, MPM_WAKE_MSECS * 1000000 };
    struct mpm_serving serving = { pthread_self(), false, EX_SOFTWARE };
    pthread_t serve, stop;

    if (sigtimedwait(set, NULL, &now) >= 0) {
        return EX_OK;
    }

    if (pthread_create(&serve, NULL, mpm_serve, &serving) != 0) {
        return EX_OSERR;
    }

    /* a process that is stopped and goes on gets no signal, but EINTR */
    while (sigwaitinfo(set, NULL) < 0) {
    }

    if (!atomic_load(&serving.ended)) {
        if (pthread_create(&stop, NULL, mpm_stop, NULL) != 0) {
            return EX_OSERR;
        }

        while (!atomic_load(&serving.ended)) {
            if (sigtimedwait(set, NULL, &soon) < 0 && path != NULL) {
                mpm_wake(path);
            }
        }

        /* libmilter that is stopped while it begins calls that a failure */
        serving.rc = EX_OK;
        (void) pthread_join(stop, NULL);
    }

    (void) pthread_join(serve, NULL);

    return serving.rc;
}


static int
mpm_failed(enum mp_status status, const struct mp_error *err)
{
    mp_log(MP_LOG_ERROR, "%s%s%s", err->field,
           err->field[0] != '\0' ? " " : "", err->text);

    /* what is invalid here is the configuration */
    return status == MP_INVALID || status == MP_NOT_FOUND
             ? EX_CONFIG
             : mp_status_exit(status);
}


static int
mpm_run(struct mpm_milter *milter)
{
    const char *path = mpm_socket_path(&milter->config);
    struct mp_error err;
    enum mp_status status;
    int rc = EX_SOFTWARE;
    sigset_t set;

    mpm_signals(&set);

    status = mpm_socket_open(milter, &err);
    if (status != MP_OK) {
        return mpm_failed(status, &err);
    }

    status = mpm_drop_privileges(&milter->config, &err);
    if (status == MP_OK) {
        status = mpm_parts_start(milter, &err);
    }

    if (status == MP_OK) {
        mp_log(MP_LOG_NOTICE, "mailportal-milter %s is ready at %s",
               MP_VERSION, milter->config.socket);
        rc = mpm_serve_until(&set, path);

        mpm_follow_stop(milter->follow);
        mpm_beat_stop(milter->beat);
        mpm_file_stop(milter->file);
        mp_log(MP_LOG_NOTICE, "stopped");

    } else {
        rc = mpm_failed(status, &err);
    }

    /* its folder may be one in which only root may do that */
    if (path != NULL) {
        (void) unlink(path);
    }

    return rc;
}


int
main(int argc, char **argv)
{
    struct mpm_milter *milter = &mpm_parts;
    const char *file = MPM_CONFIG_FILE;
    bool check = false;
    struct mp_error err;
    enum mp_status status;
    int option;

    while ((option = getopt(argc, argv, "c:thV")) != -1) {
        switch (option) {
        case 'c':
            file = optarg;
            break;
        case 't':
            check = true;
            break;
        case 'h':
            mpm_usage(stdout);
            return EX_OK;
        case 'V':
            (void) printf("mailportal-milter %s\n", MP_VERSION);
            return EX_OK;
        default:
            mpm_usage(stderr);
            return EX_USAGE;
        }
    }

    if (optind != argc) {
        mpm_usage(stderr);
        return EX_USAGE;
    }

    status = mpm_config_read(&milter->config, file, &err);
    if (status != MP_OK) {
        return mpm_failed(status, &err);
    }

    if (check) {
        (void) printf("%s is well\n", file);
        return EX_OK;
    }

    if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK
        || !mpm_parts_make(milter))
    {
        mp_log(MP_LOG_ERROR, "no memory, or a library cannot start");
        return EX_SOFTWARE;
    }

    return mpm_run(milter);
}
