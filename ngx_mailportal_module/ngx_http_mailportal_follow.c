
/*
 * Copyright (C) The mailportal authors
 *
 * Follows the change streams and keeps this worker's snapshot: the settings
 * in force as they are answered, and where the lists stand.
 *
 * Changes come by XREAD.  Once a second the heads are looked at as well,
 * because a blocked XREAD does not notice that its streams are gone.
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_redis.h"
#include "ngx_http_mailportal_worker.h"

#include "mp_list_log.h"


#define NGX_HTTP_MAILPORTAL_BLOCK  2000
#define NGX_HTTP_MAILPORTAL_LOOK   1000
#define NGX_HTTP_MAILPORTAL_CHECK  5           /* INFO each so many looks */

#define NGX_HTTP_MAILPORTAL_LOST_SETTINGS  1
#define NGX_HTTP_MAILPORTAL_LOST_LISTS     2


static void ngx_http_mailportal_follow_up(ngx_http_mailportal_redis_t *m);
static void ngx_http_mailportal_follow_down(ngx_http_mailportal_redis_t *m);
static void ngx_http_mailportal_follow_read(void);
static void ngx_http_mailportal_follow_changes(void *data, redisReply *reply);
static void ngx_http_mailportal_follow_stream(redisReply *stream);
static void ngx_http_mailportal_follow_look(ngx_event_t *ev);
static void ngx_http_mailportal_follow_heads(
    ngx_http_mailportal_redis_t *m);
static void ngx_http_mailportal_follow_head(
    ngx_http_mailportal_redis_t *m, enum mp_key key,
    ngx_http_mailportal_reply_pt handler);

static void ngx_http_mailportal_settings_head(void *data, redisReply *reply);
static void ngx_http_mailportal_settings_next(redisReply *entry);
static void ngx_http_mailportal_settings_take(struct mp_version *version);
static void ngx_http_mailportal_lists_head(void *data, redisReply *reply);
static void ngx_http_mailportal_lists_take(const char *id);
static void ngx_http_mailportal_lists_count(enum mp_key key, uint64_t *count);
static void ngx_http_mailportal_lists_counted(void *data, redisReply *reply);
static int ngx_http_mailportal_id_compare(const char *a, const char *b);
static void ngx_http_mailportal_regressed(const char *text);
static void ngx_http_mailportal_refused(const char *text);


static ngx_http_mailportal_redis_t     ngx_http_mailportal_follower;
static ngx_http_mailportal_snapshot_t  ngx_http_mailportal_current;
static ngx_event_t                     ngx_http_mailportal_look;
static ngx_uint_t                      ngx_http_mailportal_looks;
static ngx_uint_t                      ngx_http_mailportal_reading;
static ngx_uint_t                      ngx_http_mailportal_lost;
static ngx_uint_t                      ngx_http_mailportal_bad;

/* where XREAD goes on; a refused entry is passed all the same */
static char                            ngx_http_mailportal_settings_id[32];
static char                            ngx_http_mailportal_lists_id[32];


const ngx_http_mailportal_snapshot_t *
ngx_http_mailportal_snapshot(void)
{
    return &ngx_http_mailportal_current;
}


void
ngx_http_mailportal_follow_start(ngx_cycle_t *cycle)
{
    ngx_event_t                  *ev;
    ngx_http_mailportal_redis_t  *m;

    ngx_http_mailportal_current.stale = 1;

    m = &ngx_http_mailportal_follower;

    m->name = "mailportal-nginx-follow";
    m->log = cycle->log;
    m->follows = 1;
    m->up_handler = ngx_http_mailportal_follow_up;
    m->down_handler = ngx_http_mailportal_follow_down;

    ngx_http_mailportal_redis_start(m);

    ev = &ngx_http_mailportal_look;

    ev->handler = ngx_http_mailportal_follow_look;
    ev->data = m;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_MAILPORTAL_LOOK);
}


void
ngx_http_mailportal_follow_stop(void)
{
    if (ngx_http_mailportal_look.timer_set) {
        ngx_del_timer(&ngx_http_mailportal_look);
    }

    ngx_http_mailportal_redis_stop(&ngx_http_mailportal_follower);
}


static void
ngx_http_mailportal_follow_up(ngx_http_mailportal_redis_t *m)
{
    ngx_http_mailportal_reading = 0;

    /* the heads, and then, by XREAD, what was missed, in order */

    ngx_http_mailportal_follow_heads(m);
}


static void
ngx_http_mailportal_follow_down(ngx_http_mailportal_redis_t *m)
{
    ngx_http_mailportal_current.stale = 1;
    ngx_http_mailportal_reading = 0;
}


static void
ngx_http_mailportal_follow_heads(ngx_http_mailportal_redis_t *m)
{
    ngx_http_mailportal_follow_head(m, MP_KEY_SETTINGS,
                                    ngx_http_mailportal_settings_head);
    ngx_http_mailportal_follow_head(m, MP_KEY_LISTS,
                                    ngx_http_mailportal_lists_head);
}


static void
ngx_http_mailportal_follow_head(ngx_http_mailportal_redis_t *m,
    enum mp_key key, ngx_http_mailportal_reply_pt handler)
{
    struct mp_cmd  cmd;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XREVRANGE", mp_key(key), "+", "-", "COUNT", "1",
                 NULL);

    (void) ngx_http_mailportal_redis_send(m, &cmd, 0, handler, NULL);

    mp_cmd_free(&cmd);
}


static void
ngx_http_mailportal_follow_look(ngx_event_t *ev)
{
    ngx_http_mailportal_redis_t  *m;

    if (ngx_exiting) {
        return;
    }

    m = ngx_http_mailportal_redis();

    ngx_http_mailportal_follow_heads(m);

    if (++ngx_http_mailportal_looks % NGX_HTTP_MAILPORTAL_CHECK == 0
        && m->up)
    {
        ngx_http_mailportal_redis_check(m);
    }

    ngx_add_timer(ev, NGX_HTTP_MAILPORTAL_LOOK);
}


static void
ngx_http_mailportal_follow_read(void)
{
    struct mp_cmd  cmd;

    if (ngx_http_mailportal_reading
        || ngx_http_mailportal_settings_id[0] == '\0'
        || ngx_http_mailportal_lists_id[0] == '\0')
    {
        return;
    }

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XREAD", "COUNT", "100", "BLOCK", NULL);
    mp_cmd_number(&cmd, NGX_HTTP_MAILPORTAL_BLOCK);
    mp_cmd_texts(&cmd, "STREAMS", mp_key(MP_KEY_SETTINGS),
                 mp_key(MP_KEY_LISTS), ngx_http_mailportal_settings_id,
                 ngx_http_mailportal_lists_id, NULL);

    if (ngx_http_mailportal_redis_send(&ngx_http_mailportal_follower, &cmd,
                                       NGX_HTTP_MAILPORTAL_BLOCK,
                                       ngx_http_mailportal_follow_changes,
                                       NULL)
        == NGX_OK)
    {
        ngx_http_mailportal_reading = 1;
    }

    mp_cmd_free(&cmd);
}


static void
ngx_http_mailportal_follow_changes(void *data, redisReply *reply)
{
    size_t  i;

    ngx_http_mailportal_reading = 0;

    if (reply == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_http_mailportal_refused(reply->str);

        /* the next look begins again */
        return;
    }

    for (i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        ngx_http_mailportal_follow_stream(reply->element[i]);
    }

    ngx_http_mailportal_follow_read();
}


/* [key, [entry, …]] */

static void
ngx_http_mailportal_follow_stream(redisReply *stream)
{
    size_t                           i;
    ngx_uint_t                       settings;
    redisReply                      *entries, *entry;
    ngx_http_mailportal_snapshot_t  *s;

    s = &ngx_http_mailportal_current;

    if (stream->type != REDIS_REPLY_ARRAY || stream->elements != 2
        || stream->element[0]->type != REDIS_REPLY_STRING
        || stream->element[1]->type != REDIS_REPLY_ARRAY)
    {
        ngx_http_mailportal_refused("Redis sends an odd change");
        return;
    }

    settings = ngx_strcmp(stream->element[0]->str, mp_key(MP_KEY_SETTINGS))
               == 0;
    entries = stream->element[1];

    for (i = 0; i < entries->elements; i++) {
        entry = entries->element[i];

        if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2
            || entry->element[0]->type != REDIS_REPLY_STRING
            || entry->element[0]->len >= sizeof(ngx_http_mailportal_lists_id))
        {
            ngx_http_mailportal_refused("Redis sends an odd change");

        } else if (settings) {
            ngx_http_mailportal_settings_next(entry);

        } else {
            ngx_http_mailportal_lists_take(entry->element[0]->str);
        }
    }

    if (!settings) {
        ngx_http_mailportal_lists_count(MP_KEY_WHITE, &s->whitelist);
        ngx_http_mailportal_lists_count(MP_KEY_BLACK, &s->blacklist);
    }
}


static void
ngx_http_mailportal_settings_head(void *data, redisReply *reply)
{
    struct mp_error                  err;
    struct mp_version                head;
    ngx_http_mailportal_snapshot_t  *s;

    s = &ngx_http_mailportal_current;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return;
    }

    if (reply->elements == 0) {
        ngx_http_mailportal_lost |= NGX_HTTP_MAILPORTAL_LOST_SETTINGS;
        ngx_http_mailportal_regressed(s->version.number == 0
                          ? "Redis holds no settings: run mailportal-ctl init"
                          : "the settings have gone from Redis");
        return;
    }

    if (mp_version_parse(&head, reply->element[0], &err) != MP_OK) {
        ngx_http_mailportal_refused(err.text);
        return;
    }

    if (s->version.number == 0
        || ngx_strcmp(head.epoch, s->version.epoch) != 0)
    {
        ngx_http_mailportal_settings_take(&head);
        return;
    }

    if (head.number < s->version.number
        || (head.number == s->version.number
            && ngx_strcmp(head.hash, s->version.hash) != 0))
    {
        ngx_http_mailportal_lost |= NGX_HTTP_MAILPORTAL_LOST_SETTINGS;
        ngx_http_mailportal_regressed("Redis is older than the settings in "
                                      "force");
        return;
    }

    /* a later head is left to XREAD, which brings what lies between, too */

    ngx_http_mailportal_lost &= ~NGX_HTTP_MAILPORTAL_LOST_SETTINGS;
    ngx_http_mailportal_regressed(NULL);
}


static void
ngx_http_mailportal_settings_next(redisReply *entry)
{
    struct mp_error                  err;
    struct mp_version                next;
    ngx_http_mailportal_snapshot_t  *s;

    s = &ngx_http_mailportal_current;

    /* an entry that is refused is passed all the same */

    ngx_cpystrn((u_char *) ngx_http_mailportal_settings_id,
                (u_char *) entry->element[0]->str,
                sizeof(ngx_http_mailportal_settings_id));

    if (mp_version_parse(&next, entry, &err) != MP_OK) {
        ngx_http_mailportal_refused(err.text);
        return;
    }

    if (ngx_strcmp(next.epoch, s->version.epoch) == 0
        && (next.number != s->version.number + 1
            || ngx_strcmp(next.prev, s->version.hash) != 0))
    {
        ngx_http_mailportal_refused("a version of the settings does not "
                                    "follow the one in force");
        return;
    }

    ngx_http_mailportal_settings_take(&next);
}


static void
ngx_http_mailportal_settings_take(struct mp_version *version)
{
    u_char                          *p;
    ngx_uint_t                       other;
    struct mp_json                   json;
    ngx_http_mailportal_snapshot_t  *s;

    s = &ngx_http_mailportal_current;

    mp_json_init(&json);
    mp_settings_render(&json, &version->set);

    if (!json.ok) {
        mp_json_free(&json);
        ngx_http_mailportal_refused("no memory for the settings");
        return;
    }

    /* answers copy the bytes, so nobody holds the old ones */

    free(s->settings.data);

    s->settings.data = (u_char *) json.bytes;
    s->settings.len = json.len;

    other = s->version.number != 0
            && ngx_strcmp(s->version.epoch, version->epoch) != 0;

    s->version = *version;
    ngx_http_mailportal_bad = 0;

    p = ngx_snprintf((u_char *) s->tag, sizeof(s->tag) - 1, "%uL",
                     version->number);
    *p = '\0';

    (void) snprintf(ngx_http_mailportal_settings_id,
                    sizeof(ngx_http_mailportal_settings_id), "%llu-0",
                    (unsigned long long) version->number);

    ngx_http_mailportal_lost &= ~NGX_HTTP_MAILPORTAL_LOST_SETTINGS;

    if (other) {

        /* the operator has begun anew: the lists are others, too */

        s->lists[0] = '\0';
        ngx_http_mailportal_lists_id[0] = '\0';
        ngx_http_mailportal_lost = 0;
        ngx_http_mailportal_redis_drop(&ngx_http_mailportal_follower);
    }

    ngx_http_mailportal_regressed(NULL);
}


static void
ngx_http_mailportal_lists_head(void *data, redisReply *reply)
{
    redisReply                      *id;
    ngx_http_mailportal_snapshot_t  *s;

    s = &ngx_http_mailportal_current;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return;
    }

    if (reply->elements == 0) {
        ngx_http_mailportal_lost |= NGX_HTTP_MAILPORTAL_LOST_LISTS;
        ngx_http_mailportal_regressed(s->lists[0] == '\0'
                            ? "Redis holds no lists: run mailportal-ctl init"
                            : "the lists have gone from Redis");
        return;
    }

    id = reply->element[0]->type == REDIS_REPLY_ARRAY
         && reply->element[0]->elements == 2 ? reply->element[0]->element[0]
                                             : NULL;

    if (id == NULL || id->type != REDIS_REPLY_STRING
        || id->len >= sizeof(s->lists))
    {
        ngx_http_mailportal_refused("Redis sends an odd change of the lists");
        return;
    }

    if (s->lists[0] == '\0') {
        ngx_http_mailportal_lists_take(id->str);
        s->lag_msecs = 0;

        ngx_http_mailportal_lists_count(MP_KEY_WHITE, &s->whitelist);
        ngx_http_mailportal_lists_count(MP_KEY_BLACK, &s->blacklist);

    } else if (ngx_http_mailportal_id_compare(id->str, s->lists) < 0) {
        ngx_http_mailportal_lost |= NGX_HTTP_MAILPORTAL_LOST_LISTS;
        ngx_http_mailportal_regressed("Redis is older than the lists in "
                                      "force");
        return;
    }

    ngx_http_mailportal_lost &= ~NGX_HTTP_MAILPORTAL_LOST_LISTS;
    ngx_http_mailportal_regressed(NULL);

    if (ngx_http_mailportal_follower.up) {
        s->stale = 0;
    }

    ngx_http_mailportal_follow_read();
}


static void
ngx_http_mailportal_lists_take(const char *id)
{
    int64_t                          now;
    struct timeval                   tv;
    ngx_http_mailportal_snapshot_t  *s;

    s = &ngx_http_mailportal_current;

    ngx_cpystrn((u_char *) s->lists, (u_char *) id, sizeof(s->lists));
    ngx_cpystrn((u_char *) ngx_http_mailportal_lists_id, (u_char *) id,
                sizeof(ngx_http_mailportal_lists_id));

    ngx_gettimeofday(&tv);
    now = (int64_t) tv.tv_sec * 1000 + tv.tv_usec / 1000;

    s->lag_msecs = ngx_max(0, now - strtoll(id, NULL, 10));
}


static void
ngx_http_mailportal_lists_count(enum mp_key key, uint64_t *count)
{
    struct mp_cmd  cmd;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "SCARD", mp_key(key), NULL);

    (void) ngx_http_mailportal_redis_send(ngx_http_mailportal_redis(), &cmd, 0,
                                          ngx_http_mailportal_lists_counted,
                                          count);
    mp_cmd_free(&cmd);
}


static void
ngx_http_mailportal_lists_counted(void *data, redisReply *reply)
{
    uint64_t *count = data;

    if (reply && reply->type == REDIS_REPLY_INTEGER) {
        *count = (uint64_t) reply->integer;
    }
}


/* ids of streams, <msecs>-<sequence>, as numbers */

static int
ngx_http_mailportal_id_compare(const char *a, const char *b)
{
    char                *ea, *eb;
    unsigned long long   na, nb;

    na = strtoull(a, &ea, 10);
    nb = strtoull(b, &eb, 10);

    if (na == nb) {
        na = *ea == '-' ? strtoull(ea + 1, NULL, 10) : 0;
        nb = *eb == '-' ? strtoull(eb + 1, NULL, 10) : 0;
    }

    return na < nb ? -1 : na > nb;
}


/* says it once; text NULL: one of the two streams is well again */

static void
ngx_http_mailportal_regressed(const char *text)
{
    ngx_http_mailportal_snapshot_t  *s;

    s = &ngx_http_mailportal_current;

    if (text && !s->regressed) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "redis: %s", text);
    }

    s->regressed = ngx_http_mailportal_lost != 0;

    if (text) {
        (void) snprintf(s->problem, sizeof(s->problem), "%s", text);

    } else if (!s->regressed && !ngx_http_mailportal_bad) {
        s->problem[0] = '\0';
    }
}


/* a change that cannot be believed: what is in force stays */

static void
ngx_http_mailportal_refused(const char *text)
{
    ngx_http_mailportal_snapshot_t  *s;

    s = &ngx_http_mailportal_current;

    if (ngx_strcmp(s->problem, text) != 0) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "redis: refused: %s",
                      text);
    }

    (void) snprintf(s->problem, sizeof(s->problem), "%s", text);

    ngx_http_mailportal_bad = 1;
}
