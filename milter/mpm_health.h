#ifndef MPM_HEALTH_H
#define MPM_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "mp_heartbeat.h"

/* What can be wrong; each has one text at a time. */
enum mpm_trouble {
    MPM_TROUBLE_NOTHING, /* neither settings nor lists */
    MPM_TROUBLE_REDIS,
    MPM_TROUBLE_UNSAFE,
    MPM_TROUBLE_SETTINGS,
    MPM_TROUBLE_LISTS,
    MPM_TROUBLE_FILE,
    MPM_TROUBLE_SCORE,
    MPM_TROUBLE_GREY,
    MPM_TROUBLE_REPORT,
    MPM_TROUBLE_COUNT
};

/* What this process says of itself: to the log once, to the portal always. */
struct mpm_health;

/* The caller owns it.  NULL without memory. */
struct mpm_health *mpm_health_new(void);
void mpm_health_free(struct mpm_health *health);

/* Any thread may say that something is wrong, or well again. */
void mpm_health_bad(struct mpm_health *health, enum mpm_trouble trouble,
                    const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void mpm_health_good(struct mpm_health *health, enum mpm_trouble trouble);

/* A change came into force, so many milliseconds after it was made. */
void mpm_health_changed(struct mpm_health *health, int64_t lag_msecs);

/* Fills in problems, stale and lag_msecs. */
void mpm_health_report(struct mpm_health *health, struct mp_heartbeat *hb);

/*
 * Waits until something has changed or the time is over; false when it is to
 * stop.
 */
bool mpm_health_wait(struct mpm_health *health, int64_t until_msecs);
void mpm_health_stop(struct mpm_health *health);

#endif
