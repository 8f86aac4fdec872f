#include "mpa_job.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mp_clock.h"

#define MPA_PUBLISH_MSECS 200

/* Who waits for a job must not wait for Redis each time. */
#define MPA_PUBLISH_AWAY_MSECS 10000

static const struct {
    enum mp_action action;
    mpa_job_run *run;
} mpa_job_runs[] = {
    { MP_ACTION_RADICALE_BACKUP, mpa_backup },
    { MP_ACTION_VERIFY_CACHE_CLEAR, mpa_verify_clear },
    { MP_ACTION_RELAYHOST_TEST, mpa_relay_test },
    { MP_ACTION_MAILER_TEST, mpa_mailer_test },
    { MP_ACTION_COUNT, NULL },
};


mpa_job_run *
mpa_job_find(enum mp_action action)
{
    for (size_t i = 0; mpa_job_runs[i].run != NULL; i++) {
        if (mpa_job_runs[i].action == action) {
            return mpa_job_runs[i].run;
        }
    }

    return NULL;
}


bool
mpa_job_cancelled(const struct mpa_job *job)
{
    return atomic_load(&job->cancel) || atomic_load(job->stopping);
}


void
mpa_job_add_item(struct mpa_job *job, const struct mp_item *item)
{
    if (job->item_count < MP_ITEMS_MAX) {
        job->item[job->item_count++] = *item;
    }
}


void
mpa_job_add_error(struct mpa_job *job, const struct mp_item *item)
{
    if (job->error_count < MP_ITEMS_MAX) {
        job->error[job->error_count++] = *item;
    }
}


void
mpa_job_step(struct mpa_job *job, const char *step, const char *fmt, ...)
{
    struct mp_item item;
    va_list args;

    mp_item_init(&item);
    (void) snprintf(item.target, sizeof(item.target), "%s", step);

    va_start(args, fmt);
    (void) vsnprintf(item.text, sizeof(item.text), fmt, args);
    va_end(args);

    mpa_job_add_item(job, &item);
    (void) mpa_job_publish(job, true, NULL);
}


void
mpa_job_told(void *context, const char *step, const char *text)
{
    mpa_job_step(context, step, "%s", text);
}


bool
mpa_job_stops(const void *context)
{
    return mpa_job_cancelled(context);
}


void
mpa_job_fail(struct mpa_job *job, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void) vsnprintf(job->progress.text, sizeof(job->progress.text), fmt,
                     args);
    va_end(args);

    job->progress.state = MP_JOB_FAILED;
}


static void
mpa_job_text(struct mpa_job *job, const struct mp_error *why)
{
    (void) snprintf(job->progress.text, sizeof(job->progress.text),
                    "%.31s%s%.159s", why->field,
                    why->field[0] != '\0' ? ": " : "", why->text);
}


void
mpa_job_fail_by(struct mpa_job *job, const struct mp_error *why)
{
    mpa_job_text(job, why);
    job->progress.state = MP_JOB_FAILED;
}


void
mpa_job_later(struct mpa_job *job, int64_t msecs, const struct mp_error *why)
{
    mpa_job_text(job, why);
    mp_time_format(job->progress.next_at,
                   (mp_clock_msecs() + msecs + 999) / 1000);
    job->again = msecs;
    (void) mpa_job_publish(job, true, NULL);
}


/* MULTI, the commands, EXEC; they are freed. */
static enum mp_status
mpa_job_send(struct mp_redis *redis, struct mp_cmd *cmds, size_t count,
             struct mp_error *err)
{
    enum mp_status status = MP_OK;

    for (size_t i = 0; i < count && status == MP_OK; i++) {
        status = mp_redis_send(redis, &cmds[i], err);
    }

    for (size_t i = 0; i < count && status == MP_OK; i++) {
        redisReply *reply;

        status = mp_redis_reply(redis, &reply, err);
        if (status == MP_OK) {
            freeReplyObject(reply);
        }
    }

    for (size_t i = 0; i < count; i++) {
        mp_cmd_free(&cmds[i]);
    }

    return status;
}


enum mp_status
mpa_job_publish(struct mpa_job *job, bool now, struct mp_error *err)
{
    enum {
        FIRST = 1,
        RECORD = FIRST + MP_JOB_RECORD_CMDS,
        INDEX = RECORD + MP_JOB_INDEX_CMDS,
        EVENT = INDEX + MP_PROGRESS_CMDS,
        COUNT = EVENT + 2
    };
    struct mp_cmd cmd[COUNT];
    struct mp_json errors, items;
    enum mp_status status;

    if (!now && mp_clock_steady() < job->published + MPA_PUBLISH_MSECS) {
        return MP_OK;
    }

    job->published = mp_clock_steady();

    for (size_t i = 0; i < COUNT; i++) {
        mp_cmd_init(&cmd[i]);
    }

    mp_json_init(&errors);
    mp_json_init(&items);
    mp_items_render(&errors, NULL, job->error, job->error_count);
    mp_items_render(&items, NULL, job->item, job->item_count);

    mp_cmd_text(&cmd[0], "MULTI");
    mp_job_record_commands(cmd + FIRST, &job->job);
    mp_job_index_commands(cmd + RECORD, &job->job);
    mp_progress_commands(cmd + INDEX, job->job.id, job->agent->config.node,
                         &job->progress, job->keep ? NULL : &errors,
                         job->keep ? NULL : &items);
    mp_job_event_command(&cmd[EVENT], job->job.id);
    mp_cmd_text(&cmd[EVENT + 1], "EXEC");

    mp_json_free(&errors);
    mp_json_free(&items);

    status = mpa_job_send(job->redis, cmd, COUNT, err);
    if (status != MP_OK) {
        mp_redis_drop(job->redis);
        job->published = mp_clock_steady() + MPA_PUBLISH_AWAY_MSECS;
    }

    return status;
}
