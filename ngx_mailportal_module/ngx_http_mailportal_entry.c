
/*
 * Copyright (C) The mailportal authors
 *
 * One entry of a list: add it, change its details, remove it.
 */


#include "ngx_http_mailportal_lists.h"
#include "mp_time.h"


#define NGX_HTTP_MAILPORTAL_COMMENT_MAX  500   /* bytes */


typedef struct {
    const ngx_http_mailportal_list_t  *list;
    struct mp_domain                   domain;
    ngx_http_mailportal_entry_t        entry;
    int64_t                            expires;
    char                               at[MP_TIME_SIZE];
    char                               by[65];
} ngx_http_mailportal_edit_t;


static ngx_http_mailportal_edit_t *ngx_http_mailportal_edit(
    ngx_http_request_t *r, ngx_int_t *rc);
static enum mp_status ngx_http_mailportal_entry_body(
    ngx_http_mailportal_edit_t *edit, json_t *body, struct mp_error *err);
static enum mp_status ngx_http_mailportal_entry_comment(
    ngx_http_mailportal_edit_t *edit, json_t *value, struct mp_error *err);
static enum mp_status ngx_http_mailportal_entry_expires(
    ngx_http_mailportal_edit_t *edit, json_t *value, struct mp_error *err);
static ngx_int_t ngx_http_mailportal_entry_read(ngx_http_request_t *r,
    ngx_http_mailportal_edit_t *edit, ngx_http_mailportal_step_pt step);
static ngx_int_t ngx_http_mailportal_put_write(ngx_http_request_t *r,
    redisReply *reply);
static void ngx_http_mailportal_entry_keep(ngx_http_request_t *r,
    ngx_http_mailportal_edit_t *edit, redisReply *reply);
static void ngx_http_mailportal_put_commands(ngx_http_request_t *r,
    ngx_http_mailportal_edit_t *edit, struct mp_cmd cmds[4]);
static void ngx_http_mailportal_put_info(ngx_http_mailportal_edit_t *edit,
    struct mp_json *json);
static ngx_int_t ngx_http_mailportal_put_done(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_delete_write(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_delete_done(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_entry_lost(ngx_http_request_t *r);


ngx_int_t
ngx_http_mailportal_entry_put(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    enum mp_status               status;
    struct mp_error              err;
    ngx_http_mailportal_edit_t  *edit;

    edit = ngx_http_mailportal_edit(r, &rc);
    if (edit == NULL) {
        return rc;
    }

    status = ngx_http_mailportal_entry_body(edit,
                                  ngx_http_mailportal_ctx(r)->body, &err);
    if (status != MP_OK) {
        return ngx_http_mailportal_fail_error(r, status, &err);
    }

    return ngx_http_mailportal_entry_read(r, edit,
                                          ngx_http_mailportal_put_write);
}


ngx_int_t
ngx_http_mailportal_entry_delete(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_mailportal_edit_t  *edit;

    edit = ngx_http_mailportal_edit(r, &rc);
    if (edit == NULL) {
        return rc;
    }

    return ngx_http_mailportal_entry_read(r, edit,
                                          ngx_http_mailportal_delete_write);
}


/* the list and the entry of the path; NULL when *rc has answered */

static ngx_http_mailportal_edit_t *
ngx_http_mailportal_edit(ngx_http_request_t *r, ngx_int_t *rc)
{
    enum mp_status               status;
    struct mp_error              err;
    ngx_http_mailportal_ctx_t   *ctx;
    ngx_http_mailportal_edit_t  *edit;

    ctx = ngx_http_mailportal_ctx(r);

    edit = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_edit_t));
    if (edit == NULL) {
        *rc = NGX_ERROR;
        return NULL;
    }

    edit->list = ngx_http_mailportal_list_find(&ctx->param[0]);
    if (edit->list == NULL) {
        *rc = ngx_http_mailportal_fail(r, MP_NOT_FOUND, NULL,
                                "the lists are whitelist and blacklist");
        return NULL;
    }

    status = mp_domain_parse(&edit->domain, (const char *) ctx->param[1].data,
                             ctx->param[1].len, &err);
    if (status != MP_OK) {
        *rc = ngx_http_mailportal_fail_error(r, status, &err);
        return NULL;
    }

    edit->entry.entry = edit->domain.text;
    ctx->data = edit;

    return edit;
}


static enum mp_status
ngx_http_mailportal_entry_body(ngx_http_mailportal_edit_t *edit, json_t *body,
    struct mp_error *err)
{
    json_t          *value;
    const char      *key;
    enum mp_status   status;

    json_object_foreach(body, key, value) {

        if (ngx_strcmp(key, "comment") == 0) {
            status = ngx_http_mailportal_entry_comment(edit, value, err);

        } else if (ngx_strcmp(key, "expires") == 0) {
            status = ngx_http_mailportal_entry_expires(edit, value, err);

        } else {
            status = mp_fail(err, MP_INVALID, key,
                             "no such field; there are comment and expires");
        }

        if (status != MP_OK) {
            return status;
        }
    }

    return MP_OK;
}


static enum mp_status
ngx_http_mailportal_entry_comment(ngx_http_mailportal_edit_t *edit,
    json_t *value, struct mp_error *err)
{
    const char  *p;

    if (json_is_null(value)) {
        return MP_OK;
    }

    if (!json_is_string(value)) {
        return mp_fail(err, MP_INVALID, "comment", "must be a text or null");
    }

    if (json_string_length(value) > NGX_HTTP_MAILPORTAL_COMMENT_MAX) {
        return mp_fail(err, MP_INVALID, "comment", "longer than %d bytes",
                       NGX_HTTP_MAILPORTAL_COMMENT_MAX);
    }

    for (p = json_string_value(value); *p; p++) {
        if ((u_char) *p < 0x20 || *p == 0x7f) {
            return mp_fail(err, MP_INVALID, "comment",
                           "must be one line without control characters");
        }
    }

    edit->entry.comment = json_string_value(value);

    return MP_OK;
}


static enum mp_status
ngx_http_mailportal_entry_expires(ngx_http_mailportal_edit_t *edit,
    json_t *value, struct mp_error *err)
{
    if (json_is_null(value)) {
        return MP_OK;
    }

    if (!json_is_string(value)
        || !mp_time_parse(&edit->expires, json_string_value(value),
                          json_string_length(value)))
    {
        return mp_fail(err, MP_INVALID, "expires",
                       "must be a time as 2030-01-31T12:00:00Z, or null");
    }

    if (edit->expires <= (int64_t) ngx_time()) {
        return mp_fail(err, MP_INVALID, "expires", "must be in the future");
    }

    edit->entry.expires = json_string_value(value);

    return MP_OK;
}


static ngx_int_t
ngx_http_mailportal_entry_read(ngx_http_request_t *r,
    ngx_http_mailportal_edit_t *edit, ngx_http_mailportal_step_pt step)
{
    ngx_uint_t                         i;
    struct mp_cmd                      cmds[6];
    const ngx_http_mailportal_list_t  *list, *other;

    list = edit->list;
    other = ngx_http_mailportal_list_other(list);

    ngx_http_mailportal_list_head_command(&cmds[0]);

    for (i = 1; i < 6; i++) {
        mp_cmd_init(&cmds[i]);
    }

    mp_cmd_texts(&cmds[1], "SISMEMBER", mp_key(list->set),
                 edit->domain.text, NULL);
    mp_cmd_texts(&cmds[2], "SISMEMBER", mp_key(other->set),
                 edit->domain.text, NULL);
    mp_cmd_texts(&cmds[3], "HGET", mp_key(list->info), edit->domain.text,
                 NULL);
    mp_cmd_texts(&cmds[4], "HGET", mp_key(list->hits), edit->domain.text,
                 NULL);
    mp_cmd_texts(&cmds[5], "HGET", mp_key(list->last), edit->domain.text,
                 NULL);

    return ngx_http_mailportal_op(r, cmds, 6, NGX_HTTP_MAILPORTAL_READ, step);
}


static ngx_int_t
ngx_http_mailportal_put_write(ngx_http_request_t *r, redisReply *reply)
{
    char                         id[32];
    enum mp_status               status;
    struct mp_cmd                cmds[4];
    struct mp_error              err;
    ngx_http_mailportal_ctx_t   *ctx;
    ngx_http_mailportal_edit_t  *edit;

    ctx = ngx_http_mailportal_ctx(r);
    edit = ctx->data;

    /* a write needs a stream that is not behind what is in force */

    status = ngx_http_mailportal_list_head(reply->element[0], id, &err);
    if (status != MP_OK) {
        return ngx_http_mailportal_fail_error(r, status, &err);
    }

    if (ngx_http_mailportal_reply_number(reply->element[2])) {
        return ngx_http_mailportal_fail(r, MP_CONFLICT, "entry",
                   "%s is on the %s; remove it there first",
                   edit->domain.text,
                   ngx_http_mailportal_list_other(edit->list)->name.data);
    }

    ngx_http_mailportal_entry_keep(r, edit, reply);
    ngx_http_mailportal_put_commands(r, edit, cmds);

    return ngx_http_mailportal_op(r, cmds, 4, NGX_HTTP_MAILPORTAL_WRITE,
                                  ngx_http_mailportal_put_done);
}


/* who added an entry stays with it when its details change */

static void
ngx_http_mailportal_entry_keep(ngx_http_request_t *r,
    ngx_http_mailportal_edit_t *edit, redisReply *reply)
{
    json_t                       *json;
    redisReply                   *info;
    ngx_http_mailportal_ctx_t    *ctx;
    ngx_http_mailportal_entry_t   old;

    ctx = ngx_http_mailportal_ctx(r);

    info = reply->element[3];

    ngx_http_mailportal_entry_info(&old, info->str, info->len, &json);

    (void) ngx_cpystrn((u_char *) edit->by,
                       (u_char *) (old.by ? old.by : ctx->session.user),
                       sizeof(edit->by));

    if (old.at) {
        (void) ngx_cpystrn((u_char *) edit->at, (u_char *) old.at,
                           sizeof(edit->at));

    } else {
        mp_time_format(edit->at, ngx_time());
    }

    json_decref(json);

    edit->entry.by = edit->by;
    edit->entry.at = edit->at;
    edit->entry.hits = ngx_http_mailportal_reply_number(reply->element[4]);
    edit->entry.last = ngx_http_mailportal_reply_number(reply->element[5]);
}


static void
ngx_http_mailportal_put_commands(ngx_http_request_t *r,
    ngx_http_mailportal_edit_t *edit, struct mp_cmd cmds[4])
{
    char                         at[MP_TIME_SIZE], member[MP_DOMAIN_MAX + 8];
    ngx_uint_t                   i;
    struct mp_json               json;
    struct mp_list_change        change;
    ngx_http_mailportal_ctx_t   *ctx;

    ctx = ngx_http_mailportal_ctx(r);

    for (i = 0; i < 4; i++) {
        mp_cmd_init(&cmds[i]);
    }

    mp_cmd_texts(&cmds[0], "SADD", mp_key(edit->list->set),
                 edit->domain.text, NULL);

    mp_json_init(&json);
    ngx_http_mailportal_put_info(edit, &json);

    mp_cmd_texts(&cmds[1], "HSET", mp_key(edit->list->info),
                 edit->domain.text, NULL);
    mp_cmd_add(&cmds[1], json.bytes, json.len);
    cmds[1].ok = cmds[1].ok && json.ok;

    mp_json_free(&json);

    (void) ngx_snprintf((u_char *) member, sizeof(member), "%s:%s%Z",
                        edit->list->member, edit->domain.text);

    if (edit->expires) {
        mp_cmd_texts(&cmds[2], "ZADD", mp_key(MP_KEY_LIST_EXPIRES), NULL);
        mp_cmd_number(&cmds[2], edit->expires);

    } else {
        mp_cmd_texts(&cmds[2], "ZREM", mp_key(MP_KEY_LIST_EXPIRES), NULL);
    }

    mp_cmd_text(&cmds[2], member);

    ngx_memzero(&change, sizeof(struct mp_list_change));

    change.op = MP_LIST_ADD;
    change.kind = edit->list->kind;
    change.domains = edit->domain.text;
    change.domains_len = edit->domain.len;
    change.expires = edit->expires;

    mp_time_format(at, ngx_time());
    mp_list_change_command(&cmds[3], &change, ctx->session.user, at,
                    (const char *) ngx_http_mailportal_request_id(r)->data);
}


static void
ngx_http_mailportal_put_info(ngx_http_mailportal_edit_t *edit,
    struct mp_json *json)
{
    mp_json_object(json, NULL);
    mp_json_text(json, "comment", edit->entry.comment);
    mp_json_text(json, "by", edit->entry.by);
    mp_json_text(json, "at", edit->entry.at);
    mp_json_text(json, "expires", edit->entry.expires);
    mp_json_end_object(json);
}


static ngx_int_t
ngx_http_mailportal_put_done(ngx_http_request_t *r, redisReply *reply)
{
    ngx_uint_t                   status;
    struct mp_json               json;
    ngx_http_mailportal_ctx_t   *ctx;
    ngx_http_mailportal_edit_t  *edit;

    ctx = ngx_http_mailportal_ctx(r);
    edit = ctx->data;

    if (reply->element[3]->type != REDIS_REPLY_STRING) {
        return ngx_http_mailportal_entry_lost(r);
    }

    status = ngx_http_mailportal_reply_number(reply->element[0])
                 ? NGX_HTTP_CREATED : NGX_HTTP_OK;

    ngx_http_mailportal_audit(r, edit->list->kind == MP_LIST_WHITE
                                     ? "whitelist-put" : "blacklist-put",
                              edit->domain.text, MP_OK);

    if (ngx_http_mailportal_etag(r, reply->element[3]->str) != NGX_OK) {
        return NGX_ERROR;
    }

    mp_json_init(&json);
    ngx_http_mailportal_entry_render(&json, &edit->entry);

    return ngx_http_mailportal_send(r, status, &json);
}


static ngx_int_t
ngx_http_mailportal_delete_write(ngx_http_request_t *r, redisReply *reply)
{
    char                         id[32];
    ngx_str_t                    entry;
    enum mp_status               status;
    struct mp_cmd                cmds[NGX_HTTP_MAILPORTAL_REMOVE];
    struct mp_error              err;
    ngx_http_mailportal_ctx_t   *ctx;
    ngx_http_mailportal_edit_t  *edit;

    ctx = ngx_http_mailportal_ctx(r);
    edit = ctx->data;

    /* a write needs a stream that is not behind what is in force */

    status = ngx_http_mailportal_list_head(reply->element[0], id, &err);
    if (status != MP_OK) {
        return ngx_http_mailportal_fail_error(r, status, &err);
    }

    if (!ngx_http_mailportal_reply_number(reply->element[1])) {
        return ngx_http_mailportal_fail(r, MP_NOT_FOUND, "entry",
                                        "%s is not on the %s",
                                        edit->domain.text,
                                        edit->list->name.data);
    }

    entry.data = (u_char *) edit->domain.text;
    entry.len = edit->domain.len;

    ngx_http_mailportal_list_remove(cmds, edit->list, &entry, 1,
                  ctx->session.user,
                  (const char *) ngx_http_mailportal_request_id(r)->data);

    return ngx_http_mailportal_op(r, cmds, NGX_HTTP_MAILPORTAL_REMOVE,
                                  NGX_HTTP_MAILPORTAL_WRITE,
                                  ngx_http_mailportal_delete_done);
}


static ngx_int_t
ngx_http_mailportal_delete_done(ngx_http_request_t *r, redisReply *reply)
{
    ngx_http_mailportal_ctx_t   *ctx;
    ngx_http_mailportal_edit_t  *edit;

    ctx = ngx_http_mailportal_ctx(r);
    edit = ctx->data;

    if (reply->element[3]->type != REDIS_REPLY_STRING) {
        return ngx_http_mailportal_entry_lost(r);
    }

    ngx_http_mailportal_audit(r, edit->list->kind == MP_LIST_WHITE
                                     ? "whitelist-delete"
                                     : "blacklist-delete",
                              edit->domain.text, MP_OK);

    return ngx_http_mailportal_send(r, NGX_HTTP_NO_CONTENT, NULL);
}


/* the stream went away between reading its head and writing to it */

static ngx_int_t
ngx_http_mailportal_entry_lost(ngx_http_request_t *r)
{
    return ngx_http_mailportal_fail(r, MP_REGRESSED, NULL,
                            "the change stream of the lists is gone");
}
