
/*
 * Copyright (C) The mailportal authors
 *
 * A connection to Redis: hiredis async on nginx's events.  It knows nothing
 * of requests.  Each worker has three: one for commands, one that follows, and
 * one that watches jobs.
 */


#ifndef _NGX_HTTP_MAILPORTAL_REDIS_H_INCLUDED_
#define _NGX_HTTP_MAILPORTAL_REDIS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <hiredis/async.h>

#include "mp_cmd.h"
#include "mp_error.h"


typedef struct ngx_http_mailportal_redis_s  ngx_http_mailportal_redis_t;

typedef void (*ngx_http_mailportal_redis_pt)(ngx_http_mailportal_redis_t *m);
typedef void (*ngx_http_mailportal_reply_pt)(void *data, redisReply *reply);


struct ngx_http_mailportal_redis_s {
    const char                      *name;     /* for the log and SETNAME */
    ngx_log_t                       *log;

    redisAsyncContext               *context;
    ngx_connection_t                *connection;

    ngx_queue_t                      calls;    /* in flight, oldest first */
    ngx_queue_t                      free;
    ngx_event_t                      retry;
    ngx_event_t                      watchdog;
    ngx_msec_t                       backoff;

    ngx_http_mailportal_redis_pt     up_handler;
    ngx_http_mailportal_redis_pt     down_handler;

    ngx_uint_t                       flushes;  /* of queued commands */

    enum mp_status                   writes;   /* MP_OK, or why none */
    char                             problem[264];

    unsigned                         follows:1; /* set by the caller */
    unsigned                         connected:1;
    unsigned                         up:1;     /* signed in and checked */
    unsigned                         master:1;
    unsigned                         writing:1;
    unsigned                         complained:1;
    unsigned                         stopping:1;
};


/* name, log, follows and the handlers are set by the caller before */
void ngx_http_mailportal_redis_start(ngx_http_mailportal_redis_t *m);
void ngx_http_mailportal_redis_stop(ngx_http_mailportal_redis_t *m);

/* ends the connection, every call with NULL; it is made anew by itself */
void ngx_http_mailportal_redis_drop(ngx_http_mailportal_redis_t *m);

/*
 * Sends a command; cmd stays the caller's.  The reply comes to handler once,
 * NULL when there is none within the timeout plus extra.  NGX_DECLINED: Redis
 * is away, nothing was sent and nothing will come.  handler may be NULL.
 */
ngx_int_t ngx_http_mailportal_redis_send(ngx_http_mailportal_redis_t *m,
    struct mp_cmd *cmd, ngx_msec_t extra, ngx_http_mailportal_reply_pt handler,
    void *data);

/* the same with a command that is formatted already */
ngx_int_t ngx_http_mailportal_redis_send_formatted(
    ngx_http_mailportal_redis_t *m, ngx_str_t *command,
    ngx_http_mailportal_reply_pt handler, void *data);

/*
 * The same with n commands as one MULTI, which are freed.  The reply is that
 * of EXEC, which may be an error.  When only a part could be sent, the
 * connection is dropped, for a MULTI would swallow what others send.
 */
ngx_int_t ngx_http_mailportal_redis_multi(ngx_http_mailportal_redis_t *m,
    struct mp_cmd *cmds, ngx_uint_t n, ngx_http_mailportal_reply_pt handler,
    void *data);


/* between redis.c and hello.c */
ngx_int_t ngx_http_mailportal_redis_queue(ngx_http_mailportal_redis_t *m,
    struct mp_cmd *cmd, ngx_msec_t extra, ngx_http_mailportal_reply_pt handler,
    void *data);
void ngx_http_mailportal_redis_complain(ngx_http_mailportal_redis_t *m,
    ngx_err_t err, const char *what, const char *text);

/* hello.c: _check() asks ROLE and INFO again; m->writes is the result */
void ngx_http_mailportal_redis_hello(ngx_http_mailportal_redis_t *m);
void ngx_http_mailportal_redis_check(ngx_http_mailportal_redis_t *m);

/* this worker's connection for commands */
ngx_http_mailportal_redis_t *ngx_http_mailportal_redis(void);


#endif /* _NGX_HTTP_MAILPORTAL_REDIS_H_INCLUDED_ */
