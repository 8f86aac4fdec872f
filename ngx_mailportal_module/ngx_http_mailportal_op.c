
/*
 * Copyright (C) The mailportal authors
 *
 * Ties a request to the commands that it waits for.  Either may end first.
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_redis.h"
#include "ngx_http_mailportal_worker.h"


struct ngx_http_mailportal_op_s {
    ngx_http_request_t              *r;        /* NULL: it has gone */
    ngx_http_mailportal_step_pt      step;
    ngx_uint_t                       flags;
    enum mp_status                   refused;  /* by MULTI, while queueing */
    ngx_http_mailportal_op_t        *next;     /* takes the same reply */
};


/* the last formatted command, which others may share until it is sent */

typedef struct {
    ngx_http_mailportal_op_t        *op;
    ngx_uint_t                       flushes;
    size_t                           len;
    u_char                           command[512];
} ngx_http_mailportal_flight_t;


static ngx_http_mailportal_op_t *ngx_http_mailportal_op_create(
    ngx_http_request_t *r, ngx_uint_t flags, ngx_http_mailportal_step_pt step);
static ngx_int_t ngx_http_mailportal_op_wait(ngx_http_request_t *r,
    ngx_http_mailportal_op_t *op, ngx_int_t rc, ngx_uint_t flags,
    ngx_http_mailportal_step_pt step);
static enum mp_status ngx_http_mailportal_op_allowed(
    ngx_http_request_t *r, ngx_uint_t flags);
static ngx_int_t ngx_http_mailportal_op_send(ngx_http_mailportal_op_t *op,
    struct mp_cmd *cmds, ngx_uint_t n);
static ngx_int_t ngx_http_mailportal_op_word(ngx_http_mailportal_op_t *op,
    const char *word, ngx_http_mailportal_reply_pt handler);
static ngx_int_t ngx_http_mailportal_op_failed(ngx_http_request_t *r,
    enum mp_status status);
static void ngx_http_mailportal_op_queued(void *data, redisReply *reply);
static ngx_uint_t ngx_http_mailportal_op_share(ngx_http_mailportal_op_t *op,
    ngx_str_t *command);
static void ngx_http_mailportal_op_done(void *data, redisReply *reply);
static void ngx_http_mailportal_op_end(ngx_http_mailportal_op_t *op,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_op_finish(ngx_http_request_t *r,
    ngx_http_mailportal_op_t *op, redisReply *reply);
static redisReply *ngx_http_mailportal_op_error(redisReply *reply);
static void ngx_http_mailportal_op_gone(void *data);


static ngx_http_mailportal_redis_t   ngx_http_mailportal_command;
static ngx_http_mailportal_flight_t  ngx_http_mailportal_flight;


void
ngx_http_mailportal_op_start(ngx_cycle_t *cycle)
{
    ngx_http_mailportal_redis_t  *m;

    m = &ngx_http_mailportal_command;

    m->name = "mailportal-nginx";
    m->log = cycle->log;

    ngx_http_mailportal_redis_start(m);
}


void
ngx_http_mailportal_op_stop(void)
{
    ngx_http_mailportal_redis_stop(&ngx_http_mailportal_command);
}


ngx_http_mailportal_redis_t *
ngx_http_mailportal_redis(void)
{
    return &ngx_http_mailportal_command;
}


ngx_int_t
ngx_http_mailportal_op(ngx_http_request_t *r, struct mp_cmd *cmds,
    ngx_uint_t n, ngx_uint_t flags, ngx_http_mailportal_step_pt step)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    enum mp_status             status;
    ngx_http_mailportal_op_t  *op;

    op = NULL;
    rc = NGX_DECLINED;
    status = ngx_http_mailportal_op_allowed(r, flags);

    if (status == MP_OK) {
        op = ngx_http_mailportal_op_create(r, flags, step);
    }

    if (op) {
        rc = ngx_http_mailportal_op_send(op, cmds, n);
    }

    for (i = 0; i < n; i++) {
        mp_cmd_free(&cmds[i]);
    }

    if (status != MP_OK) {
        return ngx_http_mailportal_op_failed(r, status);
    }

    return ngx_http_mailportal_op_wait(r, op, rc, flags, step);
}


ngx_int_t
ngx_http_mailportal_op_formatted(ngx_http_request_t *r, ngx_str_t *command,
    ngx_http_mailportal_step_pt step)
{
    ngx_int_t                  rc;
    ngx_http_mailportal_op_t  *op;

    rc = NGX_DECLINED;
    op = ngx_http_mailportal_op_create(r, NGX_HTTP_MAILPORTAL_RAW, step);

    if (op && ngx_http_mailportal_op_share(op, command)) {
        rc = NGX_OK;

    } else if (op) {
        rc = ngx_http_mailportal_redis_send_formatted(
                                     &ngx_http_mailportal_command, command,
                                     ngx_http_mailportal_op_done, op);
    }

    return ngx_http_mailportal_op_wait(r, op, rc, NGX_HTTP_MAILPORTAL_RAW,
                                       step);
}


/*
 * A page asks for several things at once, each of which wants the session.
 * While the same question still waits to be sent, its answer will be as young
 * as one of our own.
 */

static ngx_uint_t
ngx_http_mailportal_op_share(ngx_http_mailportal_op_t *op, ngx_str_t *command)
{
    ngx_http_mailportal_flight_t  *flight;

    flight = &ngx_http_mailportal_flight;

    if (flight->op
        && flight->flushes == ngx_http_mailportal_command.flushes
        && flight->len == command->len
        && ngx_memcmp(flight->command, command->data, command->len) == 0)
    {
        op->next = flight->op->next;
        flight->op->next = op;

        return 1;
    }

    flight->op = NULL;

    if (command->len <= sizeof(flight->command)) {
        flight->op = op;
        flight->flushes = ngx_http_mailportal_command.flushes;
        flight->len = command->len;
        ngx_memcpy(flight->command, command->data, command->len);
    }

    return 0;
}


static ngx_http_mailportal_op_t *
ngx_http_mailportal_op_create(ngx_http_request_t *r, ngx_uint_t flags,
    ngx_http_mailportal_step_pt step)
{
    ngx_http_cleanup_t         *cln;
    ngx_http_mailportal_op_t   *op;
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);

    if (!ctx->cleanup) {
        cln = ngx_http_cleanup_add(r, 0);
        if (cln == NULL) {
            return NULL;
        }

        cln->handler = ngx_http_mailportal_op_gone;
        cln->data = ctx;

        ctx->cleanup = 1;
    }

    /* not of the pool: it may live longer than the request */

    op = ngx_alloc(sizeof(ngx_http_mailportal_op_t), r->connection->log);

    if (op) {
        op->r = r;
        op->step = step;
        op->flags = flags;
        op->refused = MP_OK;
        op->next = NULL;
    }

    return op;
}


/* rc: NGX_OK, NGX_DECLINED when nothing was sent, NGX_ERROR when a part was */

static ngx_int_t
ngx_http_mailportal_op_wait(ngx_http_request_t *r,
    ngx_http_mailportal_op_t *op, ngx_int_t rc, ngx_uint_t flags,
    ngx_http_mailportal_step_pt step)
{
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);
    ctx->sent = (rc == NGX_OK);

    if (rc == NGX_OK) {
        ctx->op = op;

        /* a write is seen through, so that its audit entry is written */

        r->read_event_handler = (flags & NGX_HTTP_MAILPORTAL_WRITE)
                                ? ngx_http_block_reading
                                : ngx_http_test_reading;
        return NGX_AGAIN;
    }

    if (op) {
        op->r = NULL;
    }

    if (op && rc == NGX_DECLINED) {

        if (ngx_http_mailportal_flight.op == op) {
            ngx_http_mailportal_flight.op = NULL;
        }

        ngx_free(op);
    }

    if (flags & NGX_HTTP_MAILPORTAL_RAW) {
        return step(r, NULL);
    }

    return ngx_http_mailportal_op_failed(r, MP_REDIS_AWAY);
}


static enum mp_status
ngx_http_mailportal_op_allowed(ngx_http_request_t *r, ngx_uint_t flags)
{
    ngx_http_mailportal_redis_t  *m;

    m = &ngx_http_mailportal_command;

    if (!(flags & (NGX_HTTP_MAILPORTAL_WRITE|NGX_HTTP_MAILPORTAL_PREPARE))) {
        return MP_OK;
    }

    if (m->writes != MP_OK) {
        return m->writes;
    }

    return ngx_http_mailportal_snapshot()->regressed ? MP_REGRESSED : MP_OK;
}


static ngx_int_t
ngx_http_mailportal_op_failed(ngx_http_request_t *r, enum mp_status status)
{
    const char  *why;

    /* what Redis forbids us is our fault, not that of who asks */

    if (status == MP_FORBIDDEN) {
        status = MP_INTERNAL;
    }

    switch (status) {

    case MP_REDIS_UNSAFE:
    case MP_REDIS_READONLY:
        why = ngx_http_mailportal_command.problem;
        break;

    case MP_REGRESSED:
        why = ngx_http_mailportal_snapshot()->problem;
        break;

    case MP_REDIS_AWAY:
        why = "nothing was changed; the portal connects again by itself";
        break;

    default:
        why = mp_status_title(status);
        break;
    }

    ngx_http_mailportal_count(NGX_HTTP_MAILPORTAL_REDIS_ERRORS);

    if (ngx_http_mailportal_ctx(r)->access) {
        return mp_status_http(status);
    }

    return ngx_http_mailportal_fail(r, status, NULL, "%s", why);
}


static ngx_int_t
ngx_http_mailportal_op_send(ngx_http_mailportal_op_t *op, struct mp_cmd *cmds,
    ngx_uint_t n)
{
    ngx_int_t                     rc;
    ngx_uint_t                    i;
    ngx_http_mailportal_redis_t  *m;

    m = &ngx_http_mailportal_command;

    for (i = 0; i < n; i++) {
        if (!cmds[i].ok) {
            return NGX_DECLINED;
        }
    }

    if (n == 1) {
        return ngx_http_mailportal_redis_send(m, cmds, 0,
                                              ngx_http_mailportal_op_done, op);
    }

    rc = ngx_http_mailportal_op_word(op, "MULTI", NULL);

    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; rc == NGX_OK && i < n; i++) {
        rc = ngx_http_mailportal_redis_send(m, &cmds[i], 0,
                                         ngx_http_mailportal_op_queued, op);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_mailportal_op_word(op, "EXEC",
                                         ngx_http_mailportal_op_done);
    }

    if (rc != NGX_OK) {

        /*
         * a MULTI without its EXEC would swallow what others send; op is
         * left, as the calls that are dropped may look at it later
         */

        ngx_http_mailportal_redis_drop(m);

        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mailportal_op_word(ngx_http_mailportal_op_t *op, const char *word,
    ngx_http_mailportal_reply_pt handler)
{
    ngx_int_t      rc;
    struct mp_cmd  cmd;

    mp_cmd_init(&cmd);
    mp_cmd_text(&cmd, word);

    rc = ngx_http_mailportal_redis_send(&ngx_http_mailportal_command, &cmd, 0,
                                        handler, op);
    mp_cmd_free(&cmd);

    return rc;
}


/* MULTI answers +QUEUED, or says why the whole will be refused by EXEC */

static void
ngx_http_mailportal_op_queued(void *data, redisReply *reply)
{
    ngx_http_mailportal_op_t *op = data;

    if (reply && reply->type == REDIS_REPLY_ERROR && op->refused == MP_OK) {
        op->refused = mp_redis_error_status(reply->str);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "redis: %s", reply->str);
    }
}


static void
ngx_http_mailportal_op_done(void *data, redisReply *reply)
{
    ngx_http_mailportal_op_t *op = data;

    ngx_http_mailportal_op_t  *next;

    if (ngx_http_mailportal_flight.op == op) {
        ngx_http_mailportal_flight.op = NULL;
    }

    for ( /* void */ ; op; op = next) {
        next = op->next;
        ngx_http_mailportal_op_end(op, reply);
    }
}


static void
ngx_http_mailportal_op_end(ngx_http_mailportal_op_t *op, redisReply *reply)
{
    ngx_int_t                   rc;
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_http_mailportal_ctx_t  *ctx;

    r = op->r;

    if (r == NULL) {
        ngx_free(op);
        return;
    }

    c = r->connection;
    ctx = ngx_http_mailportal_ctx(r);
    ctx->op = NULL;

    ngx_http_set_log_request(c->log, r);

    r->read_event_handler = ngx_http_block_reading;

    rc = ngx_http_mailportal_op_finish(r, op, reply);

    ngx_free(op);

    if (!ctx->access) {
        ngx_http_mailportal_continue(r, rc);

    } else if (rc != NGX_AGAIN) {
        ngx_http_mailportal_auth_done(r, rc);
    }

    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_mailportal_op_finish(ngx_http_request_t *r,
    ngx_http_mailportal_op_t *op, redisReply *reply)
{
    redisReply  *error;

    error = ngx_http_mailportal_op_error(reply);

    if ((reply && error == NULL) || (op->flags & NGX_HTTP_MAILPORTAL_RAW)) {
        return op->step(r, error ? error : reply);
    }

    if (op->refused != MP_OK) {
        return ngx_http_mailportal_op_failed(r, op->refused);
    }

    return ngx_http_mailportal_redis_fail(r, error, op->flags);
}


/* the error that a reply is, or that is in the array of an EXEC */

static redisReply *
ngx_http_mailportal_op_error(redisReply *reply)
{
    size_t  i;

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        return reply;
    }

    if (reply->type != REDIS_REPLY_ARRAY) {
        return NULL;
    }

    for (i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type == REDIS_REPLY_ERROR) {
            return reply->element[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_mailportal_redis_fail(ngx_http_request_t *r, redisReply *reply,
    ngx_uint_t flags)
{
    if (reply) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "redis: %s",
                      reply->type == REDIS_REPLY_ERROR ? reply->str
                                                       : "an odd answer");

        return ngx_http_mailportal_op_failed(r,
                                  reply->type == REDIS_REPLY_ERROR
                                  ? mp_redis_error_status(reply->str)
                                  : MP_INTERNAL);
    }

    if ((flags & NGX_HTTP_MAILPORTAL_WRITE) && ngx_http_mailportal_ctx(r)->sent)
    {
        ngx_http_mailportal_count(NGX_HTTP_MAILPORTAL_REDIS_ERRORS);

        return ngx_http_mailportal_fail(r, MP_TIMEOUT, NULL,
                                        "Redis was told and did not answer: "
                                        "the change may have been made or "
                                        "not, look before trying again");
    }

    return ngx_http_mailportal_op_failed(r, MP_REDIS_AWAY);
}


static void
ngx_http_mailportal_op_gone(void *data)
{
    ngx_http_mailportal_ctx_t *ctx = data;

    if (ctx->op) {
        ctx->op->r = NULL;
        ctx->op = NULL;
    }

    if (ctx->body) {
        json_decref(ctx->body);
        ctx->body = NULL;
    }
}
