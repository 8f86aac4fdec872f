
/*
 * Copyright (C) The mailportal authors
 *
 * Who did what: one entry for each change and each sign-in, and reading them.
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_redis.h"

#include "mp_audit.h"


#define NGX_HTTP_MAILPORTAL_AUDIT         50
#define NGX_HTTP_MAILPORTAL_AUDIT_MAX     200
#define NGX_HTTP_MAILPORTAL_AUDIT_BATCH   500  /* entries that are searched */
#define NGX_HTTP_MAILPORTAL_AUDIT_ROUNDS  20   /* batches in one request */
#define NGX_HTTP_MAILPORTAL_AUDIT_WHAT    512  /* bytes of the argument */


typedef struct {
    ngx_str_t        what;         /* names between commas; empty: all */
    int64_t          limit;
    int64_t          count;        /* entries in a batch */
    int64_t          found;
    ngx_uint_t       rounds;
    char             last[48];     /* id of the entry that was seen last */
    struct mp_json   json;         /* the elements so far */
} ngx_http_mailportal_audit_t;


static enum mp_status ngx_http_mailportal_audit_args(ngx_http_request_t *r,
    ngx_http_mailportal_audit_t *page, struct mp_error *err);
static ngx_uint_t ngx_http_mailportal_audit_names(const ngx_str_t *what);
static ngx_uint_t ngx_http_mailportal_audit_wanted(const ngx_str_t *what,
    const char *name);
static void ngx_http_mailportal_audit_cleanup(void *data);
static ngx_int_t ngx_http_mailportal_audit_read(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_audit_reply(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_audit_send(ngx_http_request_t *r,
    ngx_uint_t more);


void
ngx_http_mailportal_audit(ngx_http_request_t *r, const char *what,
    const char *target, enum mp_status result)
{
    struct mp_cmd  cmd;

    mp_cmd_init(&cmd);
    ngx_http_mailportal_audit_command(r, &cmd, what, target, result);

    if (ngx_http_mailportal_redis_send(ngx_http_mailportal_redis(), &cmd, 0,
                                       NULL, NULL)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "an audit entry is lost: %s", what);
    }

    mp_cmd_free(&cmd);
}


void
ngx_http_mailportal_audit_command(ngx_http_request_t *r, struct mp_cmd *cmd,
    const char *what, const char *target, enum mp_status result)
{
    char                        from[NGX_SOCKADDR_STRLEN + 1];
    struct mp_audit             audit;
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);

    (void) ngx_snprintf((u_char *) from, sizeof(from), "%V%Z",
                        &r->connection->addr_text);

    ngx_memzero(&audit, sizeof(struct mp_audit));

    audit.actor = ctx->session.user;
    audit.what = what;
    audit.target = target;
    audit.from = from;
    audit.result = mp_status_name(result);
    audit.request_id = (char *) ngx_http_mailportal_request_id(r)->data;

    mp_time_format(audit.at, ngx_time());

    mp_audit_command(cmd, &audit);
}


ngx_int_t
ngx_http_mailportal_audit_get(ngx_http_request_t *r)
{
    enum mp_status                status;
    struct mp_error               err;
    ngx_pool_cleanup_t           *cln;
    ngx_http_mailportal_audit_t  *page;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mailportal_audit_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    page = cln->data;
    ngx_memzero(page, sizeof(ngx_http_mailportal_audit_t));

    mp_json_init(&page->json);
    cln->handler = ngx_http_mailportal_audit_cleanup;

    ngx_http_mailportal_ctx(r)->data = page;

    status = ngx_http_mailportal_audit_args(r, page, &err);
    if (status != MP_OK) {
        return ngx_http_mailportal_fail_error(r, status, &err);
    }

    mp_json_object(&page->json, NULL);
    mp_json_array(&page->json, "entries");

    return ngx_http_mailportal_audit_read(r);
}


static enum mp_status
ngx_http_mailportal_audit_args(ngx_http_request_t *r,
    ngx_http_mailportal_audit_t *page, struct mp_error *err)
{
    ngx_str_t  cursor;

    page->limit = NGX_HTTP_MAILPORTAL_AUDIT;

    if (ngx_http_mailportal_arg_number(r, "limit", 1,
                                       NGX_HTTP_MAILPORTAL_AUDIT_MAX,
                                       &page->limit)
        == NGX_ERROR)
    {
        return mp_fail(err, MP_INVALID, "limit",
                       "must be a number from 1 to %d",
                       NGX_HTTP_MAILPORTAL_AUDIT_MAX);
    }

    if (ngx_http_mailportal_arg(r, "cursor", &cursor) == NGX_OK
        && cursor.len)
    {
        if (cursor.len >= sizeof(page->last)
            || !mp_audit_id_check((char *) cursor.data, cursor.len))
        {
            return mp_fail(err, MP_INVALID, "cursor",
                           "not one that an answer has brought");
        }

        (void) ngx_cpystrn((u_char *) page->last, cursor.data,
                           cursor.len + 1);
    }

    (void) ngx_http_mailportal_arg(r, "what", &page->what);

    if (!ngx_http_mailportal_audit_names(&page->what)) {
        return mp_fail(err, MP_INVALID, "what",
                       "must be names of what was done, between commas");
    }

    page->count = page->what.len ? NGX_HTTP_MAILPORTAL_AUDIT_BATCH
                                 : page->limit + 1;

    return MP_OK;
}


static ngx_uint_t
ngx_http_mailportal_audit_names(const ngx_str_t *what)
{
    size_t  i;
    u_char  c;

    if (what->len > NGX_HTTP_MAILPORTAL_AUDIT_WHAT) {
        return 0;
    }

    for (i = 0; i < what->len; i++) {
        c = what->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
              || c == '.' || c == '-' || c == ','))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_http_mailportal_audit_wanted(const ngx_str_t *what, const char *name)
{
    size_t   len;
    u_char  *p, *last, *comma;

    if (what->len == 0) {
        return 1;
    }

    len = ngx_strlen(name);
    p = what->data;
    last = p + what->len;

    for ( ;; ) {

        comma = ngx_strlchr(p, last, ',');
        if (comma == NULL) {
            comma = last;
        }

        if ((size_t) (comma - p) == len && ngx_memcmp(p, name, len) == 0) {
            return 1;
        }

        if (comma == last) {
            return 0;
        }

        p = comma + 1;
    }
}


static void
ngx_http_mailportal_audit_cleanup(void *data)
{
    ngx_http_mailportal_audit_t *page = data;

    mp_json_free(&page->json);
}


static ngx_int_t
ngx_http_mailportal_audit_read(ngx_http_request_t *r)
{
    char                          from[sizeof("(") + 48];
    struct mp_cmd                 cmd;
    ngx_http_mailportal_audit_t  *page;

    page = ngx_http_mailportal_ctx(r)->data;

    (void) ngx_snprintf((u_char *) from, sizeof(from), "%s%s%Z",
                        page->last[0] ? "(" : "+", page->last);

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XREVRANGE", mp_key(MP_KEY_AUDIT_IN), from, "-",
                 "COUNT", NULL);
    mp_cmd_number(&cmd, page->count);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_audit_reply);
}


static ngx_int_t
ngx_http_mailportal_audit_reply(ngx_http_request_t *r, redisReply *reply)
{
    size_t                        i;
    struct mp_audit               audit;
    ngx_http_mailportal_audit_t  *page;

    page = ngx_http_mailportal_ctx(r)->data;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return NGX_ERROR;
    }

    for (i = 0; i < reply->elements; i++) {

        if (page->found == page->limit) {
            return ngx_http_mailportal_audit_send(r, 1);
        }

        if (mp_audit_parse(&audit, reply->element[i], NULL) != MP_OK) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn((u_char *) page->last, (u_char *) audit.id,
                           sizeof(page->last));

        if (ngx_http_mailportal_audit_wanted(&page->what, audit.what)) {
            mp_audit_render(&page->json, &audit);
            page->found++;
        }
    }

    if ((int64_t) reply->elements < page->count) {
        return ngx_http_mailportal_audit_send(r, 0);
    }

    /* what is seldom is looked for further, but not for ever */

    if (++page->rounds == NGX_HTTP_MAILPORTAL_AUDIT_ROUNDS) {
        return ngx_http_mailportal_audit_send(r, 1);
    }

    return ngx_http_mailportal_audit_read(r);
}


static ngx_int_t
ngx_http_mailportal_audit_send(ngx_http_request_t *r, ngx_uint_t more)
{
    struct mp_json                json;
    ngx_http_mailportal_audit_t  *page;

    page = ngx_http_mailportal_ctx(r)->data;

    json = page->json;
    mp_json_init(&page->json);

    mp_json_end_array(&json);
    mp_json_text(&json, "cursor", more ? page->last : NULL);
    mp_json_end_object(&json);

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}
