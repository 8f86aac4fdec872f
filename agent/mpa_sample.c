/*
 * Load, memory and disks, each minute: a list of ready JSON in Redis, newest
 * first, of a week of minutes, and one of a year of hours.
 */

#include "mpa_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mp_clock.h"
#include "mp_key.h"
#include "mp_sample.h"
#include "mp_stream.h"
#include "mpa_disk.h"
#include "mpa_thread.h"

#define MPA_DISK_WAIT 2000

/* A disk that is fuller than this is a problem, in hundredths. */
#define MPA_DISK_FULL 95

/* The trend is that of a week. */
#define MPA_TREND_HOURS (7 * 24)

#define MPA_PUSH_CMDS 3

struct mpa_trend {
    char name[MP_DISK_NAME];
    size_t count;
    struct mp_point used[MPA_TREND_HOURS];
};

struct mpa_sample {
    struct mpa *agent;
    struct mp_redis *redis;
    struct mpa_thread thread;
    struct mpa_disks *disks;
    struct mp_keyname minutes;
    struct mp_keyname hours;
    int64_t hour; /* of the last sample that went into the hours */
    bool known;   /* the hours were read */
    struct mpa_trend trend[MP_SAMPLE_DISKS];
};


/* A number of /proc/meminfo, in bytes; 0 when it has none. */
static uint64_t
mpa_meminfo(const char *text, const char *name)
{
    const char *line = strstr(text, name);

    return line != NULL ? strtoull(line + strlen(name), NULL, 10) * 1024 : 0;
}


static void
mpa_sample_memory(struct mp_sample *sample)
{
    char text[8192];
    FILE *file = fopen("/proc/meminfo", "re");
    size_t len;

    if (file == NULL) {
        return;
    }

    len = fread(text, 1, sizeof(text) - 1, file);
    (void) fclose(file);
    text[len] = '\0';

    sample->memory = mpa_meminfo(text, "MemTotal:");
    sample->available = mpa_meminfo(text, "MemAvailable:");
    sample->swap = mpa_meminfo(text, "SwapTotal:");
    sample->swap_used = sample->swap - mpa_meminfo(text, "SwapFree:");
}


static void
mpa_sample_load(struct mp_sample *sample)
{
    double load[3] = { 0, 0, 0 };
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    (void) getloadavg(load, 3);

    for (size_t i = 0; i < 3; i++) {
        sample->load[i] = (int32_t) (load[i] * 100 + 0.5);
    }

    sample->processors = processors > 0 ? (uint32_t) processors : 1;
}


/* The trends are those of the disks that are watched now. */
static void
mpa_trend_names(struct mpa_sample *state, const struct mp_sample *sample)
{
    for (unsigned int i = 0; i < sample->disk_count; i++) {
        memcpy(state->trend[i].name, sample->disk[i].name, MP_DISK_NAME);
        state->trend[i].count = 0;
    }
}


static struct mpa_trend *
mpa_trend_of(struct mpa_sample *state, const char *name)
{
    for (size_t i = 0; i < MP_SAMPLE_DISKS; i++) {
        if (strcmp(state->trend[i].name, name) == 0) {
            return &state->trend[i];
        }
    }

    return NULL;
}


/* One hour more; the oldest one goes. */
static void
mpa_trend_push(struct mpa_trend *trend, int64_t at, uint64_t used)
{
    /* what is of later was written by a clock that was wrong */
    while (trend->count > 0 && trend->used[trend->count - 1].at >= at) {
        trend->count--;
    }

    if (trend->count == MPA_TREND_HOURS) {
        trend->count--;
        memmove(trend->used, trend->used + 1,
                trend->count * sizeof(trend->used[0]));
    }

    trend->used[trend->count++] = (struct mp_point){ at, used };
}


static void
mpa_trend_add(struct mpa_sample *state, const struct mp_sample *sample)
{
    for (unsigned int i = 0; i < sample->disk_count; i++) {
        const struct mp_disk *disk = &sample->disk[i];
        struct mpa_trend *trend = mpa_trend_of(state, disk->name);

        if (trend != NULL && disk->answers) {
            mpa_trend_push(trend, sample->at, disk->used);
        }
    }
}


/* What Redis has of the last week, oldest first. */
static enum mp_status
mpa_sample_history(struct mpa_sample *state, const struct mp_sample *now,
                   struct mp_error *err)
{
    struct mp_sample sample;
    struct mp_cmd cmd;
    redisReply *reply;
    enum mp_status status;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "LRANGE", state->hours.text, "0", NULL);
    mp_cmd_number(&cmd, MPA_TREND_HOURS - 1);
    status = mp_redis_do(state->redis, &cmd, 0, &reply, err);
    mp_cmd_free(&cmd);

    if (status != MP_OK) {
        return status;
    }

    mpa_trend_names(state, now);

    for (size_t i = reply->elements; i-- > 0;) {
        if (reply->element[i]->type == REDIS_REPLY_STRING
            && mp_sample_parse(&sample, reply->element[i]->str,
                               reply->element[i]->len, NULL)
                   == MP_OK)
        {
            mpa_trend_add(state, &sample);
            state->hour = sample.at / 3600;
        }
    }

    freeReplyObject(reply);
    state->known = true;

    return MP_OK;
}


static void
mpa_sample_forecast(struct mpa_sample *state, struct mp_sample *sample)
{
    for (unsigned int i = 0; i < sample->disk_count; i++) {
        struct mp_disk *disk = &sample->disk[i];
        const struct mpa_trend *trend = mpa_trend_of(state, disk->name);

        if (trend != NULL && disk->answers) {
            disk->full_secs = mp_forecast(trend->used, trend->count,
                                          disk->bytes, sample->at);
        }
    }
}


/* The first disk that does not answer or is full, in words. */
static void
mpa_sample_judge(const struct mpa_sample *state,
                 const struct mp_sample *sample)
{
    struct mp_health *health = state->agent->health;

    for (unsigned int i = 0; i < sample->disk_count; i++) {
        const struct mp_disk *disk = &sample->disk[i];

        if (!disk->answers) {
            mp_health_bad(health, MPA_TROUBLE_DISK, "disk %s (%s): %s",
                          disk->name, disk->path,
                          disk->error != 0 ? strerror(disk->error)
                                           : "it does not answer");
            return;
        }

        if (disk->used / 100 * 100 >= disk->bytes / 100 * MPA_DISK_FULL
            && disk->bytes > 0)
        {
            mp_health_bad(health, MPA_TROUBLE_DISK,
                          "disk %s (%s) is more than %d %% full", disk->name,
                          disk->path, MPA_DISK_FULL);
            return;
        }

        if (disk->inodes > 0
            && disk->inodes_used >= disk->inodes / 100 * MPA_DISK_FULL)
        {
            mp_health_bad(health, MPA_TROUBLE_DISK,
                          "disk %s (%s) has hardly an inode left", disk->name,
                          disk->path);
            return;
        }
    }

    mp_health_good(health, MPA_TROUBLE_DISK);
}


/* Of a node that is no more nothing is kept longer than it would be. */
static void
mpa_sample_push(struct mp_cmd cmds[MPA_PUSH_CMDS], enum mp_key list,
                const struct mpa_sample *state, const struct mp_json *json)
{
    const struct mp_keyname *key =
        list == MP_KEY_SAMPLES ? &state->minutes : &state->hours;

    mp_cmd_texts(&cmds[0], "LPUSH", key->text, NULL);
    mp_cmd_add(&cmds[0], json->bytes, json->len);
    mp_cmd_texts(&cmds[1], "LTRIM", key->text, "0", NULL);
    mp_cmd_number(
        &cmds[1],
        (list == MP_KEY_SAMPLES ? MP_SAMPLE_MINUTES : MP_SAMPLE_HOURS) - 1);
    mp_cmd_texts(&cmds[2], "EXPIRE", key->text, NULL);
    mp_cmd_number(&cmds[2], mp_key_table[list].ttl);
}


/* One command of a transaction may fail where the others do not. */
static enum mp_status
mpa_sample_exec(const redisReply *reply, struct mp_error *err)
{
    for (size_t i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type == REDIS_REPLY_ERROR) {
            return mp_fail(err, MP_INTERNAL, "", "%s", reply->element[i]->str);
        }
    }

    return MP_OK;
}


static enum mp_status
mpa_sample_publish(struct mpa_sample *state, const struct mp_sample *sample,
                   bool hour, struct mp_error *err)
{
    struct mp_cmd cmd[2 * MPA_PUSH_CMDS + 2];
    struct mp_json json;
    size_t count = 0;
    enum mp_status status = MP_OK;

    for (size_t i = 0; i < sizeof(cmd) / sizeof(cmd[0]); i++) {
        mp_cmd_init(&cmd[i]);
    }

    mp_json_init(&json);
    mp_sample_render(&json, NULL, sample);

    mp_cmd_text(&cmd[count++], "MULTI");
    mpa_sample_push(cmd + count, MP_KEY_SAMPLES, state, &json);
    count += MPA_PUSH_CMDS;
    if (hour) {
        mpa_sample_push(cmd + count, MP_KEY_SAMPLE_HOURS, state, &json);
        count += MPA_PUSH_CMDS;
    }
    mp_cmd_text(&cmd[count++], "EXEC");
    mp_json_free(&json);

    for (size_t i = 0; i < count && status == MP_OK; i++) {
        redisReply *reply;

        status = mp_redis_do(state->redis, &cmd[i], 0, &reply, err);
        if (status == MP_OK) {
            status = mpa_sample_exec(reply, err);
            freeReplyObject(reply);
        }
    }

    for (size_t i = 0; i < sizeof(cmd) / sizeof(cmd[0]); i++) {
        mp_cmd_free(&cmd[i]);
    }

    if (status != MP_OK) {
        mp_redis_drop(state->redis);
    }

    return status;
}


static enum mp_status
mpa_sample_take(struct mpa_sample *state, struct mp_error *err)
{
    struct mp_sample sample;
    enum mp_status status;
    bool hour;

    memset(&sample, 0, sizeof(sample));
    mpa_sample_load(&sample);
    mpa_sample_memory(&sample);
    mpa_disks_sample(state->disks, &sample, MPA_DISK_WAIT);
    sample.at = mp_clock_msecs() / 1000;
    mpa_sample_judge(state, &sample);

    status = state->known ? MP_OK : mpa_sample_history(state, &sample, err);
    if (status != MP_OK) {
        return status;
    }

    hour = sample.at / 3600 != state->hour;
    if (hour) {
        mpa_trend_add(state, &sample);
    }

    mpa_sample_forecast(state, &sample);
    status = mpa_sample_publish(state, &sample, hour, err);

    /* an hour that Redis did not take is tried again with the next sample */
    if (status == MP_OK) {
        state->hour = sample.at / 3600;
    }

    return status;
}


static void *
mpa_sample_run(void *arg)
{
    struct mpa_sample *state = arg;
    struct mp_health *health = state->agent->health;
    int64_t every = state->agent->config.sample_every;
    struct mp_error err;

    do {
        enum mp_status status = mpa_sample_take(state, &err);

        if (status == MP_OK) {
            mp_health_good(health, MPA_TROUBLE_SAMPLE);

        } else if (!mp_redis_is_away(status)) {
            mp_health_bad(health, MPA_TROUBLE_SAMPLE,
                          "load and disks cannot be written: %s", err.text);
        }

        /* at the full minute, so that the nodes' curves lie over each other */
    } while (
        mpa_thread_sleep(&state->thread, every - mp_clock_msecs() % every));

    return NULL;
}


enum mp_status
mpa_sample_start(struct mpa *agent, void **state_r, struct mp_error *err)
{
    struct mpa_sample *state = calloc(1, sizeof(*state));
    enum mp_status status;
    int rc;

    if (state == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    *state_r = state;
    state->agent = agent;
    (void) mp_key_name(&state->minutes, MP_KEY_SAMPLES, agent->config.node);
    (void) mp_key_name(&state->hours, MP_KEY_SAMPLE_HOURS, agent->config.node);
    state->redis = mpa_redis_new(agent, "agent-sample");

    if (state->redis == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    status = mpa_disks_start(&state->disks, agent->config.disks, err);
    if (status != MP_OK) {
        return status;
    }

    rc = mpa_thread_start(&state->thread, mpa_sample_run, state);

    return rc == 0 ? MP_OK
                   : mp_fail(err, MP_INTERNAL, "", "cannot start a thread: %s",
                             strerror(rc));
}


void
mpa_sample_stop(void *arg)
{
    struct mpa_sample *state = arg;

    mpa_thread_stop(&state->thread);
    mpa_disks_stop(state->disks);
    mp_redis_free(state->redis);
    free(state);
}
