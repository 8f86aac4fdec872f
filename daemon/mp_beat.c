#include "mp_beat.h"

#include "mp_clock.h"


enum mp_status
mp_beat_send(struct mp_redis *redis, const struct mp_heartbeat *hb,
             struct mp_error *err)
{
    redisReply *reply;
    struct mp_cmd cmd;
    enum mp_status status;

    mp_cmd_init(&cmd);
    mp_heartbeat_command(&cmd, hb);
    status = mp_redis_do(redis, &cmd, 0, &reply, err);
    mp_cmd_reset(&cmd);

    if (status == MP_OK) {
        freeReplyObject(reply);
        mp_heartbeat_index_command(&cmd, hb, mp_clock_msecs() / 1000);
        status = mp_redis_do(redis, &cmd, 0, &reply, err);
    }

    if (status == MP_OK) {
        freeReplyObject(reply);
    }

    mp_cmd_free(&cmd);

    return status;
}
