#include "mpa.h"


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
