#ifndef MPA_THREAD_H
#define MPA_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* A thread that can be told to stop, and sleeps until then; all zero is none. */
struct mpa_thread {
    pthread_t id;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool started;
    bool stop;
    bool woken;
};

/* An errno, or zero. */
int mpa_thread_start(struct mpa_thread *thread, void *(*run)(void *),
                     void *arg);

/* Tells it to stop and waits for its end; nothing for one that has none. */
void mpa_thread_stop(struct mpa_thread *thread);

/*
 * For the thread itself: sleeps until the time is over, it is woken or is to
 * stop; false when it is to stop.
 */
bool mpa_thread_sleep(struct mpa_thread *thread, int64_t msecs);
bool mpa_thread_goes_on(struct mpa_thread *thread);

/* For others. */
void mpa_thread_wake(struct mpa_thread *thread);

#endif
