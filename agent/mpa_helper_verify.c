/*
 * The helper's hand on Postfix's address verification cache.  verify(8) holds
 * the file open and locked: it is removed, never written, and a reload makes
 * Postfix begin a new one.
 */

#include "mpa_helper_root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mpa_spawn.h"

#define MPA_POSTFIX      "/usr/sbin/postfix"
#define MPA_RELOAD_MSECS 30000
#define MPA_FILE_SIZE    4096


/* The folder of the cache, and its name in it; -1 with err. */
static int
mpa_verify_folder(const struct mpa_config *config, const char **name_r,
                  struct mp_error *err)
{
    char folder[MPA_FILE_SIZE];
    const char *slash = strrchr(config->verify_map, '/');
    int fd;

    if (slash == NULL || slash == config->verify_map || slash[1] == '\0') {
        (void) mp_fail(err, MP_NOT_FOUND, "", "no verify_map is configured");
        return -1;
    }

    *name_r = slash + 1;
    (void) snprintf(folder, sizeof(folder), "%.*s",
                    (int) (slash - config->verify_map), config->verify_map);

    fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        (void) mp_fail(err, MP_FORBIDDEN, "", "%s: %s", folder,
                       strerror(errno));
    }

    return fd;
}


/*
 * Postfix's folder is closed to root without its capabilities, and what is
 * done as its owner can hurt nobody else.
 */
static bool
mpa_verify_become(const struct mpa_config *config)
{
    struct stat st;
    char folder[MPA_FILE_SIZE];
    const char *slash = strrchr(config->verify_map, '/');

    (void) snprintf(folder, sizeof(folder), "%.*s",
                    slash != NULL ? (int) (slash - config->verify_map) : 0,
                    config->verify_map);

    return lstat(folder, &st) == 0 && S_ISDIR(st.st_mode)
        && setegid(st.st_gid) == 0 && seteuid(st.st_uid) == 0;
}


static void
mpa_verify_return(void)
{
    if (seteuid(0) != 0 || setegid(0) != 0) {
        _exit(1);
    }
}


static int
mpa_verify_file(const struct mpa_config *config, struct mp_error *err)
{
    const char *name;
    struct stat st;
    int folder = mpa_verify_folder(config, &name, err);
    int fd;

    if (folder < 0) {
        return -1;
    }

    fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    (void) mp_fail(err, errno == ENOENT ? MP_NOT_FOUND : MP_FORBIDDEN, "",
                   "%s: %s", config->verify_map, strerror(errno));
    (void) close(folder);

    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        (void) mp_fail(err, MP_INVALID, "", "%s is no plain file",
                       config->verify_map);
        (void) close(fd);
        fd = -1;
    }

    return fd;
}


enum mp_status
mpa_op_open_verify(const struct mpa_config *config, uint32_t arg,
                   int64_t *value_r, int *fd_r, struct mp_error *err)
{
    (void) arg;
    *value_r = 0;

    if (!mpa_verify_become(config)) {
        mpa_verify_return();
        return mp_fail(err, MP_NOT_FOUND, "", "%s: there is no such folder",
                       config->verify_map);
    }

    *fd_r = mpa_verify_file(config, err);
    mpa_verify_return();

    return *fd_r >= 0 ? MP_OK : MP_NOT_FOUND;
}


static enum mp_status
mpa_verify_remove(const struct mpa_config *config, int64_t *value_r,
                  struct mp_error *err)
{
    const char *name;
    int folder = mpa_verify_folder(config, &name, err);
    int rc, why;

    if (folder < 0) {
        return MP_FORBIDDEN;
    }

    rc = unlinkat(folder, name, 0);
    why = errno;
    (void) close(folder);
    *value_r = rc == 0;

    return rc == 0 || why == ENOENT
             ? MP_OK
             : mp_fail(err, MP_FORBIDDEN, "", "%s: %s", config->verify_map,
                       strerror(why));
}


enum mp_status
mpa_op_clear_verify(const struct mpa_config *config, uint32_t arg,
                    int64_t *value_r, int *fd_r, struct mp_error *err)
{
    char program[] = "postfix", c[] = "-c", reload[] = "reload";
    char *argv[] = { program, c, config->postfix_config, reload, NULL };
    enum mp_status status;

    (void) arg;
    (void) fd_r;
    *value_r = 0;

    if (!mpa_verify_become(config)) {
        mpa_verify_return();
        return mp_fail(err, MP_NOT_FOUND, "", "%s: there is no such folder",
                       config->verify_map);
    }

    status = mpa_verify_remove(config, value_r, err);
    mpa_verify_return();

    if (status != MP_OK) {
        return status;
    }

    status = mpa_spawn(MPA_POSTFIX, argv, MPA_RELOAD_MSECS, NULL, err);

    return status == MP_OK
             ? MP_OK
             : mp_fail(err, MP_INTERNAL, "",
                       "the cache is removed, but Postfix could not be "
                       "reloaded: is it running?");
}
