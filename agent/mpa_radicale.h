#ifndef MPA_RADICALE_H
#define MPA_RADICALE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "mp_error.h"

/*
 * Radicale's folder, as its storage "multifilesystem" lays it out:
 * collection-root/<user>/<collection>/{.Radicale.props, items}.  Nothing but
 * plain files and folders is ever opened, and no link followed, so that no
 * name in it leads out of the tree.
 */
struct mpa_radicale_walk {
    void *context;

    /*
     * A file: its path below collection-root, open for reading.  Another
     * status than MP_OK ends the walk.
     */
    enum mp_status (*file)(void *context, const char *path, int fd,
                           const struct stat *st, struct mp_error *err);

    /* A file, by its name only: what file would be called for, in advance. */
    void (*count)(void *context);

    /* A collection, with the tag of its props: "VADDRESSBOOK", … or "". */
    void (*collection)(void *context, const char *tag);

    /* What is no plain file or folder, or cannot be opened: it is left out. */
    void (*odd)(void *context, const char *path, const char *why);
};

/*
 * Walks through all users, or one.  The functions of walk may be NULL; without
 * file and count, only the props are looked at.  MP_NOT_FOUND: there is no
 * such folder, or no such user.
 */
enum mp_status mpa_radicale_walk(const char *folder, const char *user,
                                 const struct mpa_radicale_walk *walk,
                                 struct mp_error *err);

/*
 * Takes Radicale's own lock, shared: its readers go on, its writers wait.
 * *fd_r is closed to give it back; -1 when Radicale was never used.
 * MP_TIMEOUT after timeout_msecs, or when stop(context) says so.
 */
enum mp_status mpa_radicale_lock(const char *folder,
                                 unsigned int timeout_msecs,
                                 bool (*stop)(const void *context),
                                 const void *context, int *fd_r,
                                 struct mp_error *err);

#endif
