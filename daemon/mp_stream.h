#ifndef MP_STREAM_H
#define MP_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "mp_redis.h"

/* Whether a failure is one of Redis as a whole, and not of one command. */
bool mp_redis_is_away(enum mp_status status);

/*
 * XREVRANGE of one entry: the last one when id is NULL, else the one with
 * this id.  *entry_r is NULL when there is none; it is lent by *reply_r,
 * which the caller frees.
 */
enum mp_status mp_stream_entry(struct mp_redis *redis, const char *key,
                               const char *id, redisReply **reply_r,
                               const redisReply **entry_r,
                               struct mp_error *err);

/* The id of an element of a stream's answer, or NULL when it has none. */
const char *mp_entry_id(const redisReply *entry);

/* A stream's id as two numbers. */
struct mp_stream_id {
    uint64_t msecs;
    uint64_t seq;
};

/* False when text is no id. */
bool mp_stream_id_parse(struct mp_stream_id *id_r, const char *text);

/* Below, equal or above zero, as strcmp(); what is no id is 0-0. */
int mp_stream_id_compare(const char *a, const char *b);

#endif
