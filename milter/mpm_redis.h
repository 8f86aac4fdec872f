#ifndef MPM_REDIS_H
#define MPM_REDIS_H

#include <stdbool.h>
#include <stdint.h>

#include "mp_redis.h"
#include "mpm_config.h"

/*
 * A connection as the file says; name is for CLIENT LIST.  It does not care
 * whether Redis is configured safely: that is asked at the start, by
 * mpm_redis_check(), and shown from then on.
 */
struct mp_redis *mpm_redis_new(const struct mpm_config *config,
                               const char *name);

/* Connects once: MP_REDIS_UNSAFE, or why it cannot be asked. */
enum mp_status mpm_redis_check(const struct mpm_config *config,
                               struct mp_error *err);

#endif
