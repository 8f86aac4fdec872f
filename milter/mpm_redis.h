#ifndef MPM_REDIS_H
#define MPM_REDIS_H

#include <stdbool.h>
#include <stdint.h>

#include "mp_redis.h"
#include "mpm_config.h"

/*
 * A connection as the file says; name is for CLIENT LIST.  It does not care
 * whether Redis is configured safely: that is asked at the start, by
 * mpm_redis_check(), and shown from then on.
 */
struct mp_redis *mpm_redis_new(const struct mpm_config *config,
                               const char *name);

/* Connects once: MP_REDIS_UNSAFE, or why it cannot be asked. */
enum mp_status mpm_redis_check(const struct mpm_config *config,
                               struct mp_error *err);

/* Whether a failure is one of Redis as a whole, and not of one command. */
bool mpm_redis_is_away(enum mp_status status);

/*
 * XREVRANGE of one entry: the last one when id is NULL, else the one with
 * this id.  *entry_r is NULL when there is none; it is lent by *reply_r,
 * which the caller frees.
 */
enum mp_status mpm_redis_entry(struct mp_redis *redis, const char *key,
                               const char *id, redisReply **reply_r,
                               const redisReply **entry_r,
                               struct mp_error *err);

/* The id of an element of a stream's answer, or NULL when it has none. */
const char *mpm_entry_id(const redisReply *entry);

/* A stream's id as two numbers. */
struct mpm_id {
    uint64_t msecs;
    uint64_t seq;
};

/* False when text is no id. */
bool mpm_id_parse(struct mpm_id *id_r, const char *text);

/* Below, equal or above zero, as strcmp(); what is no id is 0-0. */
int mpm_id_compare(const char *a, const char *b);

#endif
