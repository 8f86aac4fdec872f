#ifndef MP_CLOCK_H
#define MP_CLOCK_H

#include <pthread.h>
#include <stdint.h>

/* Unix time, for what people and other machines read. */
int64_t mp_clock_msecs(void);

/* A clock that never jumps, for every interval and deadline. */
int64_t mp_clock_steady(void);

/* A condition that waits by the steady clock; zero, or an errno. */
int mp_clock_cond(pthread_cond_t *cond);

/*
 * Waits until cond is signalled or the steady clock shows so many
 * milliseconds.  Zero, or ETIMEDOUT.
 */
int mp_clock_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
                  int64_t until_msecs);

#endif
