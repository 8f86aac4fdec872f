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

#define MPA_LINK     "is a symbolic link"
#define MPA_NO_FILE  "is no plain file"
#define MPA_REPLACED "was replaced meanwhile"


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


/* What it is, should the file system not say so; DT_UNKNOWN: it is gone. */
static unsigned char
mpa_walk_type(const struct mpa_radicale_walk *walk, int folder,
              const struct dirent *entry, const char *path)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN) {
        return entry->d_type;
    }

    if (fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        return (unsigned char) IFTODT(st.st_mode);
    }

    if (errno != ENOENT) {
        mpa_say_odd(walk, path, strerror(errno));
    }

    return DT_UNKNOWN;
}


static enum mp_status
mpa_walk_file(const struct mpa_radicale_walk *walk, int folder,
              const char *name, const char *path, struct mp_error *err)
{
    enum mp_status status = MP_OK;
    struct stat st;
    int fd;

    if (walk->count != NULL) {
        walk->count(walk->context);
    }

    if (walk->file == NULL) {
        return MP_OK;
    }

    /* O_NONBLOCK: should it be a FIFO by now, we do not wait for anybody */
    fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        mpa_say_odd(walk, path,
                    errno == ELOOP ? MPA_REPLACED : strerror(errno));
        return MP_OK;
    }

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        mpa_say_odd(walk, path, MPA_NO_FILE);
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
mpa_walk_below(const struct mpa_radicale_walk *walk, int folder,
               const char *name, const char *path, unsigned int depth,
               struct mp_error *err)
{
    enum mp_status status;
    int fd;

    if (depth == MPA_DEPTH_MAX) {
        mpa_say_odd(walk, path, "is too deep");
        return MP_OK;
    }

    fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        mpa_say_odd(walk, path,
                    errno == ELOOP || errno == ENOTDIR ? MPA_REPLACED
                                                       : strerror(errno));
        return MP_OK;
    }

    status = mpa_walk_folder(walk, fd, path, depth + 1, err);
    (void) close(fd);

    return status;
}


static enum mp_status
mpa_walk_entry(const struct mpa_radicale_walk *walk, int folder,
               const struct dirent *entry, const char *path,
               unsigned int depth, struct mp_error *err)
{
    switch (mpa_walk_type(walk, folder, entry, path)) {
    case DT_REG:
        return mpa_walk_file(walk, folder, entry->d_name, path, err);

    case DT_DIR:
        return mpa_walk_below(walk, folder, entry->d_name, path, depth, err);

    case DT_LNK:
        mpa_say_odd(walk, path, MPA_LINK);
        return MP_OK;

    case DT_UNKNOWN:
        return MP_OK;

    default:
        mpa_say_odd(walk, path, MPA_NO_FILE);
        return MP_OK;
    }
}


static enum mp_status
mpa_walk_entries(const struct mpa_radicale_walk *walk, DIR *dir,
                 const char *path, unsigned int depth, struct mp_error *err)
{
    char below[MPA_PATH_SIZE];
    enum mp_status status = MP_OK;
    const struct dirent *entry;

    while (status == MP_OK && (errno = 0, entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0
            || mpa_is_passing(name)) {
            continue;
        }

        if ((size_t) snprintf(below, sizeof(below), "%s%s%s", path,
                              path[0] != '\0' ? "/" : "", name)
            >= sizeof(below))
        {
            mpa_say_odd(walk, path, "has a name that is too long");
            continue;
        }

        status = mpa_walk_entry(walk, dirfd(dir), entry, below, depth, err);
    }

    /* half a folder must not pass for a whole one */
    return status == MP_OK && errno != 0
             ? mp_fail(err, MP_INTERNAL, "",
                       "a folder of Radicale cannot be read: %s",
                       strerror(errno))
             : status;
}


static enum mp_status
mpa_walk_folder(const struct mpa_radicale_walk *walk, int folder,
                const char *path, unsigned int depth, struct mp_error *err)
{
    char tag[MPA_TAG_SIZE] = "";
    enum mp_status status;
    DIR *dir;
    int copy;

    if (walk->collection != NULL && mpa_props_tag(folder, tag)) {
        walk->collection(walk->context, tag);
    }

    /* Radicale has no collection below one that has a tag */
    if (tag[0] != '\0' && walk->file == NULL && walk->count == NULL) {
        return MP_OK;
    }

    copy = dup(folder);
    dir = copy >= 0 ? fdopendir(copy) : NULL;

    if (dir == NULL) {
        status = mp_fail(err, MP_INTERNAL, "",
                         "a folder of Radicale cannot be read: %s",
                         strerror(errno));
        if (copy >= 0) {
            (void) close(copy);
        }
        return status;
    }

    status = mpa_walk_entries(walk, dir, path, depth, err);
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
