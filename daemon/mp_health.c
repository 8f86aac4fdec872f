#include "mp_health.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_clock.h"
#include "mp_log.h"

struct mp_health {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    int64_t lag_msecs;
    bool changed;
    bool stop;
    unsigned int count;
    const bool *stale;
    char text[][sizeof(((struct mp_heartbeat *) 0)->problem[0])];
};


struct mp_health *
mp_health_new(unsigned int count, const bool *stale)
{
    struct mp_health *health =
        calloc(1, sizeof(*health) + count * sizeof(health->text[0]));

    if (health == NULL) {
        return NULL;
    }

    health->count = count;
    health->stale = stale;
    (void) pthread_mutex_init(&health->lock, NULL);
    (void) mp_clock_cond(&health->cond);

    return health;
}


void
mp_health_free(struct mp_health *health)
{
    if (health != NULL) {
        (void) pthread_cond_destroy(&health->cond);
        (void) pthread_mutex_destroy(&health->lock);
        free(health);
    }
}


void
mp_health_bad(struct mp_health *health, unsigned int trouble, const char *fmt,
              ...)
{
    char text[sizeof(health->text[0])], safe[sizeof(health->text[0])];
    bool news;
    va_list args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    (void) mp_escape(safe, sizeof(safe), text, strlen(text));

    (void) pthread_mutex_lock(&health->lock);

    news = strcmp(health->text[trouble], safe) != 0;
    if (news) {
        memcpy(health->text[trouble], safe, sizeof(safe));
        health->changed = true;
        (void) pthread_cond_signal(&health->cond);
    }

    (void) pthread_mutex_unlock(&health->lock);

    if (news) {
        mp_log(MP_LOG_WARNING, "%s", safe);
    }
}


void
mp_health_good(struct mp_health *health, unsigned int trouble)
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
        mp_log(MP_LOG_NOTICE, "no longer: %s", text);
    }
}


void
mp_health_changed(struct mp_health *health, int64_t lag_msecs)
{
    (void) pthread_mutex_lock(&health->lock);
    health->lag_msecs = lag_msecs > 0 ? lag_msecs : 0;
    health->changed = true;
    (void) pthread_cond_signal(&health->cond);
    (void) pthread_mutex_unlock(&health->lock);
}


void
mp_health_report(struct mp_health *health, struct mp_heartbeat *hb)
{
    (void) pthread_mutex_lock(&health->lock);

    hb->lag_msecs = health->lag_msecs;
    hb->stale = false;
    hb->problem_count = 0;

    for (unsigned int i = 0; i < health->count; i++) {
        if (health->text[i][0] == '\0') {
            continue;
        }

        hb->stale = hb->stale || health->stale[i];

        if (hb->problem_count < MP_PROBLEMS_MAX) {
            memcpy(hb->problem[hb->problem_count++], health->text[i],
                   sizeof(health->text[i]));
        }
    }

    (void) pthread_mutex_unlock(&health->lock);
}


bool
mp_health_wait(struct mp_health *health, int64_t until_msecs)
{
    bool stop;

    (void) pthread_mutex_lock(&health->lock);

    while (!health->changed && !health->stop
           && mp_clock_wait(&health->cond, &health->lock, until_msecs) == 0)
    {
    }

    health->changed = false;
    stop = health->stop;

    (void) pthread_mutex_unlock(&health->lock);

    return !stop;
}


void
mp_health_stop(struct mp_health *health)
{
    (void) pthread_mutex_lock(&health->lock);
    health->stop = true;
    (void) pthread_cond_signal(&health->cond);
    (void) pthread_mutex_unlock(&health->lock);
}
