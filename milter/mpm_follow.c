#include "mpm_follow_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_key.h"
#include "mp_clock.h"
#include "mp_log.h"

/* Entries of one answer; an entry has at most MP_LIST_BATCH domains. */
#define MPM_READ_COUNT 100

/* How long one read blocks.  It does not wake when a stream is deleted. */
#define MPM_READ_BLOCK 500

/* Between two looks at the heads of the streams. */
#define MPM_LOOK_EVERY 1000

/* Changes that keep coming are published after so long all the same. */
#define MPM_GATHER 20

/*
 * Each round of list changes copies the lists.  A rest of some times what it
 * took, but not a long one, leaves the processors to an import that makes the
 * changes; a change that comes alone never waits.
 */
#define MPM_REST_TIMES 3
#define MPM_REST_MOST  20

/* What mail that comes at the start waits for a Redis that answers. */
#define MPM_SYNC_WAIT 1000

#define MPM_BACKOFF_MIN 50
#define MPM_BACKOFF_MAX 2000


struct mpm_follow *
mpm_follow_new(const struct mpm_follow_parts *parts)
{
    struct mpm_follow *follow = calloc(1, sizeof(*follow));

    if (follow == NULL) {
        return NULL;
    }

    follow->parts = *parts;
    follow->backoff = MPM_BACKOFF_MIN;
    (void) pthread_mutex_init(&follow->lock, NULL);
    (void) mp_clock_cond(&follow->cond);

    follow->redis = mpm_redis_new(parts->config, "milter-follow");
    if (follow->redis == NULL) {
        mpm_follow_free(follow);
        return NULL;
    }

    return follow;
}


void
mpm_follow_free(struct mpm_follow *follow)
{
    if (follow != NULL) {
        mp_redis_free(follow->redis);
        mpm_settings_drop(follow->settings);
        mpm_settings_drop(follow->next_settings);
        mpm_lists_drop(follow->lists);
        mp_list_free(follow->next);
        (void) pthread_cond_destroy(&follow->cond);
        (void) pthread_mutex_destroy(&follow->lock);
        free(follow);
    }
}

/* Looks where the streams are, which no blocked read tells. */
static enum mp_status
mpm_follow_look(struct mpm_follow *follow, struct mp_error *err)
{
    enum mp_status status;

    follow->look_at = mp_clock_steady() + MPM_LOOK_EVERY;

    status = mpm_settings_look(follow, err);
    if (status == MP_OK && follow->next_settings != NULL
        && follow->lists != NULL) {
        mpm_follow_publish(follow, follow->synced);
    }

    if (status == MP_OK) {
        status = mpm_lists_look(follow, err);
    }

    if (status == MP_OK && follow->next_settings != NULL) {
        mpm_follow_publish(follow, follow->synced);
    }

    return status;
}


/* One answer of XREAD; *more_r when it may not be all. */
static enum mp_status
mpm_follow_take(struct mpm_follow *follow, const redisReply *reply,
                bool *more_r, struct mp_error *err)
{
    enum mp_status status = MP_OK;
    bool anchored = true;

    for (size_t i = 0; i < reply->elements && status == MP_OK; i++) {
        const redisReply *stream = reply->element[i];
        const redisReply *entries;
        bool lists;

        if (stream->type != REDIS_REPLY_ARRAY || stream->elements != 2
            || stream->element[0]->type != REDIS_REPLY_STRING
            || stream->element[1]->type != REDIS_REPLY_ARRAY)
        {
            return mp_fail(err, MP_REDIS_AWAY, "",
                           "the answer of XREAD is not Redis's");
        }

        entries = stream->element[1];
        lists = strcmp(stream->element[0]->str, mp_key(MP_KEY_LISTS)) == 0;
        *more_r = *more_r || entries->elements == MPM_READ_COUNT;

        if (lists) {
            /* asked after the read: what stands now stood then */
            status = mpm_lists_anchored(follow, &anchored, err);
            follow->reload = follow->reload || !anchored;
        }

        for (size_t n = 0; n < entries->elements && status == MP_OK; n++) {
            if (!lists) {
                status = mpm_settings_take(follow, entries->element[n], err);

            } else if (!follow->reload) {
                mpm_lists_take(follow, entries->element[n]);
            }
        }
    }

    return status;
}


static enum mp_status
mpm_follow_read(struct mpm_follow *follow, unsigned int block_msecs,
                bool *more_r, struct mp_error *err)
{
    struct mp_cmd cmd;
    redisReply *reply;
    enum mp_status status;
    char version[32];

    (void) snprintf(version, sizeof(version), "%" PRIu64 "-0",
                    follow->settings_seen);

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XREAD", "COUNT", NULL);
    mp_cmd_number(&cmd, MPM_READ_COUNT);

    if (block_msecs > 0) {
        mp_cmd_text(&cmd, "BLOCK");
        mp_cmd_number(&cmd, block_msecs);
    }

    mp_cmd_texts(&cmd, "STREAMS", mp_key(MP_KEY_SETTINGS),
                 mp_key(MP_KEY_LISTS), version, follow->lists_seen, NULL);
    status = mp_redis_do(follow->redis, &cmd, block_msecs, &reply, err);
    mp_cmd_free(&cmd);

    if (status != MP_OK) {
        return status;
    }

    *more_r = false;

    if (reply->type == REDIS_REPLY_ARRAY) {
        status = mpm_follow_take(follow, reply, more_r, err);
    }

    freeReplyObject(reply);

    return status;
}


/* Sleeps, unless it is to stop. */
static bool
mpm_follow_sleep(struct mpm_follow *follow, int64_t msecs)
{
    int64_t end = mp_clock_steady() + msecs;
    bool stop;

    (void) pthread_mutex_lock(&follow->lock);

    while (!follow->stop
           && mp_clock_wait(&follow->cond, &follow->lock, end) == 0) {
    }

    stop = follow->stop;
    (void) pthread_mutex_unlock(&follow->lock);

    return !stop;
}


/* Waits for changes and gathers those that are there already. */
static enum mp_status
mpm_follow_wait(struct mpm_follow *follow, struct mp_error *err)
{
    bool more = false;
    int64_t begin, end, rest;
    enum mp_status status;

    status = mpm_follow_read(follow, follow->synced ? MPM_READ_BLOCK : 0,
                             &more, err);
    begin = mp_clock_steady();
    end = begin + MPM_GATHER;

    while (status == MP_OK && more && !follow->reload
           && mp_clock_steady() < end) {
        status = mpm_follow_read(follow, 0, &more, err);
    }

    /* what was read is good, whatever came after it */
    if (follow->next_settings != NULL || follow->next != NULL) {
        mpm_follow_publish(follow, true);
    }

    if (follow->reload
        || (follow->lists != NULL
            && strcmp(follow->lists->epoch, mpm_follow_epoch(follow)) != 0))
    {
        follow->look_at = 0;
    }

    rest = (mp_clock_steady() - begin) * MPM_REST_TIMES;

    if (rest > 0) {
        (void) mpm_follow_sleep(follow,
                                rest < MPM_REST_MOST ? rest : MPM_REST_MOST);
    }

    return status;
}


static enum mp_status
mpm_follow_turn(struct mpm_follow *follow, struct mp_error *err)
{
    enum mp_status status = mp_redis_connect(follow->redis, err);

    if (status == MP_OK && mp_clock_steady() >= follow->look_at) {
        status = mpm_follow_look(follow, err);
    }

    if (status != MP_OK) {
        return status;
    }

    mp_health_good(follow->parts.health, MPM_TROUBLE_REDIS);
    follow->backoff = MPM_BACKOFF_MIN;

    /* without both, or with an older Redis, there is nothing to wait for */
    if (follow->settings == NULL || follow->lists == NULL
        || follow->settings_behind || follow->lists_behind)
    {
        (void) mpm_follow_sleep(follow, MPM_READ_BLOCK);
        return MP_OK;
    }

    return mpm_follow_wait(follow, err);
}


/* Mail may be taken now. */
static void
mpm_follow_synced(struct mpm_follow *follow)
{
    if (!follow->synced) {
        (void) pthread_mutex_lock(&follow->lock);
        follow->synced = true;
        (void) pthread_cond_broadcast(&follow->cond);
        (void) pthread_mutex_unlock(&follow->lock);
    }
}


static void
mpm_follow_failed(struct mpm_follow *follow, enum mp_status status,
                  const struct mp_error *err)
{
    mp_redis_drop(follow->redis);
    follow->look_at = 0;

    mp_health_bad(follow->parts.health, MPM_TROUBLE_REDIS, "%s: %s%s%s",
                  mp_status_title(status), err->field,
                  err->field[0] != '\0' ? " " : "", err->text);
}


static void *
mpm_follow_run(void *arg)
{
    struct mpm_follow *follow = arg;
    struct mp_error err;

    do {
        enum mp_status status = mpm_follow_turn(follow, &err);

        mpm_follow_synced(follow);

        if (status == MP_OK) {
            continue;
        }

        mpm_follow_failed(follow, status, &err);
        (void) mpm_follow_sleep(follow, follow->backoff);

        follow->backoff *= 2;
        if (follow->backoff > MPM_BACKOFF_MAX) {
            follow->backoff = MPM_BACKOFF_MAX;
        }

    } while (mpm_follow_sleep(follow, 0));

    return NULL;
}


void
mpm_follow_file(struct mpm_follow *follow)
{
    const char *path = follow->parts.config->snapshot;
    struct mp_error err;
    enum mp_status status;

    if (path[0] == '\0') {
        return;
    }

    status = mpm_file_read(&follow->settings, &follow->lists, path, &err);

    if (status == MP_NOT_FOUND) {
        return;
    }

    if (status != MP_OK) {
        mp_health_bad(follow->parts.health, MPM_TROUBLE_FILE,
                      "the snapshot file is not used: %s %s", err.field,
                      err.text);
        return;
    }

    if (follow->settings != NULL) {
        follow->settings_seen = follow->settings->version.number;
    }

    if (follow->lists != NULL) {
        memcpy(follow->lists_seen, follow->lists->id,
               sizeof(follow->lists->id));
    }

    mp_log(MP_LOG_NOTICE,
           "snapshot file: settings version %" PRIu64 ", %zu white, %zu "
           "black",
           follow->settings_seen,
           follow->lists != NULL
               ? mp_list_count(follow->lists->list, MP_LIST_WHITE)
               : 0,
           follow->lists != NULL
               ? mp_list_count(follow->lists->list, MP_LIST_BLACK)
               : 0);

    (void) mpm_current_publish(follow->parts.current,
                               mpm_settings_hold(follow->settings),
                               mpm_lists_hold(follow->lists));
}


enum mp_status
mpm_follow_first(struct mpm_follow *follow, struct mp_error *err)
{
    enum mp_status status = mpm_redis_check(follow->parts.config, err);

    if (status == MP_REDIS_UNSAFE) {
        return status;
    }

    if (status == MP_OK && follow->settings == NULL && follow->lists == NULL) {
        status = mpm_follow_look(follow, err);
    }

    if (status != MP_OK) {
        mpm_follow_failed(follow, status, err);
    }

    if (follow->settings == NULL && follow->lists == NULL) {
        mp_health_bad(follow->parts.health, MPM_TROUBLE_NOTHING,
                      "no settings and no lists: all mail is accepted");
    }

    return MP_OK;
}


int
mpm_follow_start(struct mpm_follow *follow)
{
    int64_t end = mp_clock_steady() + MPM_SYNC_WAIT;
    int rc = pthread_create(&follow->thread, NULL, mpm_follow_run, follow);

    follow->started = rc == 0;

    (void) pthread_mutex_lock(&follow->lock);

    while (follow->started && !follow->synced
           && mp_clock_wait(&follow->cond, &follow->lock, end) == 0)
    {
    }

    (void) pthread_mutex_unlock(&follow->lock);

    return rc;
}


void
mpm_follow_stop(struct mpm_follow *follow)
{
    if (!follow->started) {
        return;
    }

    (void) pthread_mutex_lock(&follow->lock);
    follow->stop = true;
    (void) pthread_cond_signal(&follow->cond);
    (void) pthread_mutex_unlock(&follow->lock);

    (void) pthread_join(follow->thread, NULL);
    follow->started = false;
}
