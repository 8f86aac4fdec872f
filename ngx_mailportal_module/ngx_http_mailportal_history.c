
/*
 * Copyright (C) The mailportal authors
 *
 * Old versions of the settings: who changed what, and bringing one back.
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_publish.h"


#define NGX_HTTP_MAILPORTAL_HISTORY      20
#define NGX_HTTP_MAILPORTAL_HISTORY_MAX  100


static ngx_int_t ngx_http_mailportal_history_reply(ngx_http_request_t *r,
    redisReply *reply);
static void ngx_http_mailportal_history_row(struct mp_json *json,
    const struct mp_version *version, const struct mp_version *before);
static ngx_int_t ngx_http_mailportal_restore_apply(ngx_http_request_t *r,
    ngx_http_mailportal_change_t *change);


ngx_int_t
ngx_http_mailportal_history_get(ngx_http_request_t *r)
{
    char           from[32];
    int64_t        limit, before, *n;
    struct mp_cmd  cmd;

    limit = NGX_HTTP_MAILPORTAL_HISTORY;
    before = 0;

    if (ngx_http_mailportal_arg_number(r, "limit", 1,
                                       NGX_HTTP_MAILPORTAL_HISTORY_MAX, &limit)
        == NGX_ERROR)
    {
        return ngx_http_mailportal_fail(r, MP_INVALID, "limit",
                                        "must be 1 to %d",
                                        NGX_HTTP_MAILPORTAL_HISTORY_MAX);
    }

    if (ngx_http_mailportal_arg_number(r, "before", 2, INT64_MAX, &before)
        == NGX_ERROR)
    {
        return ngx_http_mailportal_fail(r, MP_INVALID, "before",
                                        "must be a version above 1");
    }

    n = ngx_palloc(r->pool, sizeof(int64_t));
    if (n == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *n = limit;
    ngx_http_mailportal_ctx(r)->data = n;

    (void) snprintf(from, sizeof(from), before ? "%lld-0" : "+",
                    (long long) before - 1);

    /* one more than is shown: what the last has changed needs the one before */

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XREVRANGE", mp_key(MP_KEY_SETTINGS), from, "-",
                 "COUNT", NULL);
    mp_cmd_number(&cmd, limit + 1);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_history_reply);
}


static ngx_int_t
ngx_http_mailportal_history_reply(ngx_http_request_t *r, redisReply *reply)
{
    size_t              i;
    int64_t             limit;
    struct mp_json      json;
    struct mp_error     err;
    struct mp_version  *v, *version, *before;

    limit = *(int64_t *) ngx_http_mailportal_ctx(r)->data;

    v = ngx_palloc(r->pool, 2 * sizeof(struct mp_version));

    if (v == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    version = NULL;

    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_array(&json, "versions");

    for (i = 0; i < reply->elements; i++) {

        before = &v[i % 2];

        if (mp_version_parse(before, reply->element[i], &err) != MP_OK) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "a version of the settings is not valid: %s",
                          err.text);
            mp_json_free(&json);

            return ngx_http_mailportal_fail(r, MP_REGRESSED, NULL,
                                            "a version in Redis is not "
                                            "valid: %s", err.text);
        }

        if (version) {
            ngx_http_mailportal_history_row(&json, version, before);
        }

        version = before;
    }

    if (version && (int64_t) reply->elements <= limit) {
        ngx_http_mailportal_history_row(&json, version, NULL);
    }

    mp_json_end_array(&json);

    if (version && (int64_t) reply->elements > limit) {
        mp_json_number(&json, "next", (int64_t) version->number + 1);

    } else {
        mp_json_null(&json, "next");
    }

    mp_json_end_object(&json);

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}


static void
ngx_http_mailportal_history_row(struct mp_json *json,
    const struct mp_version *version, const struct mp_version *before)
{
    mp_json_object(json, NULL);
    mp_json_number(json, "version", (int64_t) version->number);
    mp_json_text(json, "at", version->at);
    mp_json_text(json, "actor", version->actor);
    mp_json_text(json, "request_id", version->request_id);

    if (before) {
        mp_settings_diff(json, "changes", &before->set, &version->set);

    } else {
        mp_json_array(json, "changes");
        mp_json_end_array(json);
    }

    mp_json_end_object(json);
}


ngx_int_t
ngx_http_mailportal_restore_post(ngx_http_request_t *r)
{
    json_t                        *body, *version;
    ngx_http_mailportal_change_t  *change;

    body = ngx_http_mailportal_ctx(r)->body;
    version = json_object_get(body, "version");

    if (!json_is_integer(version) || json_integer_value(version) < 1) {
        return ngx_http_mailportal_fail(r, MP_INVALID, "version",
                                        "must be the number of a version");
    }

    if (json_object_size(body) != 1) {
        return ngx_http_mailportal_fail(r, MP_INVALID, "",
                                        "only version is known here");
    }

    change = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_change_t));
    if (change == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    change->what = "settings.restore";
    change->apply = ngx_http_mailportal_restore_apply;
    change->restore = (uint64_t) json_integer_value(version);

    return ngx_http_mailportal_change(r, change);
}


static ngx_int_t
ngx_http_mailportal_restore_apply(ngx_http_request_t *r,
    ngx_http_mailportal_change_t *change)
{
    change->next.set = change->old.set;

    return NGX_OK;
}
