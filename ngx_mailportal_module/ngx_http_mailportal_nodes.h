
/*
 * Copyright (C) The mailportal authors
 *
 * What every component of every node says of itself.
 */


#ifndef _NGX_HTTP_MAILPORTAL_NODES_H_INCLUDED_
#define _NGX_HTTP_MAILPORTAL_NODES_H_INCLUDED_


#include "ngx_http_mailportal.h"
#include "mp_heartbeat.h"


#define NGX_HTTP_MAILPORTAL_NODES_MAX  500


typedef struct {
    struct mp_heartbeat   heartbeat;   /* its component and node always */
    ngx_uint_t            alive;       /* there is a heartbeat */
} ngx_http_mailportal_node_t;


/* nodes is NULL when Redis does not answer; stats are replies of HGETALL */
typedef ngx_int_t (*ngx_http_mailportal_nodes_pt)(ngx_http_request_t *r,
    ngx_array_t *nodes, redisReply **stats);


/*
 * Reads all heartbeats, in the order of component and node, and with stats
 * the counters of each; then calls next.
 */
ngx_int_t ngx_http_mailportal_nodes_read(ngx_http_request_t *r,
    ngx_uint_t stats, ngx_http_mailportal_nodes_pt next);


#endif /* _NGX_HTTP_MAILPORTAL_NODES_H_INCLUDED_ */
