
/*
 * Copyright (C) The mailportal authors
 *
 * Who watches a job: the beginning of the stream, and what is sent by it.
 */


#include "ngx_http_mailportal_watch.h"

#include "mp_audit.h"


/* how far back it is looked whether anything has happened to a job */
#define NGX_HTTP_MAILPORTAL_SINCE  500

#define NGX_HTTP_MAILPORTAL_FIRST  (1 + NGX_HTTP_MAILPORTAL_JOB_READ)


static ngx_int_t ngx_http_mailportal_watcher(ngx_http_request_t *r,
    const char *id);
static void ngx_http_mailportal_watcher_gone(
    ngx_http_mailportal_listener_t *l);
static void ngx_http_mailportal_watcher_since(ngx_http_request_t *r,
    ngx_http_mailportal_watcher_t *watcher);
static ngx_int_t ngx_http_mailportal_watcher_ask(ngx_http_request_t *r,
    ngx_http_mailportal_watcher_t *watcher);
static ngx_int_t ngx_http_mailportal_watcher_reply(ngx_http_request_t *r,
    redisReply *reply);
static ngx_uint_t ngx_http_mailportal_watcher_knows(
    ngx_http_mailportal_watcher_t *watcher, redisReply *entries);
static ngx_uint_t ngx_http_mailportal_watcher_concerns(redisReply *entry,
    const char *id);
static ngx_int_t ngx_http_mailportal_watcher_open(ngx_http_request_t *r,
    ngx_http_mailportal_watcher_t *watcher, ngx_uint_t known);


ngx_int_t
ngx_http_mailportal_watch_get(ngx_http_request_t *r)
{
    const char       *id;
    struct mp_error   err;

    id = ngx_http_mailportal_job_param(r);

    if (id == NULL) {
        return ngx_http_mailportal_job_refuse(r, MP_NOT_FOUND, &err);
    }

    return ngx_http_mailportal_watcher(r, id);
}


/* it watches before it reads, so that no change falls between the two */

static ngx_int_t
ngx_http_mailportal_watcher(ngx_http_request_t *r, const char *id)
{
    ngx_int_t                       rc;
    ngx_http_mailportal_watch_t    *watch;
    ngx_http_mailportal_watcher_t  *watcher;

    watcher = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_watcher_t));
    if (watcher == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_mailportal_listener(r, ngx_http_mailportal_watcher_pump,
                                      watcher, &watcher->listener);

    if (rc != NGX_OK) {
        return rc;
    }

    watch = ngx_http_mailportal_watch(id);
    if (watch == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    watcher->watch = watch;
    watcher->listener->gone = ngx_http_mailportal_watcher_gone;

    ngx_queue_insert_tail(&watch->watchers, &watcher->queue);

    ngx_http_mailportal_watcher_since(r, watcher);

    return ngx_http_mailportal_watcher_ask(r, watcher);
}


static void
ngx_http_mailportal_watcher_gone(ngx_http_mailportal_listener_t *l)
{
    ngx_http_mailportal_watcher_t  *watcher;

    watcher = l->data;

    ngx_queue_remove(&watcher->queue);

    ngx_http_mailportal_watch_release(watcher->watch);
}


/* an id that is none is that of somebody who knows nothing */

static void
ngx_http_mailportal_watcher_since(ngx_http_request_t *r,
    ngx_http_mailportal_watcher_t *watcher)
{
    ngx_str_t   *since;
    ngx_uint_t   n;

    since = ngx_http_mailportal_find_header(r, "Last-Event-ID", 13, &n);

    if (since && n == 1
        && mp_audit_id_check((char *) since->data, since->len))
    {
        watcher->since = *since;
    }
}


/*
 * Where the stream is, and the job, at one moment.  From the id that is known
 * on, the entries: the first must be that one, or others may be gone.
 */

static ngx_int_t
ngx_http_mailportal_watcher_ask(ngx_http_request_t *r,
    ngx_http_mailportal_watcher_t *watcher)
{
    ngx_uint_t      n;
    struct mp_cmd  *cmd, cmds[NGX_HTTP_MAILPORTAL_FIRST + 1];

    cmd = &cmds[0];
    mp_cmd_init(cmd);
    mp_cmd_texts(cmd, "XREVRANGE", mp_key(MP_KEY_JOB_EVENTS), "+", "-",
                 "COUNT", "1", NULL);

    ngx_http_mailportal_job_commands(&cmds[1], watcher->watch->id, 0);

    n = NGX_HTTP_MAILPORTAL_FIRST;

    if (watcher->since.len) {
        cmd = &cmds[n++];
        mp_cmd_init(cmd);
        mp_cmd_texts(cmd, "XRANGE", mp_key(MP_KEY_JOB_EVENTS), NULL);
        mp_cmd_add(cmd, watcher->since.data, watcher->since.len);
        mp_cmd_texts(cmd, "+", "COUNT", NULL);
        mp_cmd_number(cmd, NGX_HTTP_MAILPORTAL_SINCE);
    }

    return ngx_http_mailportal_op(r, cmds, n, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_watcher_reply);
}


static ngx_int_t
ngx_http_mailportal_watcher_reply(ngx_http_request_t *r, redisReply *reply)
{
    char                             at[NGX_HTTP_MAILPORTAL_EVENT_ID];
    ngx_uint_t                       known, version;
    enum mp_status                   status;
    struct mp_error                  err;
    struct mp_record                *record;
    ngx_http_mailportal_watch_t     *watch;
    ngx_http_mailportal_watcher_t   *watcher;
    ngx_http_mailportal_listener_t  *l;

    l = ngx_http_mailportal_ctx(r)->data;
    watcher = l->data;
    watch = watcher->watch;

    record = ngx_palloc(r->pool, sizeof(struct mp_record));
    if (record == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_mailportal_watch_head(reply->element[0], at) != NGX_OK) {
        return ngx_http_mailportal_fail(r, MP_REGRESSED, NULL,
                                        "the events of jobs in Redis cannot "
                                        "be read");
    }

    status = ngx_http_mailportal_job_read(record, &reply->element[1], &err);

    if (status != MP_OK) {
        return ngx_http_mailportal_job_refuse(r, status, &err);
    }

    version = watch->version;

    ngx_http_mailportal_watch_take(watch, record, at);

    if (watch->block == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (watch->version != version) {

        /* the other watchers are told at the next tick */

        watch->dirty = 1;
    }

    known = watcher->since.len
            && ngx_http_mailportal_watcher_knows(watcher,
                                  reply->element[NGX_HTTP_MAILPORTAL_FIRST]);

    if (known && watch->ended) {

        /* with this a browser does not come again */

        return ngx_http_mailportal_send(r, NGX_HTTP_NO_CONTENT, NULL);
    }

    ngx_http_mailportal_watch_from(watch, at);

    return ngx_http_mailportal_watcher_open(r, watcher, known);
}


static ngx_uint_t
ngx_http_mailportal_watcher_knows(ngx_http_mailportal_watcher_t *watcher,
    redisReply *entries)
{
    size_t       i;
    redisReply  *first;

    if (entries->type != REDIS_REPLY_ARRAY || entries->elements == 0
        || entries->elements >= NGX_HTTP_MAILPORTAL_SINCE)
    {
        return 0;
    }

    first = entries->element[0];

    if (first->type != REDIS_REPLY_ARRAY || first->elements != 2
        || first->element[0]->type != REDIS_REPLY_STRING
        || (size_t) first->element[0]->len != watcher->since.len
        || ngx_memcmp(first->element[0]->str, watcher->since.data,
                      watcher->since.len) != 0)
    {
        return 0;
    }

    for (i = 1; i < entries->elements; i++) {
        if (ngx_http_mailportal_watcher_concerns(entries->element[i],
                                                 watcher->watch->id))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_http_mailportal_watcher_concerns(redisReply *entry, const char *id)
{
    const char  *concerned;

    concerned = ngx_http_mailportal_watch_event(entry);

    return concerned == NULL || ngx_strcmp(concerned, id) == 0;
}


static ngx_int_t
ngx_http_mailportal_watcher_open(ngx_http_request_t *r,
    ngx_http_mailportal_watcher_t *watcher, ngx_uint_t known)
{
    ngx_int_t  rc;

    rc = ngx_http_mailportal_listener_open(watcher->listener);

    if (rc != NGX_OK) {
        return rc;
    }

    if (known) {
        watcher->version = watcher->watch->version;
    }

    ngx_http_mailportal_watcher_pump(watcher->listener);

    return ngx_http_mailportal_listener_rc(watcher->listener);
}


/* only what is newest; and after the end nothing */

void
ngx_http_mailportal_watcher_pump(ngx_http_mailportal_listener_t *l)
{
    ngx_http_mailportal_watch_t    *watch;
    ngx_http_mailportal_watcher_t  *watcher;

    watcher = l->data;
    watch = watcher->watch;

    if (l->busy || l->failed || l->ending) {
        return;
    }

    if (watcher->version != watch->version) {
        watcher->version = watch->version;
        ngx_http_mailportal_listener_put(l, watch->block);
    }

    if (watch->ended) {
        ngx_http_mailportal_listener_end(l);
    }
}
