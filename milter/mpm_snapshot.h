#ifndef MPM_SNAPSHOT_H
#define MPM_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mp_list.h"
#include "mp_settings_log.h"

#define MPM_ID_SIZE 48 /* a stream id and a NUL */

/*
 * What is in force.  All of it is immutable and counted: hold and drop.
 * Settings and lists are counted by themselves, so that a message keeps its
 * settings to its end and no list.
 */
struct mpm_settings {
    atomic_uint holds;
    struct mp_version version;
};

struct mpm_lists {
    atomic_uint holds;
    struct mp_list *list;
    char id[MPM_ID_SIZE];      /* of the last change that is in it */
    char epoch[MP_EPOCH_SIZE]; /* of the settings that it was loaded with */
};

struct mpm_snapshot {
    _Atomic(int64_t) holds;
    unsigned int slot;
    struct mpm_current *current;
    struct mpm_settings *settings; /* NULL: none yet */
    struct mpm_lists *lists;       /* NULL: none yet */
};

/*
 * The snapshot in force, swapped by one writer.  A reader neither waits nor
 * tries again: one atomic addition takes the snapshot and counts the reader.
 */
struct mpm_current;

struct mpm_current *mpm_current_new(void);

/* Nobody may hold a snapshot any more. */

/* NULL as long as nothing was published. */
struct mpm_snapshot *mpm_current_hold(struct mpm_current *current);
void mpm_snapshot_drop(struct mpm_snapshot *snapshot);

/*
 * Publishes; takes over a hold of each, whatever comes out.  False without
 * memory.
 */
bool mpm_current_publish(struct mpm_current *current,
                         struct mpm_settings *settings,
                         struct mpm_lists *lists);

/* A copy of version, held once; NULL without memory. */
struct mpm_settings *mpm_settings_new(const struct mp_version *version);
struct mpm_settings *mpm_settings_hold(struct mpm_settings *settings);
void mpm_settings_drop(struct mpm_settings *settings);

/* Takes list over, whatever comes out; held once, NULL without memory. */
struct mpm_lists *mpm_lists_new(struct mp_list *list, const char *id,
                                const char *epoch);
struct mpm_lists *mpm_lists_hold(struct mpm_lists *lists);
void mpm_lists_drop(struct mpm_lists *lists);

#endif
