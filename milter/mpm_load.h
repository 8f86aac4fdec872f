#ifndef MPM_LOAD_H
#define MPM_LOAD_H

#include "mp_redis.h"
#include "mpm_snapshot.h"

/*
 * Loads both lists from their sets.  The id of the result is that of the
 * newest change before the load began: what came while it ran is in the
 * stream behind it, and to apply it once more does no harm.  *refused_r
 * counts members that are no entries.  MP_NOT_FOUND: there is no stream.
 */
enum mp_status mpm_load_lists(struct mpm_lists **lists_r,
                              struct mp_redis *redis, const char *epoch,
                              unsigned int *refused_r, struct mp_error *err);

#endif
