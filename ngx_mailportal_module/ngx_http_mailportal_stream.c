
/*
 * Copyright (C) The mailportal authors
 *
 * An answer of unknown length, as fast as the client takes it.
 */


#include "ngx_http_mailportal.h"


static void ngx_http_mailportal_stream_event(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_stream_drain(ngx_http_request_t *r,
    ngx_chain_t *in);


ngx_int_t
ngx_http_mailportal_stream(ngx_http_request_t *r, const char *type,
    const char *filename, ngx_http_mailportal_handler_pt more)
{
    char                        value[160];
    ngx_int_t                   rc;
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);
    ctx->next = more;

    (void) snprintf(value, sizeof(value), "attachment; filename=\"%s\"",
                    filename);

    if (ngx_http_mailportal_header(r, "Content-Disposition", value) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_mailportal_begin(r, NGX_HTTP_OK, type, -1);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    return r->header_only ? NGX_DONE : more(r);
}


ngx_int_t
ngx_http_mailportal_stream_put(ngx_http_request_t *r, const void *bytes,
    size_t len, ngx_uint_t last)
{
    ngx_buf_t                  *b;
    ngx_chain_t                *cl;
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);

    cl = ngx_chain_get_free_buf(r->pool, &ctx->free);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    b = cl->buf;

    /* buffers that came back are used again: r->pool does not grow */

    if ((size_t) (b->end - b->start) < len) {
        b->start = ngx_palloc(r->pool, ngx_max(len, 16384));
        if (b->start == NULL) {
            return NGX_ERROR;
        }

        b->end = b->start + ngx_max(len, 16384);
    }

    b->pos = b->start;
    b->last = b->start;

    if (len) {
        b->last = ngx_cpymem(b->start, bytes, len);
    }

    b->temporary = (len != 0);
    b->flush = !last;
    b->last_buf = last;
    b->last_in_chain = last;
    b->tag = (ngx_buf_tag_t) &ngx_http_mailportal_module;

    ctx->last = last;

    return ngx_http_mailportal_stream_drain(r, cl);
}


static ngx_int_t
ngx_http_mailportal_stream_drain(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t                   rc;
    ngx_event_t                *wev;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);
    wev = r->connection->write;

    rc = ngx_http_output_filter(r, in);

    ngx_chain_update_chains(r->pool, &ctx->free, &ctx->busy, &in,
                            (ngx_buf_tag_t) &ngx_http_mailportal_module);

    if (rc == NGX_ERROR) {
        return rc;
    }

    if (ctx->last) {
        return NGX_DONE;
    }

    if (ctx->busy == NULL) {

        if (wev->timer_set) {
            ngx_del_timer(wev);
        }

        r->write_event_handler = ngx_http_request_empty_handler;

        return ctx->next(r);
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_mailportal_stream_event;

    ngx_add_timer(wev, clcf->send_timeout);

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


static void
ngx_http_mailportal_stream_event(ngx_http_request_t *r)
{
    if (r->connection->write->timedout) {
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    ngx_http_mailportal_continue(r, ngx_http_mailportal_stream_drain(r, NULL));
}
