
/*
 * Copyright (C) The mailportal authors
 *
 * What every component of every node says of itself.
 */


#ifndef _NGX_HTTP_MAILPORTAL_NODES_H_INCLUDED_
#define _NGX_HTTP_MAILPORTAL_NODES_H_INCLUDED_


#include "ngx_http_mailportal.h"
#include "mp_action.h"
#include "mp_heartbeat.h"
#include "mp_progress.h"


#define NGX_HTTP_MAILPORTAL_NODES_MAX   500
#define NGX_HTTP_MAILPORTAL_NODES_DAYS  30     /* then a node is forgotten */


typedef struct {
    struct mp_heartbeat   heartbeat;   /* its component and node always */
    ngx_uint_t            alive;       /* there is a heartbeat */
    time_t                seen;
    redisReply           *stats;       /* of HGETALL; NULL: not asked */
    redisReply           *usage;       /* of GET; NULL: not asked; what an
                                          agent says is of Radicale */
} ngx_http_mailportal_node_t;


/* jobs of an executor's queue that a node has not taken yet */
typedef struct {
    const char           *executor;
    char                  node[MP_NODE_SIZE];
    int64_t               jobs;
} ngx_http_mailportal_waiting_t;


/* the newest jobs; good: Redis has told */
typedef struct {
    ngx_uint_t            good;
    ngx_uint_t            jobs[MP_ACTION_COUNT][MP_JOB_CANCELLED + 1];
} ngx_http_mailportal_counts_t;


/* nodes is NULL when Redis does not answer */
typedef ngx_int_t (*ngx_http_mailportal_nodes_pt)(ngx_http_request_t *r,
    ngx_array_t *nodes);


/*
 * Reads all heartbeats, in the order of component and node, and with stats
 * the counters of each and the totals of its mailboxes or collections; then
 * calls next, with ctx->data as it was before.
 */
ngx_int_t ngx_http_mailportal_nodes_read(ngx_http_request_t *r,
    ngx_uint_t stats, ngx_http_mailportal_nodes_pt next);

/* waiting.c: sets ctx->data to an array of _waiting_t, then calls next */
ngx_int_t ngx_http_mailportal_waiting_read(ngx_http_request_t *r,
    ngx_http_mailportal_handler_pt next);

/*
 * tally.c: counts the jobs of the index, then calls next, with ctx->data as it
 * was before.  What it has counted is lent until the next time.
 */
ngx_int_t ngx_http_mailportal_tally_read(ngx_http_request_t *r,
    ngx_http_mailportal_handler_pt next);
const ngx_http_mailportal_counts_t *ngx_http_mailportal_tally(void);


#endif /* _NGX_HTTP_MAILPORTAL_NODES_H_INCLUDED_ */
