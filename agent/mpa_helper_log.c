/* The helper's way to a log file. */

#include "mpa_helper_root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MPA_LOG_ROTATED 4


enum mp_status
mpa_op_open_log(const struct mpa_config *config, uint32_t arg,
                int64_t *value_r, int *fd_r, struct mp_error *err)
{
    const char *const logs[MPA_LOG_ROTATED] = { config->postfix_log,
                                                config->dovecot_log,
                                                config->milter_log, "" };
    const char *path = logs[arg & (MPA_LOG_ROTATED - 1)];
    char name[4096];
    struct stat st;
    int fd;

    *value_r = 0;

    if (path[0] == '\0') {
        return mp_fail(err, MP_NOT_FOUND, "", "no such log is configured");
    }

    (void) snprintf(name, sizeof(name), "%s%s", path,
                    (arg & MPA_LOG_ROTATED) != 0 ? ".1" : "");

    /* a FIFO or a device must not hold us */
    fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0) {
        return mp_fail(err, errno == ENOENT ? MP_NOT_FOUND : MP_FORBIDDEN, "",
                       "%s: %s", name, strerror(errno));
    }

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void) close(fd);
        return mp_fail(err, MP_INVALID, "", "%s is no plain file", name);
    }

    *fd_r = fd;

    return MP_OK;
}
