
/*
 * Copyright (C) The mailportal authors
 *
 * Follows the events of jobs while somebody watches one.  An event says only
 * which job has changed; the job is then read, at most five times a second.
 */


#include "ngx_http_mailportal_watch.h"
#include "ngx_http_mailportal_redis.h"
#include "ngx_http_mailportal_worker.h"


#define NGX_HTTP_MAILPORTAL_WATCH_BLOCK  2000
#define NGX_HTTP_MAILPORTAL_WATCH_PACE   200
#define NGX_HTTP_MAILPORTAL_WATCH_LONG   15000 /* then it is read anyhow */
#define NGX_HTTP_MAILPORTAL_WATCH_RETRY  1000

#define NGX_HTTP_MAILPORTAL_AWAY                                              \
    ": Redis does not tell how it is; this goes on by itself\n\n"


static void ngx_http_mailportal_watch_up(ngx_http_mailportal_redis_t *m);
static void ngx_http_mailportal_watch_down(ngx_http_mailportal_redis_t *m);
static void ngx_http_mailportal_watch_all_dirty(void);
static void ngx_http_mailportal_watch_follow(void);
static void ngx_http_mailportal_watch_events(void *data, redisReply *reply);
static void ngx_http_mailportal_watch_entry(redisReply *entry);
static ngx_http_mailportal_watch_t *ngx_http_mailportal_watch_find(
    const char *id);
static void ngx_http_mailportal_watch_tick(ngx_event_t *ev);
static void ngx_http_mailportal_watch_read(ngx_http_mailportal_watch_t *watch);
static void ngx_http_mailportal_watch_reply(void *data, redisReply *reply);
static ngx_int_t ngx_http_mailportal_watch_parse(
    ngx_http_mailportal_watch_t *watch, redisReply *reply);
static void ngx_http_mailportal_watch_lost(ngx_http_mailportal_watch_t *watch);
static void ngx_http_mailportal_watch_tell(ngx_http_mailportal_watch_t *watch,
    ngx_http_mailportal_listener_pt handler);
static void ngx_http_mailportal_watch_say(ngx_http_mailportal_listener_t *l);


static ngx_queue_t                   ngx_http_mailportal_watches;
static ngx_event_t                   ngx_http_mailportal_watching;
static ngx_http_mailportal_redis_t   ngx_http_mailportal_feed;
static ngx_uint_t                    ngx_http_mailportal_feeding;
static ngx_msec_t                    ngx_http_mailportal_feed_retry;

/* where XREAD goes on; empty: nobody has ever watched */
static char  ngx_http_mailportal_feed_id[NGX_HTTP_MAILPORTAL_EVENT_ID];

/* a record is large, and one is looked at at a time */
static struct mp_record              ngx_http_mailportal_watched;

static ngx_http_mailportal_block_t   ngx_http_mailportal_away = {
    1, (u_char *) NGX_HTTP_MAILPORTAL_AWAY,
    sizeof(NGX_HTTP_MAILPORTAL_AWAY) - 1
};


void
ngx_http_mailportal_watch_start(ngx_cycle_t *cycle)
{
    ngx_event_t                  *ev;
    ngx_http_mailportal_redis_t  *m;

    ngx_queue_init(&ngx_http_mailportal_watches);

    ev = &ngx_http_mailportal_watching;

    ev->handler = ngx_http_mailportal_watch_tick;
    ev->data = &ngx_http_mailportal_feed;
    ev->log = cycle->log;
    ev->cancelable = 1;

    m = &ngx_http_mailportal_feed;

    m->name = "mailportal-nginx-jobs";
    m->log = cycle->log;
    m->follows = 1;
    m->up_handler = ngx_http_mailportal_watch_up;
    m->down_handler = ngx_http_mailportal_watch_down;

    ngx_http_mailportal_redis_start(m);
}


void
ngx_http_mailportal_watch_stop(void)
{
    if (ngx_http_mailportal_watching.timer_set) {
        ngx_del_timer(&ngx_http_mailportal_watching);
    }

    ngx_http_mailportal_redis_stop(&ngx_http_mailportal_feed);
}


static void
ngx_http_mailportal_watch_up(ngx_http_mailportal_redis_t *m)
{
    ngx_http_mailportal_feeding = 0;

    /* this may be another Redis, where the events have other ids */

    ngx_http_mailportal_watch_all_dirty();
    ngx_http_mailportal_watch_follow();
}


static void
ngx_http_mailportal_watch_down(ngx_http_mailportal_redis_t *m)
{
    ngx_http_mailportal_feeding = 0;
    ngx_http_mailportal_watch_all_dirty();
}


static void
ngx_http_mailportal_watch_all_dirty(void)
{
    ngx_queue_t                  *q;
    ngx_http_mailportal_watch_t  *watch;

    for (q = ngx_queue_head(&ngx_http_mailportal_watches);
         q != ngx_queue_sentinel(&ngx_http_mailportal_watches);
         q = ngx_queue_next(q))
    {
        watch = ngx_queue_data(q, ngx_http_mailportal_watch_t, queue);
        watch->dirty = 1;
    }
}


void
ngx_http_mailportal_watch_from(ngx_http_mailportal_watch_t *watch,
    const char *id)
{
    ngx_uint_t  dirty;

    if (ngx_http_mailportal_feeding) {

        /* it is behind that, or has woken this watch since */
        return;
    }

    /* the others may miss what lies between */

    dirty = watch->dirty;
    ngx_http_mailportal_watch_all_dirty();
    watch->dirty = dirty;

    ngx_cpystrn((u_char *) ngx_http_mailportal_feed_id, (u_char *) id,
                sizeof(ngx_http_mailportal_feed_id));

    ngx_http_mailportal_watch_follow();
}


static void
ngx_http_mailportal_watch_follow(void)
{
    struct mp_cmd  cmd;

    if (ngx_http_mailportal_feeding
        || ngx_http_mailportal_feed_id[0] == '\0'
        || ngx_queue_empty(&ngx_http_mailportal_watches))
    {
        return;
    }

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XREAD", "COUNT", "200", "BLOCK", NULL);
    mp_cmd_number(&cmd, NGX_HTTP_MAILPORTAL_WATCH_BLOCK);
    mp_cmd_texts(&cmd, "STREAMS", mp_key(MP_KEY_JOB_EVENTS),
                 ngx_http_mailportal_feed_id, NULL);

    if (ngx_http_mailportal_redis_send(&ngx_http_mailportal_feed, &cmd,
                                       NGX_HTTP_MAILPORTAL_WATCH_BLOCK,
                                       ngx_http_mailportal_watch_events, NULL)
        == NGX_OK)
    {
        ngx_http_mailportal_feeding = 1;
    }

    mp_cmd_free(&cmd);
}


static void
ngx_http_mailportal_watch_events(void *data, redisReply *reply)
{
    size_t       i;
    redisReply  *stream, *entries;

    ngx_http_mailportal_feeding = 0;

    if (reply == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "redis: events of jobs: %s", reply->str);

        ngx_http_mailportal_feed_retry = ngx_current_msec
                                         + NGX_HTTP_MAILPORTAL_WATCH_RETRY;
        return;
    }

    /* [[key, [entry, …]]], or nil for none in time */

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1) {
        stream = reply->element[0];

        entries = stream->type == REDIS_REPLY_ARRAY && stream->elements == 2
                  && stream->element[1]->type == REDIS_REPLY_ARRAY
                  ? stream->element[1] : NULL;

        for (i = 0; entries && i < entries->elements; i++) {
            ngx_http_mailportal_watch_entry(entries->element[i]);
        }
    }

    ngx_http_mailportal_watch_follow();
}


static void
ngx_http_mailportal_watch_entry(redisReply *entry)
{
    const char                   *id;
    ngx_http_mailportal_watch_t  *watch;

    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2
        || entry->element[0]->type != REDIS_REPLY_STRING
        || entry->element[0]->len >= NGX_HTTP_MAILPORTAL_EVENT_ID)
    {
        return;
    }

    ngx_cpystrn((u_char *) ngx_http_mailportal_feed_id,
                (u_char *) entry->element[0]->str,
                sizeof(ngx_http_mailportal_feed_id));

    id = ngx_http_mailportal_watch_event(entry);
    watch = id ? ngx_http_mailportal_watch_find(id) : NULL;

    if (watch == NULL) {
        return;
    }

    watch->dirty = 1;

    if (ngx_current_msec - watch->read >= NGX_HTTP_MAILPORTAL_WATCH_PACE) {
        ngx_http_mailportal_watch_read(watch);
    }
}


const char *
ngx_http_mailportal_watch_event(redisReply *entry)
{
    size_t       i;
    redisReply  *fields;

    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2
        || entry->element[1]->type != REDIS_REPLY_ARRAY)
    {
        return NULL;
    }

    fields = entry->element[1];

    for (i = 0; i + 1 < fields->elements; i += 2) {
        if (fields->element[i]->type == REDIS_REPLY_STRING
            && fields->element[i + 1]->type == REDIS_REPLY_STRING
            && ngx_strcmp(fields->element[i]->str, "id") == 0)
        {
            return fields->element[i + 1]->str;
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_mailportal_watch_head(redisReply *reply,
    char id_r[NGX_HTTP_MAILPORTAL_EVENT_ID])
{
    redisReply  *entry;

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 0) {
        (void) ngx_cpystrn((u_char *) id_r, (u_char *) "0-0",
                           NGX_HTTP_MAILPORTAL_EVENT_ID);
        return NGX_OK;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1) {
        return NGX_ERROR;
    }

    entry = reply->element[0];

    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2
        || entry->element[0]->type != REDIS_REPLY_STRING
        || entry->element[0]->len >= NGX_HTTP_MAILPORTAL_EVENT_ID)
    {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn((u_char *) id_r, (u_char *) entry->element[0]->str,
                       NGX_HTTP_MAILPORTAL_EVENT_ID);

    return NGX_OK;
}


ngx_http_mailportal_watch_t *
ngx_http_mailportal_watch(const char *id)
{
    ngx_http_mailportal_watch_t  *watch;

    watch = ngx_http_mailportal_watch_find(id);

    if (watch) {
        return watch;
    }

    watch = ngx_calloc(sizeof(ngx_http_mailportal_watch_t), ngx_cycle->log);
    if (watch == NULL) {
        return NULL;
    }

    (void) ngx_cpystrn((u_char *) watch->id, (u_char *) id, MP_JOB_ID_SIZE);

    ngx_queue_init(&watch->watchers);
    ngx_queue_insert_tail(&ngx_http_mailportal_watches, &watch->queue);

    watch->read = ngx_current_msec;

    if (!ngx_http_mailportal_watching.timer_set) {
        ngx_add_timer(&ngx_http_mailportal_watching,
                      NGX_HTTP_MAILPORTAL_WATCH_PACE);
    }

    return watch;
}


static ngx_http_mailportal_watch_t *
ngx_http_mailportal_watch_find(const char *id)
{
    ngx_queue_t                  *q;
    ngx_http_mailportal_watch_t  *watch;

    for (q = ngx_queue_head(&ngx_http_mailportal_watches);
         q != ngx_queue_sentinel(&ngx_http_mailportal_watches);
         q = ngx_queue_next(q))
    {
        watch = ngx_queue_data(q, ngx_http_mailportal_watch_t, queue);

        if (ngx_strcmp(watch->id, id) == 0) {
            return watch;
        }
    }

    return NULL;
}


/* a reply that is on its way will find it */

void
ngx_http_mailportal_watch_release(ngx_http_mailportal_watch_t *watch)
{
    if (!ngx_queue_empty(&watch->watchers) || watch->reading
        || watch->walking)
    {
        return;
    }

    ngx_queue_remove(&watch->queue);

    ngx_http_mailportal_block_drop(watch->block);
    ngx_free(watch);
}


/* reading may end a watch: each is met once, whichever is gone by then */

static void
ngx_http_mailportal_watch_tick(ngx_event_t *ev)
{
    ngx_msec_t                    age;
    ngx_queue_t                   all, *q;
    ngx_http_mailportal_watch_t  *watch;

    if (ngx_exiting || ngx_queue_empty(&ngx_http_mailportal_watches)) {
        return;
    }

    ngx_queue_init(&all);
    ngx_queue_add(&all, &ngx_http_mailportal_watches);
    ngx_queue_init(&ngx_http_mailportal_watches);

    while (!ngx_queue_empty(&all)) {
        q = ngx_queue_head(&all);
        watch = ngx_queue_data(q, ngx_http_mailportal_watch_t, queue);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ngx_http_mailportal_watches, q);

        age = ngx_current_msec - watch->read;

        if ((watch->dirty && age >= NGX_HTTP_MAILPORTAL_WATCH_PACE)
            || age >= NGX_HTTP_MAILPORTAL_WATCH_LONG)
        {
            ngx_http_mailportal_watch_read(watch);
        }
    }

    if ((ngx_msec_int_t) (ngx_current_msec - ngx_http_mailportal_feed_retry)
        >= 0)
    {
        ngx_http_mailportal_watch_follow();
    }

    ngx_add_timer(ev, NGX_HTTP_MAILPORTAL_WATCH_PACE);
}


static void
ngx_http_mailportal_watch_read(ngx_http_mailportal_watch_t *watch)
{
    struct mp_cmd  cmds[1 + NGX_HTTP_MAILPORTAL_JOB_READ];

    if (watch->reading || watch->block == NULL) {

        /* it is read once more, or the first watcher is about to */
        return;
    }

    mp_cmd_init(&cmds[0]);
    mp_cmd_texts(&cmds[0], "XREVRANGE", mp_key(MP_KEY_JOB_EVENTS), "+", "-",
                 "COUNT", "1", NULL);

    ngx_http_mailportal_job_commands(&cmds[1], watch->id, 0);

    watch->read = ngx_current_msec;
    watch->dirty = 0;

    if (ngx_http_mailportal_redis_multi(ngx_http_mailportal_redis(), cmds,
                                        1 + NGX_HTTP_MAILPORTAL_JOB_READ,
                                        ngx_http_mailportal_watch_reply, watch)
        == NGX_OK)
    {
        watch->reading = 1;

    } else {
        ngx_http_mailportal_watch_lost(watch);
        ngx_http_mailportal_watch_release(watch);
    }
}


static void
ngx_http_mailportal_watch_reply(void *data, redisReply *reply)
{
    ngx_http_mailportal_watch_t *watch = data;

    ngx_int_t  rc;

    watch->reading = 0;

    if (ngx_exiting || ngx_terminate) {
        return;
    }

    rc = ngx_http_mailportal_watch_parse(watch, reply);

    if (rc == NGX_OK) {
        watch->away = 0;
        ngx_http_mailportal_watch_tell(watch,
                                       ngx_http_mailportal_watcher_pump);

    } else if (rc == NGX_ERROR) {
        ngx_http_mailportal_watch_lost(watch);
    }

    ngx_http_mailportal_watch_release(watch);
}


/* NGX_DECLINED: Redis has lost it; its executor may bring it back */

static ngx_int_t
ngx_http_mailportal_watch_parse(ngx_http_mailportal_watch_t *watch,
    redisReply *reply)
{
    char               at[NGX_HTTP_MAILPORTAL_EVENT_ID];
    struct mp_record  *record;

    record = &ngx_http_mailportal_watched;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements != 1 + NGX_HTTP_MAILPORTAL_JOB_READ)
    {
        return NGX_ERROR;
    }

    if (ngx_http_mailportal_watch_head(reply->element[0], at) != NGX_OK
        || ngx_http_mailportal_job_read(record, &reply->element[1], NULL)
           != MP_OK)
    {
        return NGX_DECLINED;
    }

    ngx_http_mailportal_watch_take(watch, record, at);

    return NGX_OK;
}


void
ngx_http_mailportal_watch_take(ngx_http_mailportal_watch_t *watch,
    const struct mp_record *record, const char *at)
{
    u_char                       *p;
    size_t                        head;
    struct mp_json                json;
    ngx_http_mailportal_block_t  *block;

    mp_json_init(&json);
    mp_record_render(&json, NULL, record, true);

    block = watch->block;

    if (!json.ok
        || (block && block->len == watch->head + json.len + 2
            && ngx_memcmp(block->bytes + watch->head, json.bytes, json.len)
               == 0))
    {
        mp_json_free(&json);
        return;
    }

    head = sizeof("event: job\nid: \ndata: ") - 1 + ngx_strlen(at);

    block = ngx_http_mailportal_block(head + json.len + 2);

    if (block) {
        p = ngx_sprintf(block->bytes, "event: job\nid: %s\ndata: ", at);
        p = ngx_cpymem(p, json.bytes, json.len);
        *p++ = '\n';
        *p = '\n';

        ngx_http_mailportal_block_drop(watch->block);

        watch->block = block;
        watch->head = head;
        watch->version++;
        watch->ended = mp_job_state_ended(mp_record_state(record));
    }

    mp_json_free(&json);
}


/* it is tried again at each tick, and said once */

static void
ngx_http_mailportal_watch_lost(ngx_http_mailportal_watch_t *watch)
{
    watch->dirty = 1;

    if (!watch->away) {
        watch->away = 1;
        ngx_http_mailportal_watch_tell(watch, ngx_http_mailportal_watch_say);
    }
}


/* a watcher may end by it, and with the last one the watch would */

static void
ngx_http_mailportal_watch_tell(ngx_http_mailportal_watch_t *watch,
    ngx_http_mailportal_listener_pt handler)
{
    ngx_queue_t                     all, *q;
    ngx_http_mailportal_watcher_t  *watcher;

    if (ngx_queue_empty(&watch->watchers)) {
        return;
    }

    watch->walking = 1;

    ngx_queue_init(&all);
    ngx_queue_add(&all, &watch->watchers);
    ngx_queue_init(&watch->watchers);

    while (!ngx_queue_empty(&all)) {
        q = ngx_queue_head(&all);
        watcher = ngx_queue_data(q, ngx_http_mailportal_watcher_t, queue);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&watch->watchers, q);

        if (watcher->listener->open) {
            ngx_http_mailportal_listener_run(watcher->listener, handler);
        }
    }

    watch->walking = 0;
}


static void
ngx_http_mailportal_watch_say(ngx_http_mailportal_listener_t *l)
{
    ngx_http_mailportal_listener_say(l, &ngx_http_mailportal_away);
}
