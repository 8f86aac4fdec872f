#ifndef MPM_BEAT_H
#define MPM_BEAT_H

#include "mpm_config.h"
#include "mp_health.h"
#include "mpm_snapshot.h"
#include "mpm_stat.h"

/*
 * Tells Redis how this process does: a heartbeat every two seconds and after
 * each change, counters once a second.
 */
struct mpm_beat;

/* The parts must outlive it.  NULL without memory. */
struct mpm_beat *mpm_beat_new(const struct mpm_config *config,
                              struct mpm_current *current,
                              struct mpm_stat *stat, struct mp_health *health);

/* Starts the thread; an errno, or zero. */
int mpm_beat_start(struct mpm_beat *beat);

/* Brings what was counted to Redis once more and ends the thread. */
void mpm_beat_stop(struct mpm_beat *beat);

#endif
