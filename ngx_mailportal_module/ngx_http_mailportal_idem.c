
/*
 * Copyright (C) The mailportal authors
 *
 * One job for an Idempotency-Key, however often it is sent.
 *
 * The key has the id of its job before there is a job.  When the job was not
 * made and the id is not fresh any more, the field "again" of its record,
 * which is set once, names the id that is tried in its place.
 */


#include "ngx_http_mailportal_jobs.h"

#include <sodium.h>


static ngx_int_t ngx_http_mailportal_idem_taken(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_idem_found(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_idem_again(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order);
static ngx_int_t ngx_http_mailportal_idem_renewed(ngx_http_request_t *r,
    redisReply *reply);
static void ngx_http_mailportal_idem_id(char id_r[MP_JOB_ID_SIZE]);


ngx_int_t
ngx_http_mailportal_idem(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order)
{
    char               value[MP_JOB_ID_SIZE + sizeof(order->asked)];
    struct mp_cmd      cmd;
    struct mp_keyname  key;

    ngx_http_mailportal_idem_id(order->job.id);

    (void) snprintf(value, sizeof(value), "%s %s", order->job.id,
                    order->asked);
    (void) mp_key_name(&key, MP_KEY_JOB_IDEM, order->key);

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "SET", key.text, value, "NX", "GET", "EX", NULL);
    mp_cmd_number(&cmd, mp_key_table[MP_KEY_JOB_IDEM].ttl);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_WRITE
                                              |NGX_HTTP_MAILPORTAL_RAW,
                                  ngx_http_mailportal_idem_taken);
}


static ngx_int_t
ngx_http_mailportal_idem_taken(ngx_http_request_t *r, redisReply *reply)
{
    size_t                        len;
    ngx_http_mailportal_order_t  *order;

    order = ngx_http_mailportal_ctx(r)->data;
    len = MP_JOB_ID_SIZE - 1;

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {

        /* whatever became of it, there is no job */

        return ngx_http_mailportal_redis_fail(r, reply,
                                              NGX_HTTP_MAILPORTAL_READ);
    }

    if (reply->type == REDIS_REPLY_NIL) {
        return ngx_http_mailportal_place(r, order);
    }

    if (reply->type != REDIS_REPLY_STRING
        || (size_t) reply->len != len + sizeof(order->asked)
        || !mp_job_id_check(reply->str, len, NULL) || reply->str[len] != ' ')
    {
        return ngx_http_mailportal_fail(r, MP_REGRESSED, NULL,
                                        "what Redis holds of this "
                                        "Idempotency-Key is not valid");
    }

    if (ngx_strcmp(reply->str + len + 1, order->asked) != 0) {
        return ngx_http_mailportal_fail(r, MP_INVALID, "Idempotency-Key",
                                        "was used for another request");
    }

    ngx_memcpy(order->job.id, reply->str, len);

    return ngx_http_mailportal_idem_look(r, order);
}


ngx_int_t
ngx_http_mailportal_idem_look(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order)
{
    struct mp_cmd  cmds[NGX_HTTP_MAILPORTAL_JOB_READ];

    if (order->hops++ == NGX_HTTP_MAILPORTAL_HOPS) {
        return ngx_http_mailportal_fail(r, MP_BUSY, NULL,
                                        "too many attempts have ended "
                                        "half-way");
    }

    ngx_http_mailportal_job_commands(cmds, order->job.id, 0);

    return ngx_http_mailportal_op(r, cmds, NGX_HTTP_MAILPORTAL_JOB_READ,
                                  NGX_HTTP_MAILPORTAL_PREPARE,
                                  ngx_http_mailportal_idem_found);
}


static ngx_int_t
ngx_http_mailportal_idem_found(ngx_http_request_t *r, redisReply *reply)
{
    enum mp_status                status;
    struct mp_error               err;
    struct mp_record             *record;
    ngx_http_mailportal_order_t  *order;

    order = ngx_http_mailportal_ctx(r)->data;

    record = ngx_palloc(r->pool, sizeof(struct mp_record));
    if (record == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = ngx_http_mailportal_job_read(record, reply->element, &err);

    if (status == MP_OK) {
        return ngx_http_mailportal_job_send(r, NGX_HTTP_ACCEPTED, record);
    }

    if (status != MP_NOT_FOUND) {
        return ngx_http_mailportal_job_refuse(r, status, &err);
    }

    if (ngx_http_mailportal_job_age(order->job.id)
        <= NGX_HTTP_MAILPORTAL_FRESH)
    {
        return ngx_http_mailportal_place(r, order);
    }

    return ngx_http_mailportal_idem_again(r, order);
}


/* all who come with this key agree on one new id */

static ngx_int_t
ngx_http_mailportal_idem_again(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order)
{
    char               id[MP_JOB_ID_SIZE];
    ngx_uint_t         i;
    struct mp_cmd      cmds[3];
    struct mp_keyname  key;

    ngx_http_mailportal_idem_id(id);

    (void) mp_key_name(&key, MP_KEY_JOB, order->job.id);

    for (i = 0; i < 3; i++) {
        mp_cmd_init(&cmds[i]);
    }

    mp_cmd_texts(&cmds[0], "HSETNX", key.text, "again", id, NULL);
    mp_cmd_texts(&cmds[1], "EXPIRE", key.text, NULL);
    mp_cmd_number(&cmds[1], mp_key_table[MP_KEY_JOB].ttl);
    mp_cmd_texts(&cmds[2], "HGET", key.text, "again", NULL);

    return ngx_http_mailportal_op(r, cmds, 3, NGX_HTTP_MAILPORTAL_WRITE,
                                  ngx_http_mailportal_idem_renewed);
}


static ngx_int_t
ngx_http_mailportal_idem_renewed(ngx_http_request_t *r, redisReply *reply)
{
    redisReply                   *id;
    ngx_http_mailportal_order_t  *order;

    order = ngx_http_mailportal_ctx(r)->data;
    id = reply->element[2];

    if (id->type != REDIS_REPLY_STRING
        || !mp_job_id_check(id->str, id->len, NULL))
    {
        return ngx_http_mailportal_fail(r, MP_REGRESSED, NULL,
                                        "what Redis holds of job %s is not "
                                        "valid", order->job.id);
    }

    /* there are not more of them than hops */

    ngx_memcpy(order->former[order->renewed++], order->job.id,
               MP_JOB_ID_SIZE);
    ngx_memcpy(order->job.id, id->str, MP_JOB_ID_SIZE);

    return ngx_http_mailportal_idem_look(r, order);
}


ngx_uint_t
ngx_http_mailportal_idem_former(const ngx_http_mailportal_order_t *order,
    const char *id)
{
    ngx_uint_t  i;

    for (i = 0; i < order->renewed; i++) {
        if (ngx_strcmp(order->former[i], id) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_mailportal_idem_id(char id_r[MP_JOB_ID_SIZE])
{
    u_char       random[6];
    ngx_time_t  *tp;

    tp = ngx_timeofday();
    randombytes_buf(random, sizeof(random));

    mp_job_id(id_r, (int64_t) tp->sec * 1000 + tp->msec, random);
}
