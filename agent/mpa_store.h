#ifndef MPA_STORE_H
#define MPA_STORE_H

#include "mp_backup.h"
#include "mp_redis.h"
#include "mpa_config.h"

/*
 * The folder of finished backups: beside each NAME.zip stands NAME.zip.json,
 * which says what it is.  The folder is the truth; Redis has a copy of it.
 * A ZIP is one only when both are there and its size is what is said.
 */

/* How the name of a file ends that is not finished. */
#define MPA_STORE_PART ".part"

/* The most that are looked at. */
#define MPA_STORE_MAX 1000

/* All of them, newest first; the caller frees *backups_r. */
enum mp_status mpa_store_list(const struct mpa_config *config,
                              struct mp_backup **backups_r, size_t *count_r,
                              struct mp_error *err);

/* Puts a finished one in place: part becomes its ZIP. */
enum mp_status mpa_store_put(const struct mpa_config *config, const char *part,
                             const struct mp_backup *backup,
                             struct mp_error *err);

/* Removes one; MP_OK also when it was not there. */
enum mp_status mpa_store_drop(const struct mpa_config *config,
                              const char *name, struct mp_error *err);

/*
 * Removes what is older than the newest backup_keep of each target.  The one
 * of the name newest is the newest, and what says that it is of the future the
 * oldest.
 */
enum mp_status mpa_store_trim(const struct mpa_config *config,
                              const char *newest, struct mp_error *err);

/* Removes what was begun and never finished. */
void mpa_store_sweep(const struct mpa_config *config);

/* Makes Redis's copy equal to the folder. */
enum mp_status mpa_store_publish(const struct mpa_config *config,
                                 struct mp_redis *redis, struct mp_error *err);

#endif
