
/*
 * Copyright (C) The mailportal authors
 *
 * Server-sent events: an answer that stays open and tells what changes.
 *
 * A listener takes one block at a time.  Who has something new calls _run()
 * with a function that looks whether the listener is busy; if so, pump is
 * called when it is not any more, and gives what is the newest by then.  So
 * nothing queues up for a slow client.
 */


#ifndef _NGX_HTTP_MAILPORTAL_EVENTS_H_INCLUDED_
#define _NGX_HTTP_MAILPORTAL_EVENTS_H_INCLUDED_


#include "ngx_http_mailportal.h"


typedef struct ngx_http_mailportal_listener_s  ngx_http_mailportal_listener_t;

typedef void (*ngx_http_mailportal_listener_pt)(
    ngx_http_mailportal_listener_t *l);


/* bytes that many listeners may be sent; counted: hold and drop */

typedef struct {
    ngx_uint_t                        holders;
    u_char                           *bytes;
    size_t                            len;
} ngx_http_mailportal_block_t;


struct ngx_http_mailportal_listener_s {
    ngx_queue_t                       queue;   /* all of this worker */
    ngx_http_request_t               *request;

    ngx_http_mailportal_listener_pt   pump;    /* it can take a block */
    ngx_http_mailportal_listener_pt   gone;    /* the last call; may be NULL */
    void                             *data;    /* of those */

    ngx_http_mailportal_block_t      *block;   /* on its way */
    ngx_buf_t                         buf;
    ngx_chain_t                       out;
    ngx_msec_t                        spoken;  /* when something was sent */
    ngx_msec_t                        checked; /* when its session was */

    unsigned                          open:1;  /* its header is sent */
    unsigned                          busy:1;
    unsigned                          ending:1;
    unsigned                          failed:1;
};


/* NULL when there is no memory; the first holder is who calls */
ngx_http_mailportal_block_t *ngx_http_mailportal_block(size_t len);
void ngx_http_mailportal_block_drop(ngx_http_mailportal_block_t *block);

/*
 * Makes a listener of a request, in its pool.  NGX_OK, or what has refused
 * it: there is a limit for a worker and for a session.  From _open() on the
 * request is answered by it, and the result of _rc() is that of the handler.
 */
ngx_int_t ngx_http_mailportal_listener(ngx_http_request_t *r,
    ngx_http_mailportal_listener_pt pump, void *data,
    ngx_http_mailportal_listener_t **l_r);
ngx_int_t ngx_http_mailportal_listener_open(ngx_http_mailportal_listener_t *l);
ngx_int_t ngx_http_mailportal_listener_rc(ngx_http_mailportal_listener_t *l);

/* only while it is open and not busy; the block is held */
void ngx_http_mailportal_listener_put(ngx_http_mailportal_listener_t *l,
    ngx_http_mailportal_block_t *block);

/* a line that is no event, unless it is busy; text ends with two newlines */
void ngx_http_mailportal_listener_say(ngx_http_mailportal_listener_t *l,
    ngx_http_mailportal_block_t *comment);

/* it ends when what is on its way has been taken */
void ngx_http_mailportal_listener_end(ngx_http_mailportal_listener_t *l);

/* calls handler from outside of the request, which may end by it */
void ngx_http_mailportal_listener_run(ngx_http_mailportal_listener_t *l,
    ngx_http_mailportal_listener_pt handler);


#endif /* _NGX_HTTP_MAILPORTAL_EVENTS_H_INCLUDED_ */
