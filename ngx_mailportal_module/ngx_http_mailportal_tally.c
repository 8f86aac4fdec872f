
/*
 * Copyright (C) The mailportal authors
 *
 * How many of the newest jobs are in which state, by action.
 *
 * A job that has ended stays as it is, so that each worker reads it once, and
 * at the next look only those that are new or were at work.
 */


#include "ngx_http_mailportal_jobs.h"
#include "ngx_http_mailportal_nodes.h"


#define NGX_HTTP_MAILPORTAL_TALLY_BATCH  25    /* records of a turn */


typedef struct {
    char                              id[MP_JOB_ID_SIZE];
    u_char                            action;
    u_char                            state;
    u_char                            there;   /* the two are known */
    u_char                            last;    /* and do not change */
} ngx_http_mailportal_tally_job_t;


typedef struct {
    ngx_uint_t                        count;
    ngx_http_mailportal_tally_job_t   job[MP_JOB_INDEX_MAX];
} ngx_http_mailportal_tally_jobs_t;


typedef struct {
    ngx_http_mailportal_handler_pt    next;
    void                             *data;    /* of ctx, before */
    ngx_uint_t                        asked;   /* looked at, of jobs */
    ngx_uint_t                        n;       /* of batch */
    ngx_http_mailportal_tally_job_t
                                *batch[NGX_HTTP_MAILPORTAL_TALLY_BATCH];
    struct mp_record                  record;  /* one at a time */
    ngx_http_mailportal_tally_jobs_t  jobs;    /* newest first */
} ngx_http_mailportal_tally_t;


static ngx_int_t ngx_http_mailportal_tally_index(ngx_http_request_t *r,
    redisReply *reply);
static void ngx_http_mailportal_tally_remember(
    ngx_http_mailportal_tally_jobs_t *jobs);
static ngx_int_t ngx_http_mailportal_tally_ask(ngx_http_request_t *r,
    ngx_http_mailportal_tally_t *tally);
static ngx_int_t ngx_http_mailportal_tally_reply(ngx_http_request_t *r,
    redisReply *reply);
static void ngx_http_mailportal_tally_take(ngx_http_mailportal_tally_t *tally,
    ngx_http_mailportal_tally_job_t *job, redisReply **replies);
static ngx_int_t ngx_http_mailportal_tally_end(ngx_http_request_t *r,
    ngx_http_mailportal_tally_t *tally, ngx_uint_t good);


/* the last look of this worker, and what came of it */
static ngx_http_mailportal_tally_jobs_t  ngx_http_mailportal_tally_seen;
static ngx_http_mailportal_counts_t      ngx_http_mailportal_tally_counts;


ngx_int_t
ngx_http_mailportal_tally_read(ngx_http_request_t *r,
    ngx_http_mailportal_handler_pt next)
{
    struct mp_cmd                 cmd;
    ngx_http_mailportal_ctx_t    *ctx;
    ngx_http_mailportal_tally_t  *tally;

    tally = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_tally_t));
    if (tally == NULL) {
        return NGX_ERROR;
    }

    ctx = ngx_http_mailportal_ctx(r);

    tally->next = next;
    tally->data = ctx->data;
    ctx->data = tally;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "ZREVRANGE", mp_key(MP_KEY_JOB_INDEX), "0", NULL);
    mp_cmd_number(&cmd, MP_JOB_INDEX_MAX - 1);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_RAW,
                                  ngx_http_mailportal_tally_index);
}


const ngx_http_mailportal_counts_t *
ngx_http_mailportal_tally(void)
{
    return &ngx_http_mailportal_tally_counts;
}


static ngx_int_t
ngx_http_mailportal_tally_index(ngx_http_request_t *r, redisReply *reply)
{
    size_t                             i;
    redisReply                        *id;
    ngx_http_mailportal_tally_t       *tally;
    ngx_http_mailportal_tally_jobs_t  *jobs;

    tally = ngx_http_mailportal_ctx(r)->data;
    jobs = &tally->jobs;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return ngx_http_mailportal_tally_end(r, tally, 0);
    }

    for (i = 0; i < reply->elements && jobs->count < MP_JOB_INDEX_MAX; i++) {
        id = reply->element[i];

        if (id->type == REDIS_REPLY_STRING
            && mp_job_id_check(id->str, id->len, NULL))
        {
            ngx_memcpy(jobs->job[jobs->count++].id, id->str, MP_JOB_ID_SIZE);
        }
    }

    ngx_http_mailportal_tally_remember(jobs);

    return ngx_http_mailportal_tally_ask(r, tally);
}


/* ids sort by time, and both are newest first */

static void
ngx_http_mailportal_tally_remember(ngx_http_mailportal_tally_jobs_t *jobs)
{
    int                                      rc;
    ngx_uint_t                               i, k;
    const ngx_http_mailportal_tally_jobs_t  *seen;

    seen = &ngx_http_mailportal_tally_seen;
    i = 0;
    k = 0;

    while (i < jobs->count && k < seen->count) {
        rc = ngx_strcmp(jobs->job[i].id, seen->job[k].id);

        if (rc == 0 && seen->job[k].last) {
            jobs->job[i] = seen->job[k];
        }

        i += (rc >= 0);
        k += (rc <= 0);
    }
}


static ngx_int_t
ngx_http_mailportal_tally_ask(ngx_http_request_t *r,
    ngx_http_mailportal_tally_t *tally)
{
    struct mp_cmd                     cmds[NGX_HTTP_MAILPORTAL_TALLY_BATCH
                                           * NGX_HTTP_MAILPORTAL_JOB_READ];
    ngx_http_mailportal_tally_job_t  *job;

    tally->n = 0;

    while (tally->asked < tally->jobs.count
           && tally->n < NGX_HTTP_MAILPORTAL_TALLY_BATCH)
    {
        job = &tally->jobs.job[tally->asked++];

        if (job->last) {
            continue;
        }

        ngx_http_mailportal_job_commands(
                             &cmds[tally->n * NGX_HTTP_MAILPORTAL_JOB_READ],
                             job->id, 1);
        tally->batch[tally->n++] = job;
    }

    if (tally->n == 0) {
        return ngx_http_mailportal_tally_end(r, tally, 1);
    }

    return ngx_http_mailportal_op(r, cmds,
                                  tally->n * NGX_HTTP_MAILPORTAL_JOB_READ,
                                  NGX_HTTP_MAILPORTAL_RAW,
                                  ngx_http_mailportal_tally_reply);
}


static ngx_int_t
ngx_http_mailportal_tally_reply(ngx_http_request_t *r, redisReply *reply)
{
    ngx_uint_t                    i;
    ngx_http_mailportal_tally_t  *tally;

    tally = ngx_http_mailportal_ctx(r)->data;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements != tally->n * NGX_HTTP_MAILPORTAL_JOB_READ)
    {
        return ngx_http_mailportal_tally_end(r, tally, 0);
    }

    for (i = 0; i < tally->n; i++) {
        ngx_http_mailportal_tally_take(tally, tally->batch[i],
                       &reply->element[i * NGX_HTTP_MAILPORTAL_JOB_READ]);
    }

    return ngx_http_mailportal_tally_ask(r, tally);
}


/* of one that was cancelled, or is for every node, more may be heard */

static void
ngx_http_mailportal_tally_take(ngx_http_mailportal_tally_t *tally,
    ngx_http_mailportal_tally_job_t *job, redisReply **replies)
{
    enum mp_job_state  state;

    if (ngx_http_mailportal_job_read(&tally->record, replies, NULL)
        != MP_OK)
    {
        return;
    }

    state = mp_record_state(&tally->record);

    job->action = (u_char) tally->record.job.action;
    job->state = (u_char) state;
    job->there = 1;
    job->last = mp_job_state_ended(state) && state != MP_JOB_CANCELLED
                && tally->record.job.node_count > 0;
}


static ngx_int_t
ngx_http_mailportal_tally_end(ngx_http_request_t *r,
    ngx_http_mailportal_tally_t *tally, ngx_uint_t good)
{
    ngx_uint_t                              i;
    ngx_http_mailportal_counts_t           *counts;
    const ngx_http_mailportal_tally_job_t  *job;

    counts = &ngx_http_mailportal_tally_counts;
    counts->good = good;

    if (good) {
        ngx_memzero(counts->jobs, sizeof(counts->jobs));

        for (i = 0; i < tally->jobs.count; i++) {
            job = &tally->jobs.job[i];

            if (job->there) {
                counts->jobs[job->action][job->state]++;
            }
        }

        ngx_http_mailportal_tally_seen = tally->jobs;
    }

    ngx_http_mailportal_ctx(r)->data = tally->data;

    return tally->next(r);
}
