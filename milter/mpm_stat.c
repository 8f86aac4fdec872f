#include "mpm_stat.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mp_domain.h"
#include "mp_heartbeat.h"
#include "mp_key.h"
#include "mp_clock.h"

#define MPM_HITS_MAX  4096
#define MPM_HITS_HASH 8192 /* a power of two above MPM_HITS_MAX */

#define MPM_SCORE_LOW  (-50)
#define MPM_SCORE_HIGH 150
#define MPM_SCORES     (MPM_SCORE_HIGH - MPM_SCORE_LOW + 1)

struct mpm_hit {
    enum mp_list_kind kind;
    struct mp_domain entry;
    uint64_t count;
    int64_t last;
};

/* An open table of what was hit since the last flush. */
struct mpm_hits {
    unsigned int count;
    unsigned short index[MPM_HITS_HASH]; /* 0 is free, else hit + 1 */
    struct mpm_hit hit[MPM_HITS_MAX];
};

struct mpm_stat {
    _Atomic(uint64_t) counter[MPM_COUNT_COUNT];
    _Atomic(uint64_t) score[MPM_SCORES];
    pthread_mutex_t lock; /* of filling */
    struct mpm_hits *filling;
    struct mpm_hits *spare; /* the flushing thread's */
    char part[MP_NODE_SIZE + 16];
};

static const char *const mpm_counter_names[] = {
#define MPM_COUNTER(id, name) [MPM_COUNT_##id] = name,
    MPM_COUNTERS(MPM_COUNTER)
#undef MPM_COUNTER
};


struct mpm_stat *
mpm_stat_new(const char *node)
{
    struct mpm_stat *stat = calloc(1, sizeof(*stat));

    if (stat == NULL) {
        return NULL;
    }

    (void) pthread_mutex_init(&stat->lock, NULL);
    (void) snprintf(stat->part, sizeof(stat->part), "milter:%s", node);

    stat->filling = calloc(1, sizeof(struct mpm_hits));
    stat->spare = calloc(1, sizeof(struct mpm_hits));

    if (stat->filling == NULL || stat->spare == NULL) {
        mpm_stat_free(stat);
        return NULL;
    }

    return stat;
}


void
mpm_stat_free(struct mpm_stat *stat)
{
    if (stat != NULL) {
        (void) pthread_mutex_destroy(&stat->lock);
        free(stat->filling);
        free(stat->spare);
        free(stat);
    }
}


void
mpm_stat_counts(struct mpm_stat *stat, enum mpm_counter counter, uint64_t n)
{
    (void) atomic_fetch_add_explicit(&stat->counter[counter], n,
                                     memory_order_relaxed);
}


void
mpm_stat_count(struct mpm_stat *stat, enum mpm_counter counter)
{
    mpm_stat_counts(stat, counter, 1);
}


void
mpm_stat_score(struct mpm_stat *stat, int32_t score)
{
    int32_t points = score >= 0 ? score / 100 : -((99 - score) / 100);

    if (points < MPM_SCORE_LOW) {
        points = MPM_SCORE_LOW;
    }

    if (points > MPM_SCORE_HIGH) {
        points = MPM_SCORE_HIGH;
    }

    (void) atomic_fetch_add_explicit(&stat->score[points - MPM_SCORE_LOW], 1,
                                     memory_order_relaxed);
}


static uint32_t
mpm_hit_hash(enum mp_list_kind kind, const char *entry, size_t len)
{
    uint32_t hash = 2166136261u ^ (uint32_t) kind;

    /* entries are an administrator's, so that no stranger chooses them */
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char) entry[i]) * 16777619u;
    }

    return hash;
}


/* The hit of an entry, made when it is not there; NULL when all is full. */
static struct mpm_hit *
mpm_hits_get(struct mpm_hits *hits, enum mp_list_kind kind, const char *entry,
             size_t len)
{
    uint32_t place = mpm_hit_hash(kind, entry, len) % MPM_HITS_HASH;
    struct mpm_hit *hit;

    for (; hits->index[place] != 0; place = (place + 1) % MPM_HITS_HASH) {
        hit = &hits->hit[hits->index[place] - 1];

        if (hit->kind == kind && hit->entry.len == len
            && memcmp(hit->entry.text, entry, len) == 0)
        {
            return hit;
        }
    }

    if (hits->count == MPM_HITS_MAX || len > MP_DOMAIN_MAX) {
        return NULL;
    }

    hit = &hits->hit[hits->count++];
    hits->index[place] = (unsigned short) hits->count;

    hit->kind = kind;
    hit->count = 0;
    hit->last = 0;
    hit->entry.len = len;
    memcpy(hit->entry.text, entry, len);
    hit->entry.text[len] = '\0';

    return hit;
}


static void
mpm_hits_add(struct mpm_stat *stat, enum mp_list_kind kind, const char *entry,
             size_t len, uint64_t count, int64_t last)
{
    struct mpm_hit *hit;

    (void) pthread_mutex_lock(&stat->lock);

    hit = mpm_hits_get(stat->filling, kind, entry, len);
    if (hit != NULL) {
        hit->count += count;
        hit->last = last > hit->last ? last : hit->last;
    }

    (void) pthread_mutex_unlock(&stat->lock);

    if (hit == NULL) {
        mpm_stat_counts(stat, MPM_COUNT_HITS_LOST, count);
    }
}


void
mpm_stat_hit(struct mpm_stat *stat, enum mp_list_kind kind, const char *entry,
             size_t len, int64_t now)
{
    mpm_hits_add(stat, kind, entry, len, 1, now);
}


static enum mp_status
mpm_stat_run(struct mp_redis *redis, struct mp_cmd *cmd, struct mp_error *err)
{
    redisReply *reply = NULL;
    enum mp_status status = mp_redis_do(redis, cmd, 0, &reply, err);

    if (reply != NULL) {
        freeReplyObject(reply);
    }

    return status;
}


static enum mp_status
mpm_stat_add(struct mp_redis *redis, const char *key, const char *field,
             uint64_t n, struct mp_error *err)
{
    struct mp_cmd cmd;
    enum mp_status status;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "HINCRBY", key, field, NULL);
    mp_cmd_number(&cmd, (long long) n);
    status = mpm_stat_run(redis, &cmd, err);
    mp_cmd_free(&cmd);

    return status;
}


static enum mp_status
mpm_stat_flush_counters(struct mpm_stat *stat, struct mp_redis *redis,
                        struct mp_error *err)
{
    struct mp_keyname key;

    (void) mp_key_name(&key, MP_KEY_STAT, stat->part);

    for (unsigned int i = 0; i < MPM_COUNT_COUNT; i++) {
        uint64_t n = atomic_exchange(&stat->counter[i], 0);
        enum mp_status status;

        if (n == 0) {
            continue;
        }

        status = mpm_stat_add(redis, key.text, mpm_counter_names[i], n, err);
        if (status != MP_OK) {
            mpm_stat_counts(stat, (enum mpm_counter) i, n);
            return status;
        }
    }

    return MP_OK;
}


static enum mp_status
mpm_stat_expire(struct mp_redis *redis, const char *key, int seconds,
                struct mp_error *err)
{
    struct mp_cmd cmd;
    enum mp_status status;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "EXPIRE", key, NULL);
    mp_cmd_number(&cmd, seconds);
    status = mpm_stat_run(redis, &cmd, err);
    mp_cmd_free(&cmd);

    return status;
}


static enum mp_status
mpm_stat_flush_scores(struct mpm_stat *stat, struct mp_redis *redis,
                      struct mp_error *err)
{
    time_t now = (time_t) (mp_clock_msecs() / 1000);
    char hour[16], field[16];
    struct mp_keyname key;
    struct tm utc;
    bool any = false;

    (void) gmtime_r(&now, &utc);
    (void) strftime(hour, sizeof(hour), "%Y%m%d%H", &utc);
    (void) mp_key_name(&key, MP_KEY_SCORES, hour);

    for (int i = 0; i < MPM_SCORES; i++) {
        uint64_t n = atomic_exchange(&stat->score[i], 0);
        enum mp_status status;

        if (n == 0) {
            continue;
        }

        (void) snprintf(field, sizeof(field), "%d", i + MPM_SCORE_LOW);
        status = mpm_stat_add(redis, key.text, field, n, err);

        if (status != MP_OK) {
            (void) atomic_fetch_add(&stat->score[i], n);
            return status;
        }

        any = true;
    }

    return any ? mpm_stat_expire(redis, key.text,
                                 mp_key_table[MP_KEY_SCORES].ttl, err)
               : MP_OK;
}


static enum mp_status
mpm_stat_flush_hit(struct mp_redis *redis, const struct mpm_hit *hit,
                   struct mp_error *err)
{
    bool white = hit->kind == MP_LIST_WHITE;
    struct mp_cmd cmd;
    enum mp_status status;

    status = mpm_stat_add(
        redis, mp_key(white ? MP_KEY_WHITE_HITS : MP_KEY_BLACK_HITS),
        hit->entry.text, hit->count, err);
    if (status != MP_OK) {
        return status;
    }

    /* a time that is lost is less than a hit that is counted twice */
    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "HSET",
                 mp_key(white ? MP_KEY_WHITE_LAST : MP_KEY_BLACK_LAST),
                 hit->entry.text, NULL);
    mp_cmd_number(&cmd, hit->last);
    (void) mpm_stat_run(redis, &cmd, err);
    mp_cmd_free(&cmd);

    return MP_OK;
}


static enum mp_status
mpm_stat_flush_hits(struct mpm_stat *stat, struct mp_redis *redis,
                    struct mp_error *err)
{
    struct mpm_hits *hits;
    enum mp_status status = MP_OK;

    (void) pthread_mutex_lock(&stat->lock);
    hits = stat->filling;
    stat->filling = stat->spare;
    (void) pthread_mutex_unlock(&stat->lock);

    for (unsigned int i = 0; i < hits->count; i++) {
        const struct mpm_hit *hit = &hits->hit[i];

        if (status == MP_OK) {
            status = mpm_stat_flush_hit(redis, hit, err);
        }

        if (status != MP_OK) {
            mpm_hits_add(stat, hit->kind, hit->entry.text, hit->entry.len,
                         hit->count, hit->last);
        }
    }

    hits->count = 0;
    memset(hits->index, 0, sizeof(hits->index));
    stat->spare = hits;

    return status;
}


enum mp_status
mpm_stat_flush(struct mpm_stat *stat, struct mp_redis *redis,
               struct mp_error *err)
{
    enum mp_status status = mpm_stat_flush_counters(stat, redis, err);

    if (status == MP_OK) {
        status = mpm_stat_flush_hits(stat, redis, err);
    }

    if (status == MP_OK) {
        status = mpm_stat_flush_scores(stat, redis, err);
    }

    return status;
}
