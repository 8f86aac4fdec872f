
/*
 * Copyright (C) The mailportal authors
 *
 * Jobs that somebody watches.
 */


#ifndef _NGX_HTTP_MAILPORTAL_WATCH_H_INCLUDED_
#define _NGX_HTTP_MAILPORTAL_WATCH_H_INCLUDED_


#include "ngx_http_mailportal_events.h"
#include "ngx_http_mailportal_jobs.h"


#define NGX_HTTP_MAILPORTAL_EVENT_ID  48       /* of the stream of events */


/* a job, once for a worker, however many watch it */

typedef struct {
    ngx_queue_t                       queue;
    ngx_queue_t                       watchers;
    char                              id[MP_JOB_ID_SIZE];

    ngx_http_mailportal_block_t      *block;   /* the event that is newest */
    size_t                            head;    /* of it, before the object */
    ngx_uint_t                        version; /* counts events */
    ngx_msec_t                        read;    /* when it was, the last time */

    unsigned                          dirty:1; /* it may have changed */
    unsigned                          reading:1;
    unsigned                          walking:1;
    unsigned                          ended:1;
    unsigned                          away:1;  /* and it was told so */
} ngx_http_mailportal_watch_t;


typedef struct {
    ngx_queue_t                       queue;   /* of the watch */
    ngx_http_mailportal_watch_t      *watch;
    ngx_http_mailportal_listener_t   *listener;
    ngx_uint_t                        version; /* that it was sent */
    ngx_str_t                         since;   /* Last-Event-ID, or empty */
} ngx_http_mailportal_watcher_t;


/* watch.c: the watch of a job, which is made; NULL: no memory */
ngx_http_mailportal_watch_t *ngx_http_mailportal_watch(const char *id);
void ngx_http_mailportal_watch_release(ngx_http_mailportal_watch_t *watch);

/* what was read of a job, at an id of the stream of events */
void ngx_http_mailportal_watch_take(ngx_http_mailportal_watch_t *watch,
    const struct mp_record *record, const char *at);

/* which job an entry of the stream is about; NULL: none */
const char *ngx_http_mailportal_watch_event(redisReply *entry);

/* the position in the answer of XREVRANGE; "0-0" of an empty stream */
ngx_int_t ngx_http_mailportal_watch_head(redisReply *reply,
    char id_r[NGX_HTTP_MAILPORTAL_EVENT_ID]);

/* somebody watches, who has seen what is up to the id: from there it is read */
void ngx_http_mailportal_watch_from(ngx_http_mailportal_watch_t *watch,
    const char *id);

/* watcher.c */
void ngx_http_mailportal_watcher_pump(ngx_http_mailportal_listener_t *l);


#endif /* _NGX_HTTP_MAILPORTAL_WATCH_H_INCLUDED_ */
