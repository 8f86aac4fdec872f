
/*
 * Copyright (C) The mailportal authors
 *
 * Removes entries of the lists that have expired.  Every follower knows when
 * an entry expires and does not wait for this; here the entry leaves the list
 * for the people who look at it, as if somebody had deleted it.
 */


#include "ngx_http_mailportal_lists.h"
#include "ngx_http_mailportal_redis.h"
#include "ngx_http_mailportal_worker.h"


#define EXPIRY_EVERY  2000     /* milliseconds */
#define EXPIRY_BATCH  200      /* entries of one turn */


static void ngx_http_mailportal_expiry_tick(ngx_event_t *ev);
static void ngx_http_mailportal_expiry_found(void *data, redisReply *reply);
static void ngx_http_mailportal_expiry_remove(const char *name,
    redisReply *reply);
static ngx_uint_t ngx_http_mailportal_expiry_take(ngx_str_t *entries,
    const ngx_http_mailportal_list_t *list, redisReply *reply);
static void ngx_http_mailportal_expiry_send(struct mp_cmd *cmds);
static void ngx_http_mailportal_expiry_done(void *data, redisReply *reply);


static ngx_event_t  ngx_http_mailportal_expiry_event;

/* ngx_event_ident() is evaluated for the debug log */
static ngx_connection_t  ngx_http_mailportal_expiry_dummy;


void
ngx_http_mailportal_expiry_start(ngx_cycle_t *cycle)
{
    ngx_event_t  *ev;

    if (ngx_worker != 0) {
        return;
    }

    ev = &ngx_http_mailportal_expiry_event;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->handler = ngx_http_mailportal_expiry_tick;
    ev->data = &ngx_http_mailportal_expiry_dummy;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_http_mailportal_expiry_dummy.fd = (ngx_socket_t) -1;

    ngx_add_timer(ev, EXPIRY_EVERY);
}


static void
ngx_http_mailportal_expiry_tick(ngx_event_t *ev)
{
    struct mp_cmd                 cmd;
    ngx_http_mailportal_redis_t  *redis;

    if (ngx_exiting) {
        return;
    }

    ngx_add_timer(ev, EXPIRY_EVERY);

    redis = ngx_http_mailportal_redis();

    if (!redis->up || redis->writes != MP_OK
        || ngx_http_mailportal_snapshot()->regressed)
    {
        return;
    }

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "ZRANGE", mp_key(MP_KEY_LIST_EXPIRES), "-inf",
                 NULL);
    mp_cmd_number(&cmd, ngx_time());
    mp_cmd_texts(&cmd, "BYSCORE", "LIMIT", "0", NULL);
    mp_cmd_number(&cmd, EXPIRY_BATCH);

    (void) ngx_http_mailportal_redis_send(redis, &cmd, 0,
                                     ngx_http_mailportal_expiry_found, NULL);
    mp_cmd_free(&cmd);
}


static void
ngx_http_mailportal_expiry_found(void *data, redisReply *reply)
{
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements == 0 || ngx_exiting)
    {
        return;
    }

    ngx_http_mailportal_expiry_remove("whitelist", reply);
    ngx_http_mailportal_expiry_remove("blacklist", reply);
}


static void
ngx_http_mailportal_expiry_remove(const char *name, redisReply *reply)
{
    ngx_str_t                          text, entries[EXPIRY_BATCH];
    ngx_uint_t                         i, n;
    struct mp_cmd                      cmds[NGX_HTTP_MAILPORTAL_REMOVE];
    const ngx_http_mailportal_list_t  *list;

    text.data = (u_char *) name;
    text.len = ngx_strlen(name);

    list = ngx_http_mailportal_list_find(&text);

    n = ngx_http_mailportal_expiry_take(entries, list, reply);
    if (n == 0) {
        return;
    }

    ngx_http_mailportal_list_remove(cmds, list, entries, n, "expiry", "");
    ngx_http_mailportal_expiry_send(cmds);

    for (i = 0; i < NGX_HTTP_MAILPORTAL_REMOVE; i++) {
        mp_cmd_free(&cmds[i]);
    }
}


/* a member is "white:" or "black:" and the entry */

static ngx_uint_t
ngx_http_mailportal_expiry_take(ngx_str_t *entries,
    const ngx_http_mailportal_list_t *list, redisReply *reply)
{
    size_t       i, len;
    ngx_uint_t   n;
    redisReply  *member;

    len = ngx_strlen(list->member);

    for (i = 0, n = 0; i < reply->elements; i++) {
        member = reply->element[i];

        if (n == EXPIRY_BATCH) {
            break;
        }

        if (member->type != REDIS_REPLY_STRING
            || (size_t) member->len < len + 2
            || (size_t) member->len > len + 1 + MP_DOMAIN_MAX
            || ngx_memcmp(member->str, list->member, len) != 0
            || member->str[len] != ':')
        {
            continue;
        }

        entries[n].data = (u_char *) member->str + len + 1;
        entries[n].len = member->len - len - 1;
        n++;
    }

    return n;
}


/*
 * Somebody may give an entry more time between the question and this; then it
 * goes all the same.  It had expired, and the window is a turn of the loop.
 */

static void
ngx_http_mailportal_expiry_send(struct mp_cmd *cmds)
{
    ngx_int_t                     rc;
    ngx_uint_t                    i;
    struct mp_cmd                 word;
    ngx_http_mailportal_redis_t  *redis;

    redis = ngx_http_mailportal_redis();

    for (i = 0; i < NGX_HTTP_MAILPORTAL_REMOVE; i++) {
        if (!cmds[i].ok) {
            return;
        }
    }

    mp_cmd_init(&word);
    mp_cmd_text(&word, "MULTI");

    rc = ngx_http_mailportal_redis_send(redis, &word, 0, NULL, NULL);

    for (i = 0; rc == NGX_OK && i < NGX_HTTP_MAILPORTAL_REMOVE; i++) {
        rc = ngx_http_mailportal_redis_send(redis, &cmds[i], 0, NULL, NULL);
    }

    mp_cmd_reset(&word);
    mp_cmd_text(&word, "EXEC");

    if (rc == NGX_OK) {
        rc = ngx_http_mailportal_redis_send(redis, &word, 0,
                                      ngx_http_mailportal_expiry_done, NULL);
    }

    mp_cmd_free(&word);

    if (rc != NGX_OK) {

        /* a MULTI without its EXEC would swallow what others send */

        ngx_http_mailportal_redis_drop(redis);
    }
}


static void
ngx_http_mailportal_expiry_done(void *data, redisReply *reply)
{
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "redis: expired entries stay: %s", reply->str);
    }
}
