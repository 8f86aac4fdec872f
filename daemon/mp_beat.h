#ifndef MP_BEAT_H
#define MP_BEAT_H

#include "mp_heartbeat.h"
#include "mp_redis.h"

/*
 * Tells Redis that a component is there: its heartbeat, and when the last one
 * was.  What mp_redis_do() answers.
 */
enum mp_status mp_beat_send(struct mp_redis *redis,
                            const struct mp_heartbeat *hb,
                            struct mp_error *err);

#endif
