#ifndef MPM_FILE_H
#define MPM_FILE_H

#include "mp_health.h"
#include "mpm_snapshot.h"

/*
 * The last known good on disk.  A thread of its own writes it some time after
 * a change, so that neither mail nor the follower waits for the disk; many
 * changes are one write.
 */
struct mpm_file;

/* path "" keeps no file.  NULL without memory. */
struct mpm_file *mpm_file_new(const char *path, struct mpm_current *current,
                              struct mp_health *health);

/*
 * Reads the file.  The caller owns a hold of each; NULL is what it does not
 * have.  MP_NOT_FOUND: there is none.  MP_INVALID: it is not to be trusted.
 */
enum mp_status mpm_file_read(struct mpm_settings **settings_r,
                             struct mpm_lists **lists_r, const char *path,
                             struct mp_error *err);

/* Starts the thread; an errno, or zero. */
int mpm_file_start(struct mpm_file *file);

/* What is in force has changed. */
void mpm_file_changed(struct mpm_file *file);

/* Writes what is not written yet and ends the thread. */
void mpm_file_stop(struct mpm_file *file);

#endif
