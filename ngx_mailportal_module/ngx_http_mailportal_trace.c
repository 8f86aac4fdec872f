
/*
 * Copyright (C) The mailportal authors
 *
 * What became of messages, the newest first, searched.  The agents have
 * written a document of each; here they are looked through in pieces.
 */


#include "ngx_http_mailportal_logs.h"


#define NGX_HTTP_MAILPORTAL_TRACE        50
#define NGX_HTTP_MAILPORTAL_TRACE_MAX    500
#define NGX_HTTP_MAILPORTAL_TRACE_BATCH  200
#define NGX_HTTP_MAILPORTAL_TRACE_Q      320


typedef struct {
    int64_t                           msecs;
    size_t                            begin;
    size_t                            len;
} ngx_http_mailportal_trace_part_t;


typedef struct {
    ngx_http_mailportal_log_filter_t  filter;
    ngx_str_t                         q;
    ngx_str_t                         outcome;
    int64_t                           limit;
    int64_t                           before;  /* only what is older */
    ngx_uint_t                        plain;   /* q is in JSON as it is */

    ngx_uint_t                        node;    /* which is read */
    int64_t                           msecs;   /* of the last that was */
    int64_t                           same;    /* so many had that time */
    int64_t                           found;   /* of the node */
    int64_t                           floor;   /* what is older may miss */
    ngx_uint_t                        more;
    ngx_uint_t                        last;    /* batch of the node */

    int64_t                           times[NGX_HTTP_MAILPORTAL_TRACE_BATCH];
    struct mp_json                    json;
    ngx_array_t                      *parts;
} ngx_http_mailportal_trace_t;


static enum mp_status ngx_http_mailportal_trace_args(ngx_http_request_t *r,
    ngx_http_mailportal_trace_t *page, struct mp_error *err);
static ngx_uint_t ngx_http_mailportal_trace_outcome(
    ngx_http_mailportal_trace_t *page);
static void ngx_http_mailportal_trace_cleanup(void *data);
static ngx_int_t ngx_http_mailportal_trace_noded(ngx_http_request_t *r,
    redisReply *reply);
static void ngx_http_mailportal_trace_next(ngx_http_mailportal_trace_t *page);
static ngx_int_t ngx_http_mailportal_trace_read(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_trace_ids(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_trace_docs(ngx_http_request_t *r,
    redisReply *reply);
static ngx_uint_t ngx_http_mailportal_trace_wanted(
    ngx_http_mailportal_trace_t *page, redisReply *doc);
static ngx_uint_t ngx_http_mailportal_trace_names(
    ngx_http_mailportal_trace_t *page, json_t *doc);
static ngx_uint_t ngx_http_mailportal_trace_has(ngx_str_t *q, json_t *value);
static ngx_int_t ngx_http_mailportal_trace_send(ngx_http_request_t *r);
static int ngx_libc_cdecl ngx_http_mailportal_trace_order(const void *one,
    const void *two);


ngx_int_t
ngx_http_mailportal_trace_get(ngx_http_request_t *r)
{
    struct mp_cmd                 cmd;
    enum mp_status                status;
    struct mp_error               err;
    ngx_pool_cleanup_t           *cln;
    ngx_http_mailportal_trace_t  *page;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mailportal_trace_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    page = cln->data;
    ngx_memzero(page, sizeof(ngx_http_mailportal_trace_t));

    mp_json_init(&page->json);
    cln->handler = ngx_http_mailportal_trace_cleanup;

    ngx_http_mailportal_ctx(r)->data = page;

    status = ngx_http_mailportal_trace_args(r, page, &err);
    if (status != MP_OK) {
        return ngx_http_mailportal_fail_error(r, status, &err);
    }

    page->parts = ngx_array_create(r->pool, 64,
                                   sizeof(ngx_http_mailportal_trace_part_t));
    if (page->parts == NULL) {
        return NGX_ERROR;
    }

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "HGETALL", mp_key(MP_KEY_HEARTBEATS), NULL);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_trace_noded);
}


static enum mp_status
ngx_http_mailportal_trace_args(ngx_http_request_t *r,
    ngx_http_mailportal_trace_t *page, struct mp_error *err)
{
    page->limit = NGX_HTTP_MAILPORTAL_TRACE;
    page->before = -1;

    if (ngx_http_mailportal_arg_number(r, "limit", 1,
                                       NGX_HTTP_MAILPORTAL_TRACE_MAX,
                                       &page->limit)
        == NGX_ERROR)
    {
        return mp_fail(err, MP_INVALID, "limit",
                       "must be a number from 1 to %d",
                       NGX_HTTP_MAILPORTAL_TRACE_MAX);
    }

    if (ngx_http_mailportal_arg_number(r, "cursor", 1, INT64_C(1) << 53,
                                       &page->before)
        == NGX_ERROR)
    {
        return mp_fail(err, MP_INVALID, "cursor",
                       "not one that an answer has brought");
    }

    (void) ngx_http_mailportal_arg(r, "q", &page->q);
    (void) ngx_http_mailportal_arg(r, "outcome", &page->outcome);
    (void) ngx_http_mailportal_arg(r, "node", &page->filter.node);

    if (page->q.len > NGX_HTTP_MAILPORTAL_TRACE_Q) {
        return mp_fail(err, MP_INVALID, "q", "must be of %d bytes at most",
                       NGX_HTTP_MAILPORTAL_TRACE_Q);
    }

    if (page->outcome.len && !ngx_http_mailportal_trace_outcome(page)) {
        return mp_fail(err, MP_INVALID, "outcome",
                       "must be queued, delivered, deferred, greylisted, "
                       "refused or bounced");
    }

    page->plain = page->q.len
                  && ngx_strlchr(page->q.data, page->q.data + page->q.len,
                                 '"') == NULL
                  && ngx_strlchr(page->q.data, page->q.data + page->q.len,
                                 '\\') == NULL;

    return MP_OK;
}


static ngx_uint_t
ngx_http_mailportal_trace_outcome(ngx_http_mailportal_trace_t *page)
{
    const char  **name;

    static const char  *names[] = {
        "queued", "delivered", "deferred", "greylisted", "refused", "bounced",
        NULL
    };

    for (name = names; *name; name++) {
        if (ngx_strcmp(page->outcome.data, *name) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_mailportal_trace_cleanup(void *data)
{
    ngx_http_mailportal_trace_t *page = data;

    mp_json_free(&page->json);
}


static ngx_int_t
ngx_http_mailportal_trace_noded(ngx_http_request_t *r, redisReply *reply)
{
    enum mp_status                status;
    struct mp_error               err;
    ngx_http_mailportal_trace_t  *page;

    page = ngx_http_mailportal_ctx(r)->data;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return NGX_ERROR;
    }

    status = ngx_http_mailportal_log_nodes(&page->filter, reply, &err);
    if (status != MP_OK) {
        return ngx_http_mailportal_fail_error(r, status, &err);
    }

    page->node = (ngx_uint_t) -1;
    ngx_http_mailportal_trace_next(page);

    return ngx_http_mailportal_trace_read(r);
}


static void
ngx_http_mailportal_trace_next(ngx_http_mailportal_trace_t *page)
{
    page->node++;
    page->found = 0;
    page->same = 0;
    page->last = 0;
    page->msecs = page->before < 0 ? INT64_C(1) << 53 : page->before - 1;
}


static ngx_int_t
ngx_http_mailportal_trace_read(ngx_http_request_t *r)
{
    struct mp_cmd                 cmd;
    struct mp_keyname             key;
    ngx_http_mailportal_trace_t  *page;

    page = ngx_http_mailportal_ctx(r)->data;

    if (page->last) {
        ngx_http_mailportal_trace_next(page);
    }

    if (page->node >= page->filter.n) {
        return ngx_http_mailportal_trace_send(r);
    }

    (void) mp_key_name(&key, MP_KEY_TRACE_INDEX,
                       page->filter.nodes[page->node]);

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "ZREVRANGEBYSCORE", key.text, NULL);
    mp_cmd_number(&cmd, page->msecs);
    mp_cmd_texts(&cmd, "-inf", "LIMIT", NULL);
    mp_cmd_number(&cmd, page->same);
    mp_cmd_number(&cmd, NGX_HTTP_MAILPORTAL_TRACE_BATCH);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_trace_ids);
}


/* an id begins with the time that is its score */

static ngx_int_t
ngx_http_mailportal_trace_ids(ngx_http_request_t *r, redisReply *reply)
{
    size_t                        i;
    struct mp_cmd                 cmd;
    struct mp_keyname             key;
    ngx_http_mailportal_trace_t  *page;

    page = ngx_http_mailportal_ctx(r)->data;

    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements > NGX_HTTP_MAILPORTAL_TRACE_BATCH)
    {
        return NGX_ERROR;
    }

    if (reply->elements == 0) {
        page->last = 1;
        return ngx_http_mailportal_trace_read(r);
    }

    (void) mp_key_name(&key, MP_KEY_TRACE, page->filter.nodes[page->node]);

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "HMGET", key.text, NULL);

    for (i = 0; i < reply->elements; i++) {
        mp_cmd_add(&cmd, reply->element[i]->str, reply->element[i]->len);
        page->times[i] = strtoll(reply->element[i]->str, NULL, 10);
    }

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_trace_docs);
}


/*
 * What is of one time stays together, for a cursor could not tell it apart.
 * What takes too long is asked for again.
 */

static ngx_int_t
ngx_http_mailportal_trace_docs(ngx_http_request_t *r, redisReply *reply)
{
    size_t                             i;
    redisReply                        *doc;
    struct timespec                    begin;
    ngx_http_mailportal_trace_t       *page;
    ngx_http_mailportal_trace_part_t  *part;

    page = ngx_http_mailportal_ctx(r)->data;

    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements > NGX_HTTP_MAILPORTAL_TRACE_BATCH)
    {
        return NGX_ERROR;
    }

    (void) clock_gettime(CLOCK_MONOTONIC, &begin);

    for (i = 0; i < reply->elements; i++) {

        if (page->found >= page->limit && page->times[i] != page->msecs) {
            page->more = 1;
            page->last = 1;
            page->floor = ngx_max(page->floor, page->msecs);
            break;
        }

        page->same = page->times[i] == page->msecs ? page->same + 1 : 1;
        page->msecs = page->times[i];
        doc = reply->element[i];

        if (doc->type == REDIS_REPLY_STRING
            && ngx_http_mailportal_trace_wanted(page, doc))
        {
            part = ngx_array_push(page->parts);
            if (part == NULL) {
                return NGX_ERROR;
            }

            part->msecs = page->times[i];
            part->begin = page->json.len;

            page->json.comma = false;
            mp_json_raw(&page->json, NULL, doc->str, doc->len);

            if (!page->json.ok) {
                return NGX_ERROR;
            }

            part->len = doc->len;
            page->found++;
        }

        if (i % 4 == 3 && ngx_http_mailportal_log_long(&begin)) {
            break;
        }
    }

    return ngx_http_mailportal_trace_read(r);
}


static ngx_uint_t
ngx_http_mailportal_trace_wanted(ngx_http_mailportal_trace_t *page,
    redisReply *doc)
{
    json_t      *json;
    ngx_str_t    text;
    ngx_uint_t   wanted;

    text.data = (u_char *) doc->str;
    text.len = doc->len;

    if (page->plain
        && (page->q.len > text.len
            || ngx_strlcasestrn(text.data, text.data + text.len, page->q.data,
                                page->q.len - 1) == NULL))
    {
        return 0;
    }

    json = json_loadb(doc->str, doc->len, JSON_REJECT_DUPLICATES, NULL);

    if (json == NULL) {
        return 0;
    }

    wanted = ngx_http_mailportal_trace_names(page, json);

    json_decref(json);

    return wanted;
}


static ngx_uint_t
ngx_http_mailportal_trace_names(ngx_http_mailportal_trace_t *page,
    json_t *doc)
{
    size_t        i;
    json_t       *to, *outcome;
    const char  **name;

    static const char  *names[] = {
        "from", "queue_id", "message_id", "client", "client_name", "login",
        NULL
    };

    outcome = json_object_get(doc, "outcome");

    if (page->outcome.len
        && (!json_is_string(outcome)
            || ngx_strcmp(json_string_value(outcome), page->outcome.data)
               != 0))
    {
        return 0;
    }

    if (page->q.len == 0) {
        return 1;
    }

    for (name = names; *name; name++) {
        if (ngx_http_mailportal_trace_has(&page->q,
                                          json_object_get(doc, *name)))
        {
            return 1;
        }
    }

    to = json_object_get(doc, "to");

    for (i = 0; i < json_array_size(to); i++) {
        if (ngx_http_mailportal_trace_has(&page->q,
                          json_object_get(json_array_get(to, i), "address")))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_mailportal_trace_has(ngx_str_t *q, json_t *value)
{
    size_t   len;
    u_char  *text;

    if (!json_is_string(value)) {
        return 0;
    }

    text = (u_char *) json_string_value(value);
    len = json_string_length(value);

    return q->len <= len
           && ngx_strlcasestrn(text, text + len, q->data, q->len - 1);
}


static int ngx_libc_cdecl
ngx_http_mailportal_trace_order(const void *one, const void *two)
{
    const ngx_http_mailportal_trace_part_t  *a = one, *b = two;

    if (a->msecs != b->msecs) {
        return a->msecs > b->msecs ? -1 : 1;
    }

    return a->begin < b->begin ? -1 : a->begin > b->begin;
}


static ngx_int_t
ngx_http_mailportal_trace_send(ngx_http_request_t *r)
{
    int64_t                            end;
    ngx_uint_t                         i, n;
    struct mp_json                     json;
    ngx_http_mailportal_trace_t       *page;
    ngx_http_mailportal_trace_part_t  *part;

    page = ngx_http_mailportal_ctx(r)->data;
    part = page->parts->elts;
    n = page->parts->nelts;
    end = page->floor;

    qsort(part, n, sizeof(ngx_http_mailportal_trace_part_t),
          ngx_http_mailportal_trace_order);

    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_array(&json, "messages");

    for (i = 0; i < n && part[i].msecs >= page->floor; i++) {

        if (i >= (ngx_uint_t) page->limit
            && part[i].msecs != part[i - 1].msecs)
        {
            page->more = 1;
            end = part[i - 1].msecs;
            break;
        }

        mp_json_raw(&json, NULL, page->json.bytes + part[i].begin,
                    part[i].len);
    }

    mp_json_end_array(&json);

    if (page->more) {
        char  cursor[24];

        (void) snprintf(cursor, sizeof(cursor), "%" PRId64, end);
        mp_json_text(&json, "cursor", cursor);

    } else {
        mp_json_null(&json, "cursor");
    }

    mp_json_array(&json, "nodes");

    for (i = 0; i < page->filter.n; i++) {
        mp_json_text(&json, NULL, page->filter.nodes[i]);
    }

    mp_json_end_array(&json);
    mp_json_end_object(&json);

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}
