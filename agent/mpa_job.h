#ifndef MPA_JOB_H
#define MPA_JOB_H

#include <stdatomic.h>
#include <stdbool.h>

#include "mp_job.h"
#include "mp_progress.h"
#include "mpa.h"

/*
 * A job at work.  What a job does must be good when it is done twice: after a
 * crash it is begun anew.
 */
struct mpa_job {
    struct mpa *agent;
    struct mp_redis *redis; /* of the thread that runs it */
    struct mp_job job;
    struct mp_progress progress;
    struct mp_item *error; /* MP_ITEMS_MAX of each */
    size_t error_count;
    struct mp_item *item;
    size_t item_count;
    int64_t published; /* steady clock */
    int64_t again;     /* milliseconds until the next attempt, -1 for none */
    bool keep;         /* Redis keeps the errors and items that it has */
    atomic_bool cancel;
    atomic_bool hurry;           /* the next attempt is to be at once */
    const atomic_bool *stopping; /* the agent's end */
};

/*
 * Does it, with progress.state MP_JOB_RUNNING before, and sets the state that
 * it ends with; a text where it failed.  total and done are its own units.
 * Or leaves that state and sets again, progress.next_at and a text: then it is
 * called once more.  started_at is of the first time, also after a crash.
 */
typedef void mpa_job_run(struct mpa_job *job);

/* What this agent can do, each in a file of its own. */
mpa_job_run mpa_backup;
mpa_job_run mpa_verify_clear;
mpa_job_run mpa_relay_test;
mpa_job_run mpa_mailer_test;

/* The function of an action, NULL when this agent has none. */
mpa_job_run *mpa_job_find(enum mp_action action);

/* It is to end soon: somebody wants it to, or the agent stops. */
bool mpa_job_cancelled(const struct mpa_job *job);

/* Adds one, or forgets it when there are MP_ITEMS_MAX. */
void mpa_job_add_item(struct mpa_job *job, const struct mp_item *item);
void mpa_job_add_error(struct mpa_job *job, const struct mp_item *item);

/* The two of struct mpa_smtp_user, whose context is the job. */
void mpa_job_told(void *context, const char *step, const char *text);
bool mpa_job_stops(const void *context);

/* A step's result in words, as an item: "connect", "127.0.0.1 port 25". */
void mpa_job_step(struct mpa_job *job, const char *step, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends as failed, with a text; by an error: "field: text". */
void mpa_job_fail(struct mpa_job *job, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void mpa_job_fail_by(struct mpa_job *job, const struct mp_error *why);

/* Is to be tried again in so many milliseconds; why it was not done yet. */
void mpa_job_later(struct mpa_job *job, int64_t msecs,
                   const struct mp_error *why);

/*
 * Tells Redis how far it is; at most five times a second unless now.  That
 * Redis is away is no failure of the job.
 */
enum mp_status mpa_job_publish(struct mpa_job *job, bool now,
                               struct mp_error *err);

#endif
