/*
 * Jobs for this node: one thread reads the queue, one does them one by one.
 * An entry is acknowledged when its job has ended and Redis knows it, so that
 * after a crash it is read again.
 */

#include "mpa_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_clock.h"
#include "mp_key.h"
#include "mp_log.h"
#include "mp_stream.h"
#include "mpa_job.h"
#include "mpa_thread.h"

#define MPA_QUEUE_BLOCK 500
#define MPA_QUEUE_PAUSE 1000
#define MPA_ENTRY_SIZE  48

struct mpa_waiting {
    struct mpa_waiting *next;
    char entry[MPA_ENTRY_SIZE];
    struct mp_job job;
    bool cancel;
};

struct mpa_queue {
    struct mpa *agent;
    struct mp_redis *redis;
    struct mpa_thread reader;
    struct mpa_thread runner;
    struct mp_keyname key;
    char from[MPA_ENTRY_SIZE]; /* ">", or behind which own entry to read */
    pthread_mutex_t lock;      /* over the two below */
    struct mpa_waiting *first;
    struct mpa_job *running;
};


static enum mp_status
mpa_queue_do(struct mp_redis *redis, struct mp_cmd *cmd, redisReply **reply_r,
             unsigned int block, struct mp_error *err)
{
    enum mp_status status = mp_redis_do(redis, cmd, block, reply_r, err);

    mp_cmd_free(cmd);

    return status;
}


static enum mp_status
mpa_queue_group(struct mpa_queue *queue, struct mp_error *err)
{
    struct mp_cmd cmd;
    redisReply *reply;
    enum mp_status status;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XGROUP", "CREATE", queue->key.text,
                 queue->agent->config.node, "0", "MKSTREAM", NULL);
    status = mpa_queue_do(queue->redis, &cmd, &reply, 0, err);

    if (status == MP_OK) {
        freeReplyObject(reply);

    } else if (strncmp(err->text, "BUSYGROUP", 9) == 0) {
        status = MP_OK;
    }

    (void) snprintf(queue->from, sizeof(queue->from), "0");

    return status;
}


static enum mp_status
mpa_queue_ack(const struct mpa_queue *queue, struct mp_redis *redis,
              const char *entry, struct mp_error *err)
{
    struct mp_cmd cmd;
    redisReply *reply;
    enum mp_status status;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XACK", queue->key.text, queue->agent->config.node,
                 entry, NULL);
    status = mpa_queue_do(redis, &cmd, &reply, 0, err);

    if (status == MP_OK) {
        freeReplyObject(reply);
    }

    return status;
}


/* The value of a member of an entry; NULL when it has none. */
static const redisReply *
mpa_queue_field(const redisReply *entry, const char *name)
{
    const redisReply *fields = entry->element[1];

    if (fields->type != REDIS_REPLY_ARRAY) {
        return NULL;
    }

    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        if (fields->element[i]->type == REDIS_REPLY_STRING
            && fields->element[i + 1]->type == REDIS_REPLY_STRING
            && strcmp(fields->element[i]->str, name) == 0)
        {
            return fields->element[i + 1];
        }
    }

    return NULL;
}


/* A job that cannot be read fails by name, when it has one. */
static enum mp_status
mpa_queue_refuse(struct mpa_queue *queue, const char *id, size_t len,
                 const char *why, struct mp_error *err)
{
    struct mp_cmd cmd[MP_PROGRESS_CMDS + 1];
    struct mp_progress progress = { .state = MP_JOB_FAILED, .eta = -1 };
    enum mp_status status = MP_OK;
    redisReply *reply;

    mp_log(MP_LOG_WARNING, "a job is refused: %s", why);

    if (!mp_job_id_check(id, len, NULL)) {
        return MP_OK;
    }

    (void) snprintf(progress.text, sizeof(progress.text), "%s", why);
    mp_time_format(progress.started_at, mp_clock_msecs() / 1000);
    memcpy(progress.ended_at, progress.started_at, sizeof(progress.ended_at));

    for (size_t i = 0; i < MP_PROGRESS_CMDS + 1; i++) {
        mp_cmd_init(&cmd[i]);
    }

    mp_progress_commands(cmd, id, queue->agent->config.node, &progress, NULL,
                         NULL);
    mp_job_event_command(&cmd[MP_PROGRESS_CMDS], id);

    for (size_t i = 0; i < MP_PROGRESS_CMDS + 1; i++) {
        if (status == MP_OK) {
            status = mp_redis_do(queue->redis, &cmd[i], 0, &reply, err);
            if (status == MP_OK) {
                freeReplyObject(reply);
            }
        }
        mp_cmd_free(&cmd[i]);
    }

    return status;
}


/* Whether this node has done it already: the entry is an old one. */
static enum mp_status
mpa_queue_was_done(struct mpa_queue *queue, const char *id, bool *done_r,
                   struct mp_error *err)
{
    struct mp_progress progress;
    struct mp_keyname key;
    struct mp_cmd cmd;
    redisReply *reply;
    enum mp_status status;
    char field[MP_NODE_SIZE + 2];

    *done_r = false;
    (void) mp_key_name(&key, MP_KEY_JOB_PROGRESS, id);
    (void) snprintf(field, sizeof(field), "n:%s", queue->agent->config.node);

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "HGET", key.text, field, NULL);
    status = mpa_queue_do(queue->redis, &cmd, &reply, 0, err);

    if (status == MP_OK) {
        *done_r = reply->type == REDIS_REPLY_STRING
               && mp_progress_parse(&progress, reply->str, reply->len, NULL)
                      == MP_OK
               && mp_job_state_ended(progress.state);
        freeReplyObject(reply);
    }

    return status;
}


static bool
mpa_queue_add(struct mpa_queue *queue, const char *entry,
              const struct mp_job *job)
{
    struct mpa_waiting *waiting = calloc(1, sizeof(*waiting));
    struct mpa_waiting **last;

    if (waiting == NULL) {
        return false;
    }

    waiting->job = *job;
    (void) snprintf(waiting->entry, sizeof(waiting->entry), "%s", entry);

    (void) pthread_mutex_lock(&queue->lock);
    for (last = &queue->first; *last != NULL; last = &(*last)->next) {
    }
    *last = waiting;
    (void) pthread_mutex_unlock(&queue->lock);

    mpa_thread_wake(&queue->runner);

    return true;
}


static void
mpa_queue_cancel(struct mpa_queue *queue, const char *id)
{
    (void) pthread_mutex_lock(&queue->lock);

    if (queue->running != NULL && strcmp(queue->running->job.id, id) == 0) {
        atomic_store(&queue->running->cancel, true);
    }

    for (struct mpa_waiting *w = queue->first; w != NULL; w = w->next) {
        if (strcmp(w->job.id, id) == 0) {
            w->cancel = true;
        }
    }

    (void) pthread_mutex_unlock(&queue->lock);
}


/* A backup of this node is to go. */
static void
mpa_queue_drop(struct mpa_queue *queue, const redisReply *entry)
{
    const redisReply *node = mpa_queue_field(entry, "node");
    const redisReply *name = mpa_queue_field(entry, "name");
    struct mp_error err;

    if (node != NULL && name != NULL
        && strcmp(node->str, queue->agent->config.node) == 0
        && mpa_backups_drop(queue->agent, name->str, &err) != MP_OK)
    {
        mp_log(MP_LOG_WARNING, "a backup is not removed: %s", err.text);
    }
}


/* *keep_r: it is acknowledged when its job has ended. */
static enum mp_status
mpa_queue_take(struct mpa_queue *queue, const redisReply *entry, bool *keep_r,
               struct mp_error *err)
{
    const redisReply *op = mpa_queue_field(entry, "op");
    const redisReply *id = mpa_queue_field(entry, "id");
    const redisReply *text = mpa_queue_field(entry, "job");
    struct mp_error why;
    struct mp_job job;
    enum mp_status status;
    bool done;

    *keep_r = false;

    if (op != NULL && id != NULL && strcmp(op->str, "cancel") == 0) {
        mpa_queue_cancel(queue, id->str);
        return MP_OK;
    }

    if (op != NULL && strcmp(op->str, "drop") == 0) {
        mpa_queue_drop(queue, entry);
        return MP_OK;
    }

    if (op == NULL || id == NULL || text == NULL
        || strcmp(op->str, "run") != 0) {
        return mpa_queue_refuse(queue, id != NULL ? id->str : "",
                                id != NULL ? id->len : 0,
                                "its entry in the queue is not whole", err);
    }

    if (mp_job_parse(&job, text->str, text->len, &why) != MP_OK) {
        return mpa_queue_refuse(queue, id->str, id->len, why.text, err);
    }

    if (strcmp(job.id, id->str) != 0) {
        return mpa_queue_refuse(queue, id->str, id->len,
                                "its entry names another job", err);
    }

    if (!mp_job_is_for(&job, queue->agent->config.node)) {
        return MP_OK;
    }

    status = mpa_queue_was_done(queue, job.id, &done, err);
    if (status == MP_OK && !done) {
        *keep_r = mpa_queue_add(queue, entry->element[0]->str, &job);
    }

    return status;
}


static enum mp_status
mpa_queue_entry(struct mpa_queue *queue, const redisReply *entry,
                struct mp_error *err)
{
    const char *id = mp_entry_id(entry);
    enum mp_status status;
    bool keep = false;

    if (id == NULL) {
        return mp_fail(err, MP_REDIS_AWAY, "",
                       "the answer of XREADGROUP is not Redis's");
    }

    if (entry->element[1]->type == REDIS_REPLY_ARRAY) {
        status = mpa_queue_take(queue, entry, &keep, err);
        if (status != MP_OK) {
            return status;
        }
    }

    if (queue->from[0] != '>') {
        (void) snprintf(queue->from, sizeof(queue->from), "%s", id);
    }

    return keep ? MP_OK : mpa_queue_ack(queue, queue->redis, id, err);
}


/* One answer of XREADGROUP. */
static enum mp_status
mpa_queue_answer(struct mpa_queue *queue, const redisReply *reply,
                 struct mp_error *err)
{
    const redisReply *stream, *entries;
    enum mp_status status = MP_OK;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
        return MP_OK;
    }

    stream = reply->element[0];
    if (stream->type != REDIS_REPLY_ARRAY || stream->elements != 2
        || stream->element[1]->type != REDIS_REPLY_ARRAY)
    {
        return mp_fail(err, MP_REDIS_AWAY, "",
                       "the answer of XREADGROUP is not Redis's");
    }

    entries = stream->element[1];

    /* what was begun before is read; from now on what is new */
    if (entries->elements == 0 && queue->from[0] != '>') {
        (void) snprintf(queue->from, sizeof(queue->from), ">");
    }

    for (size_t i = 0; i < entries->elements && status == MP_OK; i++) {
        status = mpa_queue_entry(queue, entries->element[i], err);
    }

    return status;
}


static enum mp_status
mpa_queue_turn(struct mpa_queue *queue, struct mp_error *err)
{
    unsigned int block = queue->from[0] == '>' ? MPA_QUEUE_BLOCK : 0;
    struct mp_cmd cmd;
    redisReply *reply;
    enum mp_status status;

    if (queue->from[0] == '\0') {
        status = mpa_queue_group(queue, err);
        if (status != MP_OK) {
            return status;
        }
    }

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XREADGROUP", "GROUP", queue->agent->config.node,
                 "agent", "COUNT", "10", NULL);
    if (block > 0) {
        mp_cmd_texts(&cmd, "BLOCK", NULL);
        mp_cmd_number(&cmd, block);
    }
    mp_cmd_texts(&cmd, "STREAMS", queue->key.text, queue->from, NULL);
    status = mpa_queue_do(queue->redis, &cmd, &reply, block, err);

    if (status == MP_OK) {
        status = mpa_queue_answer(queue, reply, err);
        freeReplyObject(reply);
    }

    return status;
}


static void *
mpa_queue_read(void *arg)
{
    struct mpa_queue *queue = arg;
    struct mp_health *health = queue->agent->health;
    struct mp_error err;

    while (mpa_thread_goes_on(&queue->reader)) {
        enum mp_status status = mpa_queue_turn(queue, &err);

        if (status == MP_OK) {
            mp_health_good(health, MPA_TROUBLE_QUEUE);
            continue;
        }

        /* the group may be gone: NOGROUP, UNBLOCKED */
        if (queue->from[0] == '>') {
            queue->from[0] = '\0';
        }

        if (!mp_redis_is_away(status) && strncmp(err.text, "NOGROUP", 7) != 0
            && strncmp(err.text, "UNBLOCKED", 9) != 0)
        {
            mp_health_bad(health, MPA_TROUBLE_QUEUE, "jobs cannot be read: %s",
                          err.text);
        }

        mp_redis_drop(queue->redis);
        (void) mpa_thread_sleep(&queue->reader, MPA_QUEUE_PAUSE);
    }

    return NULL;
}


/* The next one, taken out of the list; NULL for none. */
static struct mpa_waiting *
mpa_queue_next(struct mpa_queue *queue)
{
    struct mpa_waiting *waiting;

    (void) pthread_mutex_lock(&queue->lock);
    waiting = queue->first;
    if (waiting != NULL) {
        queue->first = waiting->next;
    }
    (void) pthread_mutex_unlock(&queue->lock);

    return waiting;
}


static void
mpa_queue_work(struct mpa_job *job)
{
    mpa_job_run *run = mpa_job_find(job->job.action);

    mp_time_format(job->progress.started_at, mp_clock_msecs() / 1000);
    job->progress.eta = -1;

    if (mpa_job_cancelled(job)) {
        job->progress.state = MP_JOB_CANCELLED;

    } else if (run == NULL) {
        mpa_job_fail(job, "this agent cannot do that yet");

    } else {
        job->progress.state = MP_JOB_RUNNING;
        (void) mpa_job_publish(job, true, NULL);
        run(job);
    }

    mp_time_format(job->progress.ended_at, mp_clock_msecs() / 1000);
    job->progress.eta = -1;
}


/* False: the agent stops, and Redis does not know yet. */
static bool
mpa_queue_tell(struct mpa_queue *queue, struct mpa_job *job, const char *entry)
{
    struct mp_error err;

    while (mpa_job_publish(job, true, &err) != MP_OK
           || mpa_queue_ack(queue, job->redis, entry, &err) != MP_OK)
    {
        if (!mpa_thread_sleep(&queue->runner, MPA_QUEUE_PAUSE)) {
            return false;
        }
    }

    return true;
}


static void
mpa_queue_one(struct mpa_queue *queue, struct mpa_waiting *waiting,
              struct mp_redis *redis)
{
    struct mpa_job *job = calloc(1, sizeof(*job));
    bool stopping;

    if (job == NULL) {
        return;
    }

    job->agent = queue->agent;
    job->redis = redis;
    job->job = waiting->job;
    job->error = calloc(MP_ITEMS_MAX, sizeof(*job->error));
    job->item = calloc(MP_ITEMS_MAX, sizeof(*job->item));
    atomic_store(&job->cancel, waiting->cancel);

    if (job->error != NULL && job->item != NULL) {
        (void) pthread_mutex_lock(&queue->lock);
        queue->running = job;
        (void) pthread_mutex_unlock(&queue->lock);

        mpa_queue_work(job);
        stopping = !mpa_thread_goes_on(&queue->runner);

        /* one that was cut off by our end is begun anew */
        if (!stopping || job->progress.state != MP_JOB_CANCELLED) {
            (void) mpa_queue_tell(queue, job, waiting->entry);
        }

        (void) pthread_mutex_lock(&queue->lock);
        queue->running = NULL;
        (void) pthread_mutex_unlock(&queue->lock);
    }

    free(job->error);
    free(job->item);
    free(job);
}


static void *
mpa_queue_run(void *arg)
{
    struct mpa_queue *queue = arg;
    struct mp_redis *redis = mpa_redis_new(queue->agent, "agent-jobs");

    while (redis != NULL && mpa_thread_goes_on(&queue->runner)) {
        struct mpa_waiting *waiting = mpa_queue_next(queue);

        if (waiting == NULL) {
            (void) mpa_thread_sleep(&queue->runner, MPA_QUEUE_PAUSE);
            continue;
        }

        mpa_queue_one(queue, waiting, redis);
        free(waiting);
    }

    mp_redis_free(redis);

    return NULL;
}


enum mp_status
mpa_queue_start(struct mpa *agent, void **state_r, struct mp_error *err)
{
    struct mpa_queue *queue = calloc(1, sizeof(*queue));
    int rc;

    if (queue == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    *state_r = queue;
    queue->agent = agent;
    (void) pthread_mutex_init(&queue->lock, NULL);
    (void) mp_key_name(&queue->key, MP_KEY_JOBS, "agent");
    queue->redis = mpa_redis_new(agent, "agent-queue");

    if (queue->redis == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    rc = mpa_thread_start(&queue->runner, mpa_queue_run, queue);
    rc =
        rc == 0 ? mpa_thread_start(&queue->reader, mpa_queue_read, queue) : rc;

    return rc == 0 ? MP_OK
                   : mp_fail(err, MP_INTERNAL, "", "cannot start a thread: %s",
                             strerror(rc));
}


void
mpa_queue_stop(void *state)
{
    struct mpa_queue *queue = state;
    struct mpa_waiting *waiting;

    mpa_thread_stop(&queue->reader);

    (void) pthread_mutex_lock(&queue->lock);
    if (queue->running != NULL) {
        atomic_store(&queue->running->cancel, true);
    }
    (void) pthread_mutex_unlock(&queue->lock);

    mpa_thread_stop(&queue->runner);

    while ((waiting = mpa_queue_next(queue)) != NULL) {
        free(waiting);
    }

    mp_redis_free(queue->redis);
    (void) pthread_mutex_destroy(&queue->lock);
    free(queue);
}
