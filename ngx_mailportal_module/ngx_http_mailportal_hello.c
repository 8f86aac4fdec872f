
/*
 * Copyright (C) The mailportal authors
 *
 * What is said on a new connection before it is used: who we are, and
 * whether this Redis is one that keeps what it is given.
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_redis.h"


static void ngx_http_mailportal_hello_signed_in(void *data,
    redisReply *reply);
static void ngx_http_mailportal_hello_named(void *data, redisReply *reply);
static void ngx_http_mailportal_hello_role(void *data, redisReply *reply);
static void ngx_http_mailportal_hello_info(void *data, redisReply *reply);
static void ngx_http_mailportal_hello_done(ngx_http_mailportal_redis_t *m,
    enum mp_status writes);


void
ngx_http_mailportal_redis_hello(ngx_http_mailportal_redis_t *m)
{
    struct mp_cmd                     cmd;
    ngx_http_mailportal_main_conf_t  *mmcf;

    mmcf = ngx_http_mailportal_conf();

    mp_cmd_init(&cmd);

    if (mmcf->password.len) {
        mp_cmd_text(&cmd, "AUTH");

        if (mmcf->user.len) {
            mp_cmd_add(&cmd, mmcf->user.data, mmcf->user.len);
        }

        mp_cmd_add(&cmd, mmcf->password.data, mmcf->password.len);

        (void) ngx_http_mailportal_redis_queue(m, &cmd, 0,
                                       ngx_http_mailportal_hello_signed_in, m);
        mp_cmd_reset(&cmd);
    }

    mp_cmd_texts(&cmd, "CLIENT", "SETNAME", m->name, NULL);

    (void) ngx_http_mailportal_redis_queue(m, &cmd, 0,
                                       ngx_http_mailportal_hello_named, m);
    mp_cmd_free(&cmd);
}


static void
ngx_http_mailportal_hello_signed_in(void *data, redisReply *reply)
{
    ngx_http_mailportal_redis_t *m = data;

    if (reply && reply->type == REDIS_REPLY_ERROR) {
        ngx_http_mailportal_redis_complain(m, 0, "sign in", reply->str);
    }
}


static void
ngx_http_mailportal_hello_named(void *data, redisReply *reply)
{
    ngx_http_mailportal_redis_t *m = data;

    if (reply == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_http_mailportal_redis_complain(m, 0, "refused", reply->str);
        ngx_http_mailportal_redis_drop(m);
        return;
    }

    if (!m->follows) {
        ngx_http_mailportal_redis_check(m);
        return;
    }

    ngx_http_mailportal_hello_done(m, MP_OK);
}


void
ngx_http_mailportal_redis_check(ngx_http_mailportal_redis_t *m)
{
    struct mp_cmd  cmd;

    mp_cmd_init(&cmd);
    mp_cmd_text(&cmd, "ROLE");

    (void) ngx_http_mailportal_redis_queue(m, &cmd, 0,
                                           ngx_http_mailportal_hello_role, m);
    mp_cmd_reset(&cmd);
    mp_cmd_text(&cmd, "INFO");

    (void) ngx_http_mailportal_redis_queue(m, &cmd, 0,
                                           ngx_http_mailportal_hello_info, m);
    mp_cmd_free(&cmd);
}


static void
ngx_http_mailportal_hello_role(void *data, redisReply *reply)
{
    ngx_http_mailportal_redis_t *m = data;

    m->master = reply && reply->type == REDIS_REPLY_ARRAY
                && reply->elements > 0
                && reply->element[0]->type == REDIS_REPLY_STRING
                && ngx_strcmp(reply->element[0]->str, "master") == 0;
}


static void
ngx_http_mailportal_hello_info(void *data, redisReply *reply)
{
    ngx_http_mailportal_redis_t *m = data;

    enum mp_status   status;
    struct mp_error  err;

    if (reply == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_STRING) {
        status = mp_info_check(reply->str, reply->len, &err);

    } else {
        status = mp_fail(&err, MP_REDIS_UNSAFE, "", "INFO: %s",
                         reply->type == REDIS_REPLY_ERROR ? reply->str
                                                          : "no text");
    }

    if (!m->master) {
        status = mp_fail(&err, MP_REDIS_READONLY, "",
                         "this Redis is a replica");

    } else if (status != MP_OK && status != MP_REDIS_AWAY) {
        status = MP_REDIS_UNSAFE;
    }

    if (status != MP_OK && status != m->writes) {
        ngx_log_error(NGX_LOG_ERR, m->log, 0, "redis %s: %s %s, no writes",
                      m->name, err.field, err.text);
    }

    m->problem[0] = '\0';

    if (status != MP_OK) {
        (void) snprintf(m->problem, sizeof(m->problem), "%s%s%s", err.field,
                        err.field[0] ? " " : "", err.text);

    } else if (!mp_info_writes(reply->str, reply->len)) {

        /* it refuses writes itself, and takes them again before we ask */

        (void) snprintf(m->problem, sizeof(m->problem), "%s",
                        mp_status_title(MP_REDIS_DISK));
    }

    ngx_http_mailportal_hello_done(m, status);
}


static void
ngx_http_mailportal_hello_done(ngx_http_mailportal_redis_t *m,
    enum mp_status writes)
{
    m->writes = writes;

    if (m->up) {
        return;
    }

    m->up = 1;
    m->backoff = 0;

    ngx_log_error((m->complained ? NGX_LOG_NOTICE : NGX_LOG_INFO), m->log, 0,
                  "redis %s: connected", m->name);

    m->complained = 0;

    if (m->up_handler) {
        m->up_handler(m);
    }
}
