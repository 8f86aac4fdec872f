#ifndef MPM_GREY_H
#define MPM_GREY_H

#include "mp_grey.h"
#include "mpm_config.h"
#include "mp_health.h"
#include "mpm_stat.h"

/*
 * Who was deferred before.  The state is in Redis, so that all nodes share
 * it; without Redis nobody is deferred.
 */
struct mpm_grey;

/* The parts must outlive it.  NULL without memory. */
struct mpm_grey *mpm_grey_new(const struct mpm_config *config,
                              struct mpm_stat *stat, struct mp_health *health);

/*
 * How many seconds this message has to wait, 0 when it may pass.  Any thread
 * may ask; it takes at most redis_timeout.
 */
unsigned int mpm_grey_ask(struct mpm_grey *grey, const struct mp_grey *who);

#endif
