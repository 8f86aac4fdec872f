
/*
 * Copyright (C) The mailportal authors
 *
 * mailportal_problem: the named location that turns the core's own errors
 * into problem+json (error_page 400 404 413 … @problem).
 */


#include "ngx_http_mailportal.h"


static const struct {
    ngx_uint_t       http;
    enum mp_status   status;
    const char      *text;
} ngx_http_mailportal_problems[] = {
    { 400, MP_MALFORMED, "the request is not valid HTTP" },
    { 401, MP_UNAUTHENTICATED, "there is no valid session" },
    { 403, MP_FORBIDDEN, "that is not allowed from here" },
    { 404, MP_NOT_FOUND, "there is nothing at this address" },
    { 405, MP_METHOD, "the method does not fit this address" },
    { 408, MP_TIMEOUT, "the request took too long to arrive" },
    { 411, MP_MALFORMED, "Content-Length is needed" },
    { 413, MP_TOO_LARGE, "the body is larger than this address takes" },
    { 414, MP_TOO_LARGE, "the address is too long" },
    { 415, MP_MEDIA_TYPE, "the type of the body does not fit" },
    { 421, MP_MISDIRECTED, "the portal is not known by that name" },
    { 429, MP_THROTTLED, "too many requests" },
    { 431, MP_TOO_LARGE, "the header is too large" },
    { 494, MP_TOO_LARGE, "the header is too large" },
    { 502, MP_BUSY, "what is asked for does not answer" },
    { 503, MP_BUSY, "too many requests" },
    { 504, MP_TIMEOUT, "what is asked for does not answer" },
    { 0, MP_INTERNAL, "see the error log for the request id" }
};


ngx_int_t
ngx_http_mailportal_problem_handler(ngx_http_request_t *r)
{
    ngx_uint_t  http, i;

    http = r->err_status ? r->err_status : r->headers_out.status;

    for (i = 0; ngx_http_mailportal_problems[i].http; i++) {
        if (ngx_http_mailportal_problems[i].http == http) {
            break;
        }
    }

    if (http == NGX_HTTP_TOO_MANY_REQUESTS
        && ngx_http_mailportal_header(r, "Retry-After", "1") != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mailportal_fail(r, ngx_http_mailportal_problems[i].status,
                                    NULL, "%s",
                                    ngx_http_mailportal_problems[i].text);
}
