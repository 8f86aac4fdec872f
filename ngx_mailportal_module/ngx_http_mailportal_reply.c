
/*
 * Copyright (C) The mailportal authors
 *
 * The only writer of answers: documents, bytes, and problems (RFC 9457).
 */


#include "ngx_http_mailportal.h"

#include <sodium.h>


static ngx_int_t ngx_http_mailportal_push(ngx_http_request_t *r,
    const ngx_str_t *name, const ngx_str_t *value);
static ngx_int_t ngx_http_mailportal_problem(ngx_http_request_t *r,
    enum mp_status status, const struct mp_error *errors, ngx_uint_t n,
    const char *member, const char *value);
static void ngx_http_mailportal_free(void *data);


static const ngx_str_t  ngx_http_mailportal_fixed[][2] = {
    { ngx_string("Cache-Control"), ngx_string("no-store") },
    { ngx_string("X-Content-Type-Options"), ngx_string("nosniff") },
    { ngx_null_string, ngx_null_string }
};


static const ngx_str_t  ngx_http_mailportal_stale_header[] = {
    ngx_string("Mailportal-Stale"), ngx_string("1")
};


static const ngx_str_t  ngx_http_mailportal_id_header =
    ngx_string("X-Request-Id");


ngx_int_t
ngx_http_mailportal_send(ngx_http_request_t *r, ngx_uint_t status,
    struct mp_json *json)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_pool_cleanup_t  *cln;

    if (json == NULL) {
        return ngx_http_mailportal_send_bytes(r, status, NULL, NULL, 0);
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    b = ngx_calloc_buf(r->pool);

    if (!json->ok || cln == NULL || b == NULL) {
        mp_json_free(json);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_mailportal_free;
    cln->data = json->bytes;

    b->pos = (u_char *) json->bytes;
    b->last = b->pos + json->len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    rc = ngx_http_mailportal_begin(r, status, status < NGX_HTTP_BAD_REQUEST
                                   ? NGX_HTTP_MAILPORTAL_JSON_TYPE
                                   : "application/problem+json",
                                   json->len);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    if (r->header_only) {
        return NGX_DONE;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_mailportal_output(r, &out);
}


static void
ngx_http_mailportal_free(void *data)
{
    free(data);
}


ngx_int_t
ngx_http_mailportal_send_bytes(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, const void *bytes, size_t len)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    rc = ngx_http_mailportal_begin(r, status, type, len);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    if (r->header_only) {
        return NGX_DONE;
    }

    if (len == 0) {
        return ngx_http_send_special(r, NGX_HTTP_LAST) == NGX_ERROR
                   ? NGX_ERROR : NGX_DONE;
    }

    b = ngx_create_temp_buf(r->pool, len);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(b->last, bytes, len);
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_mailportal_output(r, &out);
}


/*
 * The request is answered, whether the client has taken all of it or not;
 * never NGX_OK, so that a check that has refused is not taken for a passed one
 */

ngx_int_t
ngx_http_mailportal_output(ngx_http_request_t *r, ngx_chain_t *out)
{
    return ngx_http_output_filter(r, out) == NGX_ERROR ? NGX_ERROR : NGX_DONE;
}


ngx_int_t
ngx_http_mailportal_begin(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, off_t len)
{
    ngx_int_t         rc;
    const ngx_str_t  *fixed;

    /* a body that nobody has read would be taken for the next request */

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    for (fixed = ngx_http_mailportal_fixed[0]; fixed->len; fixed += 2) {
        if (ngx_http_mailportal_push(r, &fixed[0], &fixed[1]) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (ngx_http_mailportal_push(r, &ngx_http_mailportal_id_header,
                                 ngx_http_mailportal_request_id(r))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    fixed = ngx_http_mailportal_stale_header;

    if (ngx_http_mailportal_ctx(r)->stale
        && ngx_http_mailportal_push(r, &fixed[0], &fixed[1]) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /*
     * the core would compare If-Match with the new ETag and answer 412 to a
     * write that is done
     */

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        r->disable_not_modified = 1;
    }

    if (type) {
        r->headers_out.content_type.data = (u_char *) type;
        r->headers_out.content_type.len = ngx_strlen(type);
        r->headers_out.content_type_len = r->headers_out.content_type.len;
    }

    if (status >= NGX_HTTP_INTERNAL_SERVER_ERROR) {
        ngx_http_mailportal_count(NGX_HTTP_MAILPORTAL_ERRORS);
    }

    r->headers_out.status = status;

    if (len >= 0) {
        r->headers_out.content_length_n = len;
    }

    return ngx_http_send_header(r);
}


static ngx_int_t
ngx_http_mailportal_push(ngx_http_request_t *r, const ngx_str_t *name,
    const ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key = *name;
    h->value = *value;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return NGX_OK;
}


ngx_int_t
ngx_http_mailportal_header(ngx_http_request_t *r, const char *name,
    const char *value)
{
    ngx_str_t  key, copy;

    key.data = (u_char *) name;
    key.len = ngx_strlen(name);

    copy.len = ngx_strlen(value);
    copy.data = ngx_pnalloc(r->pool, copy.len + 1);
    if (copy.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy.data, value, copy.len + 1);

    return ngx_http_mailportal_push(r, &key, &copy);
}


ngx_int_t
ngx_http_mailportal_etag(ngx_http_request_t *r, const char *tag)
{
    ngx_table_elt_t  *etag;

    ngx_http_clear_etag(r);

    etag = ngx_list_push(&r->headers_out.headers);
    if (etag == NULL) {
        return NGX_ERROR;
    }

    etag->hash = 1;
    ngx_str_set(&etag->key, "ETag");
#if (nginx_version >= 1023000)
    etag->next = NULL;
#endif

    etag->value.data = ngx_pnalloc(r->pool, ngx_strlen(tag) + 3);
    if (etag->value.data == NULL) {
        etag->hash = 0;
        return NGX_ERROR;
    }

    etag->value.len = ngx_sprintf(etag->value.data, "\"%s\"", tag)
                      - etag->value.data;

    r->headers_out.etag = etag;

    return NGX_OK;
}


/*
 * Unique, not secret: a random name of the worker, and a number.  $request_id
 * would take as long as all the rest of an answer from memory; the access log
 * gets this one by $sent_http_x_request_id.
 */

ngx_str_t *
ngx_http_mailportal_request_id(ngx_http_request_t *r)
{
    u_char                     *p;
    ngx_http_mailportal_ctx_t  *ctx;

    static uint64_t  name[2];

    ctx = ngx_http_mailportal_ctx(r);

    if (ctx->request_id.len) {
        return &ctx->request_id;
    }

    if (name[0] == 0) {
        randombytes_buf(name, sizeof(name));
    }

    name[1]++;

    p = ngx_pnalloc(r->pool, 2 * sizeof(name) + 1);

    if (p) {
        ctx->request_id.data = p;
        ctx->request_id.len = 2 * sizeof(name);

        p = ngx_hex_dump(p, (u_char *) name, sizeof(name));
        *p = '\0';

    } else {
        ctx->request_id.data = (u_char *) "";
    }

    return &ctx->request_id;
}


ngx_int_t
ngx_http_mailportal_fail(ngx_http_request_t *r, enum mp_status status,
    const char *field, const char *fmt, ...)
{
    va_list          args;
    struct mp_error  err;

    (void) mp_fail(&err, status, field ? field : "", "%s", "");

    va_start(args, fmt);
    (void) vsnprintf(err.text, sizeof(err.text), fmt, args);
    va_end(args);

    return ngx_http_mailportal_problem(r, status, &err, 1, NULL, NULL);
}


ngx_int_t
ngx_http_mailportal_fail_about(ngx_http_request_t *r, enum mp_status status,
    const char *member, const char *value, const char *fmt, ...)
{
    va_list          args;
    struct mp_error  err;

    (void) mp_fail(&err, status, "", "%s", "");

    va_start(args, fmt);
    (void) vsnprintf(err.text, sizeof(err.text), fmt, args);
    va_end(args);

    return ngx_http_mailportal_problem(r, status, &err, 1, member, value);
}


ngx_int_t
ngx_http_mailportal_fail_error(ngx_http_request_t *r, enum mp_status status,
    const struct mp_error *err)
{
    return ngx_http_mailportal_problem(r, status, err, 1, NULL, NULL);
}


ngx_int_t
ngx_http_mailportal_fail_faults(ngx_http_request_t *r, enum mp_status status,
    const struct mp_faults *faults)
{
    return ngx_http_mailportal_problem(r, status, faults->fault,
                                       faults->count, NULL, NULL);
}


static ngx_int_t
ngx_http_mailportal_problem(ngx_http_request_t *r, enum mp_status status,
    const struct mp_error *errors, ngx_uint_t n, const char *member,
    const char *value)
{
    char            type[64];
    ngx_int_t       http;
    ngx_str_t      *id;
    ngx_uint_t      i;
    struct mp_json  json;

    http = mp_status_http(status);
    id = ngx_http_mailportal_request_id(r);

    (void) snprintf(type, sizeof(type), "/errors/%s", mp_status_name(status));

    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_text(&json, "type", type);
    mp_json_text(&json, "title", mp_status_title(status));
    mp_json_number(&json, "status", http);
    mp_json_text(&json, "detail", n ? errors[0].text : "");
    mp_json_text(&json, "code", mp_status_name(status));
    mp_json_bytes(&json, "request_id", (char *) id->data, id->len);

    if (member) {
        mp_json_text(&json, member, value);
    }

    mp_json_array(&json, "errors");

    for (i = 0; i < n; i++) {
        if (errors[i].field[0]) {
            mp_json_object(&json, NULL);
            mp_json_text(&json, "field", errors[i].field);
            mp_json_text(&json, "text", errors[i].text);
            mp_json_end_object(&json);
        }
    }

    mp_json_end_array(&json);
    mp_json_end_object(&json);

    if ((http == NGX_HTTP_SERVICE_UNAVAILABLE
         || http == NGX_HTTP_GATEWAY_TIME_OUT)
        && ngx_http_mailportal_header(r, "Retry-After", "2") != NGX_OK)
    {
        mp_json_free(&json);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (http == NGX_HTTP_UNAUTHORIZED
        && ngx_http_mailportal_header(r, "WWW-Authenticate",
                                      "Cookie realm=\"mailportal\"")
           != NGX_OK)
    {
        mp_json_free(&json);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mailportal_send(r, http, &json);
}
