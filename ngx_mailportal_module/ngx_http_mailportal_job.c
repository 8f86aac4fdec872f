
/*
 * Copyright (C) The mailportal authors
 *
 * One job: making it, looking at it, cancelling it.
 */


#include "ngx_http_mailportal_jobs.h"


#define NGX_HTTP_MAILPORTAL_JOB_PATH  "/api/v1/jobs/"

/* how many commands make or cancel a job, without those that read it */
#define NGX_HTTP_MAILPORTAL_JOB_MAKE                                          \
    (MP_JOB_RECORD_CMDS + MP_JOB_INDEX_CMDS + 4)
#define NGX_HTTP_MAILPORTAL_JOB_CANCEL  5


static ngx_int_t ngx_http_mailportal_job_made(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_job_get_nodes(ngx_http_request_t *r,
    ngx_array_t *nodes);
static ngx_int_t ngx_http_mailportal_job_answer(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_job_delete_nodes(ngx_http_request_t *r,
    ngx_array_t *nodes);
static ngx_int_t ngx_http_mailportal_job_found(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_job_cancelled(ngx_http_request_t *r,
    redisReply *reply);
static int64_t ngx_http_mailportal_job_silent_since(
    const struct mp_record *record, const char *name, ngx_array_t *nodes);
static void ngx_http_mailportal_job_audit(ngx_http_request_t *r,
    struct mp_cmd *cmd, const struct mp_job *job, const char *what);
static ngx_int_t ngx_http_mailportal_job_accept(ngx_http_request_t *r,
    redisReply **replies);
static ngx_int_t ngx_http_mailportal_job_none(ngx_http_request_t *r);


/*
 * The id was given and its place taken at most some seconds ago; later,
 * others may have come to believe that it will never be a job.
 */

ngx_int_t
ngx_http_mailportal_job_make(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order)
{
    ngx_uint_t      i;
    struct mp_cmd  *cmd;
    struct mp_job  *job;
    struct mp_cmd   cmds[NGX_HTTP_MAILPORTAL_JOB_MAKE
                         + NGX_HTTP_MAILPORTAL_JOB_READ];

    job = &order->job;

    if (ngx_http_mailportal_job_age(job->id) > NGX_HTTP_MAILPORTAL_FRESH) {
        return ngx_http_mailportal_fail(r, MP_BUSY, NULL,
                                        "it took too long and nothing was "
                                        "done: repeat it");
    }

    for (i = 0; i < NGX_HTTP_MAILPORTAL_JOB_MAKE; i++) {
        mp_cmd_init(&cmds[i]);
    }

    cmd = cmds;

    mp_job_record_commands(cmd, job);
    cmd += MP_JOB_RECORD_CMDS;

    mp_job_index_commands(cmd, job);
    cmd += MP_JOB_INDEX_CMDS;

    ngx_http_mailportal_place_command(cmd++, job);
    mp_job_queue_command(cmd++, job);
    mp_job_event_command(cmd++, job->id);
    ngx_http_mailportal_job_audit(r, cmd++, job, "job.create");

    ngx_http_mailportal_job_commands(cmd, job->id, 0);

    return ngx_http_mailportal_op(r, cmds, NGX_HTTP_MAILPORTAL_JOB_MAKE
                                           + NGX_HTTP_MAILPORTAL_JOB_READ,
                                  NGX_HTTP_MAILPORTAL_WRITE,
                                  ngx_http_mailportal_job_made);
}


static ngx_int_t
ngx_http_mailportal_job_made(ngx_http_request_t *r, redisReply *reply)
{
    return ngx_http_mailportal_job_accept(r,
                             &reply->element[NGX_HTTP_MAILPORTAL_JOB_MAKE]);
}


ngx_int_t
ngx_http_mailportal_job_get(ngx_http_request_t *r)
{
    if (ngx_http_mailportal_job_param(r) == NULL) {
        return ngx_http_mailportal_job_none(r);
    }

    return ngx_http_mailportal_nodes_read(r, 0,
                                          ngx_http_mailportal_job_get_nodes);
}


static ngx_int_t
ngx_http_mailportal_job_get_nodes(ngx_http_request_t *r, ngx_array_t *nodes)
{
    struct mp_cmd  cmds[NGX_HTTP_MAILPORTAL_JOB_READ];

    ngx_http_mailportal_ctx(r)->data = nodes;

    ngx_http_mailportal_job_commands(cmds, ngx_http_mailportal_job_param(r),
                                     0);

    return ngx_http_mailportal_op(r, cmds, NGX_HTTP_MAILPORTAL_JOB_READ,
                                  NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_job_answer);
}


static ngx_int_t
ngx_http_mailportal_job_answer(ngx_http_request_t *r, redisReply *reply)
{
    enum mp_status     status;
    struct mp_error    err;
    struct mp_record  *record;

    record = ngx_palloc(r->pool, sizeof(struct mp_record));
    if (record == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = ngx_http_mailportal_job_read(record, reply->element, &err);

    if (status != MP_OK) {
        return ngx_http_mailportal_job_refuse(r, status, &err);
    }

    ngx_http_mailportal_job_silent(record, ngx_http_mailportal_ctx(r)->data);

    return ngx_http_mailportal_job_send(r, NGX_HTTP_OK, record);
}


ngx_int_t
ngx_http_mailportal_job_delete(ngx_http_request_t *r)
{
    if (ngx_http_mailportal_job_param(r) == NULL) {
        return ngx_http_mailportal_job_none(r);
    }

    return ngx_http_mailportal_nodes_read(r, 0,
                                        ngx_http_mailportal_job_delete_nodes);
}


static ngx_int_t
ngx_http_mailportal_job_delete_nodes(ngx_http_request_t *r,
    ngx_array_t *nodes)
{
    struct mp_cmd  cmds[NGX_HTTP_MAILPORTAL_JOB_READ];

    ngx_http_mailportal_ctx(r)->data = nodes;

    ngx_http_mailportal_job_commands(cmds, ngx_http_mailportal_job_param(r),
                                     1);

    return ngx_http_mailportal_op(r, cmds, NGX_HTTP_MAILPORTAL_JOB_READ,
                                  NGX_HTTP_MAILPORTAL_PREPARE,
                                  ngx_http_mailportal_job_found);
}


static ngx_int_t
ngx_http_mailportal_job_found(ngx_http_request_t *r, redisReply *reply)
{
    ngx_uint_t          i, n;
    const char         *by;
    enum mp_status      status;
    struct mp_cmd       cmds[NGX_HTTP_MAILPORTAL_JOB_CANCEL
                             + NGX_HTTP_MAILPORTAL_JOB_READ];
    struct mp_error     err;
    struct mp_record   *record;
    struct mp_keyname   key;

    record = ngx_palloc(r->pool, sizeof(struct mp_record));
    if (record == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = ngx_http_mailportal_job_read(record, reply->element, &err);

    if (status != MP_OK) {
        return ngx_http_mailportal_job_refuse(r, status, &err);
    }

    if (mp_job_state_ended(mp_record_state(record))) {
        return ngx_http_mailportal_fail(r, MP_CONFLICT, NULL,
                                        "the job has ended: %s",
                             mp_job_state_name(mp_record_state(record)));
    }

    by = ngx_http_mailportal_ctx(r)->session.user;
    (void) mp_key_name(&key, MP_KEY_JOB, record->job.id);

    for (i = 0; i < NGX_HTTP_MAILPORTAL_JOB_CANCEL; i++) {
        mp_cmd_init(&cmds[i]);
    }

    /* the first to say so is who has cancelled it */

    mp_cmd_texts(&cmds[0], "HSETNX", key.text, "cancel", by, NULL);
    mp_job_cancel_command(&cmds[1], &record->job, by);
    mp_job_event_command(&cmds[2], record->job.id);
    ngx_http_mailportal_job_audit(r, &cmds[3], &record->job, "job.cancel");

    /* who is not there will not end it */

    ngx_http_mailportal_job_silent(record, ngx_http_mailportal_ctx(r)->data);

    n = 4;
    n += mp_record_gone_command(&cmds[n], record);

    ngx_http_mailportal_ctx(r)->data = (void *) (uintptr_t) n;
    ngx_http_mailportal_job_commands(&cmds[n], record->job.id, 0);

    return ngx_http_mailportal_op(r, cmds, n + NGX_HTTP_MAILPORTAL_JOB_READ,
                                  NGX_HTTP_MAILPORTAL_WRITE,
                                  ngx_http_mailportal_job_cancelled);
}


static ngx_int_t
ngx_http_mailportal_job_cancelled(ngx_http_request_t *r, redisReply *reply)
{
    ngx_uint_t  n;

    n = (uintptr_t) ngx_http_mailportal_ctx(r)->data;

    return ngx_http_mailportal_job_accept(r, &reply->element[n]);
}


static void
ngx_http_mailportal_job_audit(ngx_http_request_t *r, struct mp_cmd *cmd,
    const struct mp_job *job, const char *what)
{
    char  target[MP_JOB_TARGET_SIZE + 64];

    (void) snprintf(target, sizeof(target), "%s%s%s %s",
                    mp_action_table[job->action].name,
                    job->target[0] ? " " : "", job->target, job->id);

    ngx_http_mailportal_audit_command(r, cmd, what, target, MP_OK);
}


/* it is done; the answer is what Redis has now */

static ngx_int_t
ngx_http_mailportal_job_accept(ngx_http_request_t *r, redisReply **replies)
{
    enum mp_status     status;
    struct mp_error    err;
    struct mp_record  *record;

    record = ngx_palloc(r->pool, sizeof(struct mp_record));
    if (record == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = ngx_http_mailportal_job_read(record, replies, &err);

    if (status != MP_OK) {
        return ngx_http_mailportal_job_refuse(r, status, &err);
    }

    return ngx_http_mailportal_job_send(r, NGX_HTTP_ACCEPTED, record);
}


void
ngx_http_mailportal_job_commands(struct mp_cmd *cmds, const char *id,
    ngx_uint_t brief)
{
    struct mp_keyname  key;

    mp_cmd_init(&cmds[0]);
    (void) mp_key_name(&key, MP_KEY_JOB, id);
    mp_cmd_texts(&cmds[0], "HGETALL", key.text, NULL);

    mp_cmd_init(&cmds[1]);
    (void) mp_key_name(&key, MP_KEY_JOB_PROGRESS, id);

    if (brief) {

        /* one round: there are three fields a node */

        mp_cmd_texts(&cmds[1], "HSCAN", key.text, "0", "MATCH", "n:*",
                     "COUNT", "1000", NULL);

    } else {
        mp_cmd_texts(&cmds[1], "HGETALL", key.text, NULL);
    }
}


enum mp_status
ngx_http_mailportal_job_read(struct mp_record *record, redisReply **replies,
    struct mp_error *err)
{
    redisReply  *progress;

    progress = replies[1];

    /* of HSCAN: a cursor, and the pairs */

    if (progress->type == REDIS_REPLY_ARRAY && progress->elements == 2
        && progress->element[1]->type == REDIS_REPLY_ARRAY)
    {
        progress = progress->element[1];
    }

    return mp_record_parse(record, replies[0], progress, err);
}


void
ngx_http_mailportal_job_silent(struct mp_record *record, ngx_array_t *nodes)
{
    ngx_uint_t              i;
    struct mp_record_node  *node;

    if (nodes == NULL) {
        return;
    }

    record->silence_known = 1;

    for (i = 0; i < record->node_count; i++) {
        node = &record->node[i];

        if (mp_record_awaits(node)) {
            node->silent_since = ngx_http_mailportal_job_silent_since(record,
                                                           node->name, nodes);
        }
    }
}


/* of one that nobody remembers, since the job was made; 0: it is there */

static int64_t
ngx_http_mailportal_job_silent_since(const struct mp_record *record,
    const char *name, ngx_array_t *nodes)
{
    int64_t                      msecs;
    ngx_uint_t                   i;
    const char                  *component;
    ngx_http_mailportal_node_t  *node;

    component = mp_action_table[record->job.action].executor;
    node = nodes->elts;

    for (i = 0; i < nodes->nelts; i++) {
        if (ngx_strcmp(node[i].heartbeat.component, component) == 0
            && ngx_strcmp(node[i].heartbeat.node, name) == 0)
        {
            return node[i].alive ? 0 : ngx_max(node[i].seen, 1);
        }
    }

    msecs = 0;
    (void) mp_job_id_check(record->job.id, MP_JOB_ID_SIZE - 1, &msecs);

    return ngx_max(msecs / 1000, 1);
}


ngx_int_t
ngx_http_mailportal_job_send(ngx_http_request_t *r, ngx_uint_t status,
    const struct mp_record *record)
{
    char            path[sizeof(NGX_HTTP_MAILPORTAL_JOB_PATH)
                         + MP_JOB_ID_SIZE];
    struct mp_json  json;

    if (status == NGX_HTTP_ACCEPTED) {
        (void) snprintf(path, sizeof(path), "%s%s",
                        NGX_HTTP_MAILPORTAL_JOB_PATH, record->job.id);

        if (ngx_http_mailportal_header(r, "Location", path) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    mp_json_init(&json);
    mp_record_render(&json, NULL, record, true);

    return ngx_http_mailportal_send(r, status, &json);
}


/* a record that cannot be read is no fault of who asks */

ngx_int_t
ngx_http_mailportal_job_refuse(ngx_http_request_t *r, enum mp_status status,
    const struct mp_error *err)
{
    if (status == MP_NOT_FOUND) {
        return ngx_http_mailportal_job_none(r);
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "a job in Redis is not valid: %s %s", err->field, err->text);

    return ngx_http_mailportal_fail(r, MP_REGRESSED, NULL,
                                    "the job in Redis is not valid: %s %s",
                                    err->field, err->text);
}


static ngx_int_t
ngx_http_mailportal_job_none(ngx_http_request_t *r)
{
    return ngx_http_mailportal_fail(r, MP_NOT_FOUND, NULL,
                                    "there is no such job");
}


const char *
ngx_http_mailportal_job_param(ngx_http_request_t *r)
{
    char       *id;
    ngx_str_t  *param;

    param = &ngx_http_mailportal_ctx(r)->param[0];

    if (!mp_job_id_check((char *) param->data, param->len, NULL)) {
        return NULL;
    }

    id = ngx_pnalloc(r->pool, MP_JOB_ID_SIZE);

    if (id) {
        (void) ngx_cpystrn((u_char *) id, param->data, MP_JOB_ID_SIZE);
    }

    return id;
}


int64_t
ngx_http_mailportal_job_age(const char *id)
{
    int64_t      msecs, now;
    ngx_time_t  *tp;

    msecs = 0;
    (void) mp_job_id_check(id, ngx_strlen(id), &msecs);

    tp = ngx_timeofday();
    now = (int64_t) tp->sec * 1000 + tp->msec;

    return now > msecs ? now - msecs : msecs - now;
}
