
/*
 * Copyright (C) The mailportal authors
 *
 * Pages of a list.  A short list is read whole and answered in order; a long
 * one is walked by SSCAN, so that no request costs more than a few turns of
 * bounded work, and its pages come in no order.
 */


#include "ngx_http_mailportal_lists.h"


#define NGX_HTTP_MAILPORTAL_SHORT   5000       /* entries that are sorted */
#define NGX_HTTP_MAILPORTAL_ROUNDS  20         /* SSCANs in one request */
#define NGX_HTTP_MAILPORTAL_COUNT   "2000"     /* elements in one SSCAN */
#define NGX_HTTP_MAILPORTAL_SEARCH  "10000"    /* when few come back */


typedef struct {
    const ngx_http_mailportal_list_t  *list;
    ngx_str_t                          q;      /* in lower case */
    ngx_str_t                          after;  /* of a sorted page */
    ngx_uint_t                         limit;
    ngx_uint_t                         rounds;
    ngx_uint_t                         skip;   /* of the scan at cursor */
    int64_t                            total;
    char                               cursor[24];  /* of a scan, or "" */
    ngx_str_t                          next;   /* empty: the last page */
    ngx_array_t                        entries;  /* of ngx_str_t */
} ngx_http_mailportal_page_t;


static enum mp_status ngx_http_mailportal_page_args(ngx_http_request_t *r,
    ngx_http_mailportal_page_t *page, struct mp_error *err);
static ngx_int_t ngx_http_mailportal_page_cursor(
    ngx_http_mailportal_page_t *page, ngx_str_t *value);
static ngx_int_t ngx_http_mailportal_page_head(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_page_sorted(ngx_http_request_t *r,
    redisReply *reply);
static int ngx_libc_cdecl ngx_http_mailportal_page_cmp(const void *one,
    const void *two);
static ngx_int_t ngx_http_mailportal_page_scan(ngx_http_request_t *r);
static void ngx_http_mailportal_page_pattern(struct mp_cmd *cmd,
    const ngx_str_t *q);
static ngx_int_t ngx_http_mailportal_page_scanned(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_page_add(ngx_http_request_t *r,
    redisReply *element);
static ngx_uint_t ngx_http_mailportal_page_matches(
    ngx_http_mailportal_page_t *page, redisReply *element);
static ngx_int_t ngx_http_mailportal_page_details(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_page_send(ngx_http_request_t *r,
    redisReply *reply);


ngx_int_t
ngx_http_mailportal_list_get(ngx_http_request_t *r)
{
    enum mp_status               status;
    struct mp_cmd                cmds[2];
    struct mp_error              err;
    ngx_http_mailportal_ctx_t   *ctx;
    ngx_http_mailportal_page_t  *page;

    ctx = ngx_http_mailportal_ctx(r);

    page = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_page_t));
    if (page == NULL) {
        return NGX_ERROR;
    }

    ctx->data = page;

    page->list = ngx_http_mailportal_list_find(&ctx->param[0]);
    if (page->list == NULL) {
        return ngx_http_mailportal_fail(r, MP_NOT_FOUND, NULL,
                                "the lists are whitelist and blacklist");
    }

    status = ngx_http_mailportal_page_args(r, page, &err);
    if (status != MP_OK) {
        return ngx_http_mailportal_fail_error(r, status, &err);
    }

    if (ngx_array_init(&page->entries, r->pool, 128, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    mp_cmd_init(&cmds[0]);
    mp_cmd_texts(&cmds[0], "SCARD", mp_key(page->list->set), NULL);
    ngx_http_mailportal_list_head_command(&cmds[1]);

    return ngx_http_mailportal_op(r, cmds, 2, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_page_head);
}


static enum mp_status
ngx_http_mailportal_page_args(ngx_http_request_t *r,
    ngx_http_mailportal_page_t *page, struct mp_error *err)
{
    int64_t    limit;
    ngx_str_t  cursor;

    limit = 100;

    if (ngx_http_mailportal_arg_number(r, "limit", 1, 1000, &limit)
        == NGX_ERROR)
    {
        return mp_fail(err, MP_INVALID, "limit",
                       "must be a number from 1 to 1000");
    }

    page->limit = (ngx_uint_t) limit;

    if (ngx_http_mailportal_arg(r, "q", &page->q) == NGX_OK) {
        if (page->q.len > MP_DOMAIN_MAX) {
            return mp_fail(err, MP_INVALID, "q",
                           "longer than an entry can be (%d bytes)",
                           MP_DOMAIN_MAX);
        }

        ngx_strlow(page->q.data, page->q.data, page->q.len);
    }

    if (ngx_http_mailportal_arg(r, "cursor", &cursor) == NGX_OK
        && ngx_http_mailportal_page_cursor(page, &cursor) != NGX_OK)
    {
        return mp_fail(err, MP_INVALID, "cursor",
                       "not one that an answer has brought");
    }

    return MP_OK;
}


/* "n" and the last entry of a page, or "s", the scan's cursor and skip */

static ngx_int_t
ngx_http_mailportal_page_cursor(ngx_http_mailportal_page_t *page,
    ngx_str_t *value)
{
    u_char     *p, *last;
    ngx_int_t   skip;

    if (value->len < 2 || value->len > MP_DOMAIN_MAX + 1) {
        return NGX_DECLINED;
    }

    p = value->data + 1;
    last = value->data + value->len;

    if (value->data[0] == 'n') {
        page->after.data = p;
        page->after.len = last - p;

        return ngx_strlchr(p, last, '\0') ? NGX_DECLINED : NGX_OK;
    }

    if (value->data[0] != 's') {
        return NGX_DECLINED;
    }

    while (p < last && *p >= '0' && *p <= '9') {
        p++;
    }

    if (p == value->data + 1 || p - value->data > 21 || p == last
        || *p != '.')
    {
        return NGX_DECLINED;
    }

    (void) ngx_cpystrn((u_char *) page->cursor, value->data + 1,
                       p - value->data);

    skip = ngx_atoi(p + 1, last - p - 1);
    if (skip == NGX_ERROR || skip > 1000000) {
        return NGX_DECLINED;
    }

    page->skip = skip;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mailportal_page_head(ngx_http_request_t *r, redisReply *reply)
{
    char                         id[32];
    struct mp_cmd                cmd;
    struct mp_error              err;
    ngx_http_mailportal_ctx_t   *ctx;
    ngx_http_mailportal_page_t  *page;

    ctx = ngx_http_mailportal_ctx(r);
    page = ctx->data;

    page->total = ngx_http_mailportal_reply_number(reply->element[0]);

    /* what there is can be read, even when the stream cannot */

    if (ngx_http_mailportal_list_head(reply->element[1], id, &err) == MP_OK
        && ngx_http_mailportal_etag(r, id) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (page->cursor[0] == '\0'
        && page->total > NGX_HTTP_MAILPORTAL_SHORT)
    {
        if (page->after.len) {
            return ngx_http_mailportal_fail(r, MP_INVALID, "cursor",
                            "the list has grown long since: begin anew");
        }

        page->cursor[0] = '0';
    }

    if (page->cursor[0] != '\0') {
        return ngx_http_mailportal_page_scan(r);
    }

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "SMEMBERS", mp_key(page->list->set), NULL);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_page_sorted);
}


static ngx_int_t
ngx_http_mailportal_page_sorted(ngx_http_request_t *r, redisReply *reply)
{
    size_t                        i, n;
    ngx_int_t                     rc;
    ngx_str_t                    *last;
    redisReply                  **found;
    ngx_http_mailportal_ctx_t    *ctx;
    ngx_http_mailportal_page_t   *page;

    ctx = ngx_http_mailportal_ctx(r);
    page = ctx->data;

    found = ngx_palloc(r->pool, (reply->elements + 1) * sizeof(redisReply *));
    if (found == NULL) {
        return NGX_ERROR;
    }

    for (i = 0, n = 0; i < reply->elements; i++) {
        if (ngx_http_mailportal_page_matches(page, reply->element[i])) {
            found[n++] = reply->element[i];
        }
    }

    ngx_qsort(found, n, sizeof(redisReply *), ngx_http_mailportal_page_cmp);

    for (i = 0; i < n && page->entries.nelts < page->limit; i++) {
        rc = ngx_http_mailportal_page_add(r, found[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (i < n) {
        last = (ngx_str_t *) page->entries.elts + page->entries.nelts - 1;

        page->next.data = ngx_pnalloc(r->pool, last->len + 1);
        if (page->next.data == NULL) {
            return NGX_ERROR;
        }

        page->next.len = ngx_sprintf(page->next.data, "n%V", last)
                         - page->next.data;
    }

    return ngx_http_mailportal_page_details(r);
}


static int ngx_libc_cdecl
ngx_http_mailportal_page_cmp(const void *one, const void *two)
{
    return strcmp((*(redisReply **) one)->str, (*(redisReply **) two)->str);
}


static ngx_int_t
ngx_http_mailportal_page_scan(ngx_http_request_t *r)
{
    struct mp_cmd                cmd;
    ngx_http_mailportal_ctx_t   *ctx;
    ngx_http_mailportal_page_t  *page;

    ctx = ngx_http_mailportal_ctx(r);
    page = ctx->data;

    /*
     * Always the same count: the skip of a cursor is counted in the answer to
     * exactly this command.
     */
    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "SSCAN", mp_key(page->list->set), page->cursor,
                 "COUNT", page->q.len ? NGX_HTTP_MAILPORTAL_SEARCH
                                      : NGX_HTTP_MAILPORTAL_COUNT, NULL);

    if (page->q.len) {
        mp_cmd_text(&cmd, "MATCH");
        ngx_http_mailportal_page_pattern(&cmd, &page->q);
    }

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_page_scanned);
}


/* a pattern in which every byte of q stands for itself */

static void
ngx_http_mailportal_page_pattern(struct mp_cmd *cmd, const ngx_str_t *q)
{
    size_t   i;
    u_char   pattern[2 * MP_DOMAIN_MAX + 2];
    u_char  *p;

    p = pattern;
    *p++ = '*';

    for (i = 0; i < q->len; i++) {
        if (ngx_strchr("*?[]^-\\", q->data[i]) && q->data[i]) {
            *p++ = '\\';
        }

        *p++ = q->data[i];
    }

    *p++ = '*';

    mp_cmd_add(cmd, pattern, p - pattern);
}


static ngx_int_t
ngx_http_mailportal_page_scanned(ngx_http_request_t *r, redisReply *reply)
{
    size_t                       i;
    ngx_int_t                    rc;
    redisReply                  *found;
    ngx_http_mailportal_ctx_t   *ctx;
    ngx_http_mailportal_page_t  *page;

    ctx = ngx_http_mailportal_ctx(r);
    page = ctx->data;

    if (reply->elements != 2
        || reply->element[0]->type != REDIS_REPLY_STRING
        || (size_t) reply->element[0]->len >= sizeof(page->cursor)
        || reply->element[1]->type != REDIS_REPLY_ARRAY)
    {
        return ngx_http_mailportal_fail(r, MP_INTERNAL, NULL,
                                        "Redis does not scan the list");
    }

    found = reply->element[1];

    for (i = page->skip; i < found->elements; i++) {
        if (page->entries.nelts == page->limit) {
            break;
        }

        if (ngx_http_mailportal_page_matches(page, found->element[i])) {
            rc = ngx_http_mailportal_page_add(r, found->element[i]);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    page->skip = i;

    if (i >= found->elements) {
        page->skip = 0;
        ngx_memcpy(page->cursor, reply->element[0]->str,
                   reply->element[0]->len + 1);

        if (ngx_strcmp(page->cursor, "0") == 0) {
            return ngx_http_mailportal_page_details(r);
        }
    }

    if (page->entries.nelts < page->limit
        && ++page->rounds < NGX_HTTP_MAILPORTAL_ROUNDS)
    {
        return ngx_http_mailportal_page_scan(r);
    }

    page->next.data = ngx_pnalloc(r->pool, NGX_INT64_LEN * 2 + 2);
    if (page->next.data == NULL) {
        return NGX_ERROR;
    }

    page->next.len = ngx_sprintf(page->next.data, "s%s.%ui", page->cursor,
                                 page->skip)
                     - page->next.data;

    return ngx_http_mailportal_page_details(r);
}


static ngx_int_t
ngx_http_mailportal_page_add(ngx_http_request_t *r, redisReply *element)
{
    ngx_str_t                   *entry;
    ngx_http_mailportal_ctx_t   *ctx;
    ngx_http_mailportal_page_t  *page;

    ctx = ngx_http_mailportal_ctx(r);
    page = ctx->data;

    entry = ngx_array_push(&page->entries);
    if (entry == NULL) {
        return NGX_ERROR;
    }

    entry->len = element->len;
    entry->data = ngx_pnalloc(r->pool, element->len + 1);
    if (entry->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(entry->data, element->str, element->len + 1);

    return NGX_OK;
}


static ngx_uint_t
ngx_http_mailportal_page_matches(ngx_http_mailportal_page_t *page,
    redisReply *element)
{
    if (element->type != REDIS_REPLY_STRING
        || (size_t) element->len > MP_DOMAIN_MAX)
    {
        return 0;
    }

    if (page->after.len
        && ngx_memn2cmp((u_char *) element->str, page->after.data,
                        element->len, page->after.len)
           <= 0)
    {
        return 0;
    }

    return page->q.len == 0
           || memmem(element->str, element->len, page->q.data, page->q.len)
              != NULL;
}


static ngx_int_t
ngx_http_mailportal_page_details(ngx_http_request_t *r)
{
    ngx_str_t                   *entry;
    ngx_uint_t                   i, n;
    struct mp_cmd                cmds[3];
    ngx_http_mailportal_ctx_t   *ctx;
    ngx_http_mailportal_page_t  *page;

    ctx = ngx_http_mailportal_ctx(r);
    page = ctx->data;

    if (page->entries.nelts == 0) {
        return ngx_http_mailportal_page_send(r, NULL);
    }

    for (n = 0; n < 3; n++) {
        mp_cmd_init(&cmds[n]);
        mp_cmd_text(&cmds[n], "HMGET");
    }

    mp_cmd_text(&cmds[0], mp_key(page->list->info));
    mp_cmd_text(&cmds[1], mp_key(page->list->hits));
    mp_cmd_text(&cmds[2], mp_key(page->list->last));

    entry = page->entries.elts;

    for (i = 0; i < page->entries.nelts; i++) {
        for (n = 0; n < 3; n++) {
            mp_cmd_add(&cmds[n], entry[i].data, entry[i].len);
        }
    }

    return ngx_http_mailportal_op(r, cmds, 3, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_page_send);
}


/* reply is NULL for a page without entries */

static ngx_int_t
ngx_http_mailportal_page_send(ngx_http_request_t *r, redisReply *reply)
{
    size_t                         i;
    json_t                        *info;
    ngx_str_t                     *name;
    redisReply                    *details;
    struct mp_json                 json;
    ngx_http_mailportal_ctx_t     *ctx;
    ngx_http_mailportal_page_t    *page;
    ngx_http_mailportal_entry_t    entry;

    ctx = ngx_http_mailportal_ctx(r);
    page = ctx->data;
    name = page->entries.elts;

    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_array(&json, "entries");

    for (i = 0; reply && i < reply->element[0]->elements; i++) {
        details = reply->element[0]->element[i];

        entry.entry = (const char *) name[i].data;
        entry.hits = ngx_http_mailportal_reply_number(
                                               reply->element[1]->element[i]);
        entry.last = ngx_http_mailportal_reply_number(
                                               reply->element[2]->element[i]);
        ngx_http_mailportal_entry_info(&entry,
                                       details->type == REDIS_REPLY_STRING
                                           ? details->str : NULL,
                                       details->len, &info);
        ngx_http_mailportal_entry_render(&json, &entry);
        json_decref(info);
    }

    mp_json_end_array(&json);
    mp_json_number(&json, "total", page->total);

    if (page->next.len) {
        mp_json_bytes(&json, "cursor", (const char *) page->next.data,
                      page->next.len);

    } else {
        mp_json_null(&json, "cursor");
    }

    mp_json_end_object(&json);

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}
