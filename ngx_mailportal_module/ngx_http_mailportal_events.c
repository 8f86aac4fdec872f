
/*
 * Copyright (C) The mailportal authors
 */


#include "ngx_http_mailportal_events.h"


#define NGX_HTTP_MAILPORTAL_LISTENERS      256 /* of a worker */
#define NGX_HTTP_MAILPORTAL_LISTENERS_OWN  16  /* of a session */
#define NGX_HTTP_MAILPORTAL_TICK           200
#define NGX_HTTP_MAILPORTAL_SILENCE        15000
#define NGX_HTTP_MAILPORTAL_RECHECK        15000

#define ngx_http_mailportal_fixed_block(text)                                 \
    { 1, (u_char *) text, sizeof(text) - 1 }


static ngx_int_t ngx_http_mailportal_listener_admit(ngx_http_request_t *r);
static void ngx_http_mailportal_listener_cleanup(void *data);
static void ngx_http_mailportal_listener_release(void *data);
static void ngx_http_mailportal_listener_drain(
    ngx_http_mailportal_listener_t *l, ngx_chain_t *out);
static void ngx_http_mailportal_listener_wait(
    ngx_http_mailportal_listener_t *l);
static void ngx_http_mailportal_listener_event(ngx_http_request_t *r);
static void ngx_http_mailportal_listener_tick(ngx_event_t *ev);
static void ngx_http_mailportal_listener_look(
    ngx_http_mailportal_listener_t *l);
static ngx_int_t ngx_http_mailportal_listener_checked(ngx_http_request_t *r,
    redisReply *reply);


static ngx_queue_t  ngx_http_mailportal_listeners;
static ngx_event_t  ngx_http_mailportal_listening;


/* how soon a browser comes again, in milliseconds */

static ngx_http_mailportal_block_t  ngx_http_mailportal_hello =
    ngx_http_mailportal_fixed_block("retry: 2000\n\n");

static ngx_http_mailportal_block_t  ngx_http_mailportal_alive =
    ngx_http_mailportal_fixed_block(":\n\n");


ngx_http_mailportal_block_t *
ngx_http_mailportal_block(size_t len)
{
    ngx_http_mailportal_block_t  *block;

    block = ngx_alloc(sizeof(ngx_http_mailportal_block_t) + len,
                      ngx_cycle->log);

    if (block) {
        block->holders = 1;
        block->bytes = (u_char *) (block + 1);
        block->len = len;
    }

    return block;
}


void
ngx_http_mailportal_block_drop(ngx_http_mailportal_block_t *block)
{
    if (block && --block->holders == 0) {
        ngx_free(block);
    }
}


ngx_int_t
ngx_http_mailportal_listener(ngx_http_request_t *r,
    ngx_http_mailportal_listener_pt pump, void *data,
    ngx_http_mailportal_listener_t **l_r)
{
    ngx_int_t                        rc;
    ngx_event_t                     *ev;
    ngx_http_cleanup_t              *cln;
    ngx_http_mailportal_listener_t  *l;

    ev = &ngx_http_mailportal_listening;

    if (ngx_http_mailportal_listeners.next == NULL) {
        ngx_queue_init(&ngx_http_mailportal_listeners);

        ev->handler = ngx_http_mailportal_listener_tick;
        ev->data = &ngx_http_mailportal_listeners;
        ev->log = ngx_cycle->log;
    }

    rc = ngx_http_mailportal_listener_admit(r);

    if (rc != NGX_OK) {
        return rc;
    }

    l = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_listener_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (l == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    l->request = r;
    l->pump = pump;
    l->data = data;
    l->checked = ngx_current_msec;

    ngx_http_mailportal_ctx(r)->data = l;

    cln->handler = ngx_http_mailportal_listener_cleanup;
    cln->data = l;

    ngx_queue_insert_tail(&ngx_http_mailportal_listeners, &l->queue);

    /* not cancelable: a worker that drains must come by to end the streams */

    if (!ev->timer_set) {
        ngx_add_timer(ev, NGX_HTTP_MAILPORTAL_TICK);
    }

    *l_r = l;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mailportal_listener_admit(ngx_http_request_t *r)
{
    ngx_uint_t                       all, own;
    ngx_queue_t                     *q;
    ngx_http_mailportal_ctx_t       *ctx, *other;
    ngx_http_mailportal_listener_t  *l;

    ctx = ngx_http_mailportal_ctx(r);

    all = 0;
    own = 0;

    for (q = ngx_queue_head(&ngx_http_mailportal_listeners);
         q != ngx_queue_sentinel(&ngx_http_mailportal_listeners);
         q = ngx_queue_next(q))
    {
        l = ngx_queue_data(q, ngx_http_mailportal_listener_t, queue);
        other = ngx_http_mailportal_ctx(l->request);

        all++;
        own += (ngx_strcmp(other->session.id, ctx->session.id) == 0);
    }

    if (all >= NGX_HTTP_MAILPORTAL_LISTENERS) {
        return ngx_http_mailportal_fail(r, MP_BUSY, NULL,
                                        "too many are listening");
    }

    if (own >= NGX_HTTP_MAILPORTAL_LISTENERS_OWN) {
        return ngx_http_mailportal_fail(r, MP_BUSY, NULL,
                                        "this session is listening to %d "
                                        "things",
                                        NGX_HTTP_MAILPORTAL_LISTENERS_OWN);
    }

    return NGX_OK;
}


static void
ngx_http_mailportal_listener_cleanup(void *data)
{
    ngx_http_mailportal_listener_t *l = data;

    ngx_queue_remove(&l->queue);

    if (l->gone) {
        l->gone(l);
    }
}


static void
ngx_http_mailportal_listener_release(void *data)
{
    ngx_http_mailportal_listener_t *l = data;

    ngx_http_mailportal_block_drop(l->block);
    l->block = NULL;
}


ngx_int_t
ngx_http_mailportal_listener_open(ngx_http_mailportal_listener_t *l)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;
    ngx_pool_cleanup_t  *cln;

    r = l->request;

    /* what is on its way is sent even when the request has ended */

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_mailportal_listener_release;
    cln->data = l;

    if (ngx_http_mailportal_header(r, "X-Accel-Buffering", "no") != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

#if (NGX_HTTP_GZIP)
    r->gzip_tested = 1;
    r->gzip_ok = 0;
#endif

    rc = ngx_http_mailportal_begin(r, NGX_HTTP_OK, "text/event-stream", -1);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    if (r->header_only) {
        return NGX_DONE;
    }

    r->read_event_handler = ngx_http_test_reading;
    l->open = 1;

    ngx_http_mailportal_listener_put(l, &ngx_http_mailportal_hello);

    return NGX_OK;
}


/*
 * What becomes of the request.  When it ends it may still have something to
 * send, and be there for a while: it is not open any more.
 */

ngx_int_t
ngx_http_mailportal_listener_rc(ngx_http_mailportal_listener_t *l)
{
    if (!l->failed && (!l->ending || l->busy)) {
        return NGX_AGAIN;
    }

    l->open = 0;

    if (l->failed) {
        return NGX_ERROR;
    }

    return ngx_http_send_special(l->request, NGX_HTTP_LAST) == NGX_ERROR
           ? NGX_ERROR : NGX_DONE;
}


void
ngx_http_mailportal_listener_run(ngx_http_mailportal_listener_t *l,
    ngx_http_mailportal_listener_pt handler)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = l->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    handler(l);

    ngx_http_mailportal_continue(r, ngx_http_mailportal_listener_rc(l));

    ngx_http_run_posted_requests(c);
}


void
ngx_http_mailportal_listener_put(ngx_http_mailportal_listener_t *l,
    ngx_http_mailportal_block_t *block)
{
    ngx_buf_t  *b;

    b = &l->buf;

    ngx_memzero(b, sizeof(ngx_buf_t));

    b->start = block->bytes;
    b->pos = b->start;
    b->last = b->start + block->len;
    b->end = b->last;
    b->memory = 1;
    b->flush = 1;

    l->out.buf = b;
    l->out.next = NULL;

    block->holders++;
    l->block = block;
    l->spoken = ngx_current_msec;

    ngx_http_mailportal_listener_drain(l, &l->out);
}


void
ngx_http_mailportal_listener_say(ngx_http_mailportal_listener_t *l,
    ngx_http_mailportal_block_t *comment)
{
    if (l->open && !l->busy && !l->ending) {
        ngx_http_mailportal_listener_put(l, comment);
    }
}


void
ngx_http_mailportal_listener_end(ngx_http_mailportal_listener_t *l)
{
    l->ending = 1;
}


static void
ngx_http_mailportal_listener_drain(ngx_http_mailportal_listener_t *l,
    ngx_chain_t *out)
{
    ngx_int_t     rc;
    ngx_event_t  *wev;

    rc = ngx_http_output_filter(l->request, out);

    l->busy = (rc == NGX_AGAIN);
    l->failed = (rc == NGX_ERROR);

    if (l->busy) {
        ngx_http_mailportal_listener_wait(l);
        return;
    }

    ngx_http_mailportal_block_drop(l->block);
    l->block = NULL;

    wev = l->request->connection->write;

    if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    l->request->write_event_handler = ngx_http_request_empty_handler;
}


static void
ngx_http_mailportal_listener_wait(ngx_http_mailportal_listener_t *l)
{
    ngx_event_t               *wev;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = l->request;
    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    r->write_event_handler = ngx_http_mailportal_listener_event;

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        l->failed = 1;
    }
}


static void
ngx_http_mailportal_listener_event(ngx_http_request_t *r)
{
    ngx_http_mailportal_listener_t  *l;

    l = ngx_http_mailportal_ctx(r)->data;

    if (r->connection->write->timedout) {
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    ngx_http_mailportal_listener_drain(l, NULL);

    if (!l->busy && !l->failed && !l->ending) {
        l->pump(l);
    }

    ngx_http_mailportal_continue(r, ngx_http_mailportal_listener_rc(l));
}


/* nobody is passed over and nobody is met twice, whoever ends meanwhile */

static void
ngx_http_mailportal_listener_tick(ngx_event_t *ev)
{
    ngx_queue_t                      all, *q;
    ngx_http_mailportal_listener_t  *l;

    if (ngx_queue_empty(&ngx_http_mailportal_listeners)) {
        return;
    }

    ngx_queue_init(&all);
    ngx_queue_add(&all, &ngx_http_mailportal_listeners);
    ngx_queue_init(&ngx_http_mailportal_listeners);

    while (!ngx_queue_empty(&all)) {
        q = ngx_queue_head(&all);
        l = ngx_queue_data(q, ngx_http_mailportal_listener_t, queue);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ngx_http_mailportal_listeners, q);

        if (l->open) {
            ngx_http_mailportal_listener_run(l,
                                           ngx_http_mailportal_listener_look);
        }
    }

    ngx_add_timer(ev, NGX_HTTP_MAILPORTAL_TICK);
}


static void
ngx_http_mailportal_listener_look(ngx_http_mailportal_listener_t *l)
{
    ngx_int_t                   rc;
    ngx_http_mailportal_ctx_t  *ctx;

    if (ngx_exiting) {

        /* the browser comes again, to another worker */

        l->ending = 1;
        return;
    }

    if (ngx_current_msec - l->spoken >= NGX_HTTP_MAILPORTAL_SILENCE) {
        ngx_http_mailportal_listener_say(l, &ngx_http_mailportal_alive);
    }

    ctx = ngx_http_mailportal_ctx(l->request);

    if (ngx_current_msec - l->checked >= NGX_HTTP_MAILPORTAL_RECHECK
        && ctx->op == NULL && !l->failed)
    {
        l->checked = ngx_current_msec;

        rc = ngx_http_mailportal_auth_again(l->request,
                                        ngx_http_mailportal_listener_checked);

        l->failed = (rc == NGX_ERROR);
    }
}


static ngx_int_t
ngx_http_mailportal_listener_checked(ngx_http_request_t *r, redisReply *reply)
{
    ngx_http_mailportal_listener_t  *l;

    l = ngx_http_mailportal_ctx(r)->data;

    r->read_event_handler = ngx_http_test_reading;

    if (!ngx_http_mailportal_auth_holds(r, reply)) {
        l->ending = 1;
    }

    return ngx_http_mailportal_listener_rc(l);
}
