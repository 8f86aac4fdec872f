#ifndef MPM_BREAKER_H
#define MPM_BREAKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Leaves a peer alone that fails again and again: after so many failures in a
 * row nobody asks it for a while, then one caller tries.
 */
struct mpm_breaker {
    pthread_mutex_t lock;
    unsigned int failures_max;
    int64_t pause_msecs;
    unsigned int failures;
    int64_t open_until; /* steady clock; 0: closed */
    bool probing;
};

void mpm_breaker_init(struct mpm_breaker *breaker, unsigned int failures,
                      int64_t pause_msecs);
void mpm_breaker_deinit(struct mpm_breaker *breaker);

/* Whether the caller may ask; then it must say how it went. */
bool mpm_breaker_begin(struct mpm_breaker *breaker);

/* True when this opened the breaker, or closed it again. */
bool mpm_breaker_end(struct mpm_breaker *breaker, bool ok);

#endif
