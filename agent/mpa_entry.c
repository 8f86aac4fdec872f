#include "mpa_entry.h"

#include <stdio.h>
#include <string.h>

#include "mp_clock.h"
#include "mp_key.h"
#include "mp_log.h"
#include "mp_progress.h"


const redisReply *
mpa_entry_field(const redisReply *entry, const char *name)
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


enum mp_status
mpa_entry_ack(const struct mpa *agent, struct mp_redis *redis,
              const char *entry, struct mp_error *err)
{
    struct mp_keyname key;
    struct mp_cmd cmd;
    redisReply *reply;
    enum mp_status status;

    (void) mp_key_name(&key, MP_KEY_JOBS, "agent");
    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XACK", key.text, agent->config.node, entry, NULL);
    status = mp_redis_do(redis, &cmd, 0, &reply, err);
    mp_cmd_free(&cmd);

    if (status == MP_OK) {
        freeReplyObject(reply);
    }

    return status;
}


enum mp_status
mpa_entry_refuse(const struct mpa *agent, struct mp_redis *redis,
                 const char *id, size_t len, const char *why,
                 struct mp_error *err)
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

    mp_progress_commands(cmd, id, agent->config.node, &progress, NULL, NULL);
    mp_job_event_command(&cmd[MP_PROGRESS_CMDS], id);

    for (size_t i = 0; i < MP_PROGRESS_CMDS + 1; i++) {
        if (status == MP_OK) {
            status = mp_redis_do(redis, &cmd[i], 0, &reply, err);
            if (status == MP_OK) {
                freeReplyObject(reply);
            }
        }
        mp_cmd_free(&cmd[i]);
    }

    return status;
}
