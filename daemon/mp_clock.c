#include "mp_clock.h"

#include <time.h>


static int64_t
mp_clock(clockid_t id)
{
    struct timespec now;

    (void) clock_gettime(id, &now);

    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}


int64_t
mp_clock_msecs(void)
{
    return mp_clock(CLOCK_REALTIME);
}


int64_t
mp_clock_steady(void)
{
    return mp_clock(CLOCK_MONOTONIC);
}


int
mp_clock_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int rc;

    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    rc = pthread_cond_init(cond, &attr);
    (void) pthread_condattr_destroy(&attr);

    return rc;
}


int
mp_clock_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_msecs)
{
    struct timespec until = {
        .tv_sec = until_msecs / 1000,
        .tv_nsec = (until_msecs % 1000) * 1000000,
    };

    return pthread_cond_timedwait(cond, lock, &until);
}
