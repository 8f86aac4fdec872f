#include "mp_stream.h"

#include <stdlib.h>
#include <string.h>

#define MP_STREAM_ID_MAX 41


bool
mp_redis_is_away(enum mp_status status)
{
    return status == MP_REDIS_AWAY || status == MP_REDIS_READONLY
        || status == MP_REDIS_UNSAFE || status == MP_BUSY
        || status == MP_TIMEOUT;
}


const char *
mp_entry_id(const redisReply *entry)
{
    if (entry == NULL || entry->type != REDIS_REPLY_ARRAY
        || entry->elements != 2 || entry->element[0] == NULL
        || entry->element[0]->type != REDIS_REPLY_STRING
        || entry->element[0]->len > MP_STREAM_ID_MAX)
    {
        return NULL;
    }

    return entry->element[0]->str;
}


enum mp_status
mp_stream_entry(struct mp_redis *redis, const char *key, const char *id,
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
mp_stream_id_parse(struct mp_stream_id *id_r, const char *text)
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
mp_stream_id_compare(const char *a, const char *b)
{
    struct mp_stream_id x = { 0, 0 }, y = { 0, 0 };

    (void) mp_stream_id_parse(&x, a);
    (void) mp_stream_id_parse(&y, b);

    if (x.msecs != y.msecs) {
        return x.msecs < y.msecs ? -1 : 1;
    }

    return x.seq < y.seq ? -1 : x.seq > y.seq;
}
