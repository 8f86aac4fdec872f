#include "mpa_postmap.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "mpa_file.h"
#include "mpa_spawn.h"

#define MPA_POSTMAP       "/usr/sbin/postmap"
#define MPA_MAKING        ".making" /* a folder in map_dir, for us alone */
#define MPA_POSTMAP_MSECS 20000
#define MPA_MAP_MAX       4096
#define MPA_PATH_SIZE     4096


/* Whether the map is there and was made of that text. */
static bool
mpa_postmap_is(const struct mpa_config *config, const char *name,
               const char *text, size_t len)
{
    char path[MPA_PATH_SIZE], bytes[MPA_MAP_MAX + 1];
    FILE *file;
    size_t n;
    bool same;

    (void) snprintf(path, sizeof(path), "%s/%s.db", config->map_dir, name);
    if (access(path, F_OK) != 0) {
        return false;
    }

    (void) snprintf(path, sizeof(path), "%s/%s", config->map_dir, name);
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }

    n = fread(bytes, 1, sizeof(bytes), file);
    (void) fclose(file);
    same = n == len && memcmp(bytes, text, len) == 0;
    sodium_memzero(bytes, sizeof(bytes));

    return same;
}


/*
 * What a full disk has cut short would keep postmap for ever: Berkeley DB
 * waits until its own temporary file is gone.
 */
static void
mpa_postmap_clear(const struct mpa_config *config, const char *name)
{
    char path[MPA_PATH_SIZE];

    (void) snprintf(path, sizeof(path), "%s/%s/%s.db", config->map_dir,
                    MPA_MAKING, name);
    (void) unlink(path);
    (void) snprintf(path, sizeof(path), "%s/%s/__db.%s.db", config->map_dir,
                    MPA_MAKING, name);
    (void) unlink(path);
}


/* Nothing of it is from outside. */
static enum mp_status
mpa_postmap_run(const struct mpa_config *config, const char *name,
                struct mp_error *err)
{
    char map[MPA_PATH_SIZE];
    char program[] = "postmap", c[] = "-c";
    char *argv[] = { program, c, config->postfix_config, map, NULL };

    mpa_postmap_clear(config, name);
    (void) snprintf(map, sizeof(map), "hash:%s/%s/%s", config->map_dir,
                    MPA_MAKING, name);

    if (mpa_spawn(MPA_POSTMAP, argv, MPA_POSTMAP_MSECS, NULL, err) == MP_OK) {
        return MP_OK;
    }

    /* what it has said is in a log of nobody's */
    return mpa_file_room(config->map_dir, err) == MP_OK ? MP_INTERNAL
                                                        : MP_FORBIDDEN;
}


/* Postfix's own processes read it, and nobody else. */
static bool
mpa_postmap_own(int folder, const char *name, bool secret)
{
    const struct group *group = secret ? getgrnam("postfix") : NULL;

    return (group == NULL
            || fchownat(folder, name, (uid_t) -1, group->gr_gid,
                        AT_SYMLINK_NOFOLLOW)
                   == 0)
        && fchmodat(folder, name, secret ? 0640 : 0644, 0) == 0;
}


/* The .db first: with the new text and the old .db it is made again. */
static enum mp_status
mpa_postmap_publish(const struct mpa_config *config, const char *name,
                    bool secret, struct mp_error *err)
{
    char from[64], db[64], from_db[64];
    int folder = open(config->map_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum mp_status status = MP_OK;

    if (folder < 0) {
        return mp_fail(err, MP_FORBIDDEN, "", "%s: %s", config->map_dir,
                       strerror(errno));
    }

    (void) snprintf(db, sizeof(db), "%.40s.db", name);
    (void) snprintf(from, sizeof(from), "%s/%.40s", MPA_MAKING, name);
    (void) snprintf(from_db, sizeof(from_db), "%s/%.44s", MPA_MAKING, db);

    if (!mpa_postmap_own(folder, from, secret)
        || !mpa_postmap_own(folder, from_db, secret)
        || renameat(folder, from_db, folder, db) != 0
        || renameat(folder, from, folder, name) != 0 || fsync(folder) != 0)
    {
        status = mp_fail(err, MP_FORBIDDEN, "", "%s/%s: %s", config->map_dir,
                         name, strerror(errno));
    }

    (void) close(folder);

    return status;
}


enum mp_status
mpa_postmap(const struct mpa_config *config, const char *name,
            const char *text, size_t len, bool secret, struct mp_error *err)
{
    char making[MPA_PATH_SIZE];
    enum mp_status status;

    if (mpa_postmap_is(config, name, text, len)) {
        return MP_OK;
    }

    (void) snprintf(making, sizeof(making), "%s/%s", config->map_dir,
                    MPA_MAKING);

    if (mkdir(making, 0700) != 0 && errno != EEXIST) {
        return mp_fail(err, MP_FORBIDDEN, "", "%s: %s", making,
                       strerror(errno));
    }

    status = mpa_file_write(making, name, 0600, text, len, err);

    if (status == MP_OK) {
        status = mpa_postmap_run(config, name, err);
    }

    return status == MP_OK ? mpa_postmap_publish(config, name, secret, err)
                           : status;
}
