
/*
 * Copyright (C) The mailportal authors
 *
 * The newest lines of the servers' logs, searched and paged, or as text.  The
 * streams of all nodes are read one after the other, each from its end, and
 * no event works longer than a few milliseconds.
 */


#include "ngx_http_mailportal_logs.h"


#define NGX_HTTP_MAILPORTAL_LOG_LIMIT      200
#define NGX_HTTP_MAILPORTAL_LOG_LIMIT_MAX  10000


/* where a line is in page->json */

typedef struct {
    uint64_t                          msecs;
    uint64_t                          seq;
    size_t                            begin;
    size_t                            len;
} ngx_http_mailportal_log_part_t;


typedef struct {
    ngx_http_mailportal_log_filter_t  filter;
    int64_t                           limit;
    ngx_uint_t                        text;
    char                              cursor[48];
    char                              last[48];

    ngx_uint_t                        node;     /* which is read */
    ngx_uint_t                        found;    /* of it */
    ngx_uint_t                        more;     /* of any */
    uint64_t                          floor[2]; /* what is older may miss */

    struct mp_json                    json;
    ngx_array_t                      *parts;
} ngx_http_mailportal_logs_t;


static enum mp_status ngx_http_mailportal_logs_args(ngx_http_request_t *r,
    ngx_http_mailportal_logs_t *page, struct mp_error *err);
static void ngx_http_mailportal_logs_cleanup(void *data);
static ngx_int_t ngx_http_mailportal_logs_noded(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_logs_read(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_logs_reply(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_logs_add(ngx_http_mailportal_logs_t *page,
    const ngx_http_mailportal_log_entry_t *entry,
    const struct mp_logline *line);
static void ngx_http_mailportal_logs_next(ngx_http_mailportal_logs_t *page,
    const ngx_http_mailportal_log_entry_t *entry);
static ngx_uint_t ngx_http_mailportal_logs_cut(
    ngx_http_mailportal_logs_t *page);
static ngx_int_t ngx_http_mailportal_logs_send(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_logs_send_text(ngx_http_request_t *r,
    ngx_http_mailportal_logs_t *page, ngx_uint_t first);
static int ngx_libc_cdecl ngx_http_mailportal_logs_order(const void *one,
    const void *two);


ngx_int_t
ngx_http_mailportal_logs_get(ngx_http_request_t *r)
{
    struct mp_cmd                cmd;
    enum mp_status               status;
    struct mp_error              err;
    ngx_pool_cleanup_t          *cln;
    ngx_http_mailportal_logs_t  *page;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mailportal_logs_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    page = cln->data;
    ngx_memzero(page, sizeof(ngx_http_mailportal_logs_t));

    mp_json_init(&page->json);
    cln->handler = ngx_http_mailportal_logs_cleanup;

    ngx_http_mailportal_ctx(r)->data = page;

    status = ngx_http_mailportal_logs_args(r, page, &err);
    if (status != MP_OK) {
        return ngx_http_mailportal_fail_error(r, status, &err);
    }

    page->parts = ngx_array_create(r->pool, ngx_min(page->limit, 1000),
                                   sizeof(ngx_http_mailportal_log_part_t));
    if (page->parts == NULL) {
        return NGX_ERROR;
    }

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "HGETALL", mp_key(MP_KEY_HEARTBEATS), NULL);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_logs_noded);
}


static enum mp_status
ngx_http_mailportal_logs_args(ngx_http_request_t *r,
    ngx_http_mailportal_logs_t *page, struct mp_error *err)
{
    uint64_t        id[2];
    ngx_str_t       cursor, format;
    enum mp_status  status;

    page->limit = NGX_HTTP_MAILPORTAL_LOG_LIMIT;

    status = ngx_http_mailportal_log_filter(r, &page->filter, err);
    if (status != MP_OK) {
        return status;
    }

    if (ngx_http_mailportal_arg_number(r, "limit", 1,
                                       NGX_HTTP_MAILPORTAL_LOG_LIMIT_MAX,
                                       &page->limit)
        == NGX_ERROR)
    {
        return mp_fail(err, MP_INVALID, "limit",
                       "must be a number from 1 to %d",
                       NGX_HTTP_MAILPORTAL_LOG_LIMIT_MAX);
    }

    if (ngx_http_mailportal_arg(r, "cursor", &cursor) == NGX_OK
        && cursor.len)
    {
        if (cursor.len >= sizeof(page->cursor)
            || ngx_http_mailportal_log_id((char *) cursor.data, &id[0], &id[1])
               != NGX_OK)
        {
            return mp_fail(err, MP_INVALID, "cursor",
                           "not one that an answer has brought");
        }

        (void) ngx_cpystrn((u_char *) page->cursor, cursor.data,
                           cursor.len + 1);
    }

    ngx_memcpy(page->last, page->cursor, sizeof(page->last));

    if (ngx_http_mailportal_arg(r, "format", &format) == NGX_OK
        && format.len)
    {
        page->text = (ngx_strcmp(format.data, "text") == 0);

        if (!page->text && ngx_strcmp(format.data, "json") != 0) {
            return mp_fail(err, MP_INVALID, "format",
                           "must be json or text");
        }
    }

    return MP_OK;
}


static void
ngx_http_mailportal_logs_cleanup(void *data)
{
    ngx_http_mailportal_logs_t *page = data;

    mp_json_free(&page->json);
}


static ngx_int_t
ngx_http_mailportal_logs_noded(ngx_http_request_t *r, redisReply *reply)
{
    enum mp_status               status;
    struct mp_error              err;
    ngx_http_mailportal_logs_t  *page;

    page = ngx_http_mailportal_ctx(r)->data;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return NGX_ERROR;
    }

    status = ngx_http_mailportal_log_nodes(&page->filter, reply, &err);
    if (status != MP_OK) {
        return ngx_http_mailportal_fail_error(r, status, &err);
    }

    return ngx_http_mailportal_logs_read(r);
}


static ngx_int_t
ngx_http_mailportal_logs_read(ngx_http_request_t *r)
{
    char                         from[sizeof("(") + 48];
    struct mp_cmd                cmd;
    struct mp_keyname            key;
    ngx_http_mailportal_logs_t  *page;

    page = ngx_http_mailportal_ctx(r)->data;

    if (page->node == page->filter.n) {
        return ngx_http_mailportal_logs_send(r);
    }

    (void) ngx_snprintf((u_char *) from, sizeof(from), "%s%s%Z",
                        page->last[0] ? "(" : "+", page->last);

    ngx_http_mailportal_log_key(&key, &page->filter, page->node);

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XREVRANGE", key.text, from, "-", "COUNT", NULL);
    mp_cmd_number(&cmd, NGX_HTTP_MAILPORTAL_LOG_BATCH);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_logs_reply);
}


static ngx_int_t
ngx_http_mailportal_logs_reply(ngx_http_request_t *r, redisReply *reply)
{
    size_t                            i;
    struct timespec                   begin;
    struct mp_logline                 line;
    ngx_http_mailportal_logs_t       *page;
    ngx_http_mailportal_log_entry_t   entry;

    page = ngx_http_mailportal_ctx(r)->data;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return NGX_ERROR;
    }

    (void) clock_gettime(CLOCK_MONOTONIC, &begin);

    for (i = 0; i < reply->elements; i++) {

        if (ngx_http_mailportal_log_parse(reply->element[i], &entry)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        mp_logline_parse(&line, entry.bytes, entry.len);

        if (ngx_http_mailportal_log_wanted(&page->filter, &entry, &line)
            && ngx_http_mailportal_logs_add(page, &entry, &line) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if ((int64_t) page->found > page->limit) {

            /* one more than is wanted tells that there are more */

            page->more = 1;
            ngx_http_mailportal_logs_next(page, &entry);

            return ngx_http_mailportal_logs_read(r);
        }

        (void) ngx_cpystrn((u_char *) page->last,
                           (u_char *) reply->element[i]->element[0]->str,
                           sizeof(page->last));

        /* the rest is asked for again */

        if (i % 16 == 15 && ngx_http_mailportal_log_long(&begin)) {
            return ngx_http_mailportal_logs_read(r);
        }
    }

    if (reply->elements < NGX_HTTP_MAILPORTAL_LOG_BATCH) {
        ngx_http_mailportal_logs_next(page, NULL);
    }

    return ngx_http_mailportal_logs_read(r);
}


static ngx_int_t
ngx_http_mailportal_logs_add(ngx_http_mailportal_logs_t *page,
    const ngx_http_mailportal_log_entry_t *entry,
    const struct mp_logline *line)
{
    ngx_http_mailportal_log_part_t  *part;

    part = ngx_array_push(page->parts);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->msecs = entry->msecs;
    part->seq = entry->seq;
    part->begin = page->json.len;

    page->json.comma = false;

    if (page->text) {
        mp_json_raw(&page->json, NULL, entry->bytes, entry->len);
        page->json.comma = false;
        mp_json_raw(&page->json, NULL, "\n", 1);

    } else {
        ngx_http_mailportal_log_render(&page->json,
                                       page->filter.nodes[page->node], entry,
                                       line);
    }

    part->len = page->json.len - part->begin;
    page->found++;

    return page->json.ok ? NGX_OK : NGX_ERROR;
}


/* entry is where the node was left, NULL: all of it was read */

static void
ngx_http_mailportal_logs_next(ngx_http_mailportal_logs_t *page,
    const ngx_http_mailportal_log_entry_t *entry)
{
    if (entry && (entry->msecs > page->floor[0]
                  || (entry->msecs == page->floor[0]
                      && entry->seq > page->floor[1])))
    {
        page->floor[0] = entry->msecs;
        page->floor[1] = entry->seq;
    }

    page->node++;
    page->found = 0;
    ngx_memcpy(page->last, page->cursor, sizeof(page->last));
}


static int ngx_libc_cdecl
ngx_http_mailportal_logs_order(const void *one, const void *two)
{
    const ngx_http_mailportal_log_part_t  *a = one, *b = two;

    if (a->msecs != b->msecs) {
        return a->msecs < b->msecs ? -1 : 1;
    }

    if (a->seq != b->seq) {
        return a->seq < b->seq ? -1 : 1;
    }

    return a->begin < b->begin ? -1 : 1;
}


/*
 * The index of the first line of the answer.  Lines of two nodes may have the
 * same id, which a cursor could not tell apart: they stay together.
 */

static ngx_uint_t
ngx_http_mailportal_logs_cut(ngx_http_mailportal_logs_t *page)
{
    ngx_uint_t                       first, n;
    ngx_http_mailportal_log_part_t  *part;

    part = page->parts->elts;
    n = page->parts->nelts;

    qsort(part, n, sizeof(ngx_http_mailportal_log_part_t),
          ngx_http_mailportal_logs_order);

    first = n > (ngx_uint_t) page->limit ? n - page->limit : 0;

    while (first < n && page->more
           && (part[first].msecs < page->floor[0]
               || (part[first].msecs == page->floor[0]
                   && part[first].seq <= page->floor[1])))
    {
        first++;
    }

    while (first > 0 && first < n && part[first - 1].msecs == part[first].msecs
           && part[first - 1].seq == part[first].seq)
    {
        first--;
    }

    page->more = page->more || first > 0;

    return first;
}


static ngx_int_t
ngx_http_mailportal_logs_send(ngx_http_request_t *r)
{
    char                             cursor[48];
    ngx_uint_t                       i, first;
    struct mp_json                   json;
    ngx_http_mailportal_logs_t      *page;
    ngx_http_mailportal_log_part_t  *part;

    page = ngx_http_mailportal_ctx(r)->data;

    first = ngx_http_mailportal_logs_cut(page);
    part = page->parts->elts;

    if (page->text) {
        return ngx_http_mailportal_logs_send_text(r, page, first);
    }

    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_array(&json, "lines");

    for (i = first; i < page->parts->nelts; i++) {
        mp_json_raw(&json, NULL, page->json.bytes + part[i].begin,
                    part[i].len);
    }

    mp_json_end_array(&json);

    if (page->more && first < page->parts->nelts) {
        (void) snprintf(cursor, sizeof(cursor), "%" PRIu64 "-%" PRIu64,
                        part[first].msecs, part[first].seq);
        mp_json_text(&json, "cursor", cursor);

    } else {
        mp_json_text(&json, "cursor", NULL);
    }

    mp_json_array(&json, "nodes");

    for (i = 0; i < page->filter.n; i++) {
        mp_json_text(&json, NULL, page->filter.nodes[i]);
    }

    mp_json_end_array(&json);
    mp_json_end_object(&json);

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}


static ngx_int_t
ngx_http_mailportal_logs_send_text(ngx_http_request_t *r,
    ngx_http_mailportal_logs_t *page, ngx_uint_t first)
{
    char                             value[64];
    ngx_uint_t                       i;
    struct mp_json                   all;
    ngx_http_mailportal_log_part_t  *part;

    part = page->parts->elts;

    (void) snprintf(value, sizeof(value), "attachment; filename=\"%s.log\"",
                    page->filter.service);

    if (ngx_http_mailportal_header(r, "Content-Disposition", value) != NGX_OK)
    {
        return NGX_ERROR;
    }

    mp_json_init(&all);

    for (i = first; i < page->parts->nelts; i++) {
        all.comma = false;
        mp_json_raw(&all, NULL, page->json.bytes + part[i].begin, part[i].len);
    }

    /* it takes the place of the parts, and is freed with them */

    mp_json_free(&page->json);
    page->json = all;

    if (!all.ok) {
        return NGX_ERROR;
    }

    return ngx_http_mailportal_send_bytes(r, NGX_HTTP_OK,
                                          "text/plain; charset=utf-8",
                                          all.bytes, all.len);
}
