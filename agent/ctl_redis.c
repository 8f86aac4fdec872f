/* What several commands ask of Redis. */

#include "ctl.h"

#include <stdio.h>
#include <string.h>

#include "mp_key.h"


enum mp_status
ctl_ask(struct ctl *ctl, int type, redisReply **reply_r, struct mp_error *err,
        const char *const *words)
{
    struct mp_cmd cmd;
    enum mp_status status;

    mp_cmd_init(&cmd);

    for (; *words != NULL; words++) {
        mp_cmd_text(&cmd, *words);
    }

    status = mp_redis_do(ctl->redis, &cmd, 0, reply_r, err);
    mp_cmd_free(&cmd);

    if (status == MP_OK && type != CTL_ANY && (*reply_r)->type != type) {
        freeReplyObject(*reply_r);
        *reply_r = NULL;
        status = mp_fail(err, MP_REDIS_AWAY, "",
                         "Redis answers with another type than was asked for");
    }

    return status;
}


enum mp_status
ctl_settings_head(struct ctl *ctl, struct mp_version *version_r,
                  struct mp_error *err)
{
    redisReply *reply;
    enum mp_status status =
        CTL_ASK(ctl, REDIS_REPLY_ARRAY, &reply, err, "XREVRANGE",
                mp_key(MP_KEY_SETTINGS), "+", "-", "COUNT", "1");

    if (status != MP_OK) {
        return status;
    }

    if (reply->elements == 0) {
        status = mp_fail(err, MP_NOT_FOUND, "",
                         "there are no settings yet: mailportal-ctl init");
    } else {
        status = mp_version_parse(version_r, reply->element[0], err);
    }

    freeReplyObject(reply);

    return status;
}


enum mp_status
ctl_lists_head(struct ctl *ctl, char id_r[32], struct mp_error *err)
{
    redisReply *reply;
    enum mp_status status =
        CTL_ASK(ctl, REDIS_REPLY_ARRAY, &reply, err, "XREVRANGE",
                mp_key(MP_KEY_LISTS), "+", "-", "COUNT", "1");

    if (status != MP_OK) {
        return status;
    }

    id_r[0] = '\0';

    if (reply->elements > 0 && reply->element[0]->type == REDIS_REPLY_ARRAY
        && reply->element[0]->elements > 0
        && reply->element[0]->element[0]->type == REDIS_REPLY_STRING)
    {
        (void) snprintf(id_r, 32, "%s", reply->element[0]->element[0]->str);
    }

    freeReplyObject(reply);

    return MP_OK;
}
