#include "mpa_lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_clock.h"
#include "mp_key.h"
#include "mpa_entry.h"
#include "mpa_thread.h"

#define MPA_LANE_PAUSE 1000

struct mpa_waiting {
    struct mpa_waiting *next;
    char entry[MPA_ENTRY_SIZE];
    struct mp_job job;
    int64_t due; /* steady clock; 0: at once */
    bool cancel;
};

struct mpa_lane {
    struct mpa_thread thread;
    struct mp_redis *redis;
    mpa_job_run *run;
    atomic_bool stopping;
    pthread_mutex_t lock; /* over what follows; never held while Redis is */
    struct mpa_waiting *first;
    size_t count;
    bool full;                 /* one had to be left in Redis */
    struct mpa_waiting *doing; /* what job is made of, NULL for none */
    struct mpa_job job;        /* only cancel and hurry are for others */
};


static void
mpa_lane_append(struct mpa_lane *lane, struct mpa_waiting *waiting)
{
    struct mpa_waiting **last = &lane->first;

    while (*last != NULL) {
        last = &(*last)->next;
    }

    waiting->next = NULL;
    *last = waiting;
    lane->count++;
}


static const struct mpa_waiting *
mpa_lane_find(const struct mpa_lane *lane, const char *id)
{
    const struct mpa_waiting *w = lane->first;

    if (lane->doing != NULL && strcmp(lane->doing->job.id, id) == 0) {
        return lane->doing;
    }

    while (w != NULL && strcmp(w->job.id, id) != 0) {
        w = w->next;
    }

    return w;
}


enum mpa_lane_take
mpa_lane_add(struct mpa_lane *lane, const char *entry,
             const struct mp_job *job)
{
    struct mpa_waiting *waiting = calloc(1, sizeof(*waiting));
    const struct mpa_waiting *same;
    enum mpa_lane_take take = MPA_LANE_FULL;

    (void) pthread_mutex_lock(&lane->lock);
    same = mpa_lane_find(lane, job->id);

    if (same != NULL) {
        take =
            strcmp(same->entry, entry) == 0 ? MPA_LANE_TAKEN : MPA_LANE_DOUBLE;

    } else if (waiting == NULL || lane->count >= MPA_LANE_MAX) {
        lane->full = true;

    } else {
        take = MPA_LANE_TAKEN;
        waiting->job = *job;
        (void) snprintf(waiting->entry, sizeof(waiting->entry), "%s", entry);
        mpa_lane_append(lane, waiting);
        waiting = NULL;
    }

    (void) pthread_mutex_unlock(&lane->lock);
    free(waiting);
    mpa_thread_wake(&lane->thread);

    return take;
}


bool
mpa_lane_wants(struct mpa_lane *lane)
{
    bool wants;

    (void) pthread_mutex_lock(&lane->lock);
    wants = lane->full && lane->count <= MPA_LANE_MAX / 2;
    lane->full = lane->full && !wants;
    (void) pthread_mutex_unlock(&lane->lock);

    return wants;
}


void
mpa_lane_cancel(struct mpa_lane *lane, const char *id)
{
    (void) pthread_mutex_lock(&lane->lock);

    if (lane->doing != NULL && strcmp(lane->doing->job.id, id) == 0) {
        atomic_store(&lane->job.cancel, true);
    }

    for (struct mpa_waiting *w = lane->first; w != NULL; w = w->next) {
        if (strcmp(w->job.id, id) == 0) {
            w->cancel = true;
            w->due = 0;
        }
    }

    (void) pthread_mutex_unlock(&lane->lock);
    mpa_thread_wake(&lane->thread);
}


void
mpa_lane_hurry(struct mpa_lane *lane)
{
    (void) pthread_mutex_lock(&lane->lock);
    atomic_store(&lane->job.hurry, true);

    for (struct mpa_waiting *w = lane->first; w != NULL; w = w->next) {
        w->due = 0;
    }

    (void) pthread_mutex_unlock(&lane->lock);
    mpa_thread_wake(&lane->thread);
}


/* Makes the job of the first one that is due; false, and how long for none. */
static bool
mpa_lane_next(struct mpa_lane *lane, int64_t *sleep_r)
{
    int64_t now = mp_clock_steady();
    struct mpa_waiting **at = &lane->first;
    struct mpa_job *job = &lane->job;

    *sleep_r = MPA_LANE_PAUSE;
    (void) pthread_mutex_lock(&lane->lock);

    while (*at != NULL && (*at)->due > now) {
        if ((*at)->due - now < *sleep_r) {
            *sleep_r = (*at)->due - now;
        }
        at = &(*at)->next;
    }

    lane->doing = *at;

    if (lane->doing != NULL) {
        *at = lane->doing->next;
        lane->count--;
        job->job = lane->doing->job;
        memset(&job->progress, 0, sizeof(job->progress));
        job->progress.eta = -1;
        job->error_count = 0;
        job->item_count = 0;
        job->again = -1;
        job->keep = false;
        atomic_store(&job->cancel, lane->doing->cancel);
        atomic_store(&job->hurry, false);
    }

    (void) pthread_mutex_unlock(&lane->lock);

    return lane->doing != NULL;
}


static enum mp_status
mpa_lane_ask(struct mpa_lane *lane, enum mp_key key, const char *field,
             redisReply **reply_r, struct mp_error *err)
{
    struct mp_keyname name;
    struct mp_cmd cmd;
    enum mp_status status;

    (void) mp_key_name(&name, key, lane->job.job.id);
    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "HGET", name.text, field, NULL);
    status = mp_redis_do(lane->redis, &cmd, 0, reply_r, err);
    mp_cmd_free(&cmd);

    return status;
}


/*
 * What Redis knows of the job: whether this node has ended it, since when it
 * is at it, and whether somebody wants it to end.
 */
static enum mp_status
mpa_lane_look(struct mpa_lane *lane, bool *ended_r, struct mp_error *err)
{
    struct mpa_job *job = &lane->job;
    char field[MP_NODE_SIZE + 2];
    struct mp_progress before;
    enum mp_status status;
    redisReply *reply;

    *ended_r = false;
    (void) snprintf(field, sizeof(field), "n:%s", job->agent->config.node);
    status = mpa_lane_ask(lane, MP_KEY_JOB_PROGRESS, field, &reply, err);
    if (status != MP_OK) {
        return status;
    }

    if (reply->type == REDIS_REPLY_STRING
        && mp_progress_parse(&before, reply->str, reply->len, NULL) == MP_OK)
    {
        *ended_r = mp_job_state_ended(before.state);
        memcpy(job->progress.started_at, before.started_at,
               sizeof(before.started_at));
    }

    freeReplyObject(reply);

    status = mpa_lane_ask(lane, MP_KEY_JOB, "cancel", &reply, err);
    if (status != MP_OK) {
        return status;
    }

    if (reply->type == REDIS_REPLY_STRING) {
        atomic_store(&job->cancel, true);
    }

    freeReplyObject(reply);

    return MP_OK;
}


static void
mpa_lane_work(struct mpa_lane *lane)
{
    struct mpa_job *job = &lane->job;

    if (job->progress.started_at[0] == '\0') {
        mp_time_format(job->progress.started_at, mp_clock_msecs() / 1000);
    }

    if (mpa_job_cancelled(job)) {
        job->progress.state = MP_JOB_CANCELLED;
        job->keep = true;

    } else {
        job->progress.state = MP_JOB_RUNNING;
        (void) mpa_job_publish(job, true, NULL);
        lane->run(job);
    }

    job->progress.eta = -1;

    if (mp_job_state_ended(job->progress.state)) {
        mp_time_format(job->progress.ended_at, mp_clock_msecs() / 1000);
        job->progress.next_at[0] = '\0';
    }
}


/* Until Redis knows; false when the agent stops before. */
static bool
mpa_lane_tell(struct mpa_lane *lane)
{
    struct mpa_job *job = &lane->job;
    struct mp_error err;

    while (mpa_job_publish(job, true, &err) != MP_OK
           || mpa_entry_ack(job->agent, lane->redis, lane->doing->entry, &err)
                  != MP_OK)
    {
        if (!mpa_thread_sleep(&lane->thread, MPA_LANE_PAUSE)) {
            return false;
        }
    }

    return true;
}


/* False: it is to be tried again, or the agent stops and another begins. */
static bool
mpa_lane_do(struct mpa_lane *lane)
{
    struct mpa_job *job = &lane->job;
    struct mp_error err;
    bool ended;

    while (mpa_lane_look(lane, &ended, &err) != MP_OK) {
        if (!mpa_thread_sleep(&lane->thread, MPA_LANE_PAUSE)) {
            return false;
        }
    }

    if (ended) {
        (void) mpa_entry_ack(job->agent, lane->redis, lane->doing->entry,
                             &err);
        return true;
    }

    mpa_lane_work(lane);

    if (!mp_job_state_ended(job->progress.state)) {
        return false;
    }

    /* one that was cut off by our end is begun anew */
    if (!atomic_load(&lane->stopping)
        || job->progress.state != MP_JOB_CANCELLED) {
        (void) mpa_lane_tell(lane);
    }

    return true;
}


/* The one that was done goes, or waits for its next attempt. */
static void
mpa_lane_put(struct mpa_lane *lane, bool done)
{
    struct mpa_waiting *waiting = lane->doing;
    struct mpa_job *job = &lane->job;

    (void) pthread_mutex_lock(&lane->lock);
    lane->doing = NULL;

    if (!done) {
        bool now = atomic_load(&job->cancel) || atomic_load(&job->hurry);

        waiting->cancel = atomic_load(&job->cancel);
        waiting->due =
            now || job->again < 0 ? 0 : mp_clock_steady() + job->again;
        mpa_lane_append(lane, waiting);
        waiting = NULL;
    }

    (void) pthread_mutex_unlock(&lane->lock);
    free(waiting);
}


static void *
mpa_lane_main(void *arg)
{
    struct mpa_lane *lane = arg;
    int64_t msecs;

    while (mpa_thread_goes_on(&lane->thread)) {
        if (!mpa_lane_next(lane, &msecs)) {
            (void) mpa_thread_sleep(&lane->thread, msecs);
            continue;
        }

        mpa_lane_put(lane, mpa_lane_do(lane));
    }

    return NULL;
}


enum mp_status
mpa_lane_new(struct mpa_lane **lane_r, struct mpa *agent, mpa_job_run *run,
             struct mp_error *err)
{
    struct mpa_lane *lane = calloc(1, sizeof(*lane));
    int rc;

    if (lane == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    *lane_r = lane;
    (void) pthread_mutex_init(&lane->lock, NULL);
    lane->run = run;
    lane->redis = mpa_redis_new(agent, "agent-jobs");
    lane->job.agent = agent;
    lane->job.redis = lane->redis;
    lane->job.stopping = &lane->stopping;
    lane->job.error = calloc(MP_ITEMS_MAX, sizeof(*lane->job.error));
    lane->job.item = calloc(MP_ITEMS_MAX, sizeof(*lane->job.item));

    if (lane->redis == NULL || lane->job.error == NULL
        || lane->job.item == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    rc = mpa_thread_start(&lane->thread, mpa_lane_main, lane);

    return rc == 0 ? MP_OK
                   : mp_fail(err, MP_INTERNAL, "", "cannot start a thread: %s",
                             strerror(rc));
}


void
mpa_lane_quit(struct mpa_lane *lane)
{
    atomic_store(&lane->stopping, true);
}


void
mpa_lane_free(struct mpa_lane *lane)
{
    if (lane == NULL) {
        return;
    }

    mpa_lane_quit(lane);
    mpa_thread_stop(&lane->thread);

    while (lane->first != NULL) {
        struct mpa_waiting *waiting = lane->first;

        lane->first = waiting->next;
        free(waiting);
    }

    mp_redis_free(lane->redis);
    free(lane->job.error);
    free(lane->job.item);
    (void) pthread_mutex_destroy(&lane->lock);
    free(lane);
}
