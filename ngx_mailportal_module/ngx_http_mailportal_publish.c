
/*
 * Copyright (C) The mailportal authors
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_publish.h"

#include "mp_time.h"


static ngx_int_t ngx_http_mailportal_if_match(ngx_http_request_t *r,
    ngx_http_mailportal_change_t *change);
static ngx_int_t ngx_http_mailportal_change_read(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_change_head(ngx_http_request_t *r,
    ngx_http_mailportal_change_t *change, redisReply *entries);
static ngx_int_t ngx_http_mailportal_change_old(ngx_http_request_t *r,
    ngx_http_mailportal_change_t *change, redisReply *entries);
static ngx_int_t ngx_http_mailportal_stale(ngx_http_request_t *r,
    uint64_t number);
static ngx_int_t ngx_http_mailportal_overtaken(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_published(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_remembered(ngx_http_request_t *r,
    redisReply *reply);
static void ngx_http_mailportal_head_command(struct mp_cmd *cmd);


ngx_int_t
ngx_http_mailportal_change(ngx_http_request_t *r,
    ngx_http_mailportal_change_t *change)
{
    char           id[32];
    ngx_int_t      rc;
    ngx_uint_t     n;
    struct mp_cmd  cmds[2];

    ngx_http_mailportal_ctx(r)->data = change;

    rc = ngx_http_mailportal_if_match(r, change);

    if (rc != NGX_OK) {
        return rc;
    }

    n = 1;

    ngx_http_mailportal_head_command(&cmds[0]);

    if (change->restore) {
        (void) snprintf(id, sizeof(id), "%llu-0",
                        (unsigned long long) change->restore);

        n = 2;

        mp_cmd_init(&cmds[1]);
        mp_cmd_texts(&cmds[1], "XRANGE", mp_key(MP_KEY_SETTINGS), id, id,
                     NULL);
    }

    return ngx_http_mailportal_op(r, cmds, n, change->dry_run
                                              ? NGX_HTTP_MAILPORTAL_READ
                                              : NGX_HTTP_MAILPORTAL_PREPARE,
                                  ngx_http_mailportal_change_read);
}


/* one entity tag, "17" or, when something has compressed our answer, W/"17" */

static ngx_int_t
ngx_http_mailportal_if_match(ngx_http_request_t *r,
    ngx_http_mailportal_change_t *change)
{
    off_t       number;
    ngx_str_t   value;

    if (change->dry_run) {
        return NGX_OK;
    }

    if (r->headers_in.if_match == NULL) {
        return ngx_http_mailportal_fail(r, MP_PRECONDITION, NULL,
                                        "send If-Match with the ETag of the "
                                        "settings that you have seen");
    }

    value = r->headers_in.if_match->value;

    if (value.len == 1 && value.data[0] == '*') {
        return ngx_http_mailportal_fail(r, MP_INVALID, NULL,
                                        "If-Match must name one version");
    }

    if (value.len > 2 && value.data[0] == 'W' && value.data[1] == '/') {
        value.data += 2;
        value.len -= 2;
    }

    /* another's tag is simply not ours: 412 later, with the right one */

    change->seen = 0;

    if (value.len > 2 && value.data[0] == '"'
        && value.data[value.len - 1] == '"')
    {
        number = ngx_atoof(value.data + 1, value.len - 2);
        change->seen = (number == NGX_ERROR) ? 0 : (uint64_t) number;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mailportal_change_read(ngx_http_request_t *r, redisReply *reply)
{
    ngx_int_t                      rc;
    ngx_http_mailportal_change_t  *change;

    change = ngx_http_mailportal_ctx(r)->data;

    rc = ngx_http_mailportal_change_head(r, change, change->restore
                                                    ? reply->element[0]
                                                    : reply);
    if (rc != NGX_OK) {
        return rc;
    }

    if (change->restore) {
        rc = ngx_http_mailportal_change_old(r, change, reply->element[1]);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    change->next = change->before;

    rc = change->apply(r, change);

    if (rc != NGX_OK) {
        return rc;
    }

    if (change->dry_run
        || (change->secrets.count == 0
            && mp_settings_equal(&change->next.set, &change->before.set)))
    {
        return ngx_http_mailportal_settings_send(r, &change->next.set,
                                                 change->before.number);
    }

    return ngx_http_mailportal_secrets(r);
}


static ngx_int_t
ngx_http_mailportal_change_head(ngx_http_request_t *r,
    ngx_http_mailportal_change_t *change, redisReply *entries)
{
    struct mp_error                        err;
    ngx_http_mailportal_session_t         *session;
    const ngx_http_mailportal_snapshot_t  *s;

    s = ngx_http_mailportal_snapshot();
    session = &ngx_http_mailportal_ctx(r)->session;

    if (entries->type != REDIS_REPLY_ARRAY || entries->elements != 1) {
        return ngx_http_mailportal_fail(r, MP_REGRESSED, NULL,
                                        "Redis holds no settings");
    }

    if (mp_version_parse(&change->before, entries->element[0], &err) != MP_OK)
    {
        return ngx_http_mailportal_fail(r, MP_REGRESSED, NULL,
                                        "the settings in Redis are not "
                                        "valid: %s", err.text);
    }

    if (change->before.number < s->version.number
        && ngx_strcmp(change->before.epoch, s->version.epoch) == 0)
    {
        return ngx_http_mailportal_fail(r, MP_REGRESSED, NULL,
                                        "Redis is older than the settings "
                                        "in force");
    }

    if (change->before.number < session->settings) {
        return ngx_http_mailportal_fail(r, MP_REGRESSED, NULL,
                                        "Redis is older than what this "
                                        "session has seen; if that is meant, "
                                        "sign in again");
    }

    if (!change->dry_run && change->before.number != change->seen) {
        return ngx_http_mailportal_stale(r, change->before.number);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mailportal_change_old(ngx_http_request_t *r,
    ngx_http_mailportal_change_t *change, redisReply *entries)
{
    struct mp_error  err;

    if (entries->type != REDIS_REPLY_ARRAY || entries->elements != 1) {
        return ngx_http_mailportal_fail(r, MP_NOT_FOUND, "version",
                                        "there is no such version");
    }

    if (mp_version_parse(&change->old, entries->element[0], &err) != MP_OK) {
        return ngx_http_mailportal_fail(r, MP_CONFLICT, "version",
                                        "that version is not valid: %s",
                                        err.text);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mailportal_stale(ngx_http_request_t *r, uint64_t number)
{
    char  tag[24];

    (void) snprintf(tag, sizeof(tag), "%llu", (unsigned long long) number);

    if (ngx_http_mailportal_etag(r, tag) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mailportal_fail(r, MP_STALE, NULL,
                                    "the settings are at version %s", tag);
}


ngx_int_t
ngx_http_mailportal_publish(ngx_http_request_t *r)
{
    ngx_str_t                     *id;
    struct mp_cmd                  cmd;
    struct mp_version             *next;
    ngx_http_mailportal_ctx_t     *ctx;
    ngx_http_mailportal_change_t  *change;

    ctx = ngx_http_mailportal_ctx(r);
    change = ctx->data;
    next = &change->next;
    id = ngx_http_mailportal_request_id(r);

    (void) snprintf(next->actor, sizeof(next->actor), "%s",
                    ctx->session.user);
    (void) snprintf(next->request_id, sizeof(next->request_id), "%.*s",
                    (int) id->len, id->data);
    mp_time_format(next->at, ngx_time());

    mp_version_seal(next, &change->before);

    mp_cmd_init(&cmd);
    mp_version_command(&cmd, next);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_WRITE
                                              |NGX_HTTP_MAILPORTAL_RAW,
                                  ngx_http_mailportal_published);
}


static ngx_int_t
ngx_http_mailportal_published(ngx_http_request_t *r, redisReply *reply)
{
    char                           target[32];
    enum mp_status                 status;
    struct mp_cmd                  cmd;
    ngx_http_mailportal_change_t  *change;

    change = ngx_http_mailportal_ctx(r)->data;

    (void) snprintf(target, sizeof(target), "version %llu",
                    (unsigned long long) change->next.number);

    if (reply && reply->type == REDIS_REPLY_STRING) {
        ngx_http_mailportal_audit(r, change->what, target, MP_OK);

        return ngx_http_mailportal_remember(r, change->next.number,
                                            ngx_http_mailportal_remembered);
    }

    if (reply && reply->type == REDIS_REPLY_NIL) {
        ngx_http_mailportal_audit(r, change->what, target, MP_REGRESSED);

        return ngx_http_mailportal_fail(r, MP_REGRESSED, NULL,
                                        "the settings have gone from Redis");
    }

    status = (reply && reply->type == REDIS_REPLY_ERROR)
             ? mp_redis_error_status(reply->str) : MP_INTERNAL;

    if (status == MP_STALE) {
        ngx_http_mailportal_audit(r, change->what, target, MP_STALE);

        ngx_http_mailportal_head_command(&cmd);

        return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_READ,
                                      ngx_http_mailportal_overtaken);
    }

    return ngx_http_mailportal_redis_fail(r, reply, NGX_HTTP_MAILPORTAL_WRITE);
}


static ngx_int_t
ngx_http_mailportal_overtaken(ngx_http_request_t *r, redisReply *reply)
{
    ngx_http_mailportal_change_t  *change;

    change = ngx_http_mailportal_ctx(r)->data;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1
        || mp_version_parse(&change->before, reply->element[0], NULL) != MP_OK)
    {
        return ngx_http_mailportal_fail(r, MP_REGRESSED, NULL,
                                        "Redis holds no valid settings");
    }

    return ngx_http_mailportal_stale(r, change->before.number);
}


static ngx_int_t
ngx_http_mailportal_remembered(ngx_http_request_t *r, redisReply *reply)
{
    ngx_http_mailportal_change_t  *change;

    /* whatever this says, the version is published */

    change = ngx_http_mailportal_ctx(r)->data;

    return ngx_http_mailportal_settings_send(r, &change->next.set,
                                             change->next.number);
}


static void
ngx_http_mailportal_head_command(struct mp_cmd *cmd)
{
    mp_cmd_init(cmd);
    mp_cmd_texts(cmd, "XREVRANGE", mp_key(MP_KEY_SETTINGS), "+", "-", "COUNT",
                 "1", NULL);
}
