
/*
 * Copyright (C) The mailportal authors
 *
 * The list of jobs, newest first: ids from the index, records in batches.
 */


#include "ngx_http_mailportal_jobs.h"


#define NGX_HTTP_MAILPORTAL_JOBS        20
#define NGX_HTTP_MAILPORTAL_JOBS_MAX    100
#define NGX_HTTP_MAILPORTAL_JOBS_BATCH  25     /* records of a turn */


typedef struct {
    char                    (*ids)[MP_JOB_ID_SIZE];    /* newest first */
    ngx_uint_t                count;
    ngx_uint_t                next;    /* of ids, to be looked at */

    int64_t                   limit;
    int64_t                   found;
    ngx_str_t                 cursor;
    enum mp_action            action;
    enum mp_job_state         state;
    struct mp_json            json;
    struct mp_record          record;  /* one at a time */
    ngx_array_t              *nodes;   /* NULL: nobody knows who is there */

    unsigned                  by_action:1;
    unsigned                  by_state:1;
} ngx_http_mailportal_jobs_t;


static ngx_int_t ngx_http_mailportal_jobs_args(ngx_http_request_t *r,
    ngx_http_mailportal_jobs_t *jobs);
static void ngx_http_mailportal_jobs_cleanup(void *data);
static ngx_int_t ngx_http_mailportal_jobs_nodes(ngx_http_request_t *r,
    ngx_array_t *nodes);
static ngx_int_t ngx_http_mailportal_jobs_index(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_jobs_ask(ngx_http_request_t *r,
    ngx_http_mailportal_jobs_t *jobs);
static ngx_int_t ngx_http_mailportal_jobs_reply(ngx_http_request_t *r,
    redisReply *reply);
static void ngx_http_mailportal_jobs_take(ngx_http_request_t *r,
    ngx_http_mailportal_jobs_t *jobs, redisReply **replies);
static ngx_int_t ngx_http_mailportal_jobs_send(ngx_http_request_t *r,
    ngx_http_mailportal_jobs_t *jobs);


ngx_int_t
ngx_http_mailportal_jobs_get(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_pool_cleanup_t          *cln;
    ngx_http_mailportal_jobs_t  *jobs;

    jobs = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_jobs_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (jobs == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_mailportal_ctx(r)->data = jobs;

    rc = ngx_http_mailportal_jobs_args(r, jobs);

    if (rc != NGX_OK) {
        return rc;
    }

    mp_json_init(&jobs->json);
    mp_json_object(&jobs->json, NULL);
    mp_json_array(&jobs->json, "jobs");

    cln->handler = ngx_http_mailportal_jobs_cleanup;
    cln->data = jobs;

    return ngx_http_mailportal_nodes_read(r, 0,
                                          ngx_http_mailportal_jobs_nodes);
}


static ngx_int_t
ngx_http_mailportal_jobs_nodes(ngx_http_request_t *r, ngx_array_t *nodes)
{
    struct mp_cmd                cmd;
    ngx_http_mailportal_jobs_t  *jobs;

    jobs = ngx_http_mailportal_ctx(r)->data;
    jobs->nodes = nodes;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "ZREVRANGE", mp_key(MP_KEY_JOB_INDEX), "0", NULL);
    mp_cmd_number(&cmd, MP_JOB_INDEX_MAX - 1);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_jobs_index);
}


static ngx_int_t
ngx_http_mailportal_jobs_args(ngx_http_request_t *r,
    ngx_http_mailportal_jobs_t *jobs)
{
    ngx_str_t        value;
    struct mp_error  err;

    jobs->limit = NGX_HTTP_MAILPORTAL_JOBS;

    if (ngx_http_mailportal_arg_number(r, "limit", 1,
                                       NGX_HTTP_MAILPORTAL_JOBS_MAX,
                                       &jobs->limit)
        == NGX_ERROR)
    {
        return ngx_http_mailportal_fail(r, MP_INVALID, "limit",
                                        "must be 1 to %d",
                                        NGX_HTTP_MAILPORTAL_JOBS_MAX);
    }

    /* an argument that is empty says nothing */

    (void) ngx_http_mailportal_arg(r, "cursor", &jobs->cursor);

    if (jobs->cursor.len
        && !mp_job_id_check((char *) jobs->cursor.data, jobs->cursor.len,
                            NULL))
    {
        return ngx_http_mailportal_fail(r, MP_INVALID, "cursor",
                                        "must be the cursor of a page");
    }

    (void) ngx_http_mailportal_arg(r, "action", &value);

    if (value.len) {
        jobs->by_action = 1;

        if (!mp_action_find(&jobs->action, (char *) value.data, value.len)) {
            return ngx_http_mailportal_fail_error(r,
                          mp_fail_names(&err, "action", mp_action_names),
                          &err);
        }
    }

    (void) ngx_http_mailportal_arg(r, "state", &value);

    if (value.len) {
        jobs->by_state = 1;

        if (!mp_job_state_find(&jobs->state, (char *) value.data)) {
            return ngx_http_mailportal_fail_error(r,
                          mp_fail_names(&err, "state", mp_job_state_names),
                          &err);
        }
    }

    return NGX_OK;
}


static void
ngx_http_mailportal_jobs_cleanup(void *data)
{
    ngx_http_mailportal_jobs_t *jobs = data;

    mp_json_free(&jobs->json);
}


/* ids sort by time, as the index does */

static ngx_int_t
ngx_http_mailportal_jobs_index(ngx_http_request_t *r, redisReply *reply)
{
    size_t                       i;
    redisReply                  *id;
    ngx_http_mailportal_jobs_t  *jobs;

    jobs = ngx_http_mailportal_ctx(r)->data;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    jobs->ids = ngx_palloc(r->pool, (reply->elements + 1) * MP_JOB_ID_SIZE);
    if (jobs->ids == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < reply->elements; i++) {
        id = reply->element[i];

        if (id->type != REDIS_REPLY_STRING
            || !mp_job_id_check(id->str, id->len, NULL)
            || (jobs->cursor.len
                && ngx_strcmp(id->str, jobs->cursor.data) >= 0))
        {
            continue;
        }

        ngx_memcpy(jobs->ids[jobs->count++], id->str, MP_JOB_ID_SIZE);
    }

    return ngx_http_mailportal_jobs_ask(r, jobs);
}


static ngx_int_t
ngx_http_mailportal_jobs_ask(ngx_http_request_t *r,
    ngx_http_mailportal_jobs_t *jobs)
{
    ngx_uint_t     i, n;
    struct mp_cmd  cmds[NGX_HTTP_MAILPORTAL_JOBS_BATCH
                        * NGX_HTTP_MAILPORTAL_JOB_READ];

    n = ngx_min(jobs->count - jobs->next, NGX_HTTP_MAILPORTAL_JOBS_BATCH);

    if (n == 0) {
        return ngx_http_mailportal_jobs_send(r, jobs);
    }

    for (i = 0; i < n; i++) {
        ngx_http_mailportal_job_commands(
                                     &cmds[i * NGX_HTTP_MAILPORTAL_JOB_READ],
                                     jobs->ids[jobs->next + i], 1);
    }

    return ngx_http_mailportal_op(r, cmds, n * NGX_HTTP_MAILPORTAL_JOB_READ,
                                  NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_jobs_reply);
}


static ngx_int_t
ngx_http_mailportal_jobs_reply(ngx_http_request_t *r, redisReply *reply)
{
    size_t                       i;
    ngx_http_mailportal_jobs_t  *jobs;

    jobs = ngx_http_mailportal_ctx(r)->data;

    for (i = 0; i + 1 < reply->elements && jobs->found < jobs->limit;
         i += NGX_HTTP_MAILPORTAL_JOB_READ)
    {
        ngx_http_mailportal_jobs_take(r, jobs, &reply->element[i]);
        jobs->next++;
    }

    if (jobs->found == jobs->limit) {
        return ngx_http_mailportal_jobs_send(r, jobs);
    }

    return ngx_http_mailportal_jobs_ask(r, jobs);
}


static void
ngx_http_mailportal_jobs_take(ngx_http_request_t *r,
    ngx_http_mailportal_jobs_t *jobs, redisReply **replies)
{
    enum mp_status     status;
    struct mp_error    err;
    struct mp_record  *record;

    record = &jobs->record;
    status = ngx_http_mailportal_job_read(record, replies, &err);

    if (status == MP_INVALID) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "job %s in Redis is not valid: %s %s",
                      jobs->ids[jobs->next], err.field, err.text);
    }

    if (status != MP_OK
        || (jobs->by_action && record->job.action != jobs->action)
        || (jobs->by_state && mp_record_state(record) != jobs->state))
    {
        return;
    }

    ngx_http_mailportal_job_silent(record, jobs->nodes);
    mp_record_render(&jobs->json, NULL, record, false);
    jobs->found++;
}


static ngx_int_t
ngx_http_mailportal_jobs_send(ngx_http_request_t *r,
    ngx_http_mailportal_jobs_t *jobs)
{
    struct mp_json  json;

    json = jobs->json;
    mp_json_init(&jobs->json);

    mp_json_end_array(&json);
    mp_json_text(&json, "cursor", jobs->next < jobs->count
                                  ? jobs->ids[jobs->next - 1] : NULL);
    mp_json_end_object(&json);

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}
