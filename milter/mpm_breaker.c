#include "mpm_breaker.h"

#include "mp_clock.h"


void
mpm_breaker_init(struct mpm_breaker *breaker, unsigned int failures,
                 int64_t pause_msecs)
{
    (void) pthread_mutex_init(&breaker->lock, NULL);
    breaker->failures_max = failures;
    breaker->pause_msecs = pause_msecs;
    breaker->failures = 0;
    breaker->open_until = 0;
    breaker->probing = false;
}


void
mpm_breaker_deinit(struct mpm_breaker *breaker)
{
    (void) pthread_mutex_destroy(&breaker->lock);
}


bool
mpm_breaker_begin(struct mpm_breaker *breaker)
{
    bool may = true;

    (void) pthread_mutex_lock(&breaker->lock);

    if (breaker->open_until != 0) {
        may = !breaker->probing && mp_clock_steady() >= breaker->open_until;
        breaker->probing = breaker->probing || may;
    }

    (void) pthread_mutex_unlock(&breaker->lock);

    return may;
}


bool
mpm_breaker_end(struct mpm_breaker *breaker, bool ok)
{
    bool turned = false;

    (void) pthread_mutex_lock(&breaker->lock);

    if (ok) {
        turned = breaker->open_until != 0;
        breaker->failures = 0;
        breaker->open_until = 0;

    } else if (++breaker->failures >= breaker->failures_max) {
        turned = breaker->open_until == 0;
        breaker->open_until = mp_clock_steady() + breaker->pause_msecs;
    }

    breaker->probing = false;

    (void) pthread_mutex_unlock(&breaker->lock);

    return turned;
}
