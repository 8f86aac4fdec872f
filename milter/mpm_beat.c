#include "mpm_beat.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mp_beat.h"
#include "mp_clock.h"
#include "mp_info.h"
#include "mp_stream.h"
#include "mpm_redis.h"
#include "mpm_trouble.h"

#define MPM_BEAT_MSECS  (MP_HEARTBEAT_EVERY * 1000)
#define MPM_FLUSH_MSECS 1000

/* Between two looks at how Redis is configured. */
#define MPM_INFO_MSECS 5000

struct mpm_beat {
    const struct mpm_config *config;
    struct mpm_current *current;
    struct mpm_stat *stat;
    struct mp_health *health;
    struct mp_redis *redis;
    pthread_t thread;
    bool started;
};


struct mpm_beat *
mpm_beat_new(const struct mpm_config *config, struct mpm_current *current,
             struct mpm_stat *stat, struct mp_health *health)
{
    struct mpm_beat *beat = calloc(1, sizeof(*beat));

    if (beat == NULL) {
        return NULL;
    }

    beat->config = config;
    beat->current = current;
    beat->stat = stat;
    beat->health = health;
    beat->redis = mpm_redis_new(config, "milter-beat");

    if (beat->redis == NULL) {
        free(beat);
        return NULL;
    }

    return beat;
}


static void
mpm_beat_fill(struct mpm_beat *beat, struct mp_heartbeat *hb)
{
    struct mpm_snapshot *now = mpm_current_hold(beat->current);

    memset(hb, 0, sizeof(*hb));
    (void) snprintf(hb->component, sizeof(hb->component), "milter");
    (void) snprintf(hb->node, sizeof(hb->node), "%s", beat->config->node);
    (void) snprintf(hb->build, sizeof(hb->build), "%s", MP_VERSION);
    hb->pid = getpid();

    if (now != NULL && now->settings != NULL) {
        hb->settings = now->settings->version.number;
    }

    if (now != NULL && now->lists != NULL) {
        (void) snprintf(hb->lists, sizeof(hb->lists), "%.31s", now->lists->id);
        hb->whitelist = mp_list_count(now->lists->list, MP_LIST_WHITE);
        hb->blacklist = mp_list_count(now->lists->list, MP_LIST_BLACK);
    }

    mpm_snapshot_drop(now);
    mp_health_report(beat->health, hb);
}


static enum mp_status
mpm_beat_send(struct mpm_beat *beat, struct mp_error *err)
{
    struct mp_heartbeat hb;

    mpm_beat_fill(beat, &hb);

    return mp_beat_send(beat->redis, &hb, err);
}


/* Redis may be reconfigured while it runs. */
static enum mp_status
mpm_beat_info(struct mpm_beat *beat, struct mp_error *err)
{
    redisReply *reply;
    struct mp_cmd cmd;
    enum mp_status status;

    mp_cmd_init(&cmd);
    mp_cmd_text(&cmd, "INFO");
    status = mp_redis_do(beat->redis, &cmd, 0, &reply, err);
    mp_cmd_free(&cmd);

    if (status != MP_OK) {
        return status;
    }

    if (reply->type == REDIS_REPLY_STRING
        && mp_info_check(reply->str, reply->len, err) == MP_REDIS_UNSAFE)
    {
        mp_health_bad(beat->health, MPM_TROUBLE_UNSAFE, "%s: %s %s",
                      mp_status_title(MP_REDIS_UNSAFE), err->field, err->text);
    } else {
        mp_health_good(beat->health, MPM_TROUBLE_UNSAFE);
    }

    freeReplyObject(reply);

    return MP_OK;
}


/* One heartbeat, and what else is due. */
static enum mp_status
mpm_beat_once(struct mpm_beat *beat, bool info, bool flush,
              struct mp_error *err)
{
    enum mp_status status = info ? mpm_beat_info(beat, err) : MP_OK;

    if (status == MP_OK) {
        status = mpm_beat_send(beat, err);
    }

    if (status == MP_OK && flush) {
        status = mpm_stat_flush(beat->stat, beat->redis, err);
    }

    /* that Redis is away says the follower */
    if (status == MP_OK) {
        mp_health_good(beat->health, MPM_TROUBLE_REPORT);

    } else if (!mp_redis_is_away(status)) {
        mp_health_bad(beat->health, MPM_TROUBLE_REPORT,
                      "counters cannot be written: %s", err->text);
    }

    return status;
}


static void *
mpm_beat_run(void *arg)
{
    struct mpm_beat *beat = arg;
    int64_t now = mp_clock_steady();
    int64_t flush_at = now, info_at = now;
    struct mp_error err;
    bool on;

    do {
        bool info, flush;

        on = mp_health_wait(beat->health, flush_at);
        now = mp_clock_steady();
        info = now >= info_at;
        flush = now >= flush_at || !on;

        if (mpm_beat_once(beat, info, flush, &err) != MP_OK) {
            flush_at = now + MPM_BEAT_MSECS;
            continue;
        }

        flush_at = flush ? now + MPM_FLUSH_MSECS : flush_at;
        info_at = info ? now + MPM_INFO_MSECS : info_at;

    } while (on);

    return NULL;
}


int
mpm_beat_start(struct mpm_beat *beat)
{
    int rc = pthread_create(&beat->thread, NULL, mpm_beat_run, beat);

    beat->started = rc == 0;

    return rc;
}


void
mpm_beat_stop(struct mpm_beat *beat)
{
    if (beat->started) {
        mp_health_stop(beat->health);
        (void) pthread_join(beat->thread, NULL);
        beat->started = false;
    }
}
