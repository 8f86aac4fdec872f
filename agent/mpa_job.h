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
    atomic_bool cancel;
};

/*
 * Does it, with progress.state MP_JOB_RUNNING before, and sets the state that
 * it ends with; a text where it failed.  total and done are its own units.
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

/* A step's result in words, as an item: "connect", "127.0.0.1 port 25". */
void mpa_job_step(struct mpa_job *job, const char *step, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends as failed, with a text. */
void mpa_job_fail(struct mpa_job *job, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Tells Redis how far it is; at most five times a second unless now.  That
 * Redis is away is no failure of the job.
 */
enum mp_status mpa_job_publish(struct mpa_job *job, bool now,
                               struct mp_error *err);

#endif
