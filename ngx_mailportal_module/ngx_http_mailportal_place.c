
/*
 * Copyright (C) The mailportal authors
 *
 * One job at a time for an action and a target.
 *
 * Their place is a field of one hash, which names the last job that had it.
 * When that one has ended, or was never made, who sets the field "next" of
 * its record comes after it.  That can be only one, and who it is stays
 * written should it not get any further: then one comes after that.
 */


#include "ngx_http_mailportal_jobs.h"


static void ngx_http_mailportal_place_field(char *field_r, size_t size,
    const struct mp_job *job);
static ngx_int_t ngx_http_mailportal_place_taken(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_place_follow(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order, redisReply *id);
static ngx_int_t ngx_http_mailportal_place_looked(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_place_free(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order, redisReply **replies);
static ngx_uint_t ngx_http_mailportal_place_is_over(
    ngx_http_mailportal_order_t *order, const struct mp_record *record);
static ngx_int_t ngx_http_mailportal_place_succeed(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order);
static ngx_int_t ngx_http_mailportal_place_succeeded(ngx_http_request_t *r,
    redisReply *reply);


ngx_int_t
ngx_http_mailportal_place(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order)
{
    char           field[MP_JOB_TARGET_SIZE + 64];
    struct mp_cmd  cmds[2];

    ngx_http_mailportal_place_field(field, sizeof(field), &order->job);

    mp_cmd_init(&cmds[0]);
    mp_cmd_texts(&cmds[0], "HSETNX", mp_key(MP_KEY_JOB_BUSY), field,
                 order->job.id, NULL);

    mp_cmd_init(&cmds[1]);
    mp_cmd_texts(&cmds[1], "HGET", mp_key(MP_KEY_JOB_BUSY), field, NULL);

    return ngx_http_mailportal_op(r, cmds, 2, NGX_HTTP_MAILPORTAL_WRITE,
                                  ngx_http_mailportal_place_taken);
}


void
ngx_http_mailportal_place_command(struct mp_cmd *cmd, const struct mp_job *job)
{
    char  field[MP_JOB_TARGET_SIZE + 64];

    ngx_http_mailportal_place_field(field, sizeof(field), job);

    mp_cmd_texts(cmd, "HSET", mp_key(MP_KEY_JOB_BUSY), field, job->id, NULL);
}


static void
ngx_http_mailportal_place_field(char *field_r, size_t size,
    const struct mp_job *job)
{
    (void) snprintf(field_r, size, "%s %s", mp_action_table[job->action].name,
                    job->target);
}


static ngx_int_t
ngx_http_mailportal_place_taken(ngx_http_request_t *r, redisReply *reply)
{
    ngx_http_mailportal_order_t  *order;

    order = ngx_http_mailportal_ctx(r)->data;

    return ngx_http_mailportal_place_follow(r, order, reply->element[1]);
}


/* id is who has the place; it may be us, by this request or one before */

static ngx_int_t
ngx_http_mailportal_place_follow(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order, redisReply *id)
{
    struct mp_cmd  cmds[NGX_HTTP_MAILPORTAL_JOB_READ];

    if (id->type != REDIS_REPLY_STRING
        || !mp_job_id_check(id->str, id->len, NULL))
    {
        return ngx_http_mailportal_fail(r, MP_REGRESSED, NULL,
                                        "what Redis holds of the last job of "
                                        "that kind is not valid");
    }

    if (ngx_strcmp(id->str, order->job.id) == 0) {
        return ngx_http_mailportal_job_make(r, order);
    }

    if (order->hops++ == NGX_HTTP_MAILPORTAL_HOPS) {
        return ngx_http_mailportal_fail(r, MP_BUSY, NULL,
                                        "too many attempts have ended "
                                        "half-way");
    }

    ngx_memcpy(order->other, id->str, MP_JOB_ID_SIZE);

    ngx_http_mailportal_job_commands(cmds, order->other, 1);

    return ngx_http_mailportal_op(r, cmds, NGX_HTTP_MAILPORTAL_JOB_READ,
                                  NGX_HTTP_MAILPORTAL_PREPARE,
                                  ngx_http_mailportal_place_looked);
}


static ngx_int_t
ngx_http_mailportal_place_looked(ngx_http_request_t *r, redisReply *reply)
{
    ngx_int_t                     rc;
    ngx_http_mailportal_order_t  *order;

    order = ngx_http_mailportal_ctx(r)->data;

    rc = ngx_http_mailportal_place_free(r, order, reply->element);

    return rc == NGX_OK ? ngx_http_mailportal_place_succeed(r, order) : rc;
}


/*
 * NGX_OK: the other has ended, or has had the time to be made and was not.
 * Of our own former ids that is less, because we know that they are given up;
 * should one have become a job all the same, that is the job of our key.
 */

static ngx_int_t
ngx_http_mailportal_place_free(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order, redisReply **replies)
{
    int64_t            age;
    ngx_uint_t         own, made;
    struct mp_record  *record;

    record = ngx_palloc(r->pool, sizeof(struct mp_record));
    if (record == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    own = ngx_http_mailportal_idem_former(order, order->other);
    made = ngx_http_mailportal_job_read(record, replies, NULL) == MP_OK;
    age = ngx_http_mailportal_job_age(order->other);

    if (own && made) {
        ngx_memcpy(order->job.id, order->other, MP_JOB_ID_SIZE);
        return ngx_http_mailportal_idem_look(r, order);
    }

    if (own || (made && ngx_http_mailportal_place_is_over(order, record))
        || (!made && age > NGX_HTTP_MAILPORTAL_GONE))
    {
        return NGX_OK;
    }

    return ngx_http_mailportal_fail_about(r, MP_CONFLICT, "job", order->other,
                                          "job %s does that already",
                                          order->other);
}


/*
 * A job that only waits for nodes which were away so long that nobody asks
 * them any more is in nobody's way; they will do it when they come again.
 */

static ngx_uint_t
ngx_http_mailportal_place_is_over(ngx_http_mailportal_order_t *order,
    const struct mp_record *record)
{
    ngx_uint_t  i;

    if (mp_job_state_ended(mp_record_state(record))) {
        return 1;
    }

    for (i = 0; i < record->node_count; i++) {
        if (mp_record_awaits(&record->node[i])
            && mp_job_is_for(&order->job, record->node[i].name))
        {
            return 0;
        }
    }

    return record->node_count > 0;
}


/* the record is read once more: it may have been made at the last moment */

static ngx_int_t
ngx_http_mailportal_place_succeed(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order)
{
    ngx_uint_t         i;
    struct mp_cmd      cmds[3 + NGX_HTTP_MAILPORTAL_JOB_READ];
    struct mp_keyname  key;

    (void) mp_key_name(&key, MP_KEY_JOB, order->other);

    for (i = 0; i < 3; i++) {
        mp_cmd_init(&cmds[i]);
    }

    mp_cmd_texts(&cmds[0], "HSETNX", key.text, "next", order->job.id, NULL);
    mp_cmd_texts(&cmds[1], "EXPIRE", key.text, NULL);
    mp_cmd_number(&cmds[1], mp_key_table[MP_KEY_JOB].ttl);
    mp_cmd_texts(&cmds[2], "HGET", key.text, "next", NULL);

    ngx_http_mailportal_job_commands(&cmds[3], order->other, 1);

    return ngx_http_mailportal_op(r, cmds, 3 + NGX_HTTP_MAILPORTAL_JOB_READ,
                                  NGX_HTTP_MAILPORTAL_WRITE,
                                  ngx_http_mailportal_place_succeeded);
}


static ngx_int_t
ngx_http_mailportal_place_succeeded(ngx_http_request_t *r, redisReply *reply)
{
    ngx_int_t                     rc;
    ngx_http_mailportal_order_t  *order;

    order = ngx_http_mailportal_ctx(r)->data;

    rc = ngx_http_mailportal_place_free(r, order, &reply->element[3]);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_mailportal_place_follow(r, order, reply->element[2]);
}
