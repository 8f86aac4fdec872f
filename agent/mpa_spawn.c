#include "mpa_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mp_clock.h"

static char mpa_spawn_path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";


static int
mpa_spawn_start(pid_t *pid_r, const char *path, char *const argv[], int out)
{
    char *environment[] = { mpa_spawn_path, NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none;
    int rc;

    (void) sigemptyset(&none);
    (void) posix_spawnattr_init(&how);
    (void) posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK);
    (void) posix_spawnattr_setsigmask(&how, &none);
    (void) posix_spawn_file_actions_init(&files);
    (void) posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY,
                                            0);
    if (out >= 0) {
        (void) posix_spawn_file_actions_adddup2(&files, out, 1);
    }

    rc = posix_spawn(pid_r, path, &files, &how, argv, environment);
    (void) posix_spawn_file_actions_destroy(&files);
    (void) posix_spawnattr_destroy(&how);

    return rc;
}


/* False when it had to be killed. */
static bool
mpa_spawn_wait(pid_t pid, unsigned int timeout_msecs, int *status_r)
{
    const struct timespec moment = { 0, 10 * 1000 * 1000 };
    int64_t end = mp_clock_steady() + timeout_msecs;

    for (;;) {
        pid_t rc = waitpid(pid, status_r, WNOHANG);

        if (rc == pid) {
            return true;
        }

        if (rc < 0 && errno != EINTR) {
            return false;
        }

        if (mp_clock_steady() >= end) {
            (void) kill(pid, SIGKILL);
            (void) waitpid(pid, status_r, 0);
            return false;
        }

        (void) nanosleep(&moment, NULL);
    }
}


enum mp_status
mpa_spawn(const char *path, char *const argv[], unsigned int timeout_msecs,
          int *out_r, struct mp_error *err)
{
    int out = -1, status = -1, rc;
    pid_t pid;

    if (out_r != NULL) {
        out = memfd_create("output", MFD_CLOEXEC);
        *out_r = -1;
    }

    rc = mpa_spawn_start(&pid, path, argv, out);

    if (rc != 0) {
        (void) mp_fail(err, MP_INTERNAL, "", "%s: %s", path, strerror(rc));

    } else if (!mpa_spawn_wait(pid, timeout_msecs, &status)) {
        (void) mp_fail(err, MP_INTERNAL, "", "%s did not end in time", path);

    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        (void) mp_fail(err, MP_INTERNAL, "", "%s has failed; the log says why",
                       path);

    } else {
        if (out_r != NULL) {
            (void) lseek(out, 0, SEEK_SET);
            *out_r = out;
        }
        return MP_OK;
    }

    if (out >= 0) {
        (void) close(out);
    }

    return MP_INTERNAL;
}
