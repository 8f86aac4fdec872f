
/*
 * Copyright (C) The mailportal authors
 *
 * New lines of the servers' logs as events, of all nodes in the order of
 * their ids.  A client that is slow gets them later, not from memory.
 */


#include "ngx_http_mailportal_events.h"
#include "ngx_http_mailportal_logs.h"


#define NGX_HTTP_MAILPORTAL_LOG_PACE   200
#define NGX_HTTP_MAILPORTAL_LOG_EVENT  400     /* lines of one block */


typedef struct {
    ngx_http_mailportal_log_filter_t   filter;
    ngx_http_mailportal_listener_t    *listener;
    ngx_event_t                        timer;
    char                               last[48];
} ngx_http_mailportal_log_follower_t;


/* the entries of one node, as far as they are taken */

typedef struct {
    redisReply                        *entries;
    size_t                             i;
    ngx_http_mailportal_log_entry_t    entry;
} ngx_http_mailportal_log_head_t;


static ngx_int_t ngx_http_mailportal_log_since(ngx_http_request_t *r,
    ngx_http_mailportal_log_follower_t *f);
static void ngx_http_mailportal_log_gone(ngx_http_mailportal_listener_t *l);
static ngx_int_t ngx_http_mailportal_log_noded(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_log_newest(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_log_open(ngx_http_request_t *r,
    ngx_http_mailportal_log_follower_t *f);
static void ngx_http_mailportal_log_tick(ngx_event_t *ev);
static void ngx_http_mailportal_log_pump(ngx_http_mailportal_listener_t *l);
static ngx_int_t ngx_http_mailportal_log_ask(ngx_http_request_t *r,
    ngx_http_mailportal_log_follower_t *f, ngx_uint_t newest);
static ngx_int_t ngx_http_mailportal_log_reply(ngx_http_request_t *r,
    redisReply *reply);
static ngx_uint_t ngx_http_mailportal_log_count(
    ngx_http_mailportal_log_follower_t *f);
static ngx_int_t ngx_http_mailportal_log_events(
    ngx_http_mailportal_log_follower_t *f, redisReply *reply,
    struct mp_json *json);
static ngx_int_t ngx_http_mailportal_log_head(
    ngx_http_mailportal_log_head_t *head);
static ngx_uint_t ngx_http_mailportal_log_before(
    const ngx_http_mailportal_log_entry_t *a,
    const ngx_http_mailportal_log_entry_t *b);


ngx_int_t
ngx_http_mailportal_log_stream_get(ngx_http_request_t *r)
{
    ngx_int_t                            rc;
    struct mp_cmd                        cmd;
    enum mp_status                       status;
    struct mp_error                      err;
    ngx_http_mailportal_log_follower_t  *f;

    f = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_log_follower_t));
    if (f == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = ngx_http_mailportal_log_filter(r, &f->filter, &err);
    if (status != MP_OK) {
        return ngx_http_mailportal_fail_error(r, status, &err);
    }

    if (ngx_http_mailportal_log_since(r, f) != NGX_OK) {
        return ngx_http_mailportal_fail(r, MP_INVALID, "after",
                                        "must be the id of a line");
    }

    rc = ngx_http_mailportal_listener(r, ngx_http_mailportal_log_pump, f,
                                      &f->listener);
    if (rc != NGX_OK) {
        return rc;
    }

    f->listener->gone = ngx_http_mailportal_log_gone;

    f->timer.handler = ngx_http_mailportal_log_tick;
    f->timer.data = f;
    f->timer.log = r->connection->log;
    f->timer.cancelable = 1;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "HGETALL", mp_key(MP_KEY_HEARTBEATS), NULL);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_log_noded);
}


/* a browser that comes again says what it has seen last */

static ngx_int_t
ngx_http_mailportal_log_since(ngx_http_request_t *r,
    ngx_http_mailportal_log_follower_t *f)
{
    uint64_t    id[2];
    ngx_str_t   after, *header;
    ngx_uint_t  n;

    header = ngx_http_mailportal_find_header(r, "Last-Event-ID", 13, &n);

    if (header && n == 1 && header->len < sizeof(f->last)) {
        (void) ngx_cpystrn((u_char *) f->last, header->data, header->len + 1);

        if (ngx_http_mailportal_log_id(f->last, &id[0], &id[1]) == NGX_OK) {
            return NGX_OK;
        }
    }

    f->last[0] = '\0';

    if (ngx_http_mailportal_arg(r, "after", &after) != NGX_OK
        || after.len == 0)
    {
        return NGX_OK;
    }

    if (after.len >= sizeof(f->last)) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn((u_char *) f->last, after.data, after.len + 1);

    return ngx_http_mailportal_log_id(f->last, &id[0], &id[1]);
}


static void
ngx_http_mailportal_log_gone(ngx_http_mailportal_listener_t *l)
{
    ngx_http_mailportal_log_follower_t  *f;

    f = l->data;

    if (f->timer.timer_set) {
        ngx_del_timer(&f->timer);
    }
}


static ngx_int_t
ngx_http_mailportal_log_noded(ngx_http_request_t *r, redisReply *reply)
{
    enum mp_status                       status;
    struct mp_error                      err;
    ngx_http_mailportal_listener_t      *l;
    ngx_http_mailportal_log_follower_t  *f;

    l = ngx_http_mailportal_ctx(r)->data;
    f = l->data;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return NGX_ERROR;
    }

    status = ngx_http_mailportal_log_nodes(&f->filter, reply, &err);
    if (status != MP_OK) {
        return ngx_http_mailportal_fail_error(r, status, &err);
    }

    if (f->last[0] == '\0' && f->filter.n) {
        return ngx_http_mailportal_log_ask(r, f, 1);
    }

    return ngx_http_mailportal_log_open(r, f);
}


static ngx_int_t
ngx_http_mailportal_log_newest(ngx_http_request_t *r, redisReply *reply)
{
    ngx_uint_t                           i;
    redisReply                          *entries;
    ngx_http_mailportal_listener_t      *l;
    ngx_http_mailportal_log_entry_t      entry, newest;
    ngx_http_mailportal_log_follower_t  *f;

    l = ngx_http_mailportal_ctx(r)->data;
    f = l->data;

    ngx_memzero(&newest, sizeof(newest));

    for (i = 0; i < f->filter.n; i++) {
        entries = f->filter.n == 1 ? reply : reply->element[i];

        if (entries->type == REDIS_REPLY_ARRAY && entries->elements == 1
            && ngx_http_mailportal_log_parse(entries->element[0], &entry)
               == NGX_OK
            && ngx_http_mailportal_log_before(&newest, &entry))
        {
            newest = entry;
        }
    }

    (void) snprintf(f->last, sizeof(f->last), "%" PRIu64 "-%" PRIu64,
                    newest.msecs, newest.seq);

    return ngx_http_mailportal_log_open(r, f);
}


static ngx_int_t
ngx_http_mailportal_log_open(ngx_http_request_t *r,
    ngx_http_mailportal_log_follower_t *f)
{
    ngx_int_t  rc;

    if (f->last[0] == '\0') {
        (void) ngx_cpystrn((u_char *) f->last, (u_char *) "0-0",
                           sizeof(f->last));
    }

    rc = ngx_http_mailportal_listener_open(f->listener);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_add_timer(&f->timer, 1);

    return ngx_http_mailportal_listener_rc(f->listener);
}


static void
ngx_http_mailportal_log_tick(ngx_event_t *ev)
{
    ngx_http_mailportal_log_follower_t *f = ev->data;

    if (f->listener->open) {
        ngx_add_timer(ev, NGX_HTTP_MAILPORTAL_LOG_PACE);
        ngx_http_mailportal_listener_run(f->listener,
                                         ngx_http_mailportal_log_pump);
    }
}


static void
ngx_http_mailportal_log_pump(ngx_http_mailportal_listener_t *l)
{
    ngx_http_mailportal_log_follower_t  *f;

    f = l->data;

    if (!l->open || l->busy || l->failed || l->ending || f->filter.n == 0
        || ngx_http_mailportal_ctx(l->request)->op)
    {
        return;
    }

    if (ngx_http_mailportal_log_ask(l->request, f, 0) == NGX_ERROR) {
        l->failed = 1;
    }
}


static ngx_uint_t
ngx_http_mailportal_log_count(ngx_http_mailportal_log_follower_t *f)
{
    return NGX_HTTP_MAILPORTAL_LOG_EVENT / f->filter.n + 1;
}


static ngx_int_t
ngx_http_mailportal_log_ask(ngx_http_request_t *r,
    ngx_http_mailportal_log_follower_t *f, ngx_uint_t newest)
{
    char               from[sizeof("(") + sizeof(f->last)];
    ngx_uint_t         i;
    struct mp_cmd      cmds[NGX_HTTP_MAILPORTAL_LOG_NODES];
    struct mp_keyname  key;

    (void) snprintf(from, sizeof(from), "(%s", f->last);

    for (i = 0; i < f->filter.n; i++) {
        ngx_http_mailportal_log_key(&key, &f->filter, i);
        mp_cmd_init(&cmds[i]);

        if (newest) {
            mp_cmd_texts(&cmds[i], "XREVRANGE", key.text, "+", "-", "COUNT",
                         "1", NULL);
        } else {
            mp_cmd_texts(&cmds[i], "XRANGE", key.text, from, "+", "COUNT",
                         NULL);
            mp_cmd_number(&cmds[i], ngx_http_mailportal_log_count(f));
        }
    }

    if (newest) {
        return ngx_http_mailportal_op(r, cmds, f->filter.n,
                                      NGX_HTTP_MAILPORTAL_READ,
                                      ngx_http_mailportal_log_newest);
    }

    return ngx_http_mailportal_op(r, cmds, f->filter.n,
                                  NGX_HTTP_MAILPORTAL_READ
                                  |NGX_HTTP_MAILPORTAL_RAW,
                                  ngx_http_mailportal_log_reply);
}


/* while Redis is away there is nothing new, and the stream goes on */

static ngx_int_t
ngx_http_mailportal_log_reply(ngx_http_request_t *r, redisReply *reply)
{
    struct mp_json                       json;
    ngx_http_mailportal_block_t         *block;
    ngx_http_mailportal_listener_t      *l;
    ngx_http_mailportal_log_follower_t  *f;

    l = ngx_http_mailportal_ctx(r)->data;
    f = l->data;

    r->read_event_handler = ngx_http_test_reading;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || (f->filter.n > 1 && reply->elements != f->filter.n)
        || !l->open || l->busy || l->failed || l->ending)
    {
        return ngx_http_mailportal_listener_rc(l);
    }

    mp_json_init(&json);

    if (ngx_http_mailportal_log_events(f, reply, &json) != NGX_OK
        || !json.ok)
    {
        l->failed = 1;

    } else if (json.len) {
        block = ngx_http_mailportal_block(json.len);

        if (block) {
            ngx_memcpy(block->bytes, json.bytes, json.len);
            ngx_http_mailportal_listener_put(l, block);
            ngx_http_mailportal_block_drop(block);

        } else {
            l->failed = 1;
        }
    }

    mp_json_free(&json);

    return ngx_http_mailportal_listener_rc(l);
}


static ngx_int_t
ngx_http_mailportal_log_head(ngx_http_mailportal_log_head_t *head)
{
    if (head->entries->type != REDIS_REPLY_ARRAY) {
        return NGX_DECLINED;
    }

    while (head->i < head->entries->elements) {
        if (ngx_http_mailportal_log_parse(head->entries->element[head->i],
                                          &head->entry)
            == NGX_OK)
        {
            return NGX_OK;
        }

        head->i++;
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_mailportal_log_before(const ngx_http_mailportal_log_entry_t *a,
    const ngx_http_mailportal_log_entry_t *b)
{
    return a->msecs < b->msecs || (a->msecs == b->msecs && a->seq < b->seq);
}


/*
 * Always the oldest of all heads.  Where a node may have more than it was
 * asked for, the others wait: what comes next might be older.
 */

static ngx_int_t
ngx_http_mailportal_log_events(ngx_http_mailportal_log_follower_t *f,
    redisReply *reply, struct mp_json *json)
{
    char                             text[96];
    size_t                           full;
    ngx_int_t                        best;
    ngx_uint_t                       i;
    struct timespec                  begin;
    struct mp_logline                line;
    ngx_http_mailportal_log_head_t  *head;
    ngx_http_mailportal_log_head_t   heads[NGX_HTTP_MAILPORTAL_LOG_NODES];

    full = ngx_http_mailportal_log_count(f);

    ngx_memzero(heads, sizeof(heads));

    for (i = 0; i < f->filter.n; i++) {
        heads[i].entries = f->filter.n == 1 ? reply : reply->element[i];
    }

    (void) clock_gettime(CLOCK_MONOTONIC, &begin);

    while (!ngx_http_mailportal_log_long(&begin)) {
        best = -1;

        for (i = 0; i < f->filter.n; i++) {

            if (ngx_http_mailportal_log_head(&heads[i]) != NGX_OK) {

                if (heads[i].i >= full) {
                    return NGX_OK;
                }

                continue;
            }

            if (best < 0 || ngx_http_mailportal_log_before(&heads[i].entry,
                                                          &heads[best].entry))
            {
                best = i;
            }
        }

        if (best < 0) {
            return NGX_OK;
        }

        head = &heads[best];
        head->i++;

        (void) snprintf(f->last, sizeof(f->last), "%" PRIu64 "-%" PRIu64,
                        head->entry.msecs, head->entry.seq);

        mp_logline_parse(&line, head->entry.bytes, head->entry.len);

        if (!ngx_http_mailportal_log_wanted(&f->filter, &head->entry, &line)) {
            continue;
        }

        (void) snprintf(text, sizeof(text), "event: line\nid: %s\ndata: ",
                        f->last);

        json->comma = false;
        mp_json_raw(json, NULL, text, ngx_strlen(text));
        json->comma = false;
        ngx_http_mailportal_log_render(json, f->filter.nodes[best],
                                       &head->entry, &line);
        json->comma = false;
        mp_json_raw(json, NULL, "\n\n", 2);
    }

    return NGX_OK;
}
