#include "mpm_redis.h"


static struct mp_redis *
mpm_redis_make(const struct mpm_config *config, const char *name, bool unsafe)
{
    struct mp_redis_options options = {
        .socket = config->redis,
        .user = config->redis_user[0] != '\0' ? config->redis_user : NULL,
        .password_file = config->redis_password_file[0] != '\0'
                           ? config->redis_password_file
                           : NULL,
        .name = name,
        .timeout_msecs = config->redis_timeout,
        .unsafe = unsafe,
    };

    return mp_redis_new(&options);
}


struct mp_redis *
mpm_redis_new(const struct mpm_config *config, const char *name)
{
    return mpm_redis_make(config, name, true);
}


enum mp_status
mpm_redis_check(const struct mpm_config *config, struct mp_error *err)
{
    struct mp_redis *redis = mpm_redis_make(config, "milter-check", false);
    enum mp_status status;

    if (redis == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    status = mp_redis_connect(redis, err);
    mp_redis_free(redis);

    return status;
}
