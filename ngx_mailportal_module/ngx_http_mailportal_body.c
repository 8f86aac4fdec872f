
/*
 * Copyright (C) The mailportal authors
 *
 * The request's body: in pieces, or as one JSON object.  It is read
 * unbuffered, so that it never gets into a file.
 */


#include "ngx_http_mailportal.h"


#define NGX_HTTP_MAILPORTAL_DEPTH  16


static void ngx_http_mailportal_body_begun(ngx_http_request_t *r);
static void ngx_http_mailportal_body_event(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_body_pump(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_body_pieces(ngx_http_request_t *r,
    ngx_http_mailportal_ctx_t *ctx);
static ngx_int_t ngx_http_mailportal_body_collect(ngx_http_request_t *r,
    u_char *bytes, size_t len, ngx_uint_t last);
static ngx_int_t ngx_http_mailportal_body_parse(ngx_http_request_t *r,
    ngx_http_mailportal_ctx_t *ctx);
static ngx_uint_t ngx_http_mailportal_too_deep(u_char *p, u_char *last);


ngx_int_t
ngx_http_mailportal_body(ngx_http_request_t *r, size_t max,
    ngx_http_mailportal_consume_pt consume)
{
    ngx_int_t                   rc;
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);
    ctx->consume = consume;
    ctx->max = max;

    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_mailportal_body_begun);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    /* it has counted the request for a callback that we do not need */

    r->main->count--;

    return ngx_http_mailportal_body_pump(r);
}


static void
ngx_http_mailportal_body_begun(ngx_http_request_t *r)
{
    /* unbuffered, this is called before the call returns, whatever is read */
}


ngx_int_t
ngx_http_mailportal_body_resume(ngx_http_request_t *r)
{
    return ngx_http_mailportal_body_pump(r);
}


static void
ngx_http_mailportal_body_event(ngx_http_request_t *r)
{
    ngx_http_mailportal_continue(r, ngx_http_mailportal_body_pump(r));
}


static ngx_int_t
ngx_http_mailportal_body_pump(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);

    r->read_event_handler = ngx_http_block_reading;

    for ( ;; ) {

        rc = ngx_http_mailportal_body_pieces(r, ctx);

        if (rc != NGX_OK) {

            /* while the consumer is busy, the client is not the slow one */

            if (r->connection->read->timer_set) {
                ngx_del_timer(r->connection->read);
            }

            return rc;
        }

        if (!r->reading_body) {
            break;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            return rc;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            r->read_event_handler = ngx_http_mailportal_body_event;
            return NGX_AGAIN;
        }
    }

    return ctx->consume(r, NULL, 0, 1);
}


/* NGX_OK: all that has come is consumed */

static ngx_int_t
ngx_http_mailportal_body_pieces(ngx_http_request_t *r,
    ngx_http_mailportal_ctx_t *ctx)
{
    size_t        len;
    u_char       *bytes;
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    /* no body at all, and Expect: 100-continue with a reset, leave none */

    while (r->request_body && r->request_body->bufs) {

        cl = r->request_body->bufs;
        r->request_body->bufs = cl->next;

        bytes = cl->buf->pos;
        len = cl->buf->last - bytes;

        /* the core takes the buffer back when this is so */

        cl->buf->pos = cl->buf->last;

        ctx->received += len;

        if (ctx->received > (off_t) ctx->max) {
            return ngx_http_mailportal_fail(r, MP_TOO_LARGE, NULL,
                                            "the limit is %zu bytes",
                                            ctx->max);
        }

        if (len == 0) {
            continue;
        }

        rc = ctx->consume(r, bytes, len, 0);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_mailportal_body_json(ngx_http_request_t *r, size_t max,
    ngx_http_mailportal_handler_pt next)
{
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);
    ctx->next = next;

    return ngx_http_mailportal_body(r, max, ngx_http_mailportal_body_collect);
}


static ngx_int_t
ngx_http_mailportal_body_collect(ngx_http_request_t *r, u_char *bytes,
    size_t len, ngx_uint_t last)
{
    size_t                      size;
    u_char                     *p;
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);

    if (last) {
        return ngx_http_mailportal_body_parse(r, ctx);
    }

    if (ctx->text_len + len > ctx->text_size) {

        size = ngx_max(ctx->text_len + len, 2 * ctx->text_size);
        size = ngx_min(ngx_max(size, 1024), ctx->max);

        p = ngx_pnalloc(r->pool, size);
        if (p == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (ctx->text_len) {
            ngx_memcpy(p, ctx->text, ctx->text_len);
        }

        ctx->text = p;
        ctx->text_size = size;
    }

    ngx_memcpy(ctx->text + ctx->text_len, bytes, len);
    ctx->text_len += len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mailportal_body_parse(ngx_http_request_t *r,
    ngx_http_mailportal_ctx_t *ctx)
{
    json_error_t  err;

    if (ngx_http_mailportal_too_deep(ctx->text, ctx->text + ctx->text_len)) {
        return ngx_http_mailportal_fail(r, MP_MALFORMED, NULL,
                                        "the JSON is nested deeper than %d",
                                        NGX_HTTP_MAILPORTAL_DEPTH);
    }

    ctx->body = json_loadb(ctx->text_len ? (char *) ctx->text : "",
                           ctx->text_len, JSON_REJECT_DUPLICATES, &err);

    if (ctx->body == NULL) {
        return ngx_http_mailportal_fail(r, MP_MALFORMED, NULL,
                                        "line %d, column %d: %s", err.line,
                                        err.column, err.text);
    }

    if (!json_is_object(ctx->body)) {
        return ngx_http_mailportal_fail(r, MP_MALFORMED, NULL,
                                        "the JSON must be an object");
    }

    return ctx->next(r);
}


/* jansson itself would follow two thousand levels */

static ngx_uint_t
ngx_http_mailportal_too_deep(u_char *p, u_char *last)
{
    ngx_uint_t  depth, quoted;

    depth = 0;
    quoted = 0;

    for ( /* void */ ; p < last; p++) {

        if (quoted && *p == '\\') {
            p++;

        } else if (*p == '"') {
            quoted = !quoted;

        } else if (!quoted && (*p == '{' || *p == '[')) {
            if (++depth > NGX_HTTP_MAILPORTAL_DEPTH) {
                return 1;
            }

        } else if (!quoted && (*p == '}' || *p == ']') && depth > 0) {
            depth--;
        }
    }

    return 0;
}
