#ifndef MPM_FOLLOW_H
#define MPM_FOLLOW_H

#include "mpm_config.h"
#include "mpm_file.h"
#include "mp_health.h"
#include "mpm_snapshot.h"
#include "mpm_stat.h"

/*
 * Follows the change streams of Redis and publishes what is new.  What it may
 * believe is in docs/architecture.md, "Versions, epochs".
 */
struct mpm_follow;

struct mpm_follow_parts {
    const struct mpm_config *config;
    struct mpm_current *current;
    struct mp_health *health;
    struct mpm_stat *stat;
    struct mpm_file *file;
};

/* The parts must outlive it.  NULL without memory. */
struct mpm_follow *mpm_follow_new(const struct mpm_follow_parts *parts);
void mpm_follow_free(struct mpm_follow *follow);

/* Puts the snapshot file in force, if there is a good one. */
void mpm_follow_file(struct mpm_follow *follow);

/*
 * Asks Redis once, before mail is taken: MP_REDIS_UNSAFE means that the
 * program must not start.  With nothing in force yet, all is loaded here.
 */
enum mp_status mpm_follow_first(struct mpm_follow *follow,
                                struct mp_error *err);

/*
 * Starts the thread and waits a moment for it to catch up; an errno, or zero.
 */
int mpm_follow_start(struct mpm_follow *follow);
void mpm_follow_stop(struct mpm_follow *follow);

#endif
