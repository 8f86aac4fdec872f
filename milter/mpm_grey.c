#include "mpm_grey.h"

#include <pthread.h>
#include <stdlib.h>

#include "mp_key.h"
#include "mpm_breaker.h"
#include "mp_clock.h"
#include "mpm_redis.h"
#include "mpm_trouble.h"

/* Connections at most; who finds none free waits for one. */
#define MPM_GREY_POOL 8

/* One failure is enough: the next message must not wait for it too. */
#define MPM_GREY_FAILURES 1
#define MPM_GREY_PAUSE    5000

struct mpm_grey {
    const struct mpm_config *config;
    struct mpm_stat *stat;
    struct mp_health *health;
    struct mpm_breaker breaker;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    size_t made;
    size_t count;
    struct mp_redis *idle[MPM_GREY_POOL];
};


struct mpm_grey *
mpm_grey_new(const struct mpm_config *config, struct mpm_stat *stat,
             struct mp_health *health)
{
    struct mpm_grey *grey = calloc(1, sizeof(*grey));

    if (grey == NULL) {
        return NULL;
    }

    grey->config = config;
    grey->stat = stat;
    grey->health = health;
    mpm_breaker_init(&grey->breaker, MPM_GREY_FAILURES, MPM_GREY_PAUSE);
    (void) pthread_mutex_init(&grey->lock, NULL);
    (void) mp_clock_cond(&grey->cond);

    return grey;
}


static void
mpm_grey_put(struct mpm_grey *grey, struct mp_redis *redis)
{
    (void) pthread_mutex_lock(&grey->lock);

    if (redis != NULL) {
        grey->idle[grey->count++] = redis;

    } else {
        grey->made--;
    }

    (void) pthread_cond_signal(&grey->cond);
    (void) pthread_mutex_unlock(&grey->lock);
}


/* A connection of the pool, or a new one; NULL when none became free. */
static struct mp_redis *
mpm_grey_take(struct mpm_grey *grey)
{
    int64_t end = mp_clock_steady() + grey->config->redis_timeout;
    struct mp_redis *redis = NULL;
    bool make = false;

    (void) pthread_mutex_lock(&grey->lock);

    while (grey->count == 0 && grey->made == MPM_GREY_POOL
           && mp_clock_wait(&grey->cond, &grey->lock, end) == 0)
    {
    }

    if (grey->count > 0) {
        redis = grey->idle[--grey->count];

    } else if (grey->made < MPM_GREY_POOL) {
        grey->made++;
        make = true;
    }

    (void) pthread_mutex_unlock(&grey->lock);

    if (make) {
        redis = mpm_redis_new(grey->config, "milter-grey");

        if (redis == NULL) {
            mpm_grey_put(grey, NULL);
        }
    }

    return redis;
}


/*
 * Writes when this sender was first seen unless it is known, and reads when
 * it was: one command, so that two nodes cannot both be first.
 */
static enum mp_status
mpm_grey_first(struct mpm_grey *grey, struct mp_redis *redis, const char *key,
               int64_t now, redisReply **reply_r, struct mp_error *err)
{
    struct mp_cmd cmd;
    enum mp_status status;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "SET", key, NULL);
    mp_cmd_number(&cmd, now);
    mp_cmd_texts(&cmd, "NX", "GET", "PX", NULL);
    mp_cmd_number(&cmd, grey->config->greylist_window);
    status = mp_redis_do(redis, &cmd, 0, reply_r, err);
    mp_cmd_free(&cmd);

    return status;
}


/* A sender that came back is known for longer; if not, no harm is done. */
static void
mpm_grey_keep(struct mpm_grey *grey, struct mp_redis *redis, const char *key,
              const char *first)
{
    redisReply *reply = NULL;
    struct mp_cmd cmd;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "SET", key, first, "XX", "PX", NULL);
    mp_cmd_number(&cmd, grey->config->greylist_keep);
    (void) mp_redis_do(redis, &cmd, 0, &reply, NULL);
    mp_cmd_free(&cmd);

    if (reply != NULL) {
        freeReplyObject(reply);
    }
}


static enum mp_status
mpm_grey_look(struct mpm_grey *grey, struct mp_redis *redis, const char *key,
              int64_t *left_r, struct mp_error *err)
{
    int64_t now = mp_clock_msecs();
    redisReply *reply;
    enum mp_status status;

    *left_r = 0;

    status = mpm_grey_first(grey, redis, key, now, &reply, err);
    if (status != MP_OK) {
        return status;
    }

    if (reply->type == REDIS_REPLY_NIL) {
        *left_r = grey->config->greylist_delay;

    } else if (reply->type == REDIS_REPLY_STRING) {
        *left_r = mp_grey_left(reply->str, now, grey->config->greylist_delay);

        if (*left_r == 0) {
            mpm_grey_keep(grey, redis, key, reply->str);
        }
    }

    freeReplyObject(reply);

    return MP_OK;
}


static int64_t
mpm_grey_try(struct mpm_grey *grey, const char *key)
{
    struct mp_redis *redis = mpm_grey_take(grey);
    enum mp_status status = MP_INTERNAL;
    struct mp_error err = { "", "no connection is free" };
    int64_t left = 0;

    if (redis != NULL) {
        status = mpm_grey_look(grey, redis, key, &left, &err);
        mpm_grey_put(grey, redis);
    }

    (void) mpm_breaker_end(&grey->breaker, status == MP_OK);

    if (status != MP_OK) {
        mpm_stat_count(grey->stat, MPM_COUNT_GREY_ERRORS);
        mp_health_bad(grey->health, MPM_TROUBLE_GREY,
                      "nobody is greylisted: %s", err.text);
        return 0;
    }

    mp_health_good(grey->health, MPM_TROUBLE_GREY);

    return left;
}


unsigned int
mpm_grey_ask(struct mpm_grey *grey, const struct mp_grey *who)
{
    char hex[MP_GREY_HEX];
    struct mp_keyname key;
    int64_t left;

    if (!mp_grey_name(hex, who) || !mp_key_name(&key, MP_KEY_GREY, hex)) {
        return 0;
    }

    if (!mpm_breaker_begin(&grey->breaker)) {
        mpm_stat_count(grey->stat, MPM_COUNT_GREY_ERRORS);
        return 0;
    }

    left = mpm_grey_try(grey, key.text);

    mpm_stat_count(grey->stat,
                   left > 0 ? MPM_COUNT_GREYLISTED : MPM_COUNT_GREY_PASSED);

    return (unsigned int) ((left + 999) / 1000);
}
