#ifndef MP_HEALTH_H
#define MP_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "mp_heartbeat.h"

/*
 * What this process says of itself: to the log once, to the portal always.
 * What can be wrong is an enum of the program, count values from 0 on; each
 * has one text at a time.
 */
struct mp_health;

/*
 * The caller owns it.  stale, of count values, lives on: with these troubles
 * what is in force may be older than Redis.  NULL without memory.
 */
struct mp_health *mp_health_new(unsigned int count, const bool *stale);
void mp_health_free(struct mp_health *health);

/* Any thread may say that something is wrong, or well again. */
void mp_health_bad(struct mp_health *health, unsigned int trouble,
                   const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void mp_health_good(struct mp_health *health, unsigned int trouble);

/* A change came into force, so many milliseconds after it was made. */
void mp_health_changed(struct mp_health *health, int64_t lag_msecs);

/* Fills in problems, stale and lag_msecs. */
void mp_health_report(struct mp_health *health, struct mp_heartbeat *hb);

/*
 * Waits until something has changed or the time is over; false when it is to
 * stop.
 */
bool mp_health_wait(struct mp_health *health, int64_t until_msecs);
void mp_health_stop(struct mp_health *health);

#endif
