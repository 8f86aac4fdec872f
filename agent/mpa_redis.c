/* Connections of the agent's parts, and the settings as Redis has them. */

#include "mpa.h"

#include "mp_key.h"
#include "mp_stream.h"


struct mp_redis *
mpa_redis_new(const struct mpa *agent, const char *name)
{
    const struct mpa_config *config = &agent->config;
    struct mp_redis_options options = {
        .socket = config->redis,
        .user = config->redis_user[0] != '\0' ? config->redis_user : NULL,
        .password_file = config->redis_password_file[0] != '\0'
                           ? config->redis_password_file
                           : NULL,
        .name = name,
        .timeout_msecs = config->redis_timeout,
        .unsafe = true,
    };

    return mp_redis_new(&options);
}


enum mp_status
mpa_settings_read(struct mp_redis *redis, struct mp_version *version_r,
                  struct mp_error *err)
{
    const redisReply *entry;
    redisReply *reply;
    enum mp_status status;

    status = mp_stream_entry(redis, mp_key(MP_KEY_SETTINGS), NULL, &reply,
                             &entry, err);
    if (status != MP_OK) {
        return status;
    }

    status = entry != NULL
               ? mp_version_parse(version_r, entry, err)
               : mp_fail(err, MP_NOT_FOUND, "", "Redis has no settings");
    freeReplyObject(reply);

    return status;
}


bool
mpa_settings_changed(struct mp_redis *redis, uint64_t number)
{
    struct mp_version version;

    return mpa_settings_read(redis, &version, NULL) == MP_OK
        && version.number > number;
}
