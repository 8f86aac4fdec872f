#include "mpm_health.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mpm_clock.h"
#include "mpm_log.h"

struct mpm_health {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    int64_t lag_msecs;
    bool changed;
    bool stop;
    char text[MPM_TROUBLE_COUNT]
             [sizeof(((struct mp_heartbeat *) 0)->problem[0])];
};

/* With these, what is in force may be older than Redis. */
static const bool mpm_makes_stale[MPM_TROUBLE_COUNT] = {
    [MPM_TROUBLE_NOTHING] = true,  [MPM_TROUBLE_REDIS] = true,
    [MPM_TROUBLE_SETTINGS] = true, [MPM_TROUBLE_LISTS] = true,
    [MPM_TROUBLE_UNSAFE] = false,
};


struct mpm_health *
mpm_health_new(void)
{
    struct mpm_health *health = calloc(1, sizeof(*health));

    if (health == NULL) {
        return NULL;
    }

    (void) pthread_mutex_init(&health->lock, NULL);
    (void) mpm_clock_cond(&health->cond);

    return health;
}


void
mpm_health_free(struct mpm_health *health)
{
    if (health != NULL) {
        (void) pthread_cond_destroy(&health->cond);
        (void) pthread_mutex_destroy(&health->lock);
        free(health);
    }
}


void
mpm_health_bad(struct mpm_health *health, enum mpm_trouble trouble,
               const char *fmt, ...)
{
    char text[sizeof(health->text[0])], safe[sizeof(health->text[0])];
    bool news;
    va_list args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    (void) mpm_escape(safe, sizeof(safe), text, strlen(text));

    (void) pthread_mutex_lock(&health->lock);

    news = strcmp(health->text[trouble], safe) != 0;
    if (news) {
        memcpy(health->text[trouble], safe, sizeof(safe));
        health->changed = true;
        (void) pthread_cond_signal(&health->cond);
    }

    (void) pthread_mutex_unlock(&health->lock);

    if (news) {
        mpm_log(MPM_WARNING, "%s", safe);
    }
}


void
mpm_health_good(struct mpm_health *health, enum mpm_trouble trouble)
{
    char text[sizeof(health->text[0])];

    (void) pthread_mutex_lock(&health->lock);

    memcpy(text, health->text[trouble], sizeof(text));
    health->text[trouble][0] = '\0';

    if (text[0] != '\0') {
        health->changed = true;
        (void) pthread_cond_signal(&health->cond);
    }

    (void) pthread_mutex_unlock(&health->lock);

    if (text[0] != '\0') {
        mpm_log(MPM_NOTICE, "no longer: %s", text);
    }
}


void
mpm_health_changed(struct mpm_health *health, int64_t lag_msecs)
{
    (void) pthread_mutex_lock(&health->lock);
    health->lag_msecs = lag_msecs > 0 ? lag_msecs : 0;
    health->changed = true;
    (void) pthread_cond_signal(&health->cond);
    (void) pthread_mutex_unlock(&health->lock);
}


void
mpm_health_report(struct mpm_health *health, struct mp_heartbeat *hb)
{
    (void) pthread_mutex_lock(&health->lock);

    hb->lag_msecs = health->lag_msecs;
    hb->stale = false;
    hb->problem_count = 0;

    for (unsigned int i = 0; i < MPM_TROUBLE_COUNT; i++) {
        if (health->text[i][0] == '\0') {
            continue;
        }

        hb->stale = hb->stale || mpm_makes_stale[i];

        if (hb->problem_count < MP_PROBLEMS_MAX) {
            memcpy(hb->problem[hb->problem_count++], health->text[i],
                   sizeof(health->text[i]));
        }
    }

    (void) pthread_mutex_unlock(&health->lock);
}


bool
mpm_health_wait(struct mpm_health *health, int64_t until_msecs)
{
    bool stop;

    (void) pthread_mutex_lock(&health->lock);

    while (!health->changed && !health->stop
           && mpm_clock_wait(&health->cond, &health->lock, until_msecs) == 0)
    {
    }

    health->changed = false;
    stop = health->stop;

    (void) pthread_mutex_unlock(&health->lock);

    return !stop;
}


void
mpm_health_stop(struct mpm_health *health)
{
    (void) pthread_mutex_lock(&health->lock);
    health->stop = true;
    (void) pthread_cond_signal(&health->cond);
    (void) pthread_mutex_unlock(&health->lock);
}
