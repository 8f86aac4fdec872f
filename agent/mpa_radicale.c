#include "mpa_radicale.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "mp_clock.h"

#define MPA_LOCK       ".Radicale.lock"
#define MPA_PROPS      ".Radicale.props"
#define MPA_ROOT       "collection-root"
#define MPA_DEPTH_MAX  8
#define MPA_PATH_SIZE  4096
#define MPA_PROPS_MAX  (64u << 10)
#define MPA_TAG_SIZE   32
#define MPA_LOCK_EVERY 20 /* milliseconds */


/* What Radicale makes anew, or is about to put in its place. */
static bool
mpa_is_passing(const char *name)
{
    return strcmp(name, ".Radicale.cache") == 0 || strcmp(name, MPA_LOCK) == 0
        || strncmp(name, ".Radicale.tmp-", 14) == 0;
}


static void
mpa_say_odd(const struct mpa_radicale_walk *walk, const char *path,
            const char *why)
{
    if (walk->odd != NULL) {
        walk->odd(walk->context, path, why);
    }
}


/* The member "tag" of a collection's props, "" when there is none. */
static bool
mpa_props_tag(int folder, char tag_r[MPA_TAG_SIZE])
{
    char bytes[MPA_PROPS_MAX];
    int fd = openat(folder, MPA_PROPS,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    const char *tag;
    struct stat st;
    ssize_t n = -1;
    json_t *root;

    tag_r[0] = '\0';

    if (fd < 0) {
        return false;
    }

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        n = read(fd, bytes, sizeof(bytes));
    }

    (void) close(fd);

    if (n < 0) {
        return false;
    }

    root = json_loadb(bytes, (size_t) n, 0, NULL);
    tag = json_string_value(json_object_get(root, "tag"));
    (void) snprintf(tag_r, MPA_TAG_SIZE, "%s", tag != NULL ? tag : "");
    json_decref(root);

    return true;
}


static enum mp_status
mpa_walk_file(const struct mpa_radicale_walk *walk, int folder,
              const char *name, const char *path, const struct stat *seen,
              struct mp_error *err)
{
    enum mp_status status;
    struct stat st;
    int fd;

    if (walk->file == NULL) {
        return MP_OK;
    }

    /* O_NONBLOCK: should it be a FIFO by now, we do not wait for anybody */
    fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        mpa_say_odd(walk, path, strerror(errno));
        return MP_OK;
    }

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)
        || st.st_dev != seen->st_dev) {
        mpa_say_odd(walk, path, "is no plain file");
        status = MP_OK;
    } else {
        status = walk->file(walk->context, path, fd, &st, err);
    }

    (void) close(fd);

    return status;
}


static enum mp_status mpa_walk_folder(const struct mpa_radicale_walk *walk,
                                      int folder, const char *path,
                                      unsigned int depth,
                                      struct mp_error *err);


static enum mp_status
mpa_walk_entry(const struct mpa_radicale_walk *walk, int folder,
               const char *name, const char *path, unsigned int depth,
               struct mp_error *err)
{
    enum mp_status status;
    struct stat st;
    int fd;

    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return MP_OK; /* gone meanwhile */
    }

    if (S_ISREG(st.st_mode)) {
        return mpa_walk_file(walk, folder, name, path, &st, err);
    }

    if (!S_ISDIR(st.st_mode)) {
        mpa_say_odd(walk, path,
                    S_ISLNK(st.st_mode) ? "is a symbolic link"
                                        : "is no plain file");
        return MP_OK;
    }

    if (depth == MPA_DEPTH_MAX) {
        mpa_say_odd(walk, path, "is too deep");
        return MP_OK;
    }

    fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        mpa_say_odd(walk, path, strerror(errno));
        return MP_OK;
    }

    status = mpa_walk_folder(walk, fd, path, depth + 1, err);
    (void) close(fd);

    return status;
}


static enum mp_status
mpa_walk_folder(const struct mpa_radicale_walk *walk, int folder,
                const char *path, unsigned int depth, struct mp_error *err)
{
    char below[MPA_PATH_SIZE], tag[MPA_TAG_SIZE];
    enum mp_status status = MP_OK;
    const struct dirent *entry;
    int copy = dup(folder);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;

    if (dir == NULL) {
        if (copy >= 0) {
            (void) close(copy);
        }
        return mp_fail(err, MP_INTERNAL, "", "%s: %s", path, strerror(errno));
    }

    if (walk->collection != NULL && mpa_props_tag(folder, tag)) {
        walk->collection(walk->context, path, tag);
    }

    while (status == MP_OK && (entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0
            || mpa_is_passing(name)
            || (walk->file == NULL && entry->d_type == DT_REG))
        {
            continue;
        }

        if ((size_t) snprintf(below, sizeof(below), "%s%s%s", path,
                              path[0] != '\0' ? "/" : "", name)
            >= sizeof(below))
        {
            mpa_say_odd(walk, path, "has a name that is too long");
            continue;
        }

        status = mpa_walk_entry(walk, folder, name, below, depth, err);
    }

    (void) closedir(dir);

    return status;
}


/* A name of one folder, not of another place. */
static bool
mpa_is_user(const char *user)
{
    return user[0] != '\0' && strchr(user, '/') == NULL
        && strcmp(user, ".") != 0 && strcmp(user, "..") != 0;
}


enum mp_status
mpa_radicale_walk(const char *folder, const char *user,
                  const struct mpa_radicale_walk *walk, struct mp_error *err)
{
    char root[MPA_PATH_SIZE];
    enum mp_status status;
    int fd, top;

    (void) snprintf(root, sizeof(root), "%s/%s", folder, MPA_ROOT);
    fd = open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        return mp_fail(err, errno == ENOENT ? MP_NOT_FOUND : MP_FORBIDDEN, "",
                       "%s: %s", root, strerror(errno));
    }

    if (user == NULL) {
        status = mpa_walk_folder(walk, fd, "", 0, err);
        (void) close(fd);
        return status;
    }

    top = mpa_is_user(user)
            ? openat(fd, user, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            : -1;
    (void) close(fd);

    if (top < 0) {
        return mp_fail(err, MP_NOT_FOUND, "",
                       "Radicale has nothing of that user");
    }

    status = mpa_walk_folder(walk, top, user, 1, err);
    (void) close(top);

    return status;
}


enum mp_status
mpa_radicale_lock(const char *folder, unsigned int timeout_msecs,
                  bool (*stop)(const void *context), const void *context,
                  int *fd_r, struct mp_error *err)
{
    const struct timespec moment = { 0, MPA_LOCK_EVERY * 1000 * 1000 };
    int64_t end = mp_clock_steady() + timeout_msecs;
    char path[MPA_PATH_SIZE];
    int fd;

    *fd_r = -1;
    (void) snprintf(path, sizeof(path), "%s/%s", folder, MPA_LOCK);
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        return errno == ENOENT ? MP_OK
                               : mp_fail(err, MP_FORBIDDEN, "", "%s: %s", path,
                                         strerror(errno));
    }

    while (flock(fd, LOCK_SH | LOCK_NB) != 0) {
        if (mp_clock_steady() >= end || stop(context)) {
            (void) close(fd);
            return mp_fail(err, MP_TIMEOUT, "",
                           "Radicale is busy writing: its lock was not free "
                           "in time");
        }

        (void) nanosleep(&moment, NULL);
    }

    *fd_r = fd;

    return MP_OK;
}
