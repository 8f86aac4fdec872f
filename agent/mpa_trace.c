/* The documents of messages: in memory as far as needed, and in Redis. */

#include "mpa_trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MPA_TRACE_CACHE  500  /* documents in memory between transactions */
#define MPA_TRACE_ONCE   500  /* documents that go at once */
#define MPA_TRACE_EXPIRE 1000 /* milliseconds between two looks */
#define MPA_TRACE_SWEEP  60000


struct mpa_trace *
mpa_trace_new(const char *node, int64_t keep_msecs, int64_t max)
{
    struct mpa_trace *trace = calloc(1, sizeof(*trace));

    if (trace == NULL) {
        return NULL;
    }

    (void) snprintf(trace->node, sizeof(trace->node), "%s", node);
    trace->keep_msecs = keep_msecs;
    trace->max = max;

    if (!mp_key_name(&trace->stories_key, MP_KEY_TRACE, node)
        || !mp_key_name(&trace->index_key, MP_KEY_TRACE_INDEX, node)
        || !mp_key_name(&trace->open_key, MP_KEY_TRACE_OPEN, node))
    {
        mpa_trace_free(trace);
        return NULL;
    }

    return trace;
}


void
mpa_trace_forget(struct mpa_trace *trace)
{
    json_t **part[] = { &trace->open,    &trace->docs,    &trace->dirty,
                        &trace->made,    &trace->changed, &trace->clients,
                        &trace->refused, &trace->waiting };

    for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
        json_decref(*part[i]);
        *part[i] = NULL;
    }

    trace->loaded = false;
}


void
mpa_trace_free(struct mpa_trace *trace)
{
    if (trace != NULL) {
        mpa_trace_forget(trace);
        free(trace);
    }
}


static enum mp_status
mpa_trace_ask(struct mp_redis *redis, struct mp_cmd *cmd, redisReply **reply_r,
              struct mp_error *err)
{
    enum mp_status status = mp_redis_do(redis, cmd, 0, reply_r, err);

    mp_cmd_free(cmd);

    return status;
}


enum mp_status
mpa_trace_load(struct mpa_trace *trace, struct mp_redis *redis,
               struct mp_error *err)
{
    struct mp_cmd cmd;
    redisReply *reply;

    if (trace->loaded) {
        return MP_OK;
    }

    mpa_trace_forget(trace);
    trace->open = json_object();
    trace->docs = json_object();
    trace->dirty = json_object();
    trace->made = json_object();
    trace->changed = json_object();
    trace->clients = json_object();
    trace->refused = json_object();
    trace->waiting = json_object();

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "ZCARD", trace->index_key.text, NULL);

    if (mpa_trace_ask(redis, &cmd, &reply, err) != MP_OK) {
        return MP_REDIS_AWAY;
    }

    trace->count = reply->integer;
    freeReplyObject(reply);

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "HGETALL", trace->open_key.text, NULL);

    if (mpa_trace_ask(redis, &cmd, &reply, err) != MP_OK) {
        return MP_REDIS_AWAY;
    }

    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        (void) json_object_set_new(trace->open, reply->element[i]->str,
                                   json_string(reply->element[i + 1]->str));
    }

    freeReplyObject(reply);
    trace->loaded = true;

    return MP_OK;
}


static void
mpa_trace_want_name(struct mpa_trace *trace, char kind,
                    const struct mp_span *name)
{
    char key[80];
    const char *id;

    if (name->len == 0 || name->len > 64) {
        return;
    }

    (void) snprintf(key, sizeof(key), "%c%.*s", kind, (int) name->len,
                    name->bytes);
    id = json_string_value(json_object_get(trace->open, key));

    if (id != NULL && json_object_get(trace->docs, id) == NULL) {
        (void) json_object_set_new(trace->docs, id, json_null());
    }
}


void
mpa_trace_want(struct mpa_trace *trace, const struct mp_mail_event *event)
{
    mpa_trace_want_name(trace, 'q', &event->queue_id);
    mpa_trace_want_name(trace, 'r', &event->queue_id);
    mpa_trace_want_name(trace, 's', &event->session);
}


enum mp_status
mpa_trace_fetch(struct mpa_trace *trace, struct mp_redis *redis,
                struct mp_error *err)
{
    struct mp_cmd cmd;
    redisReply *reply;
    enum mp_status status;
    const char *id;
    json_t *doc;
    void *next;
    size_t n = 0;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "HMGET", trace->stories_key.text, NULL);

    json_object_foreach(trace->docs, id, doc)
    {
        if (json_is_null(doc)) {
            mp_cmd_text(&cmd, id);
            n++;
        }
    }

    if (n == 0) {
        mp_cmd_free(&cmd);
        return MP_OK;
    }

    status = mpa_trace_ask(redis, &cmd, &reply, err);
    if (status != MP_OK) {
        return status;
    }

    n = 0;

    json_object_foreach_safe(trace->docs, next, id, doc)
    {
        json_t *read;

        if (!json_is_null(doc) || n >= reply->elements) {
            continue;
        }

        read = reply->element[n]->type == REDIS_REPLY_STRING ? json_loadb(
                   reply->element[n]->str, reply->element[n]->len, 0, NULL)
                                                             : NULL;
        n++;

        if (json_is_object(read)) {
            (void) json_object_set_new(trace->docs, id, read);
        } else {
            json_decref(read);
            (void) json_object_del(trace->docs, id);
        }
    }

    freeReplyObject(reply);

    return MP_OK;
}


enum mp_status
mpa_trace_oldest(struct mpa_trace *trace, struct mp_redis *redis,
                 redisReply **oldest_r, struct mp_error *err)
{
    int64_t over =
        trace->count + (int64_t) json_object_size(trace->made) - trace->max;
    struct mp_cmd cmd;

    *oldest_r = NULL;

    if (over <= 0 || trace->count == 0) {
        return MP_OK;
    }

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "ZRANGE", trace->index_key.text, "0", NULL);
    mp_cmd_number(&cmd, over - 1);

    return mpa_trace_ask(redis, &cmd, oldest_r, err);
}


/* Names that lead to a document that goes, go with it. */
static void
mpa_trace_unname(struct mpa_trace *trace, const redisReply *oldest)
{
    const char *name;
    json_t *value, *going = json_object();

    for (size_t i = 0; oldest != NULL && i < oldest->elements; i++) {
        (void) json_object_set_new(going, oldest->element[i]->str,
                                   json_true());
        (void) json_object_del(trace->dirty, oldest->element[i]->str);
        (void) json_object_del(trace->docs, oldest->element[i]->str);
    }

    if (json_object_size(going) > 0) {
        json_object_foreach(trace->open, name, value)
        {
            const char *id = json_string_value(value);

            if (id != NULL && json_object_get(going, id) != NULL) {
                (void) json_object_set_new(trace->changed, name, json_null());
            }
        }
    }

    json_decref(going);
}


static void
mpa_trace_remove(struct mpa_trace *trace, struct mp_cmd *cmd,
                 const redisReply *oldest,
                 void (*send)(void *data, struct mp_cmd *cmd), void *data)
{
    const char *keys[] = { trace->index_key.text, trace->stories_key.text };

    for (size_t k = 0; k < 2 && oldest != NULL && oldest->elements > 0; k++) {
        mp_cmd_texts(cmd, k == 0 ? "ZREM" : "HDEL", keys[k], NULL);

        for (size_t i = 0; i < oldest->elements; i++) {
            mp_cmd_text(cmd, oldest->element[i]->str);
        }

        send(data, cmd);
        mp_cmd_reset(cmd);
    }
}


static void
mpa_trace_write(struct mpa_trace *trace, struct mp_cmd *cmd, const char *id,
                void (*send)(void *data, struct mp_cmd *cmd), void *data)
{
    char *text = json_dumps(json_object_get(trace->docs, id), JSON_COMPACT);

    if (text == NULL) {
        return;
    }

    mp_cmd_texts(cmd, "HSET", trace->stories_key.text, id, text, NULL);
    send(data, cmd);
    mp_cmd_reset(cmd);
    free(text);

    if (json_object_get(trace->made, id) != NULL) {
        mp_cmd_texts(cmd, "ZADD", trace->index_key.text, NULL);
        mp_cmd_number(cmd, strtoll(id, NULL, 10));
        mp_cmd_text(cmd, id);
        send(data, cmd);
        mp_cmd_reset(cmd);
    }
}


void
mpa_trace_commands(struct mpa_trace *trace, const redisReply *oldest,
                   void (*send)(void *data, struct mp_cmd *cmd), void *data)
{
    struct mp_cmd cmd;
    const char *name;
    json_t *value;

    mp_cmd_init(&cmd);
    mpa_trace_unname(trace, oldest);
    mpa_trace_remove(trace, &cmd, oldest, send, data);

    json_object_foreach(trace->dirty, name, value)
    {
        mpa_trace_write(trace, &cmd, name, send, data);
    }

    json_object_foreach(trace->changed, name, value)
    {
        if (json_is_null(value)) {
            mp_cmd_texts(&cmd, "HDEL", trace->open_key.text, name, NULL);
            (void) json_object_del(trace->open, name);
        } else {
            mp_cmd_texts(&cmd, "HSET", trace->open_key.text, name,
                         json_string_value(value), NULL);
        }

        send(data, &cmd);
        mp_cmd_reset(&cmd);
    }

    mp_cmd_free(&cmd);
}


void
mpa_trace_done(struct mpa_trace *trace, const redisReply *oldest)
{
    if (!trace->loaded) {
        return;
    }

    trace->count += (int64_t) json_object_size(trace->made);
    trace->count -= oldest != NULL ? (int64_t) oldest->elements : 0;

    (void) json_object_clear(trace->dirty);
    (void) json_object_clear(trace->made);
    (void) json_object_clear(trace->changed);

    if (json_object_size(trace->docs) > MPA_TRACE_CACHE) {
        (void) json_object_clear(trace->docs);
    }

    if (json_object_size(trace->clients) > MPA_TRACE_CACHE) {
        (void) json_object_clear(trace->clients);
    }

    if (json_object_size(trace->refused) > MPA_TRACE_CACHE) {
        (void) json_object_clear(trace->refused);
    }
}


struct mpa_trace_out {
    struct mp_redis *redis;
    struct mp_error *err;
    enum mp_status status;
    unsigned int sent;
};


static void
mpa_trace_out(void *data, struct mp_cmd *cmd)
{
    struct mpa_trace_out *out = data;

    if (out->status == MP_OK) {
        out->status = mp_redis_send(out->redis, cmd, out->err);
        out->sent += out->status == MP_OK;
    }
}


static enum mp_status
mpa_trace_drop(struct mpa_trace *trace, struct mp_redis *redis,
               const redisReply *old, struct mp_error *err)
{
    struct mpa_trace_out out = { redis, err, MP_OK, 0 };
    struct mp_cmd cmd;

    mp_cmd_init(&cmd);
    mp_cmd_text(&cmd, "MULTI");
    mpa_trace_out(&out, &cmd);
    mpa_trace_commands(trace, old, mpa_trace_out, &out);
    mp_cmd_reset(&cmd);
    mp_cmd_text(&cmd, "EXEC");
    mpa_trace_out(&out, &cmd);
    mp_cmd_free(&cmd);

    while (out.status == MP_OK && out.sent-- > 0) {
        redisReply *reply;

        out.status = mp_redis_reply(redis, &reply, err);
        freeReplyObject(reply);
    }

    if (out.status == MP_OK) {
        mpa_trace_done(trace, old);
    }

    return out.status;
}


/*
 * What Dovecot was given by others than Postfix is asked for by nobody, nor
 * has every message a line of the milter's.
 */
static enum mp_status
mpa_trace_sweep(struct mpa_trace *trace, struct mp_redis *redis,
                int64_t now_msecs, struct mp_error *err)
{
    json_t *waiting = json_object(), *value;
    const char *name;
    void *next;

    if (now_msecs < trace->next_sweep) {
        json_decref(waiting);
        return MP_OK;
    }

    trace->next_sweep = now_msecs + MPA_TRACE_SWEEP;

    json_object_foreach_safe(trace->open, next, name, value)
    {
        if (strchr("drv", name[0]) == NULL) {
            continue;
        }

        if (json_object_get(trace->waiting, name) != NULL) {
            (void) json_object_set_new(trace->changed, name, json_null());
        } else {
            (void) json_object_set_new(waiting, name, json_true());
        }
    }

    json_decref(trace->waiting);
    trace->waiting = waiting;

    return json_object_size(trace->changed) > 0
             ? mpa_trace_drop(trace, redis, NULL, err)
             : MP_OK;
}


enum mp_status
mpa_trace_expire(struct mpa_trace *trace, struct mp_redis *redis,
                 int64_t now_msecs, struct mp_error *err)
{
    struct mp_cmd cmd;
    redisReply *old;
    enum mp_status status;

    if (now_msecs < trace->next_expiry) {
        return MP_OK;
    }

    trace->next_expiry = now_msecs + MPA_TRACE_EXPIRE;
    status = mpa_trace_load(trace, redis, err);

    if (status != MP_OK) {
        return status;
    }

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "ZRANGEBYSCORE", trace->index_key.text, "-inf", NULL);
    mp_cmd_number(&cmd, now_msecs - trace->keep_msecs);
    mp_cmd_texts(&cmd, "LIMIT", "0", NULL);
    mp_cmd_number(&cmd, MPA_TRACE_ONCE);
    status = mpa_trace_ask(redis, &cmd, &old, err);

    if (status == MP_OK) {
        if (old->elements > 0) {
            status = mpa_trace_drop(trace, redis, old, err);
        }

        freeReplyObject(old);
    }

    return status == MP_OK ? mpa_trace_sweep(trace, redis, now_msecs, err)
                           : status;
}
