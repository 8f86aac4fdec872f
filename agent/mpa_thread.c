#include "mpa_thread.h"

#include "mp_clock.h"


int
mpa_thread_start(struct mpa_thread *thread, void *(*run)(void *), void *arg)
{
    int rc;

    (void) pthread_mutex_init(&thread->lock, NULL);
    (void) mp_clock_cond(&thread->cond);
    thread->stop = false;
    thread->woken = false;

    rc = pthread_create(&thread->id, NULL, run, arg);
    thread->started = rc == 0;

    return rc;
}


void
mpa_thread_stop(struct mpa_thread *thread)
{
    if (!thread->started) {
        return;
    }

    (void) pthread_mutex_lock(&thread->lock);
    thread->stop = true;
    (void) pthread_cond_broadcast(&thread->cond);
    (void) pthread_mutex_unlock(&thread->lock);

    (void) pthread_join(thread->id, NULL);
    thread->started = false;

    (void) pthread_cond_destroy(&thread->cond);
    (void) pthread_mutex_destroy(&thread->lock);
}


bool
mpa_thread_sleep(struct mpa_thread *thread, int64_t msecs)
{
    int64_t end = mp_clock_steady() + msecs;
    bool stop;

    (void) pthread_mutex_lock(&thread->lock);

    while (!thread->stop && !thread->woken
           && mp_clock_wait(&thread->cond, &thread->lock, end) == 0)
    {
    }

    thread->woken = false;
    stop = thread->stop;
    (void) pthread_mutex_unlock(&thread->lock);

    return !stop;
}


bool
mpa_thread_goes_on(struct mpa_thread *thread)
{
    bool stop;

    (void) pthread_mutex_lock(&thread->lock);
    stop = thread->stop;
    (void) pthread_mutex_unlock(&thread->lock);

    return !stop;
}


void
mpa_thread_wake(struct mpa_thread *thread)
{
    (void) pthread_mutex_lock(&thread->lock);
    thread->woken = true;
    (void) pthread_cond_broadcast(&thread->cond);
    (void) pthread_mutex_unlock(&thread->lock);
}
