#ifndef MPM_MILTER_H
#define MPM_MILTER_H

#include "mpm_beat.h"
#include "mpm_config.h"
#include "mpm_file.h"
#include "mpm_follow.h"
#include "mpm_grey.h"
#include "mp_health.h"
#include "mpm_score.h"
#include "mpm_snapshot.h"
#include "mpm_stat.h"

/* The parts of the running program; made by main, used by the callbacks. */
struct mpm_milter {
    struct mpm_config config;
    struct mp_health *health;
    struct mpm_stat *stat;
    struct mpm_current *current;
    struct mpm_file *file;
    struct mpm_follow *follow;
    struct mpm_beat *beat;
    struct mpm_score *score;
    struct mpm_grey *grey;
};

/*
 * Tells libmilter of the callbacks; false when it does not take them.  The
 * parts must live as long as the process does: at its end libmilter's threads
 * may still run.
 */
bool mpm_callbacks_register(struct mpm_milter *milter);

#endif
