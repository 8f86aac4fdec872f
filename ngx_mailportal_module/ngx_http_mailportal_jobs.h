
/*
 * Copyright (C) The mailportal authors
 *
 * Jobs: what an administrator wants to be done, and how far it is.
 *
 * A job is made in four steps, each of which may be the last that a crash
 * allows: it is checked (order), its key is given an id (idem), the id gets
 * the place of its action and target (place), and the job is written whole
 * (job).  The same request, sent again with the same key, goes on where the
 * one before it has ended.
 */


#ifndef _NGX_HTTP_MAILPORTAL_JOBS_H_INCLUDED_
#define _NGX_HTTP_MAILPORTAL_JOBS_H_INCLUDED_


#include "ngx_http_mailportal.h"

#include "ngx_http_mailportal_nodes.h"

#include "mp_job.h"
#include "mp_record.h"


/*
 * An id may become a job while it is fresh, and is given up for gone when it
 * has not become one by then, in milliseconds.  What lies between is for
 * clocks that differ and for commands on their way.
 */
#define NGX_HTTP_MAILPORTAL_FRESH  5000
#define NGX_HTTP_MAILPORTAL_GONE   10000

/* attempts that ended half-way, one after the other, that are passed over */
#define NGX_HTTP_MAILPORTAL_HOPS   16


/* what is asked for, until it is a job; in r->pool */

typedef struct {
    struct mp_job    job;              /* its id is given by idem */
    char             key[65];          /* of administrator and key, hex */
    char             asked[65];        /* SHA-256 of the request, hex */
    char             other[MP_JOB_ID_SIZE];    /* who may be in the place */
    ngx_uint_t       hops;
    ngx_uint_t       renewed;          /* of former[] */
    char             former[NGX_HTTP_MAILPORTAL_HOPS][MP_JOB_ID_SIZE];
    unsigned         days:1;           /* some are asked for */
} ngx_http_mailportal_order_t;


/*
 * idem.c: finds the id of the order's key, then goes on with the place.
 * _look() answers with the job of the order's id, if there is one.  _former()
 * is whether the key had another id before, which did not become a job.
 */
ngx_int_t ngx_http_mailportal_idem(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order);
ngx_int_t ngx_http_mailportal_idem_look(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order);
ngx_uint_t ngx_http_mailportal_idem_former(
    const ngx_http_mailportal_order_t *order, const char *id);

/* place.c: one job at a time for an action and a target, then makes it */
ngx_int_t ngx_http_mailportal_place(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order);
void ngx_http_mailportal_place_command(struct mp_cmd *cmd,
    const struct mp_job *job);

/* job.c */
ngx_int_t ngx_http_mailportal_job_make(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order);

/*
 * Two commands that read a job; brief: without errors and details, which may
 * be long.  _read() takes their replies, of which the record lends.
 */
#define NGX_HTTP_MAILPORTAL_JOB_READ  2
void ngx_http_mailportal_job_commands(struct mp_cmd *cmds, const char *id,
    ngx_uint_t brief);
enum mp_status ngx_http_mailportal_job_read(struct mp_record *record,
    redisReply **replies, struct mp_error *err);

/* who of those that a job waits for has no heartbeat; nodes may be NULL */
void ngx_http_mailportal_job_silent(struct mp_record *record,
    ngx_array_t *nodes);

/* answers with the whole object */
ngx_int_t ngx_http_mailportal_job_send(ngx_http_request_t *r,
    ngx_uint_t status, const struct mp_record *record);
ngx_int_t ngx_http_mailportal_job_refuse(ngx_http_request_t *r,
    enum mp_status status, const struct mp_error *err);

/* the id in the address; NULL when it can be none */
const char *ngx_http_mailportal_job_param(ngx_http_request_t *r);

/* how old an id is; one of the future is as far away */
int64_t ngx_http_mailportal_job_age(const char *id);


#endif /* _NGX_HTTP_MAILPORTAL_JOBS_H_INCLUDED_ */
