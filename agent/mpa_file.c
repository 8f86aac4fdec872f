#include "mpa_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MPA_FILE_SMALL 65536


static bool
mpa_file_fill(int fd, const char *bytes, size_t len, mode_t mode)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }

        if (n < 0) {
            return false;
        }

        bytes += n;
        len -= (size_t) n;
    }

    return fchmod(fd, mode) == 0 && fsync(fd) == 0;
}


static bool
mpa_file_put(int folder, const char *temp, const char *name, mode_t mode,
             const void *bytes, size_t len)
{
    int fd, saved;
    bool done;

    (void) unlinkat(folder, temp, 0);
    fd = openat(folder, temp,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }

    done = mpa_file_fill(fd, bytes, len, mode);
    saved = errno;
    done = close(fd) == 0 && done;
    done = done && renameat(folder, temp, folder, name) == 0;

    if (!done) {
        saved = saved != 0 ? saved : errno;
        (void) unlinkat(folder, temp, 0);
        errno = saved;
        return false;
    }

    return fsync(folder) == 0;
}


enum mp_status
mpa_file_write(const char *dir, const char *name, mode_t mode,
               const void *bytes, size_t len, struct mp_error *err)
{
    char temp[256];
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum mp_status status = MP_OK;

    if (folder < 0) {
        return mp_fail(err, MP_FORBIDDEN, "", "%s: %s", dir, strerror(errno));
    }

    (void) snprintf(temp, sizeof(temp), ".%.200s" MPA_FILE_TEMP, name);
    errno = 0;

    if (!mpa_file_put(folder, temp, name, mode, bytes, len)) {
        status = mp_fail(err, MP_FORBIDDEN, "", "%s/%s cannot be written: %s",
                         dir, name, strerror(errno));
    }

    (void) close(folder);

    return status;
}


enum mp_status
mpa_file_room(const char *dir, struct mp_error *err)
{
    struct statvfs fs;

    if (statvfs(dir, &fs) != 0) {
        return mp_fail(err, MP_FORBIDDEN, "", "%s: %s", dir, strerror(errno));
    }

    /* some file systems have no number of inodes */
    return fs.f_bavail * fs.f_frsize >= MPA_FILE_SMALL
                && (fs.f_files == 0 || fs.f_favail > 0)
             ? MP_OK
             : mp_fail(err, MP_FORBIDDEN, "", "%s: %s", dir, strerror(ENOSPC));
}
