/*
 * Jobs for this node: a thread reads the queue, and hands each job to the lane
 * of its kind, which acknowledges its entry.  What has no room there stays
 * unacknowledged in Redis, and is read again.
 */

#include "mpa_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_key.h"
#include "mp_log.h"
#include "mp_stream.h"
#include "mpa_entry.h"
#include "mpa_lane.h"
#include "mpa_thread.h"

#define MPA_QUEUE_BLOCK 500
#define MPA_QUEUE_PAUSE 1000
#define MPA_QUEUE_COUNT "50" /* entries that are read at once */

struct mpa_queue {
    struct mpa *agent;
    struct mp_redis *redis;
    struct mpa_thread reader;
    struct mp_keyname key;
    char from[MPA_ENTRY_SIZE]; /* ">", or behind which own entry to read */
    struct mpa_lane *lane[MP_ACTION_COUNT]; /* NULL: not an agent's */
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


static void
mpa_queue_cancel(struct mpa_queue *queue, const char *id)
{
    for (size_t i = 0; i < MP_ACTION_COUNT; i++) {
        if (queue->lane[i] != NULL) {
            mpa_lane_cancel(queue->lane[i], id);
        }
    }
}


/* A backup of this node is to go. */
static void
mpa_queue_drop(struct mpa_queue *queue, const redisReply *entry)
{
    const redisReply *node = mpa_entry_field(entry, "node");
    const redisReply *name = mpa_entry_field(entry, "name");
    struct mp_error err;

    if (node != NULL && name != NULL
        && strcmp(node->str, queue->agent->config.node) == 0
        && mpa_backups_drop(queue->agent, name->str, &err) != MP_OK)
    {
        mp_log(MP_LOG_WARNING, "a backup is not removed: %s", err.text);
    }
}


static enum mp_status
mpa_queue_refuse(struct mpa_queue *queue, const redisReply *id,
                 const char *why, struct mp_error *err)
{
    return mpa_entry_refuse(queue->agent, queue->redis,
                            id != NULL ? id->str : "",
                            id != NULL ? id->len : 0, why, err);
}


/* *keep_r: it is acknowledged by its lane. */
static enum mp_status
mpa_queue_take_run(struct mpa_queue *queue, const redisReply *entry,
                   bool *keep_r, struct mp_error *err)
{
    const redisReply *id = mpa_entry_field(entry, "id");
    const redisReply *text = mpa_entry_field(entry, "job");
    struct mp_error why;
    struct mp_job job;

    if (id == NULL || text == NULL) {
        return mpa_queue_refuse(queue, id,
                                "its entry in the queue is not "
                                "whole",
                                err);
    }

    if (mp_job_parse(&job, text->str, text->len, &why) != MP_OK) {
        return mpa_queue_refuse(queue, id, why.text, err);
    }

    if (strcmp(job.id, id->str) != 0) {
        return mpa_queue_refuse(queue, id, "its entry names another job", err);
    }

    if (!mp_job_is_for(&job, queue->agent->config.node)) {
        return MP_OK;
    }

    if (queue->lane[job.action] == NULL) {
        return mpa_queue_refuse(queue, id, "no agent does that", err);
    }

    *keep_r =
        mpa_lane_add(queue->lane[job.action], entry->element[0]->str, &job)
        != MPA_LANE_DOUBLE;

    return MP_OK;
}


static enum mp_status
mpa_queue_take(struct mpa_queue *queue, const redisReply *entry, bool *keep_r,
               struct mp_error *err)
{
    const redisReply *op = mpa_entry_field(entry, "op");
    const redisReply *id = mpa_entry_field(entry, "id");

    *keep_r = false;

    if (op != NULL && id != NULL && strcmp(op->str, "cancel") == 0) {
        mpa_queue_cancel(queue, id->str);
        return MP_OK;
    }

    if (op != NULL && strcmp(op->str, "drop") == 0) {
        mpa_queue_drop(queue, entry);
        return MP_OK;
    }

    if (op != NULL && strcmp(op->str, "run") == 0) {
        return mpa_queue_take_run(queue, entry, keep_r, err);
    }

    return mpa_queue_refuse(queue, id, "its entry in the queue is not whole",
                            err);
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

    return keep ? MP_OK : mpa_entry_ack(queue->agent, queue->redis, id, err);
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


/* Whether what had no room is to be read again. */
static bool
mpa_queue_wanted(struct mpa_queue *queue)
{
    bool wanted = false;

    for (size_t i = 0; i < MP_ACTION_COUNT; i++) {
        wanted = (queue->lane[i] != NULL && mpa_lane_wants(queue->lane[i]))
              || wanted;
    }

    return wanted;
}


static enum mp_status
mpa_queue_turn(struct mpa_queue *queue, struct mp_error *err)
{
    struct mp_cmd cmd;
    redisReply *reply;
    enum mp_status status;
    unsigned int block;

    if (queue->from[0] == '\0') {
        status = mpa_queue_group(queue, err);
        if (status != MP_OK) {
            return status;
        }
    }

    if (queue->from[0] == '>' && mpa_queue_wanted(queue)) {
        (void) snprintf(queue->from, sizeof(queue->from), "0");
    }

    block = queue->from[0] == '>' ? MPA_QUEUE_BLOCK : 0;
    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XREADGROUP", "GROUP", queue->agent->config.node,
                 "agent", "COUNT", MPA_QUEUE_COUNT, NULL);
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


enum mp_status
mpa_queue_start(struct mpa *agent, void **state_r, struct mp_error *err)
{
    struct mpa_queue *queue = calloc(1, sizeof(*queue));
    enum mp_status status = MP_OK;
    int rc;

    if (queue == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    *state_r = queue;
    queue->agent = agent;
    (void) mp_key_name(&queue->key, MP_KEY_JOBS, "agent");
    queue->redis = mpa_redis_new(agent, "agent-queue");

    if (queue->redis == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    for (size_t i = 0; i < MP_ACTION_COUNT && status == MP_OK; i++) {
        mpa_job_run *run = mpa_job_find((enum mp_action) i);

        if (run != NULL) {
            status = mpa_lane_new(&queue->lane[i], agent, run, err);
        }
    }

    if (status != MP_OK) {
        return status;
    }

    rc = mpa_thread_start(&queue->reader, mpa_queue_read, queue);

    return rc == 0 ? MP_OK
                   : mp_fail(err, MP_INTERNAL, "", "cannot start a thread: %s",
                             strerror(rc));
}


/* A test that failed, or a mail that waits, may go well with others. */
enum mp_status
mpa_queue_apply(void *state, const struct mp_version *version,
                struct mp_redis *redis, struct mp_error *err)
{
    struct mpa_queue *queue = state;

    (void) version;
    (void) redis;
    (void) err;

    for (size_t i = 0; i < MP_ACTION_COUNT; i++) {
        if (queue->lane[i] != NULL) {
            mpa_lane_hurry(queue->lane[i]);
        }
    }

    return MP_OK;
}


void
mpa_queue_stop(void *state)
{
    struct mpa_queue *queue = state;

    mpa_thread_stop(&queue->reader);

    /* all at once, and then each is waited for */
    for (size_t i = 0; i < MP_ACTION_COUNT; i++) {
        if (queue->lane[i] != NULL) {
            mpa_lane_quit(queue->lane[i]);
        }
    }

    for (size_t i = 0; i < MP_ACTION_COUNT; i++) {
        mpa_lane_free(queue->lane[i]);
    }

    mp_redis_free(queue->redis);
    free(queue);
}
