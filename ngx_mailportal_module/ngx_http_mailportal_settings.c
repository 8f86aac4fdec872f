
/*
 * Copyright (C) The mailportal authors
 *
 * The settings document: GET from this worker's snapshot, PATCH.
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_publish.h"


static ngx_int_t ngx_http_mailportal_settings_known(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_settings_ask(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_settings_asked(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_settings_fresh(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_settings_apply(ngx_http_request_t *r,
    ngx_http_mailportal_change_t *change);


ngx_int_t
ngx_http_mailportal_settings_get(ngx_http_request_t *r)
{
    ngx_http_mailportal_ctx_t             *ctx;
    const ngx_http_mailportal_snapshot_t  *s;

    ctx = ngx_http_mailportal_ctx(r);
    s = ngx_http_mailportal_snapshot();

    /* nobody sees an older version than one that they have seen */

    if (!ctx->stale
        && (s->stale || s->version.number < ctx->session.settings)
        && !s->regressed)
    {
        return ngx_http_mailportal_settings_ask(r);
    }

    if (ctx->session.settings >= s->version.number) {
        return ngx_http_mailportal_settings_known(r, NULL);
    }

    return ngx_http_mailportal_remember(r, s->version.number,
                                        ngx_http_mailportal_settings_known);
}


static ngx_int_t
ngx_http_mailportal_settings_known(ngx_http_request_t *r, redisReply *reply)
{
    return ngx_http_mailportal_settings_open(r);
}


/* also mailportal_settings: without a session, for programs of this host */

ngx_int_t
ngx_http_mailportal_settings_open(ngx_http_request_t *r)
{
    const ngx_http_mailportal_snapshot_t  *s;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    s = ngx_http_mailportal_snapshot();

    if (s->version.number == 0) {
        return ngx_http_mailportal_fail(r, MP_REDIS_AWAY, NULL,
                                        "no settings are known yet%s%s",
                                        s->problem[0] ? ": " : "",
                                        s->problem);
    }

    if (s->stale || s->regressed) {
        ngx_http_mailportal_ctx(r)->stale = 1;
    }

    if (ngx_http_mailportal_etag(r, s->tag) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mailportal_send_bytes(r, NGX_HTTP_OK,
                                          NGX_HTTP_MAILPORTAL_JSON_TYPE,
                                          s->settings.data, s->settings.len);
}


static ngx_int_t
ngx_http_mailportal_settings_ask(ngx_http_request_t *r)
{
    struct mp_cmd  cmd;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XREVRANGE", mp_key(MP_KEY_SETTINGS), "+", "-", "COUNT",
                 "1", NULL);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_RAW,
                                  ngx_http_mailportal_settings_asked);
}


static ngx_int_t
ngx_http_mailportal_settings_asked(ngx_http_request_t *r, redisReply *reply)
{
    struct mp_version                     *version;
    ngx_http_mailportal_ctx_t             *ctx;
    const ngx_http_mailportal_snapshot_t  *s;

    ctx = ngx_http_mailportal_ctx(r);
    s = ngx_http_mailportal_snapshot();

    version = ngx_palloc(r->pool, sizeof(struct mp_version));
    if (version == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements != 1
        || mp_version_parse(version, reply->element[0], NULL) != MP_OK
        || version->number < s->version.number)
    {
        /* Redis has nothing better: what is in force, and that it is old */

        ctx->stale = 1;

        return ngx_http_mailportal_settings_open(r);
    }

    ctx->data = version;

    /* this worker is younger than what Redis has lost, the session is not */

    if (version->number < ctx->session.settings) {
        ctx->stale = 1;
    }

    return ngx_http_mailportal_remember(r, version->number,
                                        ngx_http_mailportal_settings_fresh);
}


static ngx_int_t
ngx_http_mailportal_settings_fresh(ngx_http_request_t *r, redisReply *reply)
{
    struct mp_version  *version;

    version = ngx_http_mailportal_ctx(r)->data;

    return ngx_http_mailportal_settings_send(r, &version->set,
                                             version->number);
}


ngx_int_t
ngx_http_mailportal_settings_send(ngx_http_request_t *r,
    const struct mp_settings *set, uint64_t number)
{
    char            tag[24];
    struct mp_json  json;

    (void) snprintf(tag, sizeof(tag), "%llu", (unsigned long long) number);

    if (ngx_http_mailportal_etag(r, tag) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    mp_json_init(&json);
    mp_settings_render(&json, set);

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}


ngx_int_t
ngx_http_mailportal_settings_patch(ngx_http_request_t *r)
{
    ngx_str_t                      value;
    ngx_http_mailportal_change_t  *change;

    change = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_change_t));
    if (change == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    change->what = "settings.patch";
    change->apply = ngx_http_mailportal_settings_apply;

    if (ngx_http_mailportal_arg(r, "dry_run", &value) == NGX_OK) {
        if (value.len != 1 || (value.data[0] != '0' && value.data[0] != '1')) {
            return ngx_http_mailportal_fail(r, MP_INVALID, "dry_run",
                                            "must be 0 or 1");
        }

        change->dry_run = (value.data[0] == '1');
    }

    return ngx_http_mailportal_change(r, change);
}


static ngx_int_t
ngx_http_mailportal_settings_apply(ngx_http_request_t *r,
    ngx_http_mailportal_change_t *change)
{
    ngx_uint_t         i;
    struct mp_faults  *faults;

    faults = ngx_pcalloc(r->pool, sizeof(struct mp_faults));
    if (faults == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (mp_settings_patch(&change->next.set, ngx_http_mailportal_ctx(r)->body,
                          &change->secrets, faults)
        != MP_OK)
    {
        return ngx_http_mailportal_fail_faults(r, MP_INVALID, faults);
    }

    /* to show password_set, without storing a password */

    for (i = 0; change->dry_run && i < change->secrets.count; i++) {
        (void) mp_settings_put_text(&change->next.set,
                                    change->secrets.secret[i].setting, "1-0",
                                    NULL);
    }

    return NGX_OK;
}
