
/*
 * Copyright (C) The mailportal authors
 *
 * What a worker starts and stops, in this order.
 */


#ifndef _NGX_HTTP_MAILPORTAL_WORKER_H_INCLUDED_
#define _NGX_HTTP_MAILPORTAL_WORKER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


void ngx_http_mailportal_op_start(ngx_cycle_t *cycle);
void ngx_http_mailportal_op_stop(void);

void ngx_http_mailportal_follow_start(ngx_cycle_t *cycle);
void ngx_http_mailportal_follow_stop(void);

void ngx_http_mailportal_watch_start(ngx_cycle_t *cycle);
void ngx_http_mailportal_watch_stop(void);

void ngx_http_mailportal_stat_start(ngx_cycle_t *cycle);
void ngx_http_mailportal_beat_start(ngx_cycle_t *cycle);
void ngx_http_mailportal_expiry_start(ngx_cycle_t *cycle);


#endif /* _NGX_HTTP_MAILPORTAL_WORKER_H_INCLUDED_ */
