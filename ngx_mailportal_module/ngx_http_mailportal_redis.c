
/*
 * Copyright (C) The mailportal authors
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_redis.h"


#define NGX_HTTP_MAILPORTAL_BACKOFF_MIN  50
#define NGX_HTTP_MAILPORTAL_BACKOFF_MAX  1000


typedef struct {
    ngx_queue_t                      queue;
    ngx_http_mailportal_redis_t     *redis;
    ngx_http_mailportal_reply_pt     handler;
    void                            *data;
    ngx_msec_t                       wait;
    ngx_msec_t                       deadline;
} ngx_http_mailportal_call_t;


static void ngx_http_mailportal_redis_connect(ngx_http_mailportal_redis_t *m);
static ngx_int_t ngx_http_mailportal_redis_attach(
    ngx_http_mailportal_redis_t *m, redisAsyncContext *ac);
static void ngx_http_mailportal_redis_retry_later(
    ngx_http_mailportal_redis_t *m);
static void ngx_http_mailportal_redis_retry(ngx_event_t *ev);
static void ngx_http_mailportal_redis_watchdog(ngx_event_t *ev);

static void ngx_http_mailportal_redis_read(ngx_event_t *ev);
static void ngx_http_mailportal_redis_write(ngx_event_t *ev);
static void ngx_http_mailportal_redis_add_read(void *data);
static void ngx_http_mailportal_redis_del_read(void *data);
static void ngx_http_mailportal_redis_add_write(void *data);
static void ngx_http_mailportal_redis_del_write(void *data);
static void ngx_http_mailportal_redis_cleanup(void *data);

static void ngx_http_mailportal_redis_connected(const redisAsyncContext *ac,
    int status);
static void ngx_http_mailportal_redis_disconnected(
    const redisAsyncContext *ac, int status);
static ngx_uint_t ngx_http_mailportal_redis_takes(
    ngx_http_mailportal_redis_t *m);
static ngx_http_mailportal_call_t *ngx_http_mailportal_redis_call(
    ngx_http_mailportal_redis_t *m, ngx_msec_t extra,
    ngx_http_mailportal_reply_pt handler, void *data);
static ngx_int_t ngx_http_mailportal_redis_queued(
    ngx_http_mailportal_redis_t *m, ngx_http_mailportal_call_t *call, int rc);
static void ngx_http_mailportal_redis_reply(redisAsyncContext *ac,
    void *reply, void *data);


void
ngx_http_mailportal_redis_start(ngx_http_mailportal_redis_t *m)
{
    ngx_queue_init(&m->calls);
    ngx_queue_init(&m->free);

    m->writes = MP_REDIS_AWAY;

    m->retry.handler = ngx_http_mailportal_redis_retry;
    m->retry.data = m;
    m->retry.log = m->log;
    m->retry.cancelable = 1;

    m->watchdog.handler = ngx_http_mailportal_redis_watchdog;
    m->watchdog.data = m;
    m->watchdog.log = m->log;

    /* a worker that drains waits for its requests, not for changes */

    m->watchdog.cancelable = m->follows;

    ngx_http_mailportal_redis_connect(m);
}


void
ngx_http_mailportal_redis_stop(ngx_http_mailportal_redis_t *m)
{
    m->stopping = 1;

    if (m->retry.timer_set) {
        ngx_del_timer(&m->retry);
    }

    if (m->watchdog.timer_set) {
        ngx_del_timer(&m->watchdog);
    }

    ngx_http_mailportal_redis_drop(m);
}


void
ngx_http_mailportal_redis_drop(ngx_http_mailportal_redis_t *m)
{
    redisAsyncContext  *ac;

    ac = m->context;

    if (ac == NULL) {
        return;
    }

    m->up = 0;

    if (m->connected) {

        /* every pending call gets NULL, then comes _disconnected() */

        redisAsyncFree(ac);
        return;
    }

    /* neither of the callbacks is called for a connect that we give up */

    redisAsyncFree(ac);
    ngx_http_mailportal_redis_retry_later(m);
}


/*
 * A new worker is asked before it has said hello: its commands queue behind
 * that.  In an outage nobody waits for a connection that may not come.
 */

static ngx_uint_t
ngx_http_mailportal_redis_takes(ngx_http_mailportal_redis_t *m)
{
    return m->up || (m->context && !m->complained && !m->stopping);
}


ngx_int_t
ngx_http_mailportal_redis_send(ngx_http_mailportal_redis_t *m,
    struct mp_cmd *cmd, ngx_msec_t extra, ngx_http_mailportal_reply_pt handler,
    void *data)
{
    if (!ngx_http_mailportal_redis_takes(m)) {
        return NGX_DECLINED;
    }

    return ngx_http_mailportal_redis_queue(m, cmd, extra, handler, data);
}


ngx_int_t
ngx_http_mailportal_redis_send_formatted(ngx_http_mailportal_redis_t *m,
    ngx_str_t *command, ngx_http_mailportal_reply_pt handler, void *data)
{
    ngx_http_mailportal_call_t  *call;

    if (!ngx_http_mailportal_redis_takes(m)) {
        return NGX_DECLINED;
    }

    call = ngx_http_mailportal_redis_call(m, 0, handler, data);

    if (call == NULL) {
        return NGX_DECLINED;
    }

    return ngx_http_mailportal_redis_queued(m, call,
                redisAsyncFormattedCommand(m->context,
                                           ngx_http_mailportal_redis_reply,
                                           call, (char *) command->data,
                                           command->len));
}


ngx_int_t
ngx_http_mailportal_redis_multi(ngx_http_mailportal_redis_t *m,
    struct mp_cmd *cmds, ngx_uint_t n, ngx_http_mailportal_reply_pt handler,
    void *data)
{
    ngx_int_t      rc;
    ngx_uint_t     i;
    struct mp_cmd  multi, exec;

    mp_cmd_init(&multi);
    mp_cmd_text(&multi, "MULTI");

    mp_cmd_init(&exec);
    mp_cmd_text(&exec, "EXEC");

    rc = ngx_http_mailportal_redis_send(m, &multi, 0, NULL, NULL);

    if (rc == NGX_OK) {

        for (i = 0; i < n && rc == NGX_OK; i++) {
            rc = ngx_http_mailportal_redis_send(m, &cmds[i], 0, NULL, NULL);
        }

        if (rc == NGX_OK) {
            rc = ngx_http_mailportal_redis_send(m, &exec, 0, handler, data);
        }

        if (rc != NGX_OK) {
            ngx_http_mailportal_redis_drop(m);
        }
    }

    for (i = 0; i < n; i++) {
        mp_cmd_free(&cmds[i]);
    }

    mp_cmd_free(&multi);
    mp_cmd_free(&exec);

    return rc;
}


ngx_int_t
ngx_http_mailportal_redis_queue(ngx_http_mailportal_redis_t *m,
    struct mp_cmd *cmd, ngx_msec_t extra, ngx_http_mailportal_reply_pt handler,
    void *data)
{
    const char                  **argv;
    ngx_http_mailportal_call_t   *call;

    argv = mp_cmd_argv(cmd);

    if (argv == NULL || m->context == NULL) {
        return NGX_DECLINED;
    }

    call = ngx_http_mailportal_redis_call(m, extra, handler, data);

    if (call == NULL) {
        return NGX_DECLINED;
    }

    return ngx_http_mailportal_redis_queued(m, call,
                redisAsyncCommandArgv(m->context,
                                      ngx_http_mailportal_redis_reply, call,
                                      (int) cmd->argc, argv, cmd->lens));
}


static ngx_http_mailportal_call_t *
ngx_http_mailportal_redis_call(ngx_http_mailportal_redis_t *m,
    ngx_msec_t extra, ngx_http_mailportal_reply_pt handler, void *data)
{
    ngx_queue_t                 *q;
    ngx_http_mailportal_call_t  *call;

    if (!ngx_queue_empty(&m->free)) {
        q = ngx_queue_head(&m->free);
        ngx_queue_remove(q);
        call = ngx_queue_data(q, ngx_http_mailportal_call_t, queue);

    } else {
        call = ngx_alloc(sizeof(ngx_http_mailportal_call_t), m->log);
        if (call == NULL) {
            return NULL;
        }
    }

    call->redis = m;
    call->handler = handler;
    call->data = data;
    call->wait = ngx_http_mailportal_conf()->timeout + extra;
    call->deadline = ngx_current_msec + call->wait;

    return call;
}


static ngx_int_t
ngx_http_mailportal_redis_queued(ngx_http_mailportal_redis_t *m,
    ngx_http_mailportal_call_t *call, int rc)
{
    if (rc != REDIS_OK) {
        ngx_queue_insert_head(&m->free, &call->queue);
        return NGX_DECLINED;
    }

    ngx_queue_insert_tail(&m->calls, &call->queue);

    if (!m->watchdog.timer_set) {
        ngx_add_timer(&m->watchdog, call->wait);
    }

    return NGX_OK;
}


static void
ngx_http_mailportal_redis_reply(redisAsyncContext *ac, void *reply, void *data)
{
    ngx_http_mailportal_call_t *call = data;

    void                          *arg;
    ngx_http_mailportal_reply_pt   handler;

    handler = call->handler;
    arg = call->data;

    ngx_queue_remove(&call->queue);
    ngx_queue_insert_head(&call->redis->free, &call->queue);

    if (handler) {
        handler(arg, reply);
    }
}


/*
 * The timer is set for the oldest call when it was set, and is not moved by
 * replies: this costs a spurious wake-up at most once a timeout.
 */

static void
ngx_http_mailportal_redis_watchdog(ngx_event_t *ev)
{
    ngx_msec_int_t                left;
    ngx_http_mailportal_call_t   *call;
    ngx_http_mailportal_redis_t  *m;

    m = ev->data;

    if (ngx_queue_empty(&m->calls)) {
        return;
    }

    call = ngx_queue_data(ngx_queue_head(&m->calls),
                          ngx_http_mailportal_call_t, queue);

    left = (ngx_msec_int_t) (call->deadline - ngx_current_msec);

    if (left > 0) {
        ngx_add_timer(ev, (ngx_msec_t) left);
        return;
    }

    ngx_http_mailportal_redis_complain(m, 0, "dropped", "no answer in time");

    ngx_http_mailportal_redis_drop(m);
}


void
ngx_http_mailportal_redis_complain(ngx_http_mailportal_redis_t *m,
    ngx_err_t err, const char *what, const char *text)
{
    /* once for an outage, however long it lasts */

    ngx_log_error((m->complained ? NGX_LOG_INFO : NGX_LOG_ERR), m->log, err,
                  "redis %s: %s: %s", m->name, what, text);

    (void) snprintf(m->problem, sizeof(m->problem), "Redis: %s: %s", what,
                    text);

    m->complained = 1;
}


static void
ngx_http_mailportal_redis_retry_later(ngx_http_mailportal_redis_t *m)
{
    m->context = NULL;
    m->connected = 0;
    m->up = 0;
    m->writes = MP_REDIS_AWAY;

    if (m->stopping || m->retry.timer_set) {
        return;
    }

    m->backoff = ngx_max(m->backoff, NGX_HTTP_MAILPORTAL_BACKOFF_MIN);

    ngx_add_timer(&m->retry, m->backoff + ngx_random() % (m->backoff / 2));

    m->backoff = ngx_min(m->backoff * 2, NGX_HTTP_MAILPORTAL_BACKOFF_MAX);
}


static void
ngx_http_mailportal_redis_retry(ngx_event_t *ev)
{
    ngx_http_mailportal_redis_connect(ev->data);
}


static void
ngx_http_mailportal_redis_connect(ngx_http_mailportal_redis_t *m)
{
    redisAsyncContext                *ac;
    ngx_http_mailportal_main_conf_t  *mmcf;

    mmcf = ngx_http_mailportal_conf();

    ac = mmcf->port ? redisAsyncConnect((char *) mmcf->host.data, mmcf->port)
                    : redisAsyncConnectUnix((char *) mmcf->host.data);

    if (ac == NULL) {
        ngx_http_mailportal_redis_retry_later(m);
        return;
    }

    if (ac->err) {
        ngx_http_mailportal_redis_complain(m, 0, "connect", ac->errstr);
        redisAsyncFree(ac);
        ngx_http_mailportal_redis_retry_later(m);
        return;
    }

    if (ngx_http_mailportal_redis_attach(m, ac) != NGX_OK) {
        redisAsyncFree(ac);
        ngx_http_mailportal_redis_retry_later(m);
        return;
    }

    ngx_http_mailportal_redis_hello(m);
}


static ngx_int_t
ngx_http_mailportal_redis_attach(ngx_http_mailportal_redis_t *m,
    redisAsyncContext *ac)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(ac->c.fd, m->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    /*
     * c->idle stays 0: a draining worker would close an idle connection, but
     * its requests still need this one; exit_process closes it
     */

    c->data = m;
    c->log = m->log;
    c->read->log = m->log;
    c->read->handler = ngx_http_mailportal_redis_read;
    c->write->log = m->log;
    c->write->handler = ngx_http_mailportal_redis_write;

    m->connection = c;
    m->context = ac;

    ac->data = m;
    ac->ev.data = m;
    ac->ev.addRead = ngx_http_mailportal_redis_add_read;
    ac->ev.delRead = ngx_http_mailportal_redis_del_read;
    ac->ev.addWrite = ngx_http_mailportal_redis_add_write;
    ac->ev.delWrite = ngx_http_mailportal_redis_del_write;
    ac->ev.cleanup = ngx_http_mailportal_redis_cleanup;

    ngx_add_timer(c->write, ngx_http_mailportal_conf()->timeout);

    redisAsyncSetDisconnectCallback(ac,
                                    ngx_http_mailportal_redis_disconnected);
    redisAsyncSetConnectCallback(ac, ngx_http_mailportal_redis_connected);

    return NGX_OK;
}


static void
ngx_http_mailportal_redis_read(ngx_event_t *ev)
{
    ngx_connection_t             *c;
    ngx_http_mailportal_redis_t  *m;

    c = ev->data;
    m = c->data;

    redisAsyncHandleRead(m->context);
}


static void
ngx_http_mailportal_redis_write(ngx_event_t *ev)
{
    ngx_connection_t             *c;
    ngx_http_mailportal_redis_t  *m;

    c = ev->data;
    m = c->data;

    if (ev->timedout) {
        ev->timedout = 0;
        ngx_http_mailportal_redis_complain(m, NGX_ETIMEDOUT, "connect",
                                           "no answer");
        ngx_http_mailportal_redis_drop(m);
        return;
    }

    m->flushes++;
    m->writing = 1;
    redisAsyncHandleWrite(m->context);
    m->writing = 0;
}


/*
 * Level-triggered: hiredis reads 16 KiB at a time, and with an edge the rest
 * of a long reply would stay in the socket.
 */

static void
ngx_http_mailportal_redis_add_read(void *data)
{
    ngx_http_mailportal_redis_t *m = data;

    if (m->connection && !m->connection->read->active) {
        (void) ngx_add_event(m->connection->read, NGX_READ_EVENT,
                             NGX_LEVEL_EVENT);
    }
}


static void
ngx_http_mailportal_redis_del_read(void *data)
{
    ngx_http_mailportal_redis_t *m = data;

    if (m->connection && m->connection->read->active) {
        (void) ngx_del_event(m->connection->read, NGX_READ_EVENT, 0);
    }
}


static void
ngx_http_mailportal_redis_add_write(void *data)
{
    ngx_http_mailportal_redis_t *m = data;

    if (m->connection == NULL) {
        return;
    }

    if (m->connected && !m->writing) {

        /* one write() for all commands of a turn of the event loop */

        ngx_post_event(m->connection->write, &ngx_posted_events);
        return;
    }

    if (!m->connection->write->active) {
        (void) ngx_add_event(m->connection->write, NGX_WRITE_EVENT,
                             NGX_LEVEL_EVENT);
    }
}


static void
ngx_http_mailportal_redis_del_write(void *data)
{
    ngx_http_mailportal_redis_t *m = data;

    if (m->connection && m->connection->write->active) {
        (void) ngx_del_event(m->connection->write, NGX_WRITE_EVENT, 0);
    }
}


/* the only place that gives the connection back; hiredis closes the socket */

static void
ngx_http_mailportal_redis_cleanup(void *data)
{
    ngx_http_mailportal_redis_t *m = data;

    ngx_connection_t  *c;

    c = m->connection;

    if (c == NULL) {
        return;
    }

    ngx_http_mailportal_redis_del_read(m);
    ngx_http_mailportal_redis_del_write(m);

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;

    m->connection = NULL;
}


static void
ngx_http_mailportal_redis_connected(const redisAsyncContext *ac, int status)
{
    ngx_http_mailportal_redis_t  *m;

    m = ac->data;

    if (m->connection->write->timer_set) {
        ngx_del_timer(m->connection->write);
    }

    if (status != REDIS_OK) {

        /* _cleanup() comes after this, _disconnected() does not */

        ngx_http_mailportal_redis_complain(m, 0, "connect", ac->errstr);
        ngx_http_mailportal_redis_retry_later(m);
        return;
    }

    m->connected = 1;
}


static void
ngx_http_mailportal_redis_disconnected(const redisAsyncContext *ac, int status)
{
    ngx_uint_t                    was_up;
    ngx_http_mailportal_redis_t  *m;

    m = ac->data;
    was_up = (m->writes != MP_REDIS_AWAY);

    if (status != REDIS_OK) {
        ngx_http_mailportal_redis_complain(m, 0, "disconnected", ac->errstr);
    }

    ngx_http_mailportal_redis_retry_later(m);

    if (was_up && m->down_handler && !m->stopping) {
        m->down_handler(m);
    }
}
