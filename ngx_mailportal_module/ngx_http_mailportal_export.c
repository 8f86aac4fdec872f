
/*
 * Copyright (C) The mailportal authors
 *
 * Export of a list, an entry a line, as fast as the client takes it.
 */


#include "ngx_http_mailportal_lists.h"


typedef struct {
    const ngx_http_mailportal_list_t  *list;
    u_char                            *text;   /* what one SSCAN brought */
    size_t                             len;
    size_t                             size;
    char                               cursor[24];

    unsigned                           started:1;
} ngx_http_mailportal_export_t;


static ngx_int_t ngx_http_mailportal_export_ask(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_export_scanned(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_export_text(
    ngx_http_mailportal_export_t *export, redisReply *found);
static ngx_int_t ngx_http_mailportal_export_more(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_export_put(ngx_http_request_t *r);
static void ngx_http_mailportal_export_cleanup(void *data);


ngx_int_t
ngx_http_mailportal_export_get(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t            *cln;
    ngx_http_mailportal_ctx_t     *ctx;
    ngx_http_mailportal_export_t  *export;

    ctx = ngx_http_mailportal_ctx(r);

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mailportal_export_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_mailportal_export_cleanup;
    export = cln->data;
    ngx_memzero(export, sizeof(ngx_http_mailportal_export_t));

    export->cursor[0] = '0';
    ctx->data = export;

    export->list = ngx_http_mailportal_list_find(&ctx->param[0]);
    if (export->list == NULL) {
        return ngx_http_mailportal_fail(r, MP_NOT_FOUND, NULL,
                                "the lists are whitelist and blacklist");
    }

    return ngx_http_mailportal_export_ask(r);
}


static ngx_int_t
ngx_http_mailportal_export_ask(ngx_http_request_t *r)
{
    struct mp_cmd                  cmd;
    ngx_http_mailportal_ctx_t     *ctx;
    ngx_http_mailportal_export_t  *export;

    ctx = ngx_http_mailportal_ctx(r);
    export = ctx->data;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "SSCAN", mp_key(export->list->set), export->cursor,
                 "COUNT", "1000", NULL);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_export_scanned);
}


/* the header waits for the first answer: without one it is a 503 */

static ngx_int_t
ngx_http_mailportal_export_scanned(ngx_http_request_t *r, redisReply *reply)
{
    char                           name[32];
    ngx_http_mailportal_ctx_t     *ctx;
    ngx_http_mailportal_export_t  *export;

    ctx = ngx_http_mailportal_ctx(r);
    export = ctx->data;

    if (reply->elements != 2
        || reply->element[0]->type != REDIS_REPLY_STRING
        || (size_t) reply->element[0]->len >= sizeof(export->cursor)
        || reply->element[1]->type != REDIS_REPLY_ARRAY)
    {
        return ngx_http_mailportal_fail(r, MP_INTERNAL, NULL,
                                        "Redis does not scan the list");
    }

    ngx_memcpy(export->cursor, reply->element[0]->str,
               reply->element[0]->len + 1);

    if (ngx_http_mailportal_export_text(export, reply->element[1]) != NGX_OK) {
        return NGX_ERROR;
    }

    if (export->len == 0 && ngx_strcmp(export->cursor, "0") != 0) {
        return ngx_http_mailportal_export_ask(r);
    }

    if (export->started) {
        return ngx_http_mailportal_export_put(r);
    }

    export->started = 1;

    (void) ngx_snprintf((u_char *) name, sizeof(name), "%V.txt%Z",
                        &export->list->name);

    return ngx_http_mailportal_stream(r, "text/plain; charset=utf-8", name,
                                      ngx_http_mailportal_export_more);
}


static ngx_int_t
ngx_http_mailportal_export_text(ngx_http_mailportal_export_t *export,
    redisReply *found)
{
    u_char  *p;
    size_t   i, need;

    for (i = 0, need = 1; i < found->elements; i++) {
        need += found->element[i]->len + 1;
    }

    if (need > export->size) {
        p = realloc(export->text, need);
        if (p == NULL) {
            return NGX_ERROR;
        }

        export->text = p;
        export->size = need;
    }

    p = export->text;

    for (i = 0; i < found->elements; i++) {
        if (found->element[i]->type == REDIS_REPLY_STRING) {
            p = ngx_cpymem(p, found->element[i]->str, found->element[i]->len);
            *p++ = '\n';
        }
    }

    export->len = p - export->text;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mailportal_export_more(ngx_http_request_t *r)
{
    ngx_http_mailportal_ctx_t     *ctx;
    ngx_http_mailportal_export_t  *export;

    ctx = ngx_http_mailportal_ctx(r);
    export = ctx->data;

    return export->len ? ngx_http_mailportal_export_put(r)
                       : ngx_http_mailportal_export_ask(r);
}


static ngx_int_t
ngx_http_mailportal_export_put(ngx_http_request_t *r)
{
    size_t                         len;
    ngx_http_mailportal_ctx_t     *ctx;
    ngx_http_mailportal_export_t  *export;

    ctx = ngx_http_mailportal_ctx(r);
    export = ctx->data;

    len = export->len;
    export->len = 0;

    return ngx_http_mailportal_stream_put(r, export->text, len,
                                      ngx_strcmp(export->cursor, "0") == 0);
}


static void
ngx_http_mailportal_export_cleanup(void *data)
{
    ngx_http_mailportal_export_t *export = data;

    free(export->text);
}
