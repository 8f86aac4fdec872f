#include "mpm_redis.h"

#include <stdlib.h>
#include <string.h>

#define MPM_ID_MAX 41


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


bool
mpm_redis_is_away(enum mp_status status)
{
    return status == MP_REDIS_AWAY || status == MP_REDIS_READONLY
        || status == MP_REDIS_UNSAFE || status == MP_BUSY
        || status == MP_TIMEOUT;
}


const char *
mpm_entry_id(const redisReply *entry)
{
    if (entry == NULL || entry->type != REDIS_REPLY_ARRAY
        || entry->elements != 2 || entry->element[0] == NULL
        || entry->element[0]->type != REDIS_REPLY_STRING
        || entry->element[0]->len > MPM_ID_MAX)
    {
        return NULL;
    }

    return entry->element[0]->str;
}


enum mp_status
mpm_redis_entry(struct mp_redis *redis, const char *key, const char *id,
                redisReply **reply_r, const redisReply **entry_r,
                struct mp_error *err)
{
    struct mp_cmd cmd;
    enum mp_status status;

    *entry_r = NULL;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XREVRANGE", key, id != NULL ? id : "+",
                 id != NULL ? id : "-", "COUNT", "1", NULL);
    status = mp_redis_do(redis, &cmd, 0, reply_r, err);
    mp_cmd_free(&cmd);

    if (status != MP_OK) {
        return status;
    }

    if ((*reply_r)->type != REDIS_REPLY_ARRAY) {
        freeReplyObject(*reply_r);
        *reply_r = NULL;
        return mp_fail(err, MP_INVALID, "", "%s is no stream", key);
    }

    if ((*reply_r)->elements > 0) {
        *entry_r = (*reply_r)->element[0];
    }

    return MP_OK;
}


bool
mpm_id_parse(struct mpm_id *id_r, const char *text)
{
    char *end;

    if (text[0] < '0' || text[0] > '9') {
        return false;
    }

    id_r->msecs = strtoull(text, &end, 10);
    if (end[0] != '-' || end[1] < '0' || end[1] > '9') {
        return false;
    }

    id_r->seq = strtoull(end + 1, &end, 10);

    return *end == '\0';
}


int
mpm_id_compare(const char *a, const char *b)
{
    struct mpm_id x = { 0, 0 }, y = { 0, 0 };

    (void) mpm_id_parse(&x, a);
    (void) mpm_id_parse(&y, b);

    if (x.msecs != y.msecs) {
        return x.msecs < y.msecs ? -1 : 1;
    }

    return x.seq < y.seq ? -1 : x.seq > y.seq;
}
