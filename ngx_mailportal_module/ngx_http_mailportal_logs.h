
/*
 * Copyright (C) The mailportal authors
 *
 * Lines of the servers' logs: which are wanted, and how they are answered.
 */


#ifndef _NGX_HTTP_MAILPORTAL_LOGS_H_INCLUDED_
#define _NGX_HTTP_MAILPORTAL_LOGS_H_INCLUDED_


#include "ngx_http_mailportal.h"

#include "mp_logline.h"
#include "mp_time.h"


#define NGX_HTTP_MAILPORTAL_LOG_NODES   32
#define NGX_HTTP_MAILPORTAL_LOG_BATCH   500    /* lines of one command */
#define NGX_HTTP_MAILPORTAL_LOG_MSECS   4      /* of one event */


typedef struct {
    const char       *service;
    ngx_str_t         q;
    ngx_str_t         queue_id;
    ngx_str_t         address;
    ngx_str_t         node;
    enum mp_severity  severity;    /* and worse */

    char              nodes[NGX_HTTP_MAILPORTAL_LOG_NODES][64];
    ngx_uint_t        n;
} ngx_http_mailportal_log_filter_t;


/* an entry of the stream; bytes are lent */

typedef struct {
    uint64_t          msecs;       /* the id */
    uint64_t          seq;
    int64_t           at;
    uint64_t          whole;       /* 0: it is not cut */
    const char       *bytes;
    size_t            len;
} ngx_http_mailportal_log_entry_t;


/* log_line.c; _long() says that an event has worked long enough */
ngx_uint_t ngx_http_mailportal_log_long(const struct timespec *begin);
enum mp_status ngx_http_mailportal_log_filter(ngx_http_request_t *r,
    ngx_http_mailportal_log_filter_t *filter, struct mp_error *err);
enum mp_status ngx_http_mailportal_log_nodes(
    ngx_http_mailportal_log_filter_t *filter, redisReply *reply,
    struct mp_error *err);
ngx_int_t ngx_http_mailportal_log_id(const char *text, uint64_t *msecs,
    uint64_t *seq);
ngx_int_t ngx_http_mailportal_log_parse(redisReply *reply,
    ngx_http_mailportal_log_entry_t *entry);
ngx_uint_t ngx_http_mailportal_log_wanted(
    const ngx_http_mailportal_log_filter_t *filter,
    const ngx_http_mailportal_log_entry_t *entry,
    const struct mp_logline *line);
void ngx_http_mailportal_log_render(struct mp_json *json, const char *node,
    const ngx_http_mailportal_log_entry_t *entry,
    const struct mp_logline *line);
void ngx_http_mailportal_log_key(struct mp_keyname *key,
    const ngx_http_mailportal_log_filter_t *filter, ngx_uint_t i);


#endif /* _NGX_HTTP_MAILPORTAL_LOGS_H_INCLUDED_ */
