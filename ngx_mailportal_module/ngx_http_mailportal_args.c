
/*
 * Copyright (C) The mailportal authors
 *
 * Arguments of the query.
 */


#include "ngx_http_mailportal.h"


ngx_int_t
ngx_http_mailportal_arg(ngx_http_request_t *r, const char *name,
    ngx_str_t *value_r)
{
    u_char     *dst, *src, *p;
    ngx_str_t   raw;

    ngx_str_null(value_r);

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &raw) != NGX_OK) {
        return NGX_DECLINED;
    }

    value_r->data = ngx_pnalloc(r->pool, raw.len + 1);
    if (value_r->data == NULL) {
        return NGX_ERROR;
    }

    /* as forms send it */

    for (p = raw.data; p < raw.data + raw.len; p++) {
        if (*p == '+') {
            *p = ' ';
        }
    }

    src = raw.data;
    dst = value_r->data;

    ngx_unescape_uri(&dst, &src, raw.len, 0);

    *dst = '\0';
    value_r->len = dst - value_r->data;

    return NGX_OK;
}


/* NGX_DECLINED: it is not there; NGX_ERROR: it is not such a number */

ngx_int_t
ngx_http_mailportal_arg_number(ngx_http_request_t *r, const char *name,
    int64_t min, int64_t max, int64_t *value_r)
{
    off_t      n;
    ngx_int_t  rc;
    ngx_str_t  text;

    rc = ngx_http_mailportal_arg(r, name, &text);

    if (rc != NGX_OK) {
        return rc;
    }

    n = ngx_atoof(text.data, text.len);

    if (n == NGX_ERROR || n < min || n > max) {
        return NGX_ERROR;
    }

    *value_r = n;

    return NGX_OK;
}
